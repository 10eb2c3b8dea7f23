"""A snapshot that is published has its recording or says why not; unused ones go after a while."""

import stat

import pytest

from recert.evidence.package import recordings
from recert.foundation import clock, failpoints
from recert.inventory import replaying
from recert.inventory.models import Snapshot
from recert.inventory.recordings import NoRecording, RecordingStore, recording_status
from tests.support.house import House


def snapshot(house: House, number: int) -> Snapshot:
    with house.db.reading() as session:
        return session.get_one(Snapshot, number)


class TestKeeping:
    def test_the_file_is_ours_alone(self, house: House) -> None:
        number = house.snapshot().snapshot_id
        path = RecordingStore(house.settings.recordings).path(number)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert snapshot(house, number).recording_size == path.stat().st_size

    def test_without_a_folder_the_snapshot_says_why_there_is_none(self, house: House) -> None:
        house.settings.home.mkdir(exist_ok=True)
        house.settings.recordings.write_text("a file in its place")
        outcome = house.snapshot()
        assert "could not be begun" in outcome.recording_note
        assert recording_status(snapshot(house, outcome.snapshot_id)) == outcome.recording_note
        with pytest.raises(NoRecording):
            replaying.replay(
                house.db, outcome.snapshot_id, RecordingStore(house.settings.recordings)
            )

    def test_a_failed_reading_leaves_no_file(self, house: House) -> None:
        house.permissions.write_text("garbled")
        house.snapshot()
        assert list(house.settings.recordings.iterdir()) == []

    def test_what_a_killed_process_left_is_swept(self, house: House) -> None:
        class Killed(BaseException):
            pass

        def die() -> None:
            raise Killed

        first = house.snapshot().snapshot_id
        recording_store = RecordingStore(house.settings.recordings)
        (recording_store.folder / "notes.txt").write_text("not ours")
        (recording_store.folder / f".{first}.gz.tmp").write_text("left")
        (recording_store.folder / "4711.gz").write_text("left")
        with failpoints.armed("recording written", die), pytest.raises(Killed):
            house.snapshot()
        recordings.prune(house.db, recording_store, 90, actor=house.admin, now=clock.now())
        names = {path.name for path in recording_store.folder.iterdir()}
        assert names == {f"{first}.gz", "notes.txt"}


class TestPruning:
    def test_used_and_newest_ones_stay(self, house: House) -> None:
        recording_store = RecordingStore(house.settings.recordings)
        first = house.snapshot().snapshot_id
        house.launched()
        used = first + 1
        with house.later(days=1):
            nobodys = house.snapshot().snapshot_id
        with house.later(days=2):
            newest = house.snapshot().snapshot_id
        with house.later(days=200):
            removed = recordings.prune(
                house.db, recording_store, 90, actor=house.admin, now=clock.now()
            )
        assert removed == [first, nobodys]
        assert {path.name for path in recording_store.folder.iterdir()} == {
            f"{used}.gz",
            f"{newest}.gz",
        }
        assert "no review used it" in recording_status(snapshot(house, nobodys))
        assert "recording.removed" in house.trail_actions()
        with pytest.raises(NoRecording, match="Removed on"):
            replaying.replay(house.db, nobodys, recording_store)
