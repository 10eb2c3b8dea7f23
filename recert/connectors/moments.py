"""Moments as servers write them."""

from datetime import MAXYEAR, MINYEAR, UTC, datetime


def in_utc(found: datetime, *, never: int) -> datetime | None:
    """The moment in UTC; None in the year with which products say "never". ValueError in the
    other end of the calendar, which not every zone can show."""
    if found.year == never:
        return None
    if found.year in (MINYEAR, MAXYEAR):
        raise ValueError(f"the year {found.year} is not a real one")
    return found.astimezone(UTC)
