"""What servers answered during a reading, written down as it came, so that the reading can be
done again from it without the server. Secrets never get into it."""

from recert.connectors.recording.file_format import RecordingBroken, RecordingFile
from recert.connectors.recording.recorder import Recorder
from recert.connectors.recording.replay import NotRecorded, Replay

__all__ = ["NotRecorded", "Recorder", "RecordingBroken", "RecordingFile", "Replay"]
