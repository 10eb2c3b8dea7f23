"""Draft, preview and launch: who is asked about what, and what stands in the way."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from recert.campaigns.models import Campaign, CampaignState, Item, Route
from recert.campaigns.progress_models import Progress
from recert.campaigns.reviewing import reassignment
from recert.campaigns.setup import drafts, population
from recert.campaigns.setup import launch as campaigns
from recert.campaigns.setup.launch import Preview
from recert.campaigns.setup.models import Population
from recert.campaigns.states import LaunchRefused, StepRefused
from recert.connectors.rights import Rights
from recert.foundation.actor import Actor
from recert.foundation.errors import BadInput, NotAllowed
from recert.inventory import service as inventory
from recert.inventory.models import Account, Folder, Server
from recert.people.models import Person
from recert.trail.act import Act
from tests.support.house import ACCOUNTS, NOON, House

INBOX = "/finance/inbox"


def draft(house: House, **changed: Any) -> int:
    wanted = {
        "name": "Autumn",
        "server_ids": [house.server_id],
        "folder_prefix": "/",
        "due_at": house.now + timedelta(days=14),
        "undo_minutes": 60,
    }
    who, now = changed.pop("actor", house.officer), changed.pop("now", house.now)
    with house.db.transaction() as session:
        return drafts.draft(
            Act(session, who, now), drafts.CampaignDraft(**{**wanted, **changed})
        ).id


def preview(house: House, campaign_id: int) -> Preview:
    with house.db.reading() as session:
        campaign = session.get_one(Campaign, campaign_id)
        return campaigns.preview(session, campaign, now=house.now)


def launch(house: House, campaign_id: int, actor: Actor | None = None) -> None:
    with house.db.transaction() as session:
        campaign = session.get_one(Campaign, campaign_id)
        campaigns.launch(Act(session, actor or house.officer, house.now), campaign)


def asked(house: House, campaign_id: int) -> list[tuple[str, str]]:
    with house.db.reading() as session:
        query = (
            select(Folder.path, Account.name)
            .join(Item, Item.folder_id == Folder.id)
            .join(Account, Account.id == Item.account_id)
            .where(Item.campaign_id == campaign_id)
            .order_by(Item.sort_key)
        )
        return [(row[0], row[1]) for row in session.execute(query)]


class TestADraft:
    @pytest.mark.parametrize("name", ["", "a", "x" * 121, "  a ", "two\nlines", "bell\x07!"])
    def test_its_name_must_be_readable(self, house: House, name: str) -> None:
        with pytest.raises(BadInput, match="2 to 120"):
            draft(house, name=name)

    def test_its_name_is_used_once(self, house: House) -> None:
        draft(house)
        with pytest.raises(BadInput, match="already a campaign"):
            draft(house, name=" Autumn ")

    @pytest.mark.parametrize("due", [NOON, NOON - timedelta(days=1), NOON + timedelta(days=367)])
    def test_it_is_due_in_the_future_within_a_year(self, house: House, due: datetime) -> None:
        with pytest.raises(BadInput, match="due date"):
            draft(house, due_at=due)

    @pytest.mark.parametrize("servers", [[], [4711], [1, 4711]])
    def test_its_servers_exist(self, house: House, servers: list[int]) -> None:
        with pytest.raises(BadInput, match="server"):
            draft(house, server_ids=servers)

    @pytest.mark.parametrize("prefix", ["finance", "/finance/../etc", "/a\x00b", "./x"])
    def test_its_folder_is_a_path(self, house: House, prefix: str) -> None:
        with pytest.raises(BadInput):
            draft(house, folder_prefix=prefix)

    def test_its_scope_is_tidied(self, house: House) -> None:
        twice = [house.server_id] * 2
        made = house.campaign(draft(house, server_ids=twice, folder_prefix="//finance/"))
        assert (made.folder_prefix, made.server_ids) == ("/finance", [house.server_id])
        assert (made.state, house.trail_actions()[-1]) == ("draft", "campaign.drafted")

    def test_only_an_officer_may(self, house: House) -> None:
        for actor in (house.admin, house.auditor, house.person("alice")):
            with pytest.raises(NotAllowed):
                draft(house, actor=actor)


class TestAPreview:
    def test_it_counts_what_the_launch_makes(self, house: House) -> None:
        house.snapshot()
        campaign = draft(house)
        shown = preview(house, campaign)
        launch(house, campaign)
        with house.db.reading() as session:
            made = {p.reviewer_id: p.total for p in session.scalars(select(Progress)) if p.total}
        assert {share.reviewer_id: share.items for share in shown.shares} == made
        assert (shown.items, shown.mails, shown.queued) == (9, 3, 0)

    def test_it_changes_nothing(self, house: House) -> None:
        house.snapshot()
        campaign = draft(house)
        entries = house.trail_actions()
        preview(house, campaign)
        assert house.trail_actions() == entries
        assert asked(house, campaign) == []
        assert house.campaign(campaign).state is CampaignState.DRAFT


class TestThePopulation:
    def test_every_account_is_accounted_for(self, house: House) -> None:
        campaign = house.launched(prefix="/sales")
        with house.db.reading() as session:
            kept = session.scalars(select(Population)).one()
        assert (kept.accounts, kept.reviewed, kept.out_of_scope, kept.without_rights) == (
            *(len(ACCOUNTS), 1, 5, 1),
        )
        assert kept.items == len(asked(house, campaign)) == 1

    def test_one_that_does_not_add_up_is_not_launched(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = population.count

        def one_short(*details: Any) -> Population:
            found = real(*details)
            found.accounts += 1
            return found

        house.snapshot()
        monkeypatch.setattr(population, "count", one_short)
        with pytest.raises(LaunchRefused, match="does not add up"):
            launch(house, draft(house))

    def test_it_is_frozen(self, house: House) -> None:
        campaign = house.launched()
        before = asked(house, campaign)
        house.give("batch", "/sales", "list")
        house.snapshot()
        house.refresh()
        assert asked(house, campaign) == before


class TestWhatStandsInTheWay:
    def test_no_snapshot(self, house: House) -> None:
        with pytest.raises(LaunchRefused, match="no complete snapshot"):
            launch(house, draft(house))

    def test_a_snapshot_older_than_48_hours(self, house: House) -> None:
        house.snapshot()
        campaign = draft(house)
        with house.later(hours=48):
            assert preview(house, campaign).problems == []
        with house.later(hours=49), pytest.raises(LaunchRefused, match="49 hours old"):
            launch(house, campaign)

    def test_a_newer_one_that_failed_does_not_count(self, house: House) -> None:
        house.snapshot()
        campaign = draft(house)
        with house.later(hours=49):
            house.permissions.write_text("garbled")
            house.snapshot()
            with pytest.raises(LaunchRefused, match="49 hours old"):
                launch(house, campaign)

    def test_nothing_in_scope(self, house: House) -> None:
        house.snapshot()
        with pytest.raises(LaunchRefused, match="nothing to ask"):
            launch(house, draft(house, folder_prefix="/nowhere"))

    def test_a_due_date_that_is_over(self, house: House) -> None:
        house.snapshot()
        campaign = draft(house, due_at=house.now + timedelta(hours=1))
        with house.later(hours=1), pytest.raises(LaunchRefused, match="due date"):
            launch(house, campaign)

    def test_a_second_launch(self, house: House) -> None:
        campaign = house.launched()
        with pytest.raises(StepRefused):
            launch(house, campaign)
        assert len(asked(house, campaign)) == 9

    def test_a_refused_launch_leaves_a_draft(self, house: House) -> None:
        campaign = draft(house)
        with pytest.raises(LaunchRefused):
            launch(house, campaign)
        assert house.campaign(campaign).state is CampaignState.DRAFT
        assert house.trail_actions()[-1] == "campaign.drafted"

    def test_somebody_who_is_no_officer(self, house: House) -> None:
        house.snapshot()
        with pytest.raises(NotAllowed):
            launch(house, draft(house), actor=house.admin)


class TestTheScope:
    def folders(self, house: House, prefix: str, *folders: str) -> set[str]:
        entries = dict.fromkeys(folders, "list")
        house.write_permissions({"x": {"folders": entries}}, groups={})
        return {folder for folder, _ in asked(house, house.launched(prefix=prefix))}

    def test_a_folder_and_what_lies_below(self, house: House) -> None:
        found = self.folders(house, "/fin", "/fin", "/fin/a", "/fin2", "/finance", "/", "/fin-x")
        assert found == {"/fin", "/fin/a"}

    @pytest.mark.parametrize("odd", ["/a_b", "/a%", "/a'b", "/ä ö", '/a"b', "/a\\b"[:2] + "*"])
    def test_letters_that_mean_something_elsewhere(self, house: House, odd: str) -> None:
        found = self.folders(house, odd, odd, f"{odd}/in", "/axb", "/abc", f"{odd}c")
        assert found == {odd, f"{odd}/in"}

    def test_the_root_is_everything(self, house: House) -> None:
        assert self.folders(house, "/", "/a", "/b/c") == {"/a", "/b/c"}


class TestWhoIsAsked:
    def route(self, house: House, account: str, folder: str) -> tuple[str | None, Route]:
        item = house.item(account, folder)
        with house.db.reading() as session:
            found = session.get(Person, item.reviewer_id) if item.reviewer_id else None
            return (found.email.partition("@")[0] if found else None), item.route

    def set_server_owner(self, house: House, name: str) -> None:
        with house.db.transaction() as session:
            server = session.get_one(Server, house.server_id)
            server.owner_id = house.person(name).person_id

    def leave(self, house: House, *names: str) -> None:
        with house.db.transaction() as session:
            emails = [f"{name}@house.example" for name in names]
            session.execute(update(Person).where(Person.email.in_(emails)).values(active=False))

    def test_the_owner_of_the_nearest_folder(self, house: House) -> None:
        house.launched()
        assert self.route(house, "pia", INBOX) == ("alice", Route.OWNER)
        assert self.route(house, "seller", "/sales") == ("charlie", Route.OWNER)

    def test_the_substitute_for_the_owners_own_account(self, house: House) -> None:
        house.launched()
        assert self.route(house, "alice", "/finance") == ("bob", Route.SUBSTITUTE)

    def test_the_manager_when_owner_and_substitute_left(self, house: House) -> None:
        self.leave(house, "alice", "bob")
        house.launched()
        assert self.route(house, "pia", INBOX) == ("mona", Route.MANAGER)

    def test_then_the_owner_of_the_server(self, house: House) -> None:
        self.leave(house, "alice", "bob", "mona")
        self.set_server_owner(house, "charlie")
        house.launched()
        assert self.route(house, "pia", INBOX) == ("charlie", Route.SERVER_OWNER)

    def test_in_the_end_the_compliance_queue(self, house: House) -> None:
        self.leave(house, "alice", "bob", "mona", "charlie")
        self.set_server_owner(house, "charlie")
        house.launched()
        assert self.route(house, "pia", INBOX) == (None, Route.QUEUE)

    def test_a_folder_without_owner_goes_to_the_owner_of_the_server(self, house: House) -> None:
        house.write_permissions({**ACCOUNTS, "x": {"folders": {"/other": "list"}}})
        self.set_server_owner(house, "mona")
        house.launched()
        assert self.route(house, "x", "/other") == ("mona", Route.SERVER_OWNER)

    def test_nobody_is_asked_about_himself_or_after_he_left(self, house: House) -> None:
        self.leave(house, "bob")
        self.set_server_owner(house, "alice")
        campaign = house.launched()
        with house.db.reading() as session:
            query = (
                select(func.count(Item.id))
                .join(Account, Account.id == Item.account_id)
                .join(Person, Person.id == Item.reviewer_id)
                .where((Account.person_id == Person.id) | ~Person.active)
            )
            assert session.scalar(query) == 0
        assert len(asked(house, campaign)) == 9


class TestTheOrderOfThePages:
    def test_items_stand_by_folder_and_account(self, house: House) -> None:
        campaign = house.launched()
        alices = [pair for pair in asked(house, campaign) if pair[1] not in ("alice", "seller")]
        assert alices == sorted(alices)

    def test_the_keys_are_unique_over_all_servers(self, house: House) -> None:
        with house.db.transaction() as session:
            settings = {"file": str(house.permissions)}
            second = inventory.add_server(
                Act(session, house.admin, house.now), "second", "embedded", settings
            ).id
        house.snapshot()
        items_before = house.server_id
        house.server_id = second
        house.snapshot()
        campaign = draft(house, server_ids=[items_before, second])
        launch(house, campaign)
        with house.db.reading() as session:
            keys = session.scalars(select(Item.sort_key).order_by(Item.sort_key)).all()
        assert keys == list(range(1, 19))
        assert len(asked(house, campaign)) == 18


class TestPassingOn:
    def test_nobody_is_asked_a_second_time(self, house: House) -> None:
        with house.db.transaction() as session:
            server = session.get_one(Server, house.server_id)
            server.owner_id = house.person("alice").person_id
        house.launched()
        for expected in ("bob", "mona", None):
            with house.db.transaction() as session:
                item = session.get_one(Item, house.item("pia", INBOX).id)
                reassignment.pass_on(session, item)
            reviewer = house.item("pia", INBOX).reviewer_id
            assert reviewer == (house.person(expected).person_id if expected else None)
        assert house.item("pia", INBOX).route is Route.QUEUE

    def test_rights_are_what_they_were(self, house: House) -> None:
        house.launched()
        with house.db.transaction() as session:
            reassignment.pass_on(session, session.get_one(Item, house.item("pia", INBOX).id))
        assert house.item("pia", INBOX).rights == Rights.LIST | Rights.UPLOAD
