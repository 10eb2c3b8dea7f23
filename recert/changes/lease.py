"""One writer per server: a lease in the database with a fencing number."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from recert.changes import rules
from recert.changes.models import ServerLease
from recert.foundation.db import Database
from recert.foundation.errors import MovedMeanwhile

Clock = Callable[[], datetime]


class LeaseLost(MovedMeanwhile):
    """Another worker took this server over. Nothing was written."""


@contextmanager
def hold(db: Database, server_id: int, now: Clock) -> Iterator[int | None]:
    """One writer per server: the fencing number, or None when somebody else is at it."""
    at = now()
    with db.transaction() as session:
        dialect = sqlite if db.is_sqlite else postgresql
        values = {"server_id": server_id, "fencing": 0, "until": at}
        session.execute(dialect.insert(ServerLease).values(**values).on_conflict_do_nothing())
        taken = session.execute(
            update(ServerLease)
            .where(ServerLease.server_id == server_id, ServerLease.until <= at)
            .values(fencing=ServerLease.fencing + 1, until=at + rules.LEASE)
            .returning(ServerLease.fencing)
        ).scalar_one_or_none()
    try:
        yield taken
    finally:
        if taken is not None:
            with db.transaction() as session:
                mine = (ServerLease.server_id == server_id, ServerLease.fencing == taken)
                session.execute(update(ServerLease).where(*mine).values(until=now()))


def keep(session: Session, server_id: int, fencing: int, at: datetime) -> None:
    """Prolongs the lease; LeaseLost when another worker took it over."""
    mine = (ServerLease.server_id == server_id, ServerLease.fencing == fencing)
    kept = session.execute(update(ServerLease).where(*mine).values(until=at + rules.LEASE))
    if getattr(kept, "rowcount", 0) != 1:
        raise LeaseLost
