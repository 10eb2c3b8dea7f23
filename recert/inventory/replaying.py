"""The use case that reads a server again from its recording and compares."""

from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from recert.connectors import registry
from recert.connectors.contract import ConnectorError, Reading
from recert.connectors.recording import Replay
from recert.foundation.db import Database
from recert.inventory import snapshot_staging
from recert.inventory.models import Snapshot, SnapshotState
from recert.inventory.recordings import COLLECTOR, RecordingStore

_THERE = "server_id = :server AND first_snapshot_id <= :snapshot"
_THERE += " AND (gone_snapshot_id IS NULL OR gone_snapshot_id > :snapshot)"
_NAMES = {
    "accounts": ("name", "staged_account", "name", "account"),
    "folders": ("path", "staged_folder", "path", "folder"),
    "grants": ("content_hash", "staged_grant", "content_hash", "access_grant"),
}


@dataclass(frozen=True)
class Replayed:
    """What came out. `differs` names everything that is not the same."""

    snapshot_id: int
    collector_then: str
    collector_now: str
    accounts: int
    folders: int
    grants: int
    fingerprint: str
    differs: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        return not self.differs


def replay(db: Database, snapshot_id: int, recording_store: RecordingStore) -> Replayed:
    """Runs the connector on the recording of a snapshot, without the server, and compares what
    comes out with what was stored. Raises NoRecording, RecordingChanged or RecordingBroken."""
    with db.reading() as session:
        snapshot = session.get_one(Snapshot, snapshot_id)
        path = recording_store.checked(snapshot)
        session.expunge(snapshot)
    with Replay(path) as world, db.connection() as connection:
        try:
            reading = registry.connect(world.kind, world.settings, world).read()
            with connection.begin():
                staged = snapshot_staging.stage(connection, reading)
        except ConnectorError as error:
            return _failed(snapshot, world, str(error))
        with Session(connection) as session:
            differs = [*_counts(snapshot, staged, reading), *_names(session.connection(), snapshot)]
        remarks = []
        if world.other_zone:
            remarks.append("This machine is in another time zone than the one that read.")
        if world.left_over():
            remarks.append(f"{world.left_over()} recorded answers were not asked for.")
        if bool(reading.problems) != (snapshot.state is SnapshotState.PARTIAL):
            differs.append("whether something could not be read")
        return Replayed(
            snapshot.id,
            snapshot.collector,
            COLLECTOR,
            staged.accounts,
            staged.folders,
            staged.grants,
            reading.fingerprint,
            tuple(differs),
            tuple(remarks),
        )


def _failed(snapshot: Snapshot, world: Replay, why: str) -> Replayed:
    differs = (f"the reading fails now: {why}",)
    return Replayed(snapshot.id, world.collector, COLLECTOR, 0, 0, 0, "", differs)


def _counts(snapshot: Snapshot, staged: snapshot_staging.Staged, reading: Reading) -> list[str]:
    differs = [
        f"{name}: {then} then, {now} now"
        for name, then, now in (
            ("accounts", snapshot.accounts, staged.accounts),
            ("folders", snapshot.folders, staged.folders),
            ("grants", snapshot.grants, staged.grants),
        )
        if then != now
    ]
    if snapshot.fingerprint != reading.fingerprint:
        differs.append("the fingerprint")
    return differs


def _names(connection: Connection, snapshot: Snapshot) -> list[str]:
    """Which of the accounts, folders and grants themselves differ. Only a complete snapshot has
    them stored."""
    if snapshot.state is not SnapshotState.COMPLETE:
        return []
    differences = []
    parameters_of_snapshot = {"server": snapshot.server_id, "snapshot": snapshot.id}
    for what, (column, staged, stored_column, stored) in _NAMES.items():
        now = " ".join(("SELECT", column, "FROM", staged))
        then = " ".join(("SELECT", stored_column, "FROM", stored, "WHERE", _THERE))
        for first, second, remark in ((now, then, "only now"), (then, now, "only then")):
            query = " ".join(("SELECT count(*) FROM (", first, "EXCEPT", second, ") AS other"))
            parameters = parameters_of_snapshot if ":server" in query else {}
            number = connection.execute(text(query), parameters).scalar_one()
            if number:
                differences.append(f"{number} {what} {remark}")
    return differences
