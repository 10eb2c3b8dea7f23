"""The verb that looks at one server and writes down what everybody can do there."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recert import trail
from recert.connectors import registry
from recert.connectors.contract import ConnectorError, Reading
from recert.foundation.actor import Actor, Role
from recert.foundation.db import Database, refresh_statistics
from recert.inventory import fold, queries, routing, rules, staging
from recert.inventory.models import Server, Snapshot, SnapshotState
from recert.inventory.staging import Staged

FILLED = ("account", "folder", "folder_route", "access_grant")
ABANDONED_AFTER = timedelta(hours=12)


@dataclass(frozen=True)
class Outcome:
    """How a snapshot ended."""

    snapshot_id: int
    server: str
    state: SnapshotState
    reason: str
    grants: int
    added: int
    gone: int


def take(
    db: Database,
    server_id: int,
    *,
    actor: Actor,
    now: Callable[[], datetime],
    accept_shrink: bool = False,
) -> Outcome:
    """Reads one server and publishes the result when it is complete. A failed, partial or
    suspiciously small reading is written down and changes nothing else. `accept_shrink` is a
    person's word that far fewer entries than last time are right."""
    actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    with db.transaction() as session:
        _close_abandoned(session, server_id, actor, now())
        server = session.get_one(Server, server_id)
        snapshot = Snapshot(server_id=server.id, state=SnapshotState.READING, started_at=now())
        session.add(snapshot)
        session.execute(
            update(Server).where(Server.id == server.id).values(snapshot_wanted_at=None)
        )
        session.flush()
        snapshot_id, kind, settings = snapshot.id, server.kind, dict(server.settings)
    with db.connection() as connection:
        try:
            reading = registry.connect(kind, settings).read()
            with connection.begin():
                staged = staging.stage(connection, reading)
            with db.writing_on(connection) as session:
                return _publish(session, snapshot_id, reading, staged, accept_shrink, actor, now())
        except ConnectorError as error:
            with db.writing_on(connection) as session:
                return _close(session, snapshot_id, SnapshotState.FAILED, str(error), actor, now())
        except Exception as error:
            reason = f"Unexpected: {type(error).__name__}. The log says more."
            with db.transaction() as session:
                _close(session, snapshot_id, SnapshotState.FAILED, reason, actor, now())
            raise


def _close_abandoned(session: Session, server_id: int, actor: Actor, at: datetime) -> None:
    """Readings whose process died. Without this they would look busy for ever."""
    here = (Snapshot.server_id == server_id, Snapshot.state == SnapshotState.READING)
    old = select(Snapshot.id).where(*here, Snapshot.started_at < at - ABANDONED_AFTER)
    for snapshot_id in session.scalars(old).all():
        _close(session, snapshot_id, SnapshotState.FAILED, "It was interrupted.", actor, at)


def _publish(
    session: Session,
    snapshot_id: int,
    reading: Reading,
    staged: Staged,
    accept_shrink: bool,
    actor: Actor,
    at: datetime,
) -> Outcome:
    snapshot = session.get_one(Snapshot, snapshot_id)
    session.execute(select(Server.id).where(Server.id == snapshot.server_id).with_for_update())
    snapshot.accounts, snapshot.folders, snapshot.grants = (
        staged.accounts,
        staged.folders,
        staged.grants,
    )
    snapshot.fingerprint, snapshot.source = reading.fingerprint, reading.source
    snapshot.warnings = list(reading.warnings)
    if snapshot.state is not SnapshotState.READING:
        return _close(session, snapshot_id, SnapshotState.FAILED, snapshot.reason, actor, at)
    newest = queries.last_complete(session, snapshot.server_id)
    if reading.problems:
        return _close(
            session, snapshot_id, SnapshotState.PARTIAL, "; ".join(reading.problems), actor, at
        )
    if newest and newest.id > snapshot_id:
        reason = "A newer snapshot was finished first."
        return _close(session, snapshot_id, SnapshotState.FAILED, reason, actor, at)
    shrunk = newest and rules.shrunk(before=newest, after=snapshot)
    if shrunk and not accept_shrink:
        return _close(session, snapshot_id, SnapshotState.HELD, shrunk, actor, at)
    snapshot.added, snapshot.gone = fold.fold(
        session, snapshot.server_id, snapshot_id, reading.accounts
    )
    routing.recompute(session, snapshot.server_id)
    refresh_statistics(session, snapshot.added + snapshot.gone, *FILLED)
    reason = f"Accepted by {actor.name}: {shrunk}" if shrunk else ""
    return _close(session, snapshot_id, SnapshotState.COMPLETE, reason, actor, at)


def _close(
    session: Session,
    snapshot_id: int,
    state: SnapshotState,
    reason: str,
    actor: Actor,
    at: datetime,
) -> Outcome:
    snapshot = session.get_one(Snapshot, snapshot_id)
    snapshot.state, snapshot.reason, snapshot.finished_at = state, reason, at
    name = session.scalar(select(Server.name).where(Server.id == snapshot.server_id)) or ""
    details = {
        "server": name,
        "state": state.value,
        "reason": reason,
        "accounts": snapshot.accounts,
        "folders": snapshot.folders,
        "grants": snapshot.grants,
        "added": snapshot.added,
        "gone": snapshot.gone,
        "fingerprint": snapshot.fingerprint,
    }
    trail.append(session, "snapshot.taken", f"snapshot:{snapshot_id}", details, actor=actor, at=at)
    return Outcome(snapshot_id, name, state, reason, snapshot.grants, snapshot.added, snapshot.gone)
