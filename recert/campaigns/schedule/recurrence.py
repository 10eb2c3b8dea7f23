"""When a scheduled review starts, pure: rhythms, cron expressions, and local time over the
changes of the clock.

A rhythm gives days, at most one review a day. A day and a time of day become a moment by two
rules: a time that does not exist moves forward to the first that does, one that exists twice is
taken once, the first. Cron expressions are read here and not by APScheduler, which fires twice in
the hour that comes twice."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Protocol
from zoneinfo import ZoneInfo

from recert.campaigns.local_time import last_day, moment
from recert.foundation.errors import BadInput

SEARCH = timedelta(days=366 * 9)  # 29 February can be eight years away
EVERY = re.compile(r"every (\d{1,3}) months?")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class RhythmRejected(BadInput):
    """This rhythm cannot be used. Write quarterly, monthly, "every 6 months", or a cron expression
    of five fields."""


class Rhythm(Protocol):
    """A way to name days."""

    def days(self, first: date) -> Iterator[date]:
        """The days from the first one on, in order, without an end or until nothing is found."""

    def name(self, day: date) -> str:
        """How the review of this day is called, after the name of its template."""

    @property
    def at(self) -> time | None:
        """The time of day, when the rhythm says it."""


@dataclass(frozen=True)
class Monthly:
    """Every so many months, on the day of the month of the first day, or the month's last one."""

    months: int
    at: time | None = None

    def days(self, first: date) -> Iterator[date]:
        for step in count():
            months = first.year * 12 + first.month - 1 + step * self.months
            if months // 12 > date.max.year:
                return
            start = date(months // 12, months % 12 + 1, 1)
            yield start.replace(day=min(first.day, last_day(start)))

    def name(self, day: date) -> str:
        quarter = (day.month + 2) // 3
        return f"{day.year}-Q{quarter}" if self.months == 3 else f"{day:%Y-%m}"


@dataclass(frozen=True)
class Cron:
    """The days that a cron expression names; when it limits both days of the month and of the
    week, a day of either counts, as in cron. `L` is the last day of the month."""

    at: time
    days_of_month: frozenset[int] | None
    last: bool
    months: frozenset[int]
    days_of_week: frozenset[int] | None

    def days(self, first: date) -> Iterator[date]:
        day = first
        until = first + SEARCH if first < date.max - SEARCH else date.max
        while day < until:
            if self._has(day):
                yield day
                until = day + SEARCH if day < date.max - SEARCH else date.max
            day += timedelta(days=1)

    def _has(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        in_month = self.days_of_month is not None and day.day in self.days_of_month
        in_month = in_month or (self.last and day.day == last_day(day))
        in_week = self.days_of_week is not None and day.isoweekday() % 7 in self.days_of_week
        any_day = self.days_of_month is None and not self.last and self.days_of_week is None
        return any_day or in_month or in_week

    def name(self, day: date) -> str:
        return day.isoformat()


def rhythm(text: str) -> Rhythm:
    """A rhythm from its words, or RhythmRejected naming what is wrong."""
    words = " ".join(text.lower().split())
    if words in ("monthly", "quarterly"):
        return Monthly(1 if words == "monthly" else 3)
    if found := EVERY.fullmatch(words):
        if not 1 <= int(found[1]) <= 120:
            raise RhythmRejected("Use 1 to 120 months.")
        return Monthly(int(found[1]))
    fields = words.split()
    if len(fields) != 5:
        raise RhythmRejected(f"Not understood: {text!r}.")
    return _cron(*fields)


def _cron(minute: str, hour: str, day: str, month: str, weekday: str) -> Cron:
    if not (minute.isdecimal() and hour.isdecimal() and int(minute) < 60 and int(hour) < 24):
        raise RhythmRejected(
            "A review starts at most once a day: minute and hour are one number each."
        )
    listed = [part for part in day.split(",") if part != "l"]
    weekdays = None if weekday in "*?" else _field(weekday, 0, 7, DAYS)
    made = Cron(
        time(int(hour), int(minute)),
        _field(",".join(listed), 1, 31) if listed and day not in "*?" else None,
        "l" in day.split(","),
        _field(month, 1, 12, MONTHS),
        None if weekdays is None else frozenset(number % 7 for number in weekdays),
    )
    if next(made.days(date(2024, 1, 1)), None) is None:
        raise RhythmRejected("There is no such day.")
    return made


def _field(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    return frozenset(number for part in text.split(",") for number in _part(part, low, high, names))


def _part(text: str, low: int, high: int, names: tuple[str, ...]) -> range:
    body, slash, step = text.partition("/")
    start, dash, end = body.partition("-")

    def number(word: str) -> int:
        value = names.index(word) + low if word in names else -1
        value = int(word) if word.isdecimal() and len(word) < 3 else value
        if not low <= value <= high:
            raise RhythmRejected(f"{text!r} is not between {low} and {high}.")
        return value

    if slash and not (step.isdecimal() and 0 < int(step[:3]) <= high):
        raise RhythmRejected(f"{text!r} has no step that can be used.")
    width = int(step[:3]) if slash else 1
    if body == "*":
        return range(low, high + 1, width)
    first = number(start)
    last = number(end) if dash else (high if slash else first)
    if last < first:
        raise RhythmRejected(f"{text!r} runs backwards.")
    return range(first, last + 1, width)


@dataclass(frozen=True)
class Timetable:
    """The occurrences of one schedule."""

    rhythm: Rhythm
    first_day: date
    at: time
    zone: ZoneInfo

    def occurrences(self) -> Iterator["Planned"]:
        """All of them, oldest first; usually without an end."""
        for day in self.rhythm.days(self.first_day):
            at = moment(day, self.rhythm.at or self.at, self.zone)
            yield Planned(day, at, self.rhythm.name(day))

    def between(self, since: datetime, until: datetime) -> list["Planned"]:
        """Those after `since` and not after `until`."""
        found = []
        for planned in self.occurrences():
            if planned.at > until:
                break
            if planned.at > since:
                found.append(planned)
        return found

    def after(self, since: datetime, most: int) -> list["Planned"]:
        """The next ones, at most so many."""
        found: list[Planned] = []
        for planned in self.occurrences():
            if len(found) == most:
                break
            if planned.at > since:
                found.append(planned)
        return found


@dataclass(frozen=True)
class Planned:
    """One occurrence: its local day, its moment, and how its review is called."""

    day: date
    at: datetime
    name: str

    @property
    def slot(self) -> str:
        """What makes it the same occurrence for every process: its local day."""
        return self.day.isoformat()
