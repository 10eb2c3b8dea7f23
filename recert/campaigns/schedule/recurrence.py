"""When a scheduled review starts, pure: rhythms, cron expressions, and local time over the
changes of the clock.

A rhythm gives days, at most one review a day. A day and a time of day become a moment by two
rules: a time that does not exist moves forward to the first that does, one that exists twice is
taken once, the first. Cron expressions are read by cronsim and not by APScheduler, which fires
twice in the hour that comes twice."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from recert.campaigns.local_time import last_day, moment
from recert.foundation.errors import BadInput

ALLOWED = {
    "day-of-month": "1 to 31 where the months have such a day, or L for the last one",
    "month": "1 to 12 or jan to dec",
    "day-of-week": "0 to 7 or sun to sat",
}
EVERY = re.compile(r"every (\d{1,3}) months?")


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
    """The days that a cron expression names, as Debian's cron reads it; `L` is the last day of the
    month. Only the days are asked of it: which moment that is, the campaign's zone decides."""

    expression: str
    at: time

    def days(self, first: date) -> Iterator[date]:
        before = datetime.combine(first, self.at) - timedelta(seconds=1)
        with suppress(OverflowError):  # the end of the calendar
            for moment_of_day in CronSim(self.expression, before):
                yield moment_of_day.date()

    def name(self, day: date) -> str:
        return day.isoformat()


def rhythm(text: str) -> Rhythm:
    """Parses a rhythm; raises RhythmRejected, which names what is wrong."""
    normalised = " ".join(text.lower().split())
    if normalised in ("monthly", "quarterly"):
        return Monthly(1 if normalised == "monthly" else 3)
    if found := EVERY.fullmatch(normalised):
        if not 1 <= int(found[1]) <= 120:
            raise RhythmRejected("Use 1 to 120 months.")
        return Monthly(int(found[1]))
    fields = normalised.split()
    if len(fields) != 5:
        raise RhythmRejected(f"Not understood: {text!r}.")
    return _cron(*fields)


def _cron(minute: str, hour: str, day: str, month: str, weekday: str) -> Cron:
    if not (minute.isdecimal() and hour.isdecimal() and int(minute) < 60 and int(hour) < 24):
        raise RhythmRejected(
            "A review starts at most once a day: minute and hour are one number each."
        )
    days = (day, month, weekday)
    fields = (_plain(day, 1, 31), _plain(month, 1, 12), _plain(weekday, 0, 7))
    expression = " ".join((minute, hour, *fields))
    try:
        cron = Cron(expression, time(int(hour), int(minute)))
        found = next(cron.days(date(2024, 1, 1)), None)
    except CronSimError as error:
        name = str(error).removeprefix("Bad ")
        field = dict(zip(ALLOWED, days, strict=True)).get(name, expression)
        allowed = ALLOWED.get(name, "five fields")
        raise RhythmRejected(f"The {name} {field!r} cannot be used: {allowed}.") from error
    if found is None:
        raise RhythmRejected("There is no such day.")
    return cron


def _plain(field: str, low: int, high: int) -> str:
    """A field without the star before a step. Of two day fields Debian's cron takes both as limits
    when one begins with a star, and either when none does; here either always counts."""
    if field in ("*", "?"):
        return "*"
    parts = []
    for part in field.split(","):
        body, slash, step = part.partition("/")
        if slash and not (step.isdecimal() and 0 < int(step[:3]) <= high):
            raise RhythmRejected(f"{part!r} has no step that can be used.")
        last = 6 if high == 7 else high  # Sunday is 0 and 7
        parts.append(f"{low}-{last}{slash}{step}" if body == "*" else part)
    return ",".join(parts)


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
