"""The recordings of readings: one file for each snapshot in the folder `recordings` of the data
folder, readable by Recert's own user only. A file has its final name before its snapshot is
published; what a killed process left behind is swept away later."""

import hashlib
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert.connectors.environment import REAL
from recert.connectors.recording import Recorder, RecordingFile
from recert.foundation.actor import Role
from recert.foundation.errors import NotFound
from recert.foundation.failpoints import reach
from recert.inventory.models import Snapshot, SnapshotState
from recert.trail.act import Act
from recert.trail.actions import Action

COLLECTOR = f"recert {version('recert')}"
_LEFT = ".gz.tmp"


class NoRecording(NotFound):
    """There is no recording of this snapshot."""


class RecordingChanged(NotFound):
    """The recording is not the one that was kept. Somebody changed the file."""


@dataclass(frozen=True)
class Kept:
    """What became of a recording; `why_not` says why there is none."""

    sha256: str = ""
    size: int = 0
    why_not: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)


class Recording:
    """One recording that is being made."""

    def __init__(self, path: Path, kind: str, settings: Mapping[str, str]) -> None:
        self._path, self._temporary = path, path.with_name(f".{path.stem}{_LEFT}")
        header = {"collector": COLLECTOR, "kind": kind, "settings": dict(settings)}
        self._recording_file = RecordingFile(self._temporary, header)
        self.world = Recorder(self._recording_file, REAL)

    def finish(self) -> Kept:
        """Puts the file in its place, on the disk. What fails here never fails a reading."""
        self._recording_file.close()
        asked = self._recording_file.asked()
        try:
            if self._recording_file.failed:
                raise OSError(self._recording_file.failed)
            sha256, size = digest(self._temporary)
            reach("recording written")
            self._temporary.rename(self._path)
            handle = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            self.drop()
            return Kept(why_not=f"It could not be written: {error}.", asked=asked)
        return Kept(sha256, size, asked=asked)

    def drop(self) -> None:
        """Forgets the file of a reading that failed."""
        self._recording_file.close()
        with suppress(FileNotFoundError):
            self._temporary.unlink()


def digest(path: Path) -> tuple[str, int]:
    """SHA-256 and size of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), os.fstat(file.fileno()).st_size


@dataclass(frozen=True)
class RecordingStore:
    """The folder of the recordings of this installation."""

    folder: Path

    def path(self, snapshot_id: int) -> Path:
        """Where the recording of a snapshot lies, or would lie."""
        return self.folder / f"{snapshot_id}.gz"

    def begin(self, snapshot_id: int, kind: str, settings: Mapping[str, str]) -> Recording:
        """A new recording. Raises OSError when the folder cannot be made."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Recording(self.path(snapshot_id), kind, settings)

    def checked(self, snapshot: Snapshot) -> Path:
        """The file of a snapshot's recording, when it is the one that was kept."""
        if not snapshot.recording_sha256 or snapshot.recording_removed_at:
            raise NoRecording(recording_status(snapshot))
        path = self.path(snapshot.id)
        try:
            actual = digest(path)
        except OSError as error:
            raise NoRecording(f"{path}: {error.strerror}.") from error
        if actual != (snapshot.recording_sha256, snapshot.recording_size):
            raise RecordingChanged(f"Snapshot {snapshot.id}, {path.name}.")
        return path

    def sweep(self, session: Session) -> int:
        """Removes files that no snapshot speaks of: their process died. How many there were."""
        if not self.folder.is_dir():
            return 0
        names = [path for path in self.folder.iterdir() if path.is_file()]
        numbers = {path: _number(path) for path in names}
        states = _states(session, {number for number in numbers.values() if number})
        gone = [path for path, number in numbers.items() if _is_left(path, states.get(number))]
        for path in gone:
            with suppress(FileNotFoundError):  # another worker swept it
                path.unlink()
        return len(gone)


def _number(path: Path) -> int:
    text = path.name.removeprefix(".").partition(".")[0]
    return int(text) if text.isascii() and text.isdigit() else 0


def _states(session: Session, numbers: Collection[int]) -> dict[int, Snapshot]:
    query = select(Snapshot).where(Snapshot.id.in_(numbers))
    return {one.id: one for one in session.scalars(query)}


def _is_left(path: Path, snapshot: Snapshot | None) -> bool:
    """A file that is being written, or one of a snapshot, stays. Foreign files are not ours."""
    if not path.name.endswith((".gz", _LEFT)) or not _number(path):
        return False
    if snapshot is None:
        return True
    if snapshot.state is SnapshotState.READING:
        return False
    is_kept = bool(snapshot.recording_sha256) and snapshot.recording_removed_at is None
    return path.name.endswith(_LEFT) or not is_kept


def recording_status(snapshot: Snapshot) -> str:
    """A sentence about a snapshot's recording: kept, removed, or why there is none."""
    if snapshot.recording_removed_at:
        return f"Removed on {snapshot.recording_removed_at:%Y-%m-%d}: no review used it."
    if snapshot.recording_sha256:
        return "Kept."
    return snapshot.recording_note or "Snapshots of that time were not recorded."


def old(session: Session, days: int, *, now: datetime) -> list[int]:
    """The snapshots whose recordings are older than `days`; never the newest complete one of a
    server."""
    complete = select(func.max(Snapshot.id)).where(Snapshot.state == SnapshotState.COMPLETE)
    query = select(Snapshot.id).where(
        Snapshot.recording_sha256 != "",
        Snapshot.recording_removed_at.is_(None),
        Snapshot.finished_at < now - timedelta(days=days),
        Snapshot.id.not_in(complete.group_by(Snapshot.server_id)),
    )
    return list(session.scalars(query.order_by(Snapshot.id)))


def give_up(act: Act, snapshot_ids: Collection[int]) -> list[int]:
    """Writes down that the recordings of these snapshots go; their numbers. The caller sweeps the
    files away after the commit."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    query = select(Snapshot).where(Snapshot.id.in_(snapshot_ids)).order_by(Snapshot.id)
    removed = act.session.scalars(query).all()
    for snapshot in removed:
        snapshot.recording_removed_at = act.now
        details = {"sha256": snapshot.recording_sha256, "size": snapshot.recording_size}
        subject = f"snapshot:{snapshot.id}"
        act.record(Action.RECORDING_REMOVED, subject, details)
    return [snapshot.id for snapshot in removed]
