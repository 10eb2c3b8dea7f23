"""Reviews that are launched by the calendar, once for each occurrence."""

import threading
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from sqlalchemy import select

from recert.campaigns.local_time import ZoneRejected
from recert.campaigns.models import Campaign, CampaignState
from recert.campaigns.policy import NonResponse, Policy
from recert.campaigns.schedule import calendar, runner, service
from recert.campaigns.schedule.calendar import Occurrence, Standing
from recert.campaigns.schedule.models import CampaignSchedule, ScheduleSlot, SlotState
from recert.campaigns.schedule.recurrence import RhythmRejected
from recert.campaigns.schedule.service import (
    FirstDayPast,
    NoSuchSchedule,
    ScheduleRefused,
    Wanted,
)
from recert.foundation import clock
from recert.foundation.actor import Actor
from recert.foundation.errors import BadInput, NotAllowed
from recert.trail.act import Act
from tests.support.house import House

# The house's noon is 2026-11-23 12:00 UTC, 13:00 in Berlin.


def wanted(house: House, **more: Any) -> Wanted:
    """Every month from 1 December on, at eight in Berlin."""
    usual: dict[str, Any] = {
        "name": "Access",
        "rhythm": "monthly",
        "first_day": date(2026, 12, 1),
        "at": time(8),
        "zone": "Europe/Berlin",
        "server_ids": [house.server_id],
    }
    return Wanted(**{**usual, **more})


def add(house: House, actor: Actor | None = None, **more: Any) -> int:
    with house.db.transaction() as session:
        who, what = actor or house.officer, wanted(house, **more)
        return service.add(Act(session, who, house.now), what).id


def off(house: House, name: str = "Access", actor: Actor | None = None) -> None:
    with house.db.transaction() as session:
        found = service.active_by_name(session, name)
        service.switch_off(Act(session, actor or house.officer, house.now), found)


def tick(house: House, at: str, *, look: bool = True) -> int:
    """One tick at a moment of UTC, with a fresh snapshot unless told otherwise."""
    with clock.frozen(datetime.fromisoformat(at).replace(tzinfo=UTC)):
        if look:
            house.snapshot()
        return runner.launch_due(house.db, now=clock.now())


def slots(house: House) -> list[ScheduleSlot]:
    with house.db.reading() as session:
        return list(session.scalars(select(ScheduleSlot).order_by(ScheduleSlot.slot)))


def campaigns(house: House) -> list[Campaign]:
    with house.db.reading() as session:
        return list(session.scalars(select(Campaign).order_by(Campaign.id)))


def planned(house: House, at: str) -> list[Occurrence]:
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    with house.db.reading() as session:
        return calendar.calendar(session, now=now)


class TestALaunchByTheCalendar:
    def test_nothing_happens_before_its_time(self, house: House) -> None:
        add(house)
        assert tick(house, "2026-12-01T06:59") == 0
        assert campaigns(house) == []

    def test_it_is_drafted_and_launched_at_its_time(self, house: House) -> None:
        add(house, policy=Policy(high=NonResponse.REVOKE), days_to_answer=10)
        assert tick(house, "2026-12-01T07:00") == 1
        (campaign,) = campaigns(house)
        assert (campaign.name, campaign.state) == ("Access 2026-12", CampaignState.ACTIVE)
        assert campaign.launched_by == "policy: schedule Access"
        assert Policy.of(campaign.policy).high is NonResponse.REVOKE
        assert campaign.due_at == datetime(2026, 12, 11, 22, 59, 59, tzinfo=UTC)
        (slot,) = slots(house)
        assert (slot.state, slot.campaign_id) == (SlotState.LAUNCHED, campaign.id)

    def test_many_ticks_launch_it_once(self, house: House) -> None:
        add(house)
        ticks = [tick(house, f"2026-12-01T07:0{minute}") for minute in range(5)]
        assert ticks == [1, 0, 0, 0, 0]

    def test_many_processes_launch_it_once(self, house: House) -> None:
        add(house)
        at = datetime(2026, 12, 1, 7, tzinfo=UTC)
        with clock.frozen(at):
            house.snapshot()
        start, made = threading.Barrier(4), list[int]()

        def work() -> None:
            start.wait(30)
            made.append(runner.launch_due(house.db, now=at))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(made) == [0, 0, 0, 1]
        assert len(campaigns(house)) == len(slots(house)) == 1

    def test_each_month_has_its_own(self, house: House) -> None:
        add(house)
        for at in ("2026-12-01T07:00", "2027-01-01T07:00", "2027-02-01T07:00"):
            assert tick(house, at) == 1
        names = [campaign.name for campaign in campaigns(house)]
        assert names == ["Access 2026-12", "Access 2027-01", "Access 2027-02"]

    def test_the_hour_that_comes_twice_launches_once(self, house: House) -> None:
        add(house, rhythm="30 2 31 10 *")  # in 2027 the clock goes back then
        made = [tick(house, f"2027-10-31T{at}") for at in ("00:29", "00:30", "01:00", "01:30")]
        assert made == [0, 1, 0, 0]

    def test_over_the_year_it_is_on_both_sides_of_the_clock(self, house: House) -> None:
        add(house, first_day=date(2027, 3, 1))
        assert tick(house, "2027-03-01T06:59") == 0
        assert tick(house, "2027-03-01T07:00") == 1
        assert tick(house, "2027-04-01T06:00") == 1


class TestAfterADowntime:
    def test_the_newest_is_caught_up_with_and_the_others_are_missed(self, house: House) -> None:
        add(house)
        assert tick(house, "2027-03-15T12:00") == 1
        assert [(slot.slot, slot.state.value) for slot in slots(house)] == [
            ("2026-12-01", "missed"),
            ("2027-01-01", "missed"),
            ("2027-02-01", "missed"),
            ("2027-03-01", "launched"),
        ]
        assert [campaign.name for campaign in campaigns(house)] == ["Access 2027-03"]
        assert house.trail_actions().count("schedule.missed") == 3
        assert tick(house, "2027-03-15T12:01") == 0


class TestARefusedLaunch:
    def test_it_is_written_down_and_tried_again(self, house: House) -> None:
        add(house)
        assert tick(house, "2026-12-01T07:00", look=False) == 0
        (slot,) = slots(house)
        assert slot.state is SlotState.WAITING
        assert "main has no complete snapshot" in slot.reason
        assert house.server().snapshot_wanted_at is not None
        assert house.trail_actions().count("schedule.refused") == 1
        assert campaigns(house) == []
        assert tick(house, "2026-12-01T07:05") == 1
        assert slots(house)[0].state is SlotState.LAUNCHED

    def test_the_trail_hears_of_it_once(self, house: House) -> None:
        add(house)
        for minute in (0, 5, 10):
            tick(house, f"2026-12-01T07:{minute:02}", look=False)
        assert house.trail_actions().count("schedule.refused") == 1

    def test_after_48_hours_it_is_missed(self, house: House) -> None:
        add(house)
        tick(house, "2026-12-01T07:00", look=False)
        assert tick(house, "2026-12-03T07:00", look=False) == 0
        assert slots(house)[0].state is SlotState.WAITING
        assert tick(house, "2026-12-03T07:01") == 0
        (slot,) = slots(house)
        assert slot.state is SlotState.MISSED
        assert "Given up after 48 hours." in slot.reason
        assert house.trail_actions()[-1] == "schedule.missed"

    def test_an_empty_scope_is_a_reason(self, house: House) -> None:
        add(house, folder_prefix="/nothing")
        tick(house, "2026-12-01T07:00")
        assert "nothing to ask" in slots(house)[0].reason

    def test_a_newer_one_ends_the_waiting(self, house: House) -> None:
        add(house, rhythm="0 8 * * *")
        tick(house, "2026-12-01T07:00", look=False)
        assert tick(house, "2026-12-02T07:00") == 1
        assert [slot.state.value for slot in slots(house)] == ["missed", "launched"]


class TestAdding:
    @pytest.mark.parametrize(
        ("what", "error", "message"),
        [
            ({"name": "x"}, BadInput, "2 to 109"),
            ({"name": "Bell\a"}, BadInput, "printable"),
            ({"rhythm": "often"}, RhythmRejected, "often"),
            ({"zone": "Mars/Olympus"}, ZoneRejected, "Mars"),
            ({"first_day": date(2026, 11, 22)}, FirstDayPast, "2026-11-22 07:00"),
            ({"first_day": date(2026, 11, 23)}, FirstDayPast, "2026-11-23 07:00"),
            ({"server_ids": []}, BadInput, "at least one server"),
            ({"server_ids": [999]}, BadInput, "that exist"),
            ({"days_to_answer": 0}, BadInput, "1 to 366"),
            ({"folder_prefix": "finance"}, BadInput, "finance"),
        ],
    )
    def test_what_cannot_be_is_named(
        self, house: House, what: dict[str, Any], error: type[Exception], message: str
    ) -> None:
        with pytest.raises(error, match=message):
            add(house, **what)

    def test_a_cron_expression_may_begin_today(self, house: House) -> None:
        add(house, rhythm="0 8 * * *", first_day=date(2026, 11, 23))
        assert tick(house, "2026-11-23T13:00") == 0
        assert tick(house, "2026-11-24T07:00") == 1

    def test_a_name_is_on_once(self, house: House) -> None:
        add(house)
        with pytest.raises(ScheduleRefused, match="Access"):
            add(house)
        off(house)
        add(house, rhythm="quarterly")

    def test_only_by_an_officer(self, house: House) -> None:
        for nobody in (house.admin, house.auditor, house.person("alice")):
            with pytest.raises(NotAllowed):
                add(house, nobody)


class TestSwitchingOff:
    def test_nothing_is_launched_any_more(self, house: House) -> None:
        add(house)
        off(house)
        assert tick(house, "2026-12-01T07:00") == 0
        assert "schedule.off" in house.trail_actions()

    def test_what_waited_is_missed(self, house: House) -> None:
        add(house)
        tick(house, "2026-12-01T07:00", look=False)
        off(house)
        assert slots(house)[0].state is SlotState.MISSED

    def test_only_what_is_on_and_only_by_an_officer(self, house: House) -> None:
        with pytest.raises(NoSuchSchedule):
            off(house)
        add(house)
        with pytest.raises(NotAllowed):
            off(house, actor=house.admin)
        with house.db.reading() as session:
            assert session.scalars(select(CampaignSchedule.active)).all() == [True]


class TestTheCalendar:
    def test_planned_against_actual(self, house: House) -> None:
        add(house, first_day=date(2026, 12, 31), rhythm="quarterly")
        tick(house, "2026-12-31T07:00")
        tick(house, "2027-03-31T09:00")
        tick(house, "2027-06-30T06:00", look=False)
        found = planned(house, "2027-06-30T06:30")
        told = [(one.planned.isoformat()[:10], one.standing) for one in found]
        assert told[:4] == [
            ("2026-12-31", Standing.LAUNCHED),
            ("2027-03-31", Standing.LATE),
            ("2027-06-30", Standing.WAITING),
            ("2027-09-30", Standing.PLANNED),
        ]
        assert found[0].campaign == "Access 2026-Q4"
        assert found[0].servers == ["main"]
        assert [one.finding for one in found[:4]] == [False, True, True, False]

    def test_what_no_worker_took_is_overdue(self, house: House) -> None:
        add(house)
        found = planned(house, "2026-12-01T08:00")
        assert found[0].standing is Standing.OVERDUE
        with house.db.reading() as session:
            at = datetime(2026, 12, 1, 8, tzinfo=UTC)
            assert calendar.findings(session, now=at) == found[:1]

    def test_it_ends_when_it_is_switched_off(self, house: House) -> None:
        add(house)
        off(house)
        assert planned(house, "2026-12-05T08:00") == []
