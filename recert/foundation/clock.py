"""Time, always aware UTC. Tests move it; rules take it as an argument."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, tzinfo


def _system() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _system


def now() -> datetime:
    """This moment in UTC."""
    return _source()


def end_of_day(day: date, zone: tzinfo) -> datetime:
    """The last second of a day: what "until" and "due" mean for people."""
    return datetime.combine(day, time(23, 59, 59), zone)


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Stand still at one moment (tests, the demo's history)."""
    global _source  # noqa: PLW0603  one clock for the whole process is the point
    before, _source = _source, lambda: at
    try:
        yield
    finally:
        _source = before
