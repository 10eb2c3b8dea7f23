"""Faults that a second look found: each with the right value."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from recert.campaigns import digests, once, vanished_access
from recert.campaigns.completion import approvals, challenges
from recert.campaigns.decisions import mail_links
from recert.campaigns.decisions import service as decisions
from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.mailing import Letterhead
from recert.campaigns.models import (
    Answer,
    Campaign,
    CampaignState,
    Item,
    ItemState,
    Mark,
    Occurrence,
    Subject,
)
from recert.campaigns.notifications import update_mails
from recert.campaigns.policy import MailAnswers, Policy
from recert.campaigns.progress_models import FolderProgress
from recert.campaigns.reviewing import (
    bulk_reassignment,
    delegation,
    reviewer_changes,
    snapshot_refresh,
)
from recert.campaigns.reviewing.bulk_reassignment import From
from recert.campaigns.setup import launch as campaigns
from recert.campaigns.setup.stages import Stage, Stages
from recert.connectors.rights import Rights
from recert.foundation.actor import Actor, Assurance, Channel
from recert.inventory import queries, service
from recert.inventory.models import Snapshot, SnapshotState
from recert.people.queries import person_by_email
from recert.remediation import expirations
from recert.trail.act import Act
from tests.support.house import House

INBOX = "/finance/inbox"
KEEP, REVOKE = Reply(Answer.KEEP, reason="Needed."), Reply(Answer.REVOKE)


def head(house: House) -> Letterhead:
    return Letterhead.of(house.settings)


def linked(house: House, name: str) -> Actor:
    found = house.person(name)
    return Actor(
        found.name,
        Channel.MAIL_LINK,
        Assurance.MAIL_LINK,
        person_id=found.person_id,
        address="192.0.2.7",
    )


def test_the_counters_of_a_folder_follow_a_held_link(house: House) -> None:
    house.launched(policy=Policy(mail_answers=MailAnswers.ALL))
    item, alice = house.item("pia", INBOX), linked(house, "alice")
    with house.db.transaction() as session:
        decisions.record(Act(session, alice, house.now), item.id, REVOKE)
    with house.db.transaction() as session:
        mail_links._withdraw(session, alice, "a program", house.now)
    with house.db.reading() as session:
        here = FolderProgress.folder_id == item.folder_id
        counted = session.scalars(select(FolderProgress).where(here)).one()
        still = (Item.folder_id == item.folder_id, Item.state == ItemState.OPEN)
        assert counted.open == session.scalar(select(func.count()).where(*still))
        assert counted.revoke == 0


def test_items_about_ownership_are_reassigned_in_bulk_to_who_holds_an_account(
    house: House,
) -> None:
    number = house.launched(about=Subject.OWNERSHIP)
    with house.db.transaction() as session:
        alice = person_by_email(session, "alice@house.example")
        bob = person_by_email(session, "bob@house.example")
        assert alice
        assert bob
        found = session.get_one(Campaign, number)
        given = bulk_reassignment.reassign_all(
            Act(session, house.officer, house.now), found, From(reviewer_id=alice.id), bob, "Leave."
        )
    assert given.moved >= 1


def test_a_void_campaign_ends_nothing_that_was_kept_until_a_date(house: House) -> None:
    number = house.launched()
    until = house.now + timedelta(days=20)
    house.decide("pia", INBOX, Reply(Answer.KEEP, until=until))
    house.close(number)
    house.void(number)
    with house.later(days=21):
        expirations.order_due(house.db, now=house.now)
        assert house.orders() == []


def test_a_release_does_not_survive_another_answer(house: House) -> None:
    policy = Policy(
        challenge_days=3, removal_threshold=0, removal_threshold_percent=0, removal_threshold_from=1
    )
    number = house.launched(policy=policy)
    house.decide("pia", INBOX, Reply(Answer.REDUCE, Rights.LIST))
    house.finish("alice")
    house.carry_out()
    house.release(number)
    with house.db.reading() as session:
        pia = person_by_email(session, "pia@partner.example")
        assert pia
    actor = Actor(pia.email, Channel.WEB, Assurance.SIGNED_IN, person_id=pia.id)
    with house.db.transaction() as session:
        item = house.item("pia", INBOX)
        challenges.object_to(Act(session, actor, house.now), item.id, "needed")
    house.decide("pia", INBOX, REVOKE)
    house.finish("alice")
    with house.db.reading() as session:
        found = session.get_one(Campaign, number)
        assert approvals.count_waiting(session, found, house.now) == 1
    house.carry_out()
    assert house.orders() == []


def test_the_digest_of_a_release_is_of_the_answers(house: House) -> None:
    first = digests.digest_of_answers([(1, 1, 3)])
    assert first != digests.digest_of_answers([(1, 1, 0)])
    assert first != digests.digest_of_answers([(1, 2, 3)])


def test_what_is_noted_does_not_grow_with_snapshots(house: House) -> None:
    number = house.launched()
    counts = []
    for minutes in range(5, 65, 5):
        with house.later(minutes=minutes):
            house.snapshot()
            house.refresh()
            reviewer_changes.follow_due(house.db, now=house.now)
            update_mails.send_due(house.db, head(house), now=house.now)
        with house.db.reading() as session:
            slots = select(func.count()).select_from(Occurrence)
            marks = select(func.count()).select_from(Mark).where(Mark.campaign_id == number)
            counts.append((session.scalar(slots), session.scalar(marks)))
    assert len(set(counts)) == 1


def test_a_campaign_of_a_thousand_servers_is_compared_with_one_short_text() -> None:
    assert len(once.compared_with(range(10**9, 10**9 + 1000))) == 64


def test_a_policy_of_a_newer_version_is_read(house: House) -> None:
    stored = {**Policy(removal_threshold=7).as_json(), "colour_of_tomorrow": "red"}
    assert Policy.of(stored).removal_threshold == 7


class TestTheRemovalThreshold:
    POLICY = Policy(
        removal_threshold=1, removal_threshold_percent=100, removal_threshold_from=1_000
    )

    def remove(self, house: House, account: str, folder: str, by: str = "alice") -> None:
        house.decide(account, folder, REVOKE, by=by)
        house.finish(by)
        house.carry_out()

    def test_removals_one_by_one_are_as_many_as_at_once(self, house: House) -> None:
        number = house.launched(policy=self.POLICY)
        self.remove(house, "pia", INBOX)
        assert len(house.orders()) == 1
        with house.later(hours=2):
            self.remove(house, "batch", INBOX)
            assert len(house.orders()) == 1
            with house.db.reading() as session:
                found = session.get_one(Campaign, number)
                waiting = approvals.waiting(session, found, house.now)
            assert waiting.count == 1
            assert "1 before without a second person" in waiting.reasons[0]

    def test_those_of_another_campaign_count_as_well(self, house: House) -> None:
        house.launched(policy=self.POLICY, prefix=INBOX)
        self.remove(house, "pia", INBOX)
        house.launched(name="Winter", policy=self.POLICY, prefix="/sales")
        self.remove(house, "seller", "/sales", by="charlie")
        assert len(house.orders()) == 1

    def test_after_thirty_days_they_do_not(self, house: House) -> None:
        house.launched(policy=self.POLICY, prefix=INBOX)
        self.remove(house, "pia", INBOX)
        with house.later(days=31):
            house.launched(name="Winter", policy=self.POLICY, prefix="/sales")
            self.remove(house, "seller", "/sales", by="charlie")
            assert len(house.orders()) == 2


class TestAccessThatWasMissingOnce:
    def test_it_is_asked_again_when_it_is_back(self, house: House) -> None:
        number = house.launched()
        before = house.permissions.read_text()
        house.give("pia")
        house.snapshot()
        house.refresh()
        assert house.item("pia", INBOX).state is ItemState.GONE
        house.permissions.write_text(before)
        with house.later(minutes=5):
            house.snapshot()
            house.refresh()
            item = house.item("pia", INBOX)
            assert (item.state, item.campaign_id) == (ItemState.OPEN, number)
            assert "is there again" in item.outcome
            house.decide("pia", INBOX, KEEP)

    def test_one_reading_does_not_let_a_campaign_close(self, house: House) -> None:
        number = house.launched()
        house.give("pia")
        house.snapshot()
        house.refresh()
        with pytest.raises(vanished_access.MissingInOneReading, match="1 on main"):
            house.close(number)
        assert house.campaign(number).state is CampaignState.ACTIVE
        with house.later(minutes=11):
            snapshot_refresh.want_second_readings(house.db, actor=house.admin, now=house.now)
            assert house.server().snapshot_wanted_at
            house.snapshot()
            house.close(number)


def test_a_launch_after_failed_readings_warns(house: House) -> None:
    house.snapshot()
    house.permissions.write_text("{")
    house.snapshot()
    number = house.drafted("Autumn")
    with house.db.reading() as session:
        found = campaigns.preview(session, session.get_one(Campaign, number), now=house.now)
    assert any("1 readings after this snapshot were not complete" in one for one in found.warnings)


class TestStages:
    STAGES = Stages((Stage("manager", days=7),))

    def test_a_late_answer_of_a_stage_is_late_and_still_looked_at(self, house: House) -> None:
        house.launched(stages=self.STAGES)
        with house.later(days=8):
            house.decide("pia", INBOX, KEEP)
            with house.db.reading() as session:
                assert session.scalars(select(Decision.late)).one()
            house.carry_out()
        with house.later(days=8, hours=2):
            house.carry_out()
            item = house.item("pia", INBOX)
            assert (item.stage, item.state) == (2, ItemState.OPEN)
            assert item.reviewer_id == house.person("mona").person_id

    def test_one_that_came_too_late_for_the_next_look_counts_as_none(self, house: House) -> None:
        number = house.launched(stages=self.STAGES)
        with house.later(days=15):
            house.decide("pia", INBOX, KEEP)
            house.close(number)
        item = house.item("pia", INBOX)
        assert (item.answer, item.state) == (Answer.NO_ANSWER, ItemState.CLOSED)
        assert "too late" in item.outcome or item.outcome.startswith("Nobody answered")

    def test_several_that_are_late_say_so(self, house: House) -> None:
        house.launched(stages=self.STAGES)
        with house.later(days=8):
            house.decide_all("pia", INBOX, KEEP)
        with house.db.reading() as session:
            assert set(session.scalars(select(Decision.late))) == {True}


def test_several_can_be_kept_until_a_date(house: House) -> None:
    house.launched()
    until = house.now + timedelta(days=30)
    house.decide_all("pia", INBOX, Reply(Answer.KEEP, reason="Until then.", until=until))
    assert house.item("pia", INBOX).keep_until == until


class TestStandIns:
    def delegate(self, house: House, principal: str, stand_in: str) -> None:
        with house.db.transaction() as session:
            one = person_by_email(session, f"{principal}@house.example")
            other = person_by_email(session, f"{stand_in}@house.example")
            assert one
            assert other
            delegation.delegate(
                Act(session, house.person(principal), house.now),
                one,
                other,
                house.now,
                house.now + timedelta(days=7),
                "Away.",
            )

    def follow(self, house: House) -> int:
        return reviewer_changes.follow_due(house.db, now=house.now)

    def test_the_stand_in_of_a_stand_in_gets_what_he_holds(self, house: House) -> None:
        house.launched()
        self.delegate(house, "alice", "bob")
        self.follow(house)
        assert house.item("pia", INBOX).reviewer_id == house.person("bob").person_id
        self.delegate(house, "bob", "charlie")
        self.follow(house)
        item = house.item("pia", INBOX)
        assert item.reviewer_id == house.person("charlie").person_id
        assert item.from_id == house.person("alice").person_id
        assert self.follow(house) == 0  # and it stays there
        with house.later(days=8):
            self.follow(house)
            assert house.item("pia", INBOX).reviewer_id == house.person("alice").person_id

    def test_what_is_overdue_goes_to_the_manager_of_who_was_asked_first(self, house: House) -> None:
        with house.db.transaction() as session:
            lea = person_by_email(session, "charlie@house.example")
            assert lea
            lea.manager_id = None
        house.launched()
        with house.later(days=13):
            self.delegate(house, "alice", "charlie")
        with house.later(days=17, hours=12):
            self.follow(house)
            assert house.item("pia", INBOX).reviewer_id == house.person("mona").person_id


def test_a_wish_for_a_snapshot_survives_a_reading_that_died(house: House) -> None:
    with house.db.transaction() as session:
        server = session.get_one(type(house.server()), house.server_id)
        service.want_snapshot(Act(session, house.admin, house.now), server)
        session.add(
            Snapshot(server_id=server.id, state=SnapshotState.READING, started_at=house.now)
        )
    with house.later(hours=13):
        with house.db.reading() as session:
            assert queries.wanted_snapshots(session, now=house.now) == [house.server_id]
        assert house.snapshot().state is SnapshotState.COMPLETE
        with house.db.reading() as session:
            assert queries.wanted_snapshots(session, now=house.now) == []


class TestAFolderWithoutRightsOfItsOwn:
    def test_the_message_names_the_folder_that_answers_for_it(self, house: House) -> None:
        house.snapshot()
        number = house.drafted("Autumn", prefix="/sales/2026/spring")
        with house.db.reading() as session:
            found = campaigns.preview(session, session.get_one(Campaign, number), now=house.now)
        assert len(found.problems) == 1
        assert "whoever has access to /sales has it there" in found.problems[0]

    def test_a_folder_above_others_is_not_silently_left_out(self, house: House) -> None:
        house.give("pia", "/sales/2026/spring", "list")
        house.snapshot()
        number = house.drafted("Autumn", prefix="/sales/2026")
        with house.db.reading() as session:
            found = campaigns.preview(session, session.get_one(Campaign, number), now=house.now)
        assert found.problems == []
        assert any("has access to /sales has it there" in one for one in found.warnings)

    def test_one_with_rights_of_its_own_needs_no_word(self, house: House) -> None:
        house.snapshot()
        number = house.drafted("Autumn", prefix="/sales")
        with house.db.reading() as session:
            found = campaigns.preview(session, session.get_one(Campaign, number), now=house.now)
        assert (found.problems, found.warnings) == ([], [])
