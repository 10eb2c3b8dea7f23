"""One writer per server: a lease in the database with a fencing number, renewed while held."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from recert.changes import rules
from recert.changes.models import ServerLease
from recert.connectors.contract import Connector
from recert.foundation.db import Database
from recert.foundation.errors import MovedMeanwhile, RecertError
from recert.inventory.models import Server

Clock = Callable[[], datetime]

log = logging.getLogger(__name__)


class LeaseLost(MovedMeanwhile):
    """Another worker took this server over. Nothing was written."""


class ServerHeld(RecertError):
    """Another run holds this server."""


@dataclass(frozen=True)
class Lease:
    """The right to change one server, for as long as nobody took it over."""

    db: Database
    server_id: int
    fencing: int
    now: Clock

    def keep(self, session: Session) -> None:
        """Prolongs the lease; LeaseLost when another worker took the server over."""
        mine = (ServerLease.server_id == self.server_id, ServerLease.fencing == self.fencing)
        until = self.now() + rules.LEASE
        kept = session.execute(update(ServerLease).where(*mine).values(until=until))
        if getattr(kept, "rowcount", 0) != 1:
            raise LeaseLost

    def check(self) -> None:
        """Asks once more, right before something is written to the server."""
        with self.db.transaction() as session:
            self.keep(session)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A write transaction of the holder: refused when the lease is lost."""
        with self.db.transaction() as session:
            self.keep(session)
            yield session


@contextmanager
def hold(db: Database, server_id: int, now: Clock) -> Iterator[Lease]:
    """Takes the lease and renews it until the block ends, however long a slow server takes.
    ServerHeld when another run has it. One whose process died ends by itself."""
    lease = _taken(db, server_id, now)
    ended = threading.Event()
    heart = threading.Thread(target=_renew, args=(lease, ended), daemon=True)
    heart.start()
    try:
        yield lease
    finally:
        ended.set()
        heart.join()
        with db.transaction() as session:
            mine = (ServerLease.server_id == server_id, ServerLease.fencing == lease.fencing)
            session.execute(update(ServerLease).where(*mine).values(until=now()))


def _taken(db: Database, server_id: int, now: Clock) -> Lease:
    at = now()
    with db.transaction() as session:
        dialect = sqlite if db.is_sqlite else postgresql
        values = {"server_id": server_id, "fencing": 0, "until": at}
        session.execute(dialect.insert(ServerLease).values(**values).on_conflict_do_nothing())
        fencing = session.execute(
            update(ServerLease)
            .where(ServerLease.server_id == server_id, ServerLease.until <= at)
            .values(fencing=ServerLease.fencing + 1, since=at, until=at + rules.LEASE)
            .returning(ServerLease.fencing)
        ).scalar_one_or_none()
        if fencing is None:
            raise ServerHeld(_held(session, server_id))
    return Lease(db, server_id, fencing, now)


def _held(session: Session, server_id: int) -> str:
    query = (
        select(Server.name, ServerLease.since, ServerLease.until)
        .join(ServerLease, ServerLease.server_id == Server.id)
        .where(Server.id == server_id)
    )
    name, since, until = session.execute(query).one()
    began = f"since {since:%Y-%m-%d %H:%M:%S} UTC" if since else "since an unknown time"
    return (
        f"{name}, {began}. Try again when that run has ended; if its process has died, the hold "
        f"ends at {until:%Y-%m-%d %H:%M:%S} UTC."
    )


def _renew(lease: Lease, ended: threading.Event) -> None:
    """A database that is away for a moment is asked again: the lease outlives several beats."""
    while not ended.wait(rules.HEARTBEAT):
        try:
            lease.check()
        except LeaseLost:
            log.warning("server %s was taken over by another worker", lease.server_id)
            return
        except Exception:
            log.exception("server %s: its lease could not be renewed yet", lease.server_id)


@dataclass(frozen=True)
class Run:
    """What every step of a run needs. It writes only as the holder of the lease."""

    lease: Lease
    connector: Connector
    may_write: bool
    now: Clock

    @property
    def db(self) -> Database:
        """Where the orders are kept."""
        return self.lease.db
