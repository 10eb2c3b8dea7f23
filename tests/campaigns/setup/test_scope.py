"""What a campaign asks about: scope, exclusions, samples, and the gates before a launch."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from recert.campaigns.models import Campaign, Item
from recert.campaigns.setup import drafts, exclusions
from recert.campaigns.setup import launch as campaigns
from recert.campaigns.setup.models import Exclusion, LeftOut, Population
from recert.campaigns.setup.scope import Holder, Scope
from recert.campaigns.states import LaunchRefused
from recert.connectors.rights import Rights
from recert.foundation.actor import Actor, Role
from recert.foundation.errors import BadInput, NotAllowed
from recert.foundation.separation import SecondPersonNeeded
from recert.inventory import service as inventory
from recert.inventory.models import Account, Folder
from recert.people import service as people
from recert.trail.act import Act
from tests.activity.test_logs import day, load, log, transfer
from tests.support.house import OWNERS, PEOPLE, House, staff

ANOTHER = staff("otto@house.example", Role.OFFICER)


def launched(house: House, scope: Scope, name: str = "Autumn", by: Actor | None = None) -> int:
    with house.db.transaction() as session:
        made = drafts.draft(
            Act(session, house.officer, house.now),
            drafts.CampaignDraft(
                name,
                [house.server_id],
                scope.prefix,
                house.now + timedelta(days=14),
                undo_minutes=60,
                scope=scope,
            ),
        )
        campaigns.launch(Act(session, by or house.officer, house.now), made)
        return made.id


def asked(house: House, campaign_id: int) -> set[tuple[str, str]]:
    """(account, folder) of every item."""
    with house.db.reading() as session:
        query = (
            select(Account.name, Folder.path)
            .select_from(Item)
            .join(Account, Account.id == Item.account_id)
            .join(Folder, Folder.id == Item.folder_id)
            .where(Item.campaign_id == campaign_id)
        )
        return {(row[0], row[1]) for row in session.execute(query)}


def population(house: House, campaign_id: int) -> Population:
    with house.db.reading() as session:
        return session.scalars(
            select(Population).where(Population.campaign_id == campaign_id)
        ).one()


def adds_up(one: Population) -> bool:
    return one.accounts == one.reviewed + one.excluded + one.out_of_scope + one.without_rights


class TestScope:
    @pytest.mark.parametrize(
        ("scope", "accounts"),
        [
            (Scope(holders=(Holder.SERVICE,)), {"batch"}),
            (Scope(holders=(Holder.PARTNER,)), {"pia"}),
            (Scope(holders=(Holder.ORPHAN,)), {"seller", "off"}),
            (Scope(holders=(Holder.LEFT,)), {"lea"}),
            (Scope(holders=(Holder.EMPLOYEE,)), {"alice", "bob", "lea"}),
            (Scope(holders=(Holder.SERVICE, Holder.PARTNER)), {"batch", "pia"}),
            (Scope(rights=Rights.DELETE), {"batch"}),
            (Scope(rights=Rights.DELETE | Rights.OVERWRITE), {"batch", "seller"}),
            (Scope(prefix="/sales"), {"seller", "off"}),
        ],
    )
    def test_it_asks_about_these_only(self, house: House, scope: Scope, accounts: set[str]) -> None:
        house.snapshot()
        campaign_id = launched(house, scope)
        found = {account for account, _ in asked(house, campaign_id)}
        if "off" in accounts and "off" not in found:  # switched off: without any right
            accounts = accounts - {"off"}
        assert found == accounts
        assert adds_up(population(house, campaign_id))

    def test_classified_folders(self, house: House) -> None:
        rows = OWNERS.replace("substitute_email", "substitute_email,classification")
        rows = rows.replace("bob@house.example\n", "bob@house.example,secret\n")
        rows = rows.replace("charlie@house.example,\n", "charlie@house.example,,public\n")
        with house.db.transaction() as session:
            inventory.import_owners(Act(session, house.admin, house.now), rows)
        house.snapshot()
        campaign_id = launched(house, Scope(classifications=("public",)))
        assert {folder for _, folder in asked(house, campaign_id)} == {"/sales"}
        assert adds_up(population(house, campaign_id))

    def test_new_or_changed_since_the_last_campaign(self, house: House) -> None:
        house.launched("First")
        house.give("seller", "/finance", "list")
        with house.later(days=1):
            house.snapshot()
            campaign_id = launched(house, Scope(only_changes=True), "Second")
            found = asked(house, campaign_id)
            assert ("seller", "/finance") in found
            assert {account for account, _ in found} == {"seller"}

    def test_everything_when_there_was_no_campaign_before(self, house: House) -> None:
        house.snapshot()
        campaign_id = launched(house, Scope(only_changes=True))
        assert len(asked(house, campaign_id)) > 3

    def test_accounts_of_which_nothing_is_known_are_unused_only_when_chosen(
        self, house: House
    ) -> None:
        house.snapshot()
        with pytest.raises(LaunchRefused, match="nothing to ask"):
            launched(house, Scope(unused_days=90))
        campaign_id = launched(house, Scope(unused_days=90, unknown_unused=True), "Chosen")
        assert ("batch", "/finance/inbox") in asked(house, campaign_id)

    def test_transfers_tell_whether_a_service_account_is_used(self, house: House) -> None:
        house.snapshot()
        lines = (transfer("batch", "/finance/inbox/a.csv"), day(20))
        load(house, log(house.folder, lines))
        scope = Scope(unused_days=90, unknown_unused=True)
        assert "batch" not in {who for who, _ in asked(house, launched(house, scope))}
        with house.later(days=100):
            house.snapshot()
            found = asked(house, launched(house, Scope(unused_days=90), "Later"))
            assert {who for who, _ in found} == {"batch"}

    def test_a_scope_in_which_nothing_is_left_is_refused(self, house: House) -> None:
        house.snapshot()
        with pytest.raises(LaunchRefused, match="nothing to ask"):
            launched(house, Scope(holders=(Holder.ANONYMOUS,)))

    @pytest.mark.parametrize(
        "scope",
        [Scope(sample=5), Scope(sample=-1), Scope(unused_days=-3), Scope(sample=5, seed=-1)],
    )
    def test_what_makes_no_sense_is_refused(self, house: House, scope: Scope) -> None:
        with pytest.raises(BadInput):
            launched(house, scope)

    def test_it_is_kept_as_it_was_said(self) -> None:
        scope = Scope("/a", ("x",), (Holder.ORPHAN,), Rights.DELETE, 30, True, 5, 7)
        assert Scope.of(scope.as_json()) == scope
        assert len(scope.description) == 7
        assert Scope().description == []


class TestSamples:
    def test_the_same_seed_chooses_the_same(self, house: House) -> None:
        house.snapshot()
        first = asked(house, launched(house, Scope(sample=3, seed=42), "One"))
        again = asked(house, launched(house, Scope(sample=3, seed=42), "Two"))
        assert first == again
        assert len(first) == 3

    def test_another_seed_chooses_others_in_the_end(self, house: House) -> None:
        house.snapshot()
        found = {
            frozenset(asked(house, launched(house, Scope(sample=2, seed=seed), f"Seed {seed}")))
            for seed in (1, 77, 4711, 123456, 999_999_937)
        }
        assert len(found) > 1

    def test_a_sample_larger_than_everything_is_everything(self, house: House) -> None:
        house.snapshot()
        everything = asked(house, launched(house, Scope(), "All"))
        assert asked(house, launched(house, Scope(sample=1000, seed=1), "Many")) == everything


class TestExclusions:
    def exclude(
        self,
        house: House,
        account: str = "batch",
        folder: str = "/",
        days: int = 30,
        by: Actor | None = None,
    ) -> int:
        with house.db.transaction() as session:
            server = inventory.server_by_name(session, "main")
            ends = house.now + timedelta(days=days)
            act = Act(session, by or house.officer, house.now)
            return exclusions.ask(act, server, account, folder, "Moves away.", ends).id

    def approve(self, house: House, number: int, actor: Actor = ANOTHER) -> None:
        with house.db.transaction() as session:
            found = exclusions.exclusion_by_id(session, number)
            exclusions.approve(Act(session, actor, house.now), found)

    def test_an_approved_one_is_left_out_and_counted(self, house: House) -> None:
        house.snapshot()
        self.approve(house, self.exclude(house))
        campaign_id = launched(house, Scope())
        assert "batch" not in {account for account, _ in asked(house, campaign_id)}
        counted = population(house, campaign_id)
        assert counted.excluded == 1
        assert adds_up(counted)
        with house.db.reading() as session:
            assert session.scalars(select(LeftOut.grants)).all() == [1]

    def test_an_account_that_is_still_asked_about_elsewhere_is_not_excluded(
        self, house: House
    ) -> None:
        house.give("batch", "/sales", "list")
        house.snapshot()
        self.approve(house, self.exclude(house, "batch", "/sales"))
        campaign_id = launched(house, Scope())
        assert ("batch", "/sales") not in asked(house, campaign_id)
        assert ("batch", "/finance/inbox") in asked(house, campaign_id)
        assert population(house, campaign_id).excluded == 0

    def test_one_that_nobody_approved_counts_for_nothing(self, house: House) -> None:
        house.snapshot()
        self.exclude(house)
        campaign_id = launched(house, Scope())
        assert ("batch", "/finance/inbox") in asked(house, campaign_id)

    def test_one_whose_time_is_over_counts_for_nothing(self, house: House) -> None:
        self.approve(house, self.exclude(house, days=1))
        with house.later(days=2):
            house.snapshot()
            campaign_id = launched(house, Scope())
            assert ("batch", "/finance/inbox") in asked(house, campaign_id)

    def test_one_that_was_ended_counts_for_nothing(self, house: House) -> None:
        house.snapshot()
        number = self.exclude(house)
        self.approve(house, number)
        with house.db.transaction() as session:
            found = exclusions.exclusion_by_id(session, number)
            exclusions.end(Act(session, house.officer, house.now), found)
        campaign_id = launched(house, Scope())
        assert ("batch", "/finance/inbox") in asked(house, campaign_id)

    def test_nobody_approves_his_own(self, house: House) -> None:
        number = self.exclude(house)
        with pytest.raises(SecondPersonNeeded):
            self.approve(house, number, house.officer)
        with house.db.reading() as session:
            assert session.get_one(Exclusion, number).approved_at is None

    def test_an_auditor_asks_for_none(self, house: House) -> None:
        with pytest.raises(NotAllowed):
            self.exclude(house, by=house.auditor)

    @pytest.mark.parametrize(
        ("account", "folder", "days"), [("", "/", 5), ("batch", "sales", 5), ("batch", "/", 400)]
    )
    def test_what_makes_no_sense_is_refused(
        self, house: House, account: str, folder: str, days: int
    ) -> None:
        with pytest.raises(BadInput):
            self.exclude(house, account, folder, days)


class TestGates:
    def old(self, house: House) -> int:
        house.snapshot()
        return house.drafted("Late")

    def launch(self, house: House, campaign_id: int, actor: Actor) -> campaigns.Preview:
        with house.db.transaction() as session:
            made = session.get_one(Campaign, campaign_id)
            return campaigns.launch(Act(session, actor, house.now), made)

    def allow(self, house: House, campaign_id: int, reason: str = "Server is moving.") -> None:
        with house.db.transaction() as session:
            made = session.get_one(Campaign, campaign_id)
            campaigns.allow_old_snapshots(Act(session, house.officer, house.now), made, reason)

    def test_an_old_snapshot_needs_a_reason_and_a_second_person(self, house: House) -> None:
        campaign_id = self.old(house)
        with house.later(days=3):
            with pytest.raises(LaunchRefused, match="48 are allowed"):
                self.launch(house, campaign_id, ANOTHER)
            self.allow(house, campaign_id)
            with pytest.raises(SecondPersonNeeded, match="somebody else"):
                self.launch(house, campaign_id, house.officer)
            found = self.launch(house, campaign_id, ANOTHER)
            assert "Server is moving." in found.warnings[0]
            assert "campaign.old_snapshots_allowed" in house.trail_actions()

    def test_a_reason_must_be_given(self, house: House) -> None:
        with pytest.raises(BadInput):
            self.allow(house, self.old(house), " ")

    def test_a_server_without_any_snapshot_cannot_be_allowed(self, house: House) -> None:
        campaign_id = house.drafted("Never seen")
        self.allow(house, campaign_id)
        with pytest.raises(LaunchRefused, match="no complete snapshot"):
            self.launch(house, campaign_id, ANOTHER)

    def test_a_reviewer_of_hundreds_is_a_warning(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("recert.campaigns.states.MANY_ITEMS", 2)
        house.snapshot()
        with house.db.reading() as session:
            made = session.get_one(Campaign, house.drafted("Big"))
            found = campaigns.preview(session, made, now=house.now)
        assert any("Alice Archer would get" in one for one in found.warnings)
        assert not found.problems

    def test_people_who_come_in_after_the_snapshot_are_known(self, house: House) -> None:
        house.write_permissions(
            {"new": {"email": "new@house.example", "folders": {"/sales": "list"}}}
        )
        house.snapshot()
        row = "new@house.example,New Now,House,own,Sales,,\n"
        with house.db.transaction() as session:
            people.import_people(Act(session, house.admin, house.now), PEOPLE + row)
        campaign_id = launched(house, Scope(holders=(Holder.EMPLOYEE,)))
        assert asked(house, campaign_id) == {("new", "/sales")}
