"""Records what servers answer during a reading, so that it can be replayed without the server.
Secrets are removed before anything is written."""

from recert.connectors.recording.file_format import RecordingBroken, RecordingFile
from recert.connectors.recording.recorder import Recorder
from recert.connectors.recording.replay import NotRecorded, Replay

__all__ = ["NotRecorded", "Recorder", "RecordingBroken", "RecordingFile", "Replay"]
