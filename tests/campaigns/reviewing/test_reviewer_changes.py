"""While a campaign runs, people leave, owners change, and somebody goes on leave."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign, Item, Route
from recert.campaigns.progress_models import Progress
from recert.campaigns.reviewing import delegation, reassignment, reviewer_changes
from recert.campaigns.setup import launch as campaigns
from recert.connectors.rights import Rights
from recert.foundation.actor import Actor, Role
from recert.foundation.errors import BadInput, NotAllowed
from recert.inventory import service as inventory
from recert.inventory.models import Account, Grant
from recert.people import queries as people_queries
from recert.people import service as people
from recert.people.models import Person
from recert.trail.act import Act
from tests.support.house import OWNERS, PEOPLE, House

KEEP = Reply(Answer.KEEP)
INBOX = "/finance/inbox"


def follow(house: House) -> int:
    with house.db.transaction() as session:
        return reviewer_changes.follow_people(session, now=house.now)


def name_of(house: House, item: Item) -> str:
    with house.db.reading() as session:
        person = session.get(Person, item.reviewer_id) if item.reviewer_id else None
        return person.name if person else "nobody"


def asked_about(house: House, account: str = "batch", folder: str = INBOX) -> tuple[str, Route]:
    item = house.item(account, folder)
    return name_of(house, item), item.route


def leaves(house: House, name: str) -> None:
    with house.db.transaction() as session:
        rows = PEOPLE.replace(f"{name}@house.example,", f"{name}@house.example,", 1).splitlines()
        gone = [
            line + "2026-01-31" if line.startswith(f"{name}@") and line.endswith(",") else line
            for line in rows
        ]
        people.import_people(Act(session, house.admin, house.now), "\n".join(gone) + "\n")
        people.note_leavers(Act(session, house.admin, house.now))


def own(house: House, rows: str) -> None:
    with house.db.transaction() as session:
        inventory.import_owners(Act(session, house.admin, house.now), rows)


def delegate(
    house: House, to: str = "charlie", days: float = 5, by: Actor | None = None, start: float = 0
) -> int:
    with house.db.transaction() as session:
        alice = people_queries.person_by_email(session, "alice@house.example")
        stand_in = people_queries.person_by_email(session, f"{to}@house.example")
        assert alice
        assert stand_in
        return delegation.delegate(
            Act(session, by or house.person("alice"), house.now),
            alice,
            stand_in,
            house.now + timedelta(days=start),
            house.now + timedelta(days=days),
            "Holiday.",
        ).id


def counters_are_right(house: House) -> None:
    with house.db.reading() as session:
        for progress in session.scalars(select(Progress)):
            mine = [
                item
                for item in session.scalars(select(Item))
                if item.campaign_id == progress.campaign_id
                and item.reviewer_id == progress.reviewer_id
            ]
            assert progress.total == len(mine)


class TestOwnersChange:
    def test_undecided_items_move_and_decided_ones_stay(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, KEEP)
        own(house, OWNERS.replace("alice@house.example", "mona@house.example"))
        assert follow(house) > 0
        assert asked_about(house) == ("Mona Mill", Route.OWNER)
        assert asked_about(house, "pia") == ("Alice Archer", Route.OWNER)
        counters_are_right(house)

    def test_a_second_look_moves_nothing(self, house: House) -> None:
        house.launched()
        own(house, OWNERS.replace("alice@house.example", "mona@house.example"))
        follow(house)
        assert follow(house) == 0

    def test_what_an_officer_gave_to_somebody_stays_there(self, house: House) -> None:
        house.launched()
        item = house.item("batch", INBOX)
        with house.db.transaction() as session:
            mona = people_queries.person_by_email(session, "mona@house.example")
            assert mona
            found = session.get_one(Item, item.id)
            reassignment.reassign(Act(session, house.officer, house.now), found, mona, "She knows.")
        own(house, OWNERS.replace("alice@house.example", "charlie@house.example"))
        follow(house)
        assert asked_about(house) == ("Mona Mill", Route.REASSIGNED)

    def test_what_was_passed_on_does_not_come_back(self, house: House) -> None:
        house.launched()
        house.decide("batch", INBOX, Reply(Answer.NOT_MINE, reason="Ask Bob."))
        follow(house)
        assert asked_about(house) == ("Bob Brook", Route.SUBSTITUTE)


class TestSomebodyLeaves:
    def test_the_chain_goes_on_without_him(self, house: House) -> None:
        house.launched()
        leaves(house, "alice")
        assert follow(house) > 0
        assert asked_about(house) == ("Bob Brook", Route.SUBSTITUTE)
        assert "items.rerouted" in house.trail_actions()

    def test_nobody_is_asked_about_himself(self, house: House) -> None:
        house.launched()
        leaves(house, "alice")
        follow(house)
        assert asked_about(house, "bob", "/finance")[0] == "Mona Mill"

    def test_what_was_given_by_hand_goes_to_the_queue(self, house: House) -> None:
        house.launched()
        house.decide("batch", INBOX, Reply(Answer.NOT_MINE, reason="Ask Bob."))
        leaves(house, "bob")
        follow(house)
        assert asked_about(house) == ("nobody", Route.QUEUE)
        counters_are_right(house)


class TestDelegations:
    def test_the_delegate_is_asked_and_both_names_are_kept(self, house: House) -> None:
        house.launched()
        delegate(house)
        follow(house)
        assert asked_about(house) == ("Charlie Cole", Route.DELEGATED)
        house.decide("batch", INBOX, KEEP, by="charlie")
        with house.db.reading() as session:
            made = session.scalars(select(Decision).order_by(Decision.id.desc())).first()
            assert made
            assert made.person_id == house.person("charlie").person_id
            assert made.on_behalf_of == house.person("alice").person_id

    def test_what_is_open_at_the_end_comes_back(self, house: House) -> None:
        house.launched()
        delegate(house, days=5)
        follow(house)
        with house.later(days=6):
            follow(house)
            assert asked_about(house) == ("Alice Archer", Route.REASSIGNED)
            counters_are_right(house)

    def test_it_comes_back_when_the_delegate_leaves(self, house: House) -> None:
        house.launched()
        delegate(house)
        follow(house)
        leaves(house, "charlie")
        follow(house)
        assert asked_about(house)[0] == "Alice Archer"

    def test_a_delegate_is_not_asked_about_himself(self, house: House) -> None:
        house.launched()
        delegate(house, to="bob")
        follow(house)
        assert asked_about(house) == ("Bob Brook", Route.DELEGATED)
        assert asked_about(house, "bob", "/finance")[0] == "Alice Archer"

    def test_what_a_stand_in_passes_on_is_answered_for_nobody_else(self, house: House) -> None:
        house.launched()
        delegate(house)
        follow(house)
        house.decide("batch", INBOX, Reply(Answer.NOT_MINE, reason="Not me."), by="charlie")
        item = house.item("batch", INBOX)
        assert (name_of(house, item), item.from_id) == ("nobody", None)

    def test_it_begins_on_its_day(self, house: House) -> None:
        house.launched()
        delegate(house, start=2)
        follow(house)
        assert asked_about(house)[0] == "Alice Archer"
        with house.later(days=3):
            follow(house)
            assert asked_about(house)[0] == "Charlie Cole"

    def test_ended_early(self, house: House) -> None:
        house.launched()
        number = delegate(house)
        follow(house)
        with house.db.transaction() as session:
            delegation.end(Act(session, house.person("alice"), house.now), number)
        follow(house)
        assert asked_about(house)[0] == "Alice Archer"

    def test_only_he_himself_or_an_officer_says_so(self, house: House) -> None:
        with pytest.raises(NotAllowed):
            delegate(house, by=house.person("charlie"))
        assert delegate(house, by=house.officer)

    def test_an_end_is_needed_and_one_at_a_time(self, house: House) -> None:
        for days in (-1, 100):
            with pytest.raises(BadInput, match="92 days"):
                delegate(house, days=days)
        delegate(house)
        with pytest.raises(BadInput, match="already"):
            delegate(house, to="bob", days=3)
        with pytest.raises(BadInput, match="cannot stand in"):
            delegate(house, to="alice", days=30, start=10)


class TestEscalation:
    def test_the_manager_is_asked_three_days_after_the_end_and_the_queue_after_seven(
        self, house: House
    ) -> None:
        house.launched()
        with house.later(days=16):
            assert follow(house) == 0
        with house.later(days=17, hours=1):
            assert follow(house) > 0
            assert asked_about(house) == ("Mona Mill", Route.ESCALATED)
            assert follow(house) == 0
        with house.later(days=21, hours=1):
            follow(house)
            assert asked_about(house) == ("nobody", Route.QUEUE)


def lets_share(house: House, account: str) -> None:
    """No kind of the tests' own knows this right: it is put into what was read."""
    house.snapshot()
    with house.db.transaction() as session:
        number = session.scalar(select(Account.id).where(Account.name == account))
        session.execute(
            update(Grant)
            .where(Grant.account_id == number)
            .values(rights=Grant.rights + int(Rights.SHARE))
        )


def launch(house: House) -> None:
    campaign_id = house.drafted("Shared")
    with house.db.transaction() as session:
        made = session.get_one(Campaign, campaign_id)
        campaigns.launch(Act(session, house.officer, house.now), made)


class TestConflicts:
    def test_a_reviewer_who_can_give_others_access_is_flagged(self, house: House) -> None:
        lets_share(house, "alice")
        launch(house)
        assert house.item("batch", INBOX).conflict
        assert not house.item("seller", "/sales").conflict

    def test_so_is_an_administrator_of_recert(self, house: House) -> None:
        alice = replace(house.person("alice"), roles=frozenset({Role.ADMINISTRATOR}))
        house.user(alice)
        house.launched()
        assert house.item("batch", INBOX).conflict

    def test_the_flag_follows_the_reviewer(self, house: House) -> None:
        lets_share(house, "alice")
        launch(house)
        leaves(house, "alice")
        follow(house)
        assert not house.item("batch", INBOX).conflict
