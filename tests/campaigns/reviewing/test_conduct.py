"""Officers' acts while a campaign runs: more time, an early close, many questions to somebody."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from recert.campaigns import local_time
from recert.campaigns.completion import close, early_close
from recert.campaigns.completion.early_close import TooEarly
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.local_time import NoSuchTime
from recert.campaigns.models import Answer, Campaign, CampaignState, Route
from recert.campaigns.notifications import due_date_extension, reviewer_mails
from recert.campaigns.reviewing import bulk_reassignment, reviewer_changes
from recert.campaigns.reviewing.bulk_reassignment import From, ReassignmentResult
from recert.campaigns.schedule import runner, service
from recert.campaigns.schedule.service import Wanted
from recert.campaigns.setup import drafts, launch
from recert.evidence import verifier
from recert.foundation import clock
from recert.foundation.actor import Actor, Role, operator
from recert.foundation.errors import BadInput, NotAllowed, RefusedByPolicy
from recert.foundation.separation import SecondPersonNeeded
from recert.mail.models import OutboxMessage
from recert.people.models import Person
from recert.trail.act import Act
from recert.trail.queries import page
from tests.campaigns.test_progress import counted, recounted
from tests.support.house import NOON, House, staff

OTTO = staff("otto@house.example", Role.OFFICER)


def extend(house: House, campaign: int, day: date, reason: str = "Holidays.") -> int:
    with house.db.transaction() as session:
        found = session.get_one(Campaign, campaign)
        who = {"actor": house.officer, "now": clock.now()}
        return due_date_extension.extend(Act(session, **who), found, day, reason, house.head)


def mails(house: House, kind: str = "") -> list[tuple[str, str]]:
    with house.db.reading() as session:
        query = select(OutboxMessage.to_address, OutboxMessage.kind).order_by(OutboxMessage.id)
        return [(row[0], row[1]) for row in session.execute(query) if row[1] == kind or not kind]


def zoned(house: House, zone: str, day: date) -> int:
    house.snapshot()
    with house.db.transaction() as session:
        due = local_time.end_of_day(day, zone, house.settings.zone)
        who = {"actor": house.officer, "now": clock.now()}
        made = drafts.draft(
            Act(session, **who), drafts.CampaignDraft("Winter", [1], "/", due, undo_minutes=60)
        )
        launch.launch(Act(session, **who), made)
        return made.id


class TestMoreTime:
    def test_the_day_ends_in_the_zone_of_the_campaign(self, house: House) -> None:
        campaign = zoned(house, "Asia/Tokyo", date(2026, 12, 1))
        assert house.campaign(campaign).zone == "Asia/Tokyo"
        assert house.campaign(campaign).due_at == datetime(2026, 12, 1, 14, 59, 59, tzinfo=UTC)
        extend(house, campaign, date(2026, 12, 5))
        assert house.campaign(campaign).due_at == datetime(2026, 12, 5, 14, 59, 59, tzinfo=UTC)

    def test_reviewers_with_open_questions_are_told(self, house: House) -> None:
        campaign = house.launched()
        assert extend(house, campaign, date(2027, 1, 8)) == 3
        told = mails(house, "extended")
        assert [name for name, _ in told] == [
            "alice@house.example", "bob@house.example", "charlie@house.example",
        ]  # fmt: skip
        with house.db.reading() as session:
            newest = session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)).all()[-1]
        assert "8 January 2027, 23:59 CET" in newest.text

    def test_reminders_come_again_before_the_new_date(self, house: House) -> None:
        campaign = house.launched()
        reviewer_mails.send_due(house.db, house.head, now=clock.now())
        with house.later(days=13, hours=12) as now:
            reviewer_mails.send_due(house.db, house.head, now=now)
            extend(house, campaign, date(2027, 1, 8))
            reviewer_mails.send_due(house.db, house.head, now=now)
        before = len(mails(house, "reminder"))
        with clock.frozen(datetime(2027, 1, 5, 23, 30, tzinfo=UTC)):
            reviewer_mails.send_due(house.db, house.head, now=clock.now())
            reviewer_mails.send_due(house.db, house.head, now=clock.now())
        assert len(mails(house, "reminder")) == before + 3

    def test_escalation_waits_for_the_new_date_and_comes_again(self, house: House) -> None:
        campaign = house.launched()
        extend(house, campaign, date(2027, 1, 8))
        for at, moved in (
            (datetime(2026, 12, 12, tzinfo=UTC), False),
            (datetime(2027, 1, 12, tzinfo=UTC), True),
        ):
            with house.db.transaction() as session:
                assert bool(reviewer_changes.follow_people(session, now=at)) is moved

    @pytest.mark.parametrize(
        ("day", "message"),
        [
            (date(2026, 12, 1), "only become later"),
            (date(2020, 1, 1), "in the future"),
            (date(2029, 1, 1), "within a year"),
        ],
    )
    def test_a_date_that_makes_no_sense_is_refused(
        self, house: House, day: date, message: str
    ) -> None:
        campaign = house.launched()
        with pytest.raises(BadInput, match=message):
            extend(house, campaign, day)
        assert house.campaign(campaign).extensions == 0
        assert mails(house) == []

    def test_a_date_whose_end_the_clock_skips_is_refused_by_name(self, house: House) -> None:
        # In Nuuk the clock is put forward over the last hour of 27 March 2027.
        campaign = zoned(house, "America/Nuuk", date(2026, 12, 1))
        with pytest.raises(NoSuchTime, match="2027-03-27 23:59 in America/Nuuk"):
            extend(house, campaign, date(2027, 3, 27))
        extend(house, campaign, date(2027, 3, 26))

    def test_a_reason_a_role_and_a_running_campaign_are_needed(self, house: House) -> None:
        campaign = house.launched()
        with pytest.raises(BadInput, match="Say why"):
            extend(house, campaign, date(2027, 1, 8), " ")
        with house.db.transaction() as session:
            found, day = session.get_one(Campaign, campaign), date(2027, 1, 8)
            who = {"actor": house.admin, "now": NOON}
            with pytest.raises(NotAllowed):
                due_date_extension.extend(Act(session, **who), found, day, "So.", house.head)
        house.close(campaign)
        with pytest.raises(RefusedByPolicy, match="closing"):
            extend(house, campaign, date(2027, 1, 8))

    def test_the_evidence_holds_with_the_new_date(self, house: House) -> None:
        campaign = house.launched()
        extend(house, campaign, date(2027, 1, 8))
        house.close(campaign)
        assert checked(house, campaign)


def checked(house: House, campaign: int) -> list[str]:
    return verifier.check(str(house.export(campaign)))


class TestAnEarlyClose:
    """Audit criterion A33: the two-person rule for closing early."""

    def close(self, house: House, campaign: int, actor: Actor) -> None:
        with house.db.transaction() as session:
            found = session.get_one(Campaign, campaign)
            close.close(Act(session, actor, clock.now()), found)

    def test_one_officer_alone_cannot(self, house: House) -> None:
        campaign = house.launched()
        with pytest.raises(TooEarly):
            self.close(house, campaign, house.officer)
        house.ask_to_close(campaign)
        with pytest.raises(SecondPersonNeeded):
            self.close(house, campaign, OTTO)
        assert house.campaign(campaign).state is CampaignState.ACTIVE

    def test_an_operator_typing_for_him_is_the_same_officer(self, house: House) -> None:
        campaign = house.launched()
        house.ask_to_close(campaign)
        typed = Actor(
            "Otto@house.example (operator: root)", OTTO.channel, OTTO.assurance, roles=OTTO.roles
        )
        with pytest.raises(SecondPersonNeeded):
            self.close(house, campaign, typed)
        with pytest.raises(SecondPersonNeeded, match="Say who you are"):
            self.close(house, campaign, operator("root"))
        self.close(house, campaign, house.officer)

    def test_the_close_tells_who_asked_and_why(self, house: House) -> None:
        campaign = house.launched()
        house.close(campaign)
        with house.db.reading() as session:
            newest, _ = page(session)
        assert newest[0].action == "campaign.closed"
        assert (
            '"early":{"asked_by":"otto@house.example","reason":"It is enough."}' in newest[0].body
        )
        assert checked(house, campaign)

    def test_after_the_due_date_one_is_enough(self, house: House) -> None:
        campaign = house.launched()
        with house.later(days=14, minutes=1):
            self.close(house, campaign, house.officer)

    def test_when_everything_is_answered_nobody_is_cut_off(self, house: House) -> None:
        house.write_permissions({"pia": {"folders": {"/sales": "list"}}}, {})
        campaign = house.launched()
        house.decide("pia", "/sales", Reply(Answer.KEEP), by="charlie")
        with house.db.transaction() as session:
            found = session.get_one(Campaign, campaign)
            with pytest.raises(BadInput, match="close it"):
                early_close.ask(Act(session, OTTO, clock.now()), found, "So.")
        self.close(house, campaign, house.officer)

    def test_more_time_takes_the_wish_back(self, house: House) -> None:
        campaign = house.launched()
        house.ask_to_close(campaign)
        extend(house, campaign, date(2027, 1, 8))
        with pytest.raises(TooEarly):
            self.close(house, campaign, house.officer)

    def test_a_reason_and_the_role_are_needed(self, house: House) -> None:
        campaign = house.launched()
        with house.db.transaction() as session:
            found = session.get_one(Campaign, campaign)
            with pytest.raises(BadInput, match="Say why"):
                early_close.ask(Act(session, OTTO, NOON), found, " ")
            with pytest.raises(NotAllowed):
                early_close.ask(Act(session, house.admin, NOON), found, "So.")


class TestManyToSomebodyElse:
    def give(
        self, house: House, campaign: int, source: From, to: str, **more: object
    ) -> ReassignmentResult:
        with house.db.transaction() as session:
            found = session.get_one(Campaign, campaign)
            person = session.scalars(
                select(Person).where(Person.email == f"{to}@house.example")
            ).one()
            who = {"actor": more.get("actor", house.officer), "now": clock.now()}
            reason = str(more.get("reason", "She is ill."))
            return bulk_reassignment.reassign_all(
                Act(session, **who), found, source, person, reason
            )

    def test_undecided_ones_go_and_what_is_his_own_stays(self, house: House) -> None:
        campaign = house.launched()
        house.decide("pia", "/finance/inbox", Reply(Answer.KEEP))
        alice = house.person("alice")
        given = self.give(house, campaign, From(reviewer_id=alice.person_id), "bob")
        assert given.stayed == 2
        assert house.item("pia", "/finance/inbox").reviewer_id == alice.person_id  # decided
        assert house.item("bob", "/finance").reviewer_id == alice.person_id  # his own
        moved = house.item("batch", "/finance/inbox")
        assert (moved.reviewer_id, moved.route) == (house.person("bob").person_id, Route.REASSIGNED)

    def test_it_is_one_entry_that_names_them_all_and_the_counters_follow(
        self, house: House
    ) -> None:
        campaign = house.launched()
        before = len(house.trail_actions())
        alice = house.person("alice")
        given = self.give(house, campaign, From(reviewer_id=alice.person_id), "bob")
        assert house.trail_actions()[before:] == ["items.reassigned"]
        assert counted(house, campaign) == recounted(house, campaign)
        assert given.moved >= 2

    def test_nobody_gets_what_is_about_himself(self, house: House) -> None:
        house.write_permissions(
            {"bob": {"email": "bob@house.example", "folders": {"/finance": "list"}}}, {}
        )
        campaign = house.launched()
        alice = house.person("alice")
        with pytest.raises(BadInput, match="about Bob Brook"):
            self.give(house, campaign, From(reviewer_id=alice.person_id), "bob")

    @pytest.mark.parametrize(
        ("to", "more", "message"),
        [
            ("lea", {}, "has left"),
            ("bob", {"reason": " "}, "Say why"),
            ("bob", {"actor": staff("bob@house.example", Role.OFFICER)}, "to themselves"),
        ],
    )
    def test_who_and_why_must_make_sense(
        self, house: House, to: str, more: dict[str, object], message: str
    ) -> None:
        campaign = house.launched()
        alice = house.person("alice")
        with pytest.raises(BadInput, match=message):
            self.give(house, campaign, From(reviewer_id=alice.person_id), to, **more)
        with pytest.raises(NotAllowed):
            self.give(house, campaign, From(), "bob", actor=house.admin)

    def test_after_the_close_nothing_moves(self, house: House) -> None:
        campaign = house.launched()
        house.close(campaign)
        with pytest.raises(RefusedByPolicy):
            self.give(house, campaign, From(reviewer_id=house.person("alice").person_id), "bob")


def test_a_schedule_passes_its_zone_on(house: House) -> None:
    house.snapshot()
    wanted = Wanted("Access", "monthly", date(2026, 11, 24), time(8), "Asia/Tokyo", [1], "/", 7, 60)
    with house.db.transaction() as session:
        service.add(Act(session, house.officer, clock.now()), wanted)
    with house.later(hours=12) as now:
        assert runner.launch_due(house.db, now=now) == 1
    found = house.campaign(1)
    assert found.zone == "Asia/Tokyo"
    assert f"{found.due_at.astimezone(ZoneInfo('Asia/Tokyo')):%H:%M:%S}" == "23:59:59"
    assert found.due_at - NOON > timedelta(days=7)
