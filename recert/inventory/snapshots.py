"""The use case that reads one server and publishes its snapshot."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recert import trail
from recert.connectors import registry
from recert.connectors.contract import ConnectorError, Reading
from recert.connectors.environment import REAL, World
from recert.foundation.actor import Actor, Role
from recert.foundation.db import Database, refresh_statistics
from recert.foundation.jobs.registration import WORKER, JobContext, Phase, job
from recert.inventory import queries, routing, snapshot_merge, snapshot_staging
from recert.inventory.models import Server, Snapshot, SnapshotState
from recert.inventory.recordings import COLLECTOR, Kept, Recording, RecordingStore
from recert.inventory.snapshot_staging import Staged
from recert.trail.actions import Action

FILLED = ("account", "folder", "folder_route", "access_grant")

READ = "read"  # names the work on a server that takes a snapshot
INTERRUPTED = "It was interrupted."


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
    recording_note: str = ""  # why the raw answers are not kept


def take(
    db: Database,
    server_id: int,
    *,
    actor: Actor,
    now: Callable[[], datetime],
    accept_shrink: bool = False,
    recording_store: RecordingStore | None = None,
) -> Outcome:
    """Reads one server and publishes the result when it is complete. A failed, partial or
    suspiciously small reading is recorded and changes nothing else. `accept_shrink`: a person
    confirmed that far fewer entries than last time are right. The raw answers are kept on the
    `recording_store`."""
    actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    with db.transaction() as session:
        begun = _begun(session, server_id, actor, now())
    return _taken(db, begun, _Look(recording_store, begun, now), accept_shrink, actor)


def take_wanted(
    db: Database,
    server_id: int,
    *,
    actor: Actor,
    now: Callable[[], datetime],
    recording_store: RecordingStore | None = None,
) -> Outcome | None:
    """The snapshot that somebody asked for. None when nobody does any more, or when another worker
    reads the server already."""
    actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    with db.transaction() as session:
        if not queries.is_snapshot_wanted(session, server_id, now=now()):
            return None
        begun = _begun(session, server_id, actor, now())
    return _taken(db, begun, _Look(recording_store, begun, now), False, actor)


@dataclass(frozen=True)
class _Begun:
    """A snapshot that is being read."""

    snapshot_id: int
    kind: str
    settings: dict[str, str]


def _begun(session: Session, server_id: int, actor: Actor, at: datetime) -> _Begun:
    _close_abandoned(session, server_id, actor, at)
    server = session.get_one(Server, server_id)
    snapshot = Snapshot(server_id=server.id, state=SnapshotState.READING, started_at=at)
    session.add(snapshot)
    session.flush()
    return _Begun(snapshot.id, server.kind, dict(server.settings))


def _taken(
    db: Database, begun: _Begun, look: "_Look", accept_shrink: bool, actor: Actor
) -> Outcome:
    """While the server is asked, no connection to the database is kept waiting."""
    try:
        reading = registry.connect(begun.kind, begun.settings, look.world).read()
        with db.connection() as connection:
            with connection.begin():
                staged = snapshot_staging.stage(connection, reading)
            look.end()
            with db.writing_on(connection) as session:
                look.note(session.get_one(Snapshot, begun.snapshot_id))
                return _publish(
                    session, begun.snapshot_id, reading, staged, accept_shrink, actor, look.now()
                )
    except ConnectorError as error:
        return _failed(db, begun, str(error), actor, look.now())
    except Exception as error:
        _failed(
            db, begun, f"Unexpected: {type(error).__name__}. The log says more.", actor, look.now()
        )
        raise
    finally:
        look.drop()


def _failed(db: Database, begun: _Begun, reason: str, actor: Actor, at: datetime) -> Outcome:
    with db.transaction() as session:
        return _close(session, begun.snapshot_id, SnapshotState.FAILED, reason, actor, at)


def _recording(recording_store: RecordingStore | None, begun: _Begun) -> Recording | None:
    return (
        recording_store.begin(begun.snapshot_id, begun.kind, begun.settings)
        if recording_store
        else None
    )


class _Look:
    """One reading: when it began and ended, and its recording."""

    def __init__(
        self, recording_store: RecordingStore | None, begun: _Begun, now: Callable[[], datetime]
    ) -> None:
        self.now, self._began, self._ended = now, now(), now()
        self._recording: Recording | None = None
        self._kept = Kept(why_not="" if recording_store else "Nothing was asked to keep one.")
        try:
            self._recording = _recording(recording_store, begun)
        except OSError as error:
            self._kept = Kept(why_not=f"It could not be begun: {error}.")
        self.world: World = self._recording.world if self._recording else REAL

    def end(self) -> None:
        """Everything was read; the recording gets its final name before anything is published."""
        self._ended = self.now()
        if self._recording:
            self._kept = self._recording.finish()

    def note(self, snapshot: Snapshot) -> None:
        snapshot.collector = COLLECTOR
        snapshot.read_started_at, snapshot.read_ended_at = self._began, self._ended
        snapshot.asked = dict(self._kept.asked)
        snapshot.recording_sha256, snapshot.recording_size = self._kept.sha256, self._kept.size
        snapshot.recording_note = self._kept.why_not

    def drop(self) -> None:
        """Of a reading that failed nothing is kept."""
        if self._recording:
            self._recording.drop()


def _close_abandoned(session: Session, server_id: int, actor: Actor, at: datetime) -> None:
    """Readings whose process died. Without this they would look busy for ever."""
    is_unfinished = (Snapshot.server_id == server_id, Snapshot.state == SnapshotState.READING)
    old = select(Snapshot.id).where(
        *is_unfinished, Snapshot.started_at < at - queries.ABANDONED_AFTER
    )
    for snapshot_id in session.scalars(old).all():
        _close(session, snapshot_id, SnapshotState.FAILED, INTERRUPTED, actor, at)


def interrupt(db: Database, server_id: int, *, actor: Actor, now: datetime) -> None:
    """Ends the readings of a server whose process ends. Whoever asked for one still does."""
    with db.transaction() as session:
        server = session.get_one(Server, server_id)
        wanted = server.snapshot_wanted_at
        is_unfinished = (Snapshot.server_id == server_id, Snapshot.state == SnapshotState.READING)
        for snapshot_id in session.scalars(select(Snapshot.id).where(*is_unfinished)).all():
            _close(session, snapshot_id, SnapshotState.FAILED, INTERRUPTED, actor, now)
        server.snapshot_wanted_at = wanted


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
    shrunk_by = newest and shrunk(before=newest, after=snapshot)
    if shrunk_by and not accept_shrink:
        return _close(session, snapshot_id, SnapshotState.HELD, shrunk_by, actor, at)
    snapshot.added, snapshot.gone = snapshot_merge.fold(
        session, snapshot.server_id, snapshot_id, reading.accounts
    )
    routing.recompute(session, snapshot.server_id)
    refresh_statistics(session, snapshot.added + snapshot.gone, *FILLED)
    reason = f"Accepted by {actor.name}: {shrunk_by}" if shrunk_by else ""
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
    # A request for a snapshot ends with the reading that fulfils it: a reading that dies leaves it,
    # an abandoned one does not fulfil it, and a request made meanwhile waits for the next.
    is_fulfilled_request = (
        Server.id == snapshot.server_id,
        Server.snapshot_wanted_at <= snapshot.started_at,
    )
    if snapshot.state is SnapshotState.READING:
        session.execute(update(Server).where(*is_fulfilled_request).values(snapshot_wanted_at=None))
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
        "collector": snapshot.collector,
        "recording": {"sha256": snapshot.recording_sha256, "size": snapshot.recording_size},
    }
    trail.append(
        session, Action.SNAPSHOT_TAKEN, f"snapshot:{snapshot_id}", details, actor=actor, at=at
    )
    return Outcome(
        snapshot_id,
        name,
        state,
        reason,
        snapshot.grants,
        snapshot.added,
        snapshot.gone,
        snapshot.recording_note,
    )


SHRINK_PERCENT = 10


SHRINK_FROM = 20  # below that many entries a share says nothing


def shrunk(*, before: Snapshot, after: Snapshot) -> str:
    """Why the newer snapshot looks too small to be true; "" when it does not."""
    for what, old, new in (
        ("accounts", before.accounts, after.accounts),
        ("grants", before.grants, after.grants),
    ):
        much = old >= SHRINK_FROM and (old - new) * 100 > old * SHRINK_PERCENT
        if much or (what == "accounts" and old and not new):
            return f"{new} {what} where the last complete snapshot had {old}."
    return ""


@job(Phase.SNAPSHOTS, 1, lock="snapshots")
def take_wanted_snapshots(context: JobContext) -> int:
    """Begins to read the servers that somebody asked for, and waits for none of them."""
    with context.db.reading() as session:
        numbers = queries.wanted_snapshots(session, now=context.now())
    store = RecordingStore(context.settings.recordings)
    read = partial(take_wanted, context.db, actor=WORKER, now=context.now, recording_store=store)
    return sum(context.servers.add((READ, number), partial(read, number)) for number in numbers)
