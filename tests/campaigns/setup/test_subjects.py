"""Campaigns about memberships, ownership and service accounts."""

import json

import pytest
from sqlalchemy import select

from recert.campaigns.decisions import service as decisions
from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import OwnAccess, Reply
from recert.campaigns.models import Answer, Campaign, Item, ItemState, Route, Subject
from recert.campaigns.policy import NonResponse, Policy
from recert.campaigns.reviewing import reviewer_changes
from recert.campaigns.setup import drafts, launch
from recert.campaigns.setup.launch import LaunchRefused
from recert.campaigns.setup.presets import TEMPLATES, Template
from recert.campaigns.setup.scope import Holder, Scope
from recert.changes.models import OrderKind, OrderState
from recert.connectors.rights import Rights
from recert.foundation.errors import BadInput
from recert.inventory import owners
from recert.inventory.models import Account, FolderOwner, GroupOwner, ServiceAccount
from recert.people.csv_rows import CsvRejected
from recert.remediation import expirations
from recert.trail.act import Act
from tests.support.house import House
from tests.support.packages import judged

GROUP_OWNERS = "server,group,owner_email,substitute_email\nmain,finance,charlie@house.example,\n"
SERVICES = "server,account,owner_email,purpose\nmain,batch,bob@house.example,\n"
KEEP, REVOKE = Reply(Answer.KEEP), Reply(Answer.REVOKE)


def register(house: House) -> None:
    with house.db.transaction() as session:
        actor, now = house.officer, house.now
        owners.import_group_owners(Act(session, actor, now), GROUP_OWNERS)
        owners.import_service_accounts(Act(session, actor, now), SERVICES)


def launched(house: House, about: Subject, **more: object) -> int:
    register(house)
    house.snapshot()
    return launched_as_it_is(house, about, **more)


def launched_as_it_is(house: House, about: Subject, prefix: str = "/", **more: object) -> int:
    number = house.drafted(f"About {about.value}", prefix, about=about, **more)  # type: ignore[arg-type]
    with house.db.transaction() as session:
        found = session.get_one(Campaign, number)
        launch.launch(Act(session, house.officer, house.now), found)
    return number


def items(house: House, campaign: int) -> dict[str, Item]:
    """By account, or by topic where there is none."""
    with house.db.reading() as session:
        rows = session.scalars(select(Item).where(Item.campaign_id == campaign)).all()
        accounts = dict.fromkeys([row.id for row in rows], "")
        for row in rows:
            account = session.get(Account, row.account_id) if row.account_id else None
            accounts[row.id] = account.name if account else row.topic
        return {accounts[row.id]: row for row in rows}


def answer(house: House, item: Item, reply: Reply, by: str) -> None:
    with house.db.transaction() as session:
        decisions.record(Act(session, house.person(by), house.now), item.id, reply)


def person(house: House, name: str) -> int | None:
    return house.person(name).person_id


class TestMemberships:
    def test_the_owner_of_the_group_is_asked_about_every_member(self, house: House) -> None:
        found = items(house, launched(house, Subject.MEMBERSHIP))
        assert set(found) == {"alice", "bob", "lea"}
        assert {one.topic for one in found.values()} == {"group finance"}
        assert {one.reviewer_id for one in found.values()} == {person(house, "charlie")}
        assert {one.route for one in found.values()} == {Route.OWNER}

    def test_nobody_answers_for_a_membership_of_his_own(self, house: House) -> None:
        rows = GROUP_OWNERS.replace("charlie", "alice")
        with house.db.transaction() as session:
            owners.import_group_owners(Act(session, house.officer, house.now), rows)
        house.snapshot()
        asked = items(house, launched_as_it_is(house, Subject.MEMBERSHIP))
        assert asked["alice"].reviewer_id == person(house, "mona")
        assert asked["bob"].reviewer_id == person(house, "alice")
        with house.db.transaction() as session:
            session.get_one(Item, asked["bob"].id).reviewer_id = person(house, "bob")
        with pytest.raises(OwnAccess):
            answer(house, asked["bob"], KEEP, "bob")

    def test_the_population_adds_up(self, house: House) -> None:
        number = launched(house, Subject.MEMBERSHIP)
        with house.db.reading() as session:
            part = launch.preview(session, session.get_one(Campaign, number), now=house.now)
        (counted,) = part.populations
        assert (counted.accounts, counted.reviewed, counted.without_rights) == (7, 3, 4)

    def test_a_removal_takes_the_account_out_of_the_group_and_looks_again(
        self, house: House
    ) -> None:
        found = items(house, launched(house, Subject.MEMBERSHIP))
        answer(house, found["lea"], REVOKE, "charlie")
        answer(house, found["bob"], KEEP, "charlie")
        house.finish("charlie")
        house.carry_out()
        (order,) = house.orders()
        assert (order.kind, order.group, order.folder) == (OrderKind.LEAVE, "finance", "")
        assert order.state is OrderState.VERIFIED
        content = json.loads(house.permissions.read_text())
        assert content["accounts"]["lea"]["groups"] == []
        assert content["accounts"]["bob"]["groups"] == ["finance"]
        states = {name: one.state for name, one in items(house, found["lea"].campaign_id).items()}
        assert (states["lea"], states["bob"]) == (ItemState.VERIFIED, ItemState.CLOSED)

    def test_the_removal_can_be_taken_back_to_the_byte(self, house: House) -> None:
        before = house.permissions.read_text()
        found = items(house, launched(house, Subject.MEMBERSHIP))
        answer(house, found["lea"], REVOKE, "charlie")
        house.finish("charlie")
        house.carry_out()
        house.take_back(house.orders()[0].id)
        house.run()
        assert house.permissions.read_text() == before
        assert house.orders()[-1].state is OrderState.VERIFIED

    def test_leaving_that_would_give_rights_goes_to_a_person(self, house: House) -> None:
        groups = {
            "finance": {"folders": {"/finance": "list download upload"}},
            "closed": {"folders": {"/finance/inbox": ""}},
        }
        house.write_permissions(
            {"lea": {"email": "lea@house.example", "groups": ["finance", "closed"]}}, groups
        )
        rows = f"{GROUP_OWNERS}main,closed,charlie@house.example,\n"
        with house.db.transaction() as session:
            owners.import_group_owners(Act(session, house.officer, house.now), rows)
        house.snapshot()
        number = launched_as_it_is(house, Subject.MEMBERSHIP)
        with house.db.reading() as session:
            item = session.scalars(select(Item).where(Item.topic == "group closed")).one()
        assert item.campaign_id == number
        answer(house, item, REVOKE, "charlie")
        house.finish("charlie")
        house.carry_out()
        order = house.orders()[-1]
        assert order.state is OrderState.MANUAL
        said = " ".join(text for _, text in house.order_log(order.id))
        assert "could do more in /finance/inbox: list, download, upload" in said

    def test_a_membership_that_ended_by_itself_says_so(self, house: House) -> None:
        number = launched(house, Subject.MEMBERSHIP)
        content = json.loads(house.permissions.read_text())
        content["accounts"]["lea"]["groups"] = []
        house.permissions.write_text(json.dumps(content, indent=2))
        house.snapshot()
        house.refresh()
        assert items(house, number)["lea"].state is ItemState.GONE

    def test_what_the_group_opens_is_kept_with_the_answer(self, house: House) -> None:
        found = items(house, launched(house, Subject.MEMBERSHIP))
        answer(house, found["bob"], KEEP, "charlie")
        with house.db.reading() as session:
            seen = json.loads(session.scalars(select(Decision)).one().context)
        some = ["list", "download", "upload"]
        assert seen["opens"] == [["/finance", some], ["/finance/inbox", some]]

    def test_a_keep_until_a_date_ends_the_membership_by_itself(self, house: House) -> None:
        found = items(house, launched(house, Subject.MEMBERSHIP))
        with house.later(days=1) as day:
            pass
        answer(house, found["bob"], Reply(Answer.KEEP, until=day), "charlie")
        house.finish("charlie")
        with house.later(days=2):
            assert expirations.order_due(house.db, now=house.now) == 1
            house.run()
            assert (house.orders()[-1].kind, house.orders()[-1].state) == (
                *(OrderKind.LEAVE, OrderState.VERIFIED),
            )

    def test_rights_cannot_be_reduced(self, house: House) -> None:
        found = items(house, launched(house, Subject.MEMBERSHIP))
        with pytest.raises(BadInput, match=r"Only rights|Choose"):
            answer(house, found["bob"], Reply(Answer.REDUCE, Rights.LIST), "charlie")

    def test_many_are_answered_together(self, house: House) -> None:
        number = launched(house, Subject.MEMBERSHIP)
        with house.db.transaction() as session:
            campaign = session.get_one(Campaign, number)
            reply = Reply(Answer.KEEP, reason="All of them work here.")
            me = house.person("charlie")
            done = decisions.record_many(Act(session, me, house.now), campaign, None, None, reply)
        assert done.decided == 3

    def test_silence_can_take_it_away(self, house: House) -> None:
        rule = Policy(high=NonResponse.REVOKE)
        number = launched(house, Subject.MEMBERSHIP, policy=rule)
        with house.later(days=20):
            house.close(number)
            house.release(number)
            house.carry_out()
        assert items(house, number)["lea"].state is ItemState.VERIFIED  # she has left
        assert items(house, number)["bob"].answer is Answer.NO_ANSWER

    def test_a_new_owner_of_the_group_gets_the_open_questions(self, house: House) -> None:
        number = launched(house, Subject.MEMBERSHIP)
        rows = GROUP_OWNERS.replace("charlie", "mona")
        with house.db.transaction() as session:
            owners.import_group_owners(Act(session, house.officer, house.now), rows)
        with house.db.transaction() as session:
            assert reviewer_changes.follow_people(session, now=house.now) == 3
        assert items(house, number)["bob"].reviewer_id == person(house, "mona")

    def test_it_goes_up_the_chain_when_it_is_not_his(self, house: House) -> None:
        found = items(house, launched(house, Subject.MEMBERSHIP))
        answer(house, found["bob"], Reply(Answer.NOT_MINE, reason="Ask her."), "charlie")
        assert items(house, found["bob"].campaign_id)["bob"].reviewer_id == person(house, "mona")


class TestOwnership:
    def test_every_owner_is_asked_and_groups_without_one_go_up(self, house: House) -> None:
        house.snapshot()
        asked = items(house, launched_as_it_is(house, Subject.OWNERSHIP))
        assert set(asked) == {"folder /finance", "folder /sales", "group finance"}
        assert asked["folder /finance"].reviewer_id == person(house, "alice")
        assert asked["group finance"].route is Route.QUEUE

    def test_a_yes_is_written_down(self, house: House) -> None:
        found = items(house, launched(house, Subject.OWNERSHIP))
        answer(house, found["folder /finance"], KEEP, "alice")
        house.finish("alice")
        house.carry_out()
        with house.db.reading() as session:
            owner = session.scalars(select(FolderOwner).where(FolderOwner.path == "/finance")).one()
        assert owner.confirmed_at == house.now

    def test_a_successor_is_asked_and_owns_it_when_he_says_yes(self, house: House) -> None:
        found = items(house, launched(house, Subject.OWNERSHIP))
        item = found["folder /finance"]
        reply = Reply(Answer.NOT_MINE, reason="Moved.", successor="Bob@House.example")
        answer(house, item, reply, "alice")
        with house.db.reading() as session:
            owner = session.scalars(select(FolderOwner).where(FolderOwner.path == "/finance")).one()
        assert owner.person_id == person(house, "alice")  # until Bob says yes
        answer(house, item, KEEP, "bob")
        house.finish("bob")
        house.carry_out()
        with house.db.reading() as session:
            owner = session.scalars(select(FolderOwner).where(FolderOwner.path == "/finance")).one()
        assert (owner.person_id, owner.substitute_id) == (person(house, "bob"), None)
        assert "owner.changed" in house.trail_actions()
        done = items(house, item.campaign_id)["folder /finance"]
        assert done.outcome == "Bob Brook answers for it instead of Alice Archer."

    @pytest.mark.parametrize(
        ("email", "why"),
        [("nobody@house.example", "Nobody has"), ("alice@house.example", "it is you"),
         ("lea@house.example", "they have left")],
    )  # fmt: skip
    def test_a_successor_must_be_somebody_else_who_is_there(
        self, house: House, email: str, why: str
    ) -> None:
        found = items(house, launched(house, Subject.OWNERSHIP))
        reply = Reply(Answer.NOT_MINE, reason="Moved.", successor=email)
        with pytest.raises(BadInput, match=why):
            answer(house, found["folder /finance"], reply, "alice")

    def test_it_cannot_be_removed(self, house: House) -> None:
        found = items(house, launched(house, Subject.OWNERSHIP))
        with pytest.raises(BadInput, match="passed on, not removed"):
            answer(house, found["folder /finance"], REVOKE, "alice")

    def test_silence_never_ends_it(self, house: House) -> None:
        rule = Policy(high=NonResponse.REVOKE, medium=NonResponse.REVOKE, low=NonResponse.REVOKE)
        number = launched(house, Subject.OWNERSHIP, policy=rule)
        with house.later(days=20):
            house.close(number)
        assert {one.state for one in items(house, number).values()} == {ItemState.CLOSED}

    def test_a_scope_of_folders_asks_about_no_groups(self, house: House) -> None:
        number = launched(house, Subject.OWNERSHIP, prefix="/sales")
        assert set(items(house, number)) == {"folder /sales"}

    def test_a_new_group_owner_is_asked_for(self, house: House) -> None:
        found = items(house, launched(house, Subject.OWNERSHIP))
        assert found["group finance"].reviewer_id == person(house, "charlie")
        answer(house, found["group finance"], KEEP, "charlie")
        house.finish("charlie")
        house.carry_out()
        with house.db.reading() as session:
            assert session.scalars(select(GroupOwner)).one().confirmed_at == house.now


class TestServiceAccounts:
    def test_whoever_answers_for_it_says_what_it_is_for(self, house: House) -> None:
        found = items(house, launched(house, Subject.SERVICE))
        assert set(found) == {"batch"}
        assert found["batch"].reviewer_id == person(house, "bob")
        with pytest.raises(BadInput, match="what the account is for"):
            answer(house, found["batch"], KEEP, "bob")
        answer(house, found["batch"], Reply(Answer.KEEP, reason="Invoices at night."), "bob")
        house.finish("bob")
        house.carry_out()
        with house.db.reading() as session:
            known = session.scalars(select(ServiceAccount)).one()
        assert (known.purpose, known.confirmed_at) == ("Invoices at night.", house.now)

    def test_one_that_is_not_needed_is_closed_and_looked_at_again(self, house: House) -> None:
        found = items(house, launched(house, Subject.SERVICE))
        answer(house, found["batch"], REVOKE, "bob")
        house.finish("bob")
        house.carry_out()
        (order,) = house.orders()
        assert (order.kind, order.state) == (OrderKind.CLOSE, OrderState.VERIFIED)
        assert json.loads(house.permissions.read_text())["accounts"]["batch"]["enabled"] is False

    def test_one_that_nobody_answers_for_stands_in_the_queue(self, house: House) -> None:
        house.snapshot()
        (item,) = items(house, launched_as_it_is(house, Subject.SERVICE)).values()
        assert (item.route, item.reviewer_id) == (Route.QUEUE, None)


class TestEvidence:
    @pytest.mark.parametrize("about", [Subject.MEMBERSHIP, Subject.OWNERSHIP, Subject.SERVICE])
    def test_the_package_of_such_a_review_is_genuine(self, house: House, about: Subject) -> None:
        number = launched(house, about)
        for name, item in items(house, number).items():
            by = next(
                who
                for who in ("alice", "bob", "charlie", "mona")
                if person(house, who) == item.reviewer_id
            )
            wanted = Answer.REVOKE if name in ("lea", "batch") else Answer.KEEP
            answer(house, item, Reply(wanted, reason="Looked at."), by)
        with house.later(days=20):
            house.close(number)
            house.carry_out()
            house.sign_off(number)
            code, said = judged(house.export(number))
        assert code == 0, said


class TestScope:
    def test_what_means_nothing_for_the_kind_is_refused(self, house: House) -> None:
        house.snapshot()
        for about, scope in (
            (Subject.OWNERSHIP, Scope(holders=(Holder.PARTNER,))),
            (Subject.MEMBERSHIP, Scope(rights=Rights.DELETE)),
            (Subject.SERVICE, Scope(sample=3, seed=7)),
        ):
            with pytest.raises(BadInput, match="cannot be limited"), house.db.transaction() as db:
                drafts.draft(
                    Act(db, house.officer, house.now),
                    drafts.CampaignDraft(
                        "Odd",
                        [house.server_id],
                        "/",
                        house.now.replace(month=12),
                        undo_minutes=60,
                        scope=scope,
                        about=about,
                    ),
                )

    @pytest.mark.parametrize("one", TEMPLATES, ids=lambda one: one.key)
    def test_every_template_can_be_drafted_and_counted(self, house: House, one: Template) -> None:
        register(house)
        house.snapshot()
        with house.db.transaction() as session:
            made = drafts.draft(
                Act(session, house.officer, house.now),
                drafts.CampaignDraft(
                    "From a template",
                    [house.server_id],
                    "/",
                    house.now.replace(month=12),
                    undo_minutes=60,
                    scope=one.scope,
                    about=one.about,
                ),
            )
            found = launch.preview(session, made, now=house.now)
        assert found.items or found.problems

    def test_an_empty_one_is_refused_by_name(self, house: House) -> None:
        house.write_permissions({"bob": {"email": "bob@house.example"}}, {})
        house.snapshot()
        with pytest.raises(LaunchRefused, match="No account in this scope is in a group"):
            launched_as_it_is(house, Subject.MEMBERSHIP)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("main,x,nobody@house.example", "line 2, owner_email: nobody has the address"),
        ("other,x,bob@house.example", "line 2, server: there is no server 'other'"),
        ("main,,bob@house.example", "line 2, group: it is empty"),
    ],
)
def test_a_wrong_row_of_group_owners_changes_nothing(house: House, row: str, why: str) -> None:
    text = f"server,group,owner_email\n{row}\n"
    with pytest.raises(CsvRejected, match=why), house.db.transaction() as session:
        owners.import_group_owners(Act(session, house.officer, house.now), text)
    with house.db.reading() as session:
        assert session.scalars(select(GroupOwner)).all() == []
