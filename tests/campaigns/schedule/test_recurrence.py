"""Rhythms, cron expressions, and the clock that is put forward and back."""

from datetime import UTC, date, datetime, time
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from recert.campaigns import local_time
from recert.campaigns.local_time import NoSuchTime, ZoneRejected
from recert.campaigns.schedule import recurrence
from recert.campaigns.schedule.recurrence import RhythmRejected, Timetable

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


def days(rhythm: str, first: date, many: int) -> list[str]:
    return [day.isoformat() for day in islice(recurrence.rhythm(rhythm).days(first), many)]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestMonths:
    def test_the_31st_is_the_last_day_of_shorter_months(self) -> None:
        assert days("monthly", date(2027, 1, 31), 5) == [
            *("2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31")
        ]

    def test_29_february_comes_back(self) -> None:
        assert days("every 12 months", date(2024, 2, 29), 5) == [
            *("2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29")
        ]

    def test_quarters_go_over_the_end_of_the_year(self) -> None:
        assert days("quarterly", date(2026, 11, 30), 3) == [
            *("2026-11-30", "2027-02-28", "2027-05-30")
        ]
        assert days("Every 5 months", date(2026, 10, 1), 3) == [
            *("2026-10-01", "2027-03-01", "2027-08-01")
        ]

    def test_they_are_named_by_quarter_or_month(self) -> None:
        assert recurrence.rhythm("quarterly").name(date(2026, 10, 1)) == "2026-Q4"
        assert recurrence.rhythm("quarterly").name(date(2027, 3, 31)) == "2027-Q1"
        assert recurrence.rhythm("monthly").name(date(2026, 10, 1)) == "2026-10"

    def test_they_end_with_the_calendar(self) -> None:
        assert days("every 12 months", date(9999, 6, 1), 5) == ["9999-06-01"]


class TestCron:
    def test_days_of_the_month(self) -> None:
        assert days("30 2 1,15 1-3/2 *", date(2026, 12, 1), 4) == [
            *("2027-01-01", "2027-01-15", "2027-03-01", "2027-03-15")
        ]
        assert recurrence.rhythm("30 2 1 * *").at == time(2, 30)

    def test_days_of_the_week_by_name_and_number(self) -> None:
        assert days("0 8 * * mon", date(2026, 11, 23), 2) == ["2026-11-23", "2026-11-30"]
        assert days("0 8 * * 7", date(2026, 11, 23), 1) == ["2026-11-29"]
        assert days("0 8 * * sun", date(2026, 11, 23), 1) == ["2026-11-29"]

    def test_either_day_counts_when_both_are_limited(self) -> None:
        assert days("0 8 25 * mon", date(2026, 11, 23), 3) == [
            *("2026-11-23", "2026-11-25", "2026-11-30")
        ]

    @pytest.mark.parametrize(
        ("rhythm", "first"),
        [
            ("0 8 */2 * 1", ["2027-01-01", "2027-01-03", "2027-01-04", "2027-01-05"]),
            ("0 8 1-3 * */2", ["2027-01-01", "2027-01-02", "2027-01-03", "2027-01-05"]),
            ("0 8 *,5 * 1", ["2027-01-01", "2027-01-02", "2027-01-03", "2027-01-04"]),
            ("0 8 1 * ?", ["2027-01-01", "2027-02-01", "2027-03-01", "2027-04-01"]),
        ],
    )
    def test_a_step_is_a_limit_like_any_other(self, rhythm: str, first: list[str]) -> None:
        assert days(rhythm, date(2027, 1, 1), 4) == first

    def test_the_last_day_and_the_real_31st(self) -> None:
        assert days("0 8 L * *", date(2027, 1, 30), 3) == ["2027-01-31", "2027-02-28", "2027-03-31"]
        assert days("0 8 31 * *", date(2027, 1, 1), 3) == ["2027-01-31", "2027-03-31", "2027-05-31"]

    def test_29_february_is_waited_for(self) -> None:
        assert days("0 8 29 feb *", date(2097, 1, 1), 2) == ["2104-02-29", "2108-02-29"]

    def test_it_is_named_by_its_day(self) -> None:
        assert recurrence.rhythm("0 8 1 * *").name(date(2026, 12, 1)) == "2026-12-01"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("sometimes", "Not understood"),
            ("", "Not understood"),
            ("every 0 months", "1 to 120"),
            ("*/5 * * * *", "at most once a day"),
            ("0 1,2 * * *", "at most once a day"),
            ("0 24 * * *", "at most once a day"),
            ("0 8 32 * *", "day-of-month '32' cannot be used: 1 to 31"),
            ("0 8 1 13 *", "month '13' cannot be used: 1 to 12"),
            ("0 8 1 * 9", "day-of-week '9' cannot be used: 0 to 7"),
            ("0 8 5-1 * *", "day-of-month '5-1'"),
            ("0 8 */0 * *", "no step"),
            ("0 8 1 */13 *", "no step"),
            ("0 8 */32 * *", "no step"),
            ("0 8 30 2 *", "day-of-month '30' cannot be used: .* such a day"),
            ("0 8 x * *", "day-of-month 'x'"),
            ("0 8 , * *", "day-of-month ','"),
        ],
    )
    def test_what_is_no_rhythm_is_named(self, text: str, message: str) -> None:
        with pytest.raises(RhythmRejected, match=message):
            recurrence.rhythm(text)


class TestTheClock:
    @pytest.mark.parametrize(
        ("zone", "day", "wall", "moment"),
        [
            (BERLIN, date(2026, 3, 29), time(2, 30), "2026-03-29T01:00"),  # 03:00, not 03:30
            (BERLIN, date(2026, 3, 29), time(2, 0), "2026-03-29T01:00"),
            (BERLIN, date(2026, 3, 29), time(3, 0), "2026-03-29T01:00"),
            (BERLIN, date(2026, 3, 29), time(1, 59), "2026-03-29T00:59"),
            (BERLIN, date(2026, 10, 25), time(2, 30), "2026-10-25T00:30"),  # the first of two
            (BERLIN, date(2026, 10, 25), time(3, 0), "2026-10-25T02:00"),
            (NEW_YORK, date(2026, 3, 8), time(2, 30), "2026-03-08T07:00"),
            (NEW_YORK, date(2026, 3, 8), time(3, 0), "2026-03-08T07:00"),
            (NEW_YORK, date(2026, 11, 1), time(1, 30), "2026-11-01T05:30"),
            (NEW_YORK, date(2026, 11, 1), time(2, 0), "2026-11-01T07:00"),
            (ZoneInfo("Africa/Cairo"), date(2026, 4, 24), time(0, 0), "2026-04-23T22:00"),
            (ZoneInfo("Pacific/Apia"), date(2011, 12, 30), time(12, 0), "2011-12-30T10:00"),
        ],
    )
    def test_a_wall_time_is_one_moment(
        self, zone: ZoneInfo, day: date, wall: time, moment: str
    ) -> None:
        assert local_time.moment(day, wall, zone) == at(moment)

    @pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])
    @pytest.mark.parametrize("wall", [time(0), time(1, 30), time(2, 30), time(3), time(23, 59)])
    def test_a_year_of_days_has_each_day_once(self, zone: ZoneInfo, wall: time) -> None:
        cron = recurrence.rhythm(f"{wall.minute} {wall.hour} * * *")
        table = Timetable(cron, date(2026, 1, 1), wall, zone)
        year = table.between(at("2025-12-31T12:00"), at("2026-12-31T12:00"))
        assert len({planned.slot for planned in year}) == len(year)
        moments = [planned.at for planned in year]
        assert moments == sorted(set(moments))
        assert {planned.day for planned in year} >= {
            *(date(2026, 3, 8), date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 1))
        }

    def test_a_due_date_over_which_the_clock_goes_is_named(self) -> None:
        with pytest.raises(NoSuchTime, match="2026-03-29 02:30 in Europe/Berlin"):
            local_time.check_exists(datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN))
        local_time.check_exists(datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN))

    def test_an_unknown_zone_is_named(self) -> None:
        for name in ("Mars/Olympus", "../etc/passwd", ""):
            with pytest.raises(ZoneRejected):
                local_time.zone_of(name)


class TestATimetable:
    table = Timetable(recurrence.rhythm("quarterly"), date(2026, 10, 31), time(8), BERLIN)

    def test_it_names_its_occurrences(self) -> None:
        found = self.table.after(at("2026-11-23T12:00"), 2)
        assert [(one.slot, one.name) for one in found] == [
            ("2027-01-31", "2027-Q1"),
            ("2027-04-30", "2027-Q2"),
        ]
        assert found[0].at == at("2027-01-31T07:00")
        assert found[1].at == at("2027-04-30T06:00")

    def test_an_end_is_in_it_and_a_beginning_is_not(self) -> None:
        first = at("2026-10-31T07:00")
        assert [one.at for one in self.table.between(at("2026-10-01T00:00"), first)] == [first]
        assert self.table.between(first, first) == []
