"""Times as a package writes them, from what the database drivers return."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=4096)
def iso(value: datetime | str | None) -> str:
    """ISO 8601 in UTC; "" for none. SQLite's driver returns text in UTC, PostgreSQL's a time."""
    return (value and moment(value).isoformat()) or ""


def moment(value: datetime | str) -> datetime:
    """The aware time, in UTC."""
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value.astimezone(UTC)
