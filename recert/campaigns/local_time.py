"""Dates of campaigns in a time zone of their own: which moments exist, and when a day ends."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from recert.foundation import clock
from recert.foundation.errors import BadInput

MAX_DURATION = timedelta(days=366)


def check(due_at: datetime, *, now: datetime) -> None:
    """Raises BadInput unless this moment exists, lies in the future and within a year."""
    if isinstance(due_at.tzinfo, ZoneInfo):
        check_exists(due_at)
    if not now < due_at <= now + MAX_DURATION:
        raise BadInput("The due date must lie in the future, within a year.")


def zone_name(name: str, due_at: datetime) -> str:
    """The zone of a new campaign: the one named, or that of its due date."""
    if name:
        return zone_of(name).key
    return due_at.tzinfo.key if isinstance(due_at.tzinfo, ZoneInfo) else ""


def end_of_day(day: date, zone: str, default: ZoneInfo) -> datetime:
    """What "answer by" means: the last second of a day in the zone named, or in the default."""
    return clock.end_of_day(day, zone_of(zone) if zone else default)


MINUTE = timedelta(minutes=1)


class ZoneRejected(BadInput):
    """This time zone is not known. Write one like Europe/Berlin."""


class NoSuchTime(BadInput):
    """This time does not exist in its zone, because the clock is put forward over it."""


def last_day(day: date) -> int:
    """The number of the last day of this day's month."""
    return ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day


def zone_of(name: str) -> ZoneInfo:
    """The zone, or ZoneRejected."""
    if name not in available_timezones():
        raise ZoneRejected(f"Asked for: {name!r}.")
    return ZoneInfo(name)


def exists(local: datetime) -> bool:
    """False for a wall time over which the clock is put forward."""
    there = local.astimezone(UTC).astimezone(local.tzinfo)
    return there.replace(tzinfo=None) == local.replace(tzinfo=None)


def check_exists(local: datetime) -> None:
    """Raises NoSuchTime for a wall time that never comes."""
    if not exists(local):
        raise NoSuchTime(f"Asked for: {local:%Y-%m-%d %H:%M} in {local.tzinfo}.")


def moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The moment of a wall time, in UTC."""
    wall = datetime.combine(day, at)
    while not exists(wall.replace(tzinfo=zone)):
        wall += MINUTE
    return wall.replace(tzinfo=zone).astimezone(UTC)
