"""The file of a recording: gzip, and in it one line of JSON for each question with its answer.

A line may hold `"bytes": N`; then N bytes of the answer follow it, and a line end. Long answers
come in pieces, which may lie between those of others: {"ask": ..., "no": 7}, {"piece": 7, "bytes":
N}, ..., {"end": 7, ...}. `zcat` shows it all.
"""

import gzip
import json
import os
import tempfile
import threading
import zlib
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from recert.connectors.contract import ConnectorError

FORMAT = 1
_LEVEL = 1  # a reading must not wait for it
_LONGEST_LINE = 64 << 20
_FILES_LISTED = 100
Line = dict[str, Any]


class RecordingBroken(ConnectorError):
    """This recording cannot be read."""


class RecordingFile:
    """Writes one recording. A full disk ends it, never the reading; `failed` has the reason."""

    def __init__(self, path: Path, header: Line) -> None:
        self.path, self.failed = path, ""
        self._lock = threading.Lock()
        self._numbers = 0
        self._commands: Counter[str] = Counter()
        self._files: dict[str, None] = {}
        self._looked_at = 0
        self._raw: IO[bytes] | None = None
        self._file: gzip.GzipFile | None = None
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            self._raw = os.fdopen(os.open(path, flags, 0o600), "wb")
            self._file = gzip.GzipFile("", "wb", _LEVEL, self._raw, mtime=0)
        except OSError as error:
            self._give_up(error)
        self.write({"recording": FORMAT, **header})

    def write(self, line: Line, content: bytes | None = None) -> None:
        """One question with its answer, or a piece of a long one."""
        head = line if content is None else {**line, "bytes": len(content)}
        text = json.dumps(head, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            self._count(line)
            if self._file is None:
                return
            try:
                self._file.write(text)
                if content is not None:
                    self._file.write(content)
                    self._file.write(b"\n")
            except OSError as error:
                self._give_up(error)

    def begin(self, line: Line) -> int:
        """A question whose answer comes in pieces; its number."""
        with self._lock:
            self._numbers += 1
            number = self._numbers
        self.write({**line, "no": number})
        return number

    def _count(self, line: Line) -> None:
        match line.get("ask"):
            case ["run" | "stream", command, *_]:
                self._commands[command] += 1
            case ["read" | "open", path] if "error" not in line:
                self._files[path] = None
            case ["stat" | "names" | "resolve", _]:
                self._looked_at += 1

    def asked(self) -> dict[str, Any]:
        """A summary of the questions: how often each command ran, and which files were read."""
        return {
            "commands": dict(sorted(self._commands.items())),
            "files": len(self._files),
            "first_files": list(self._files)[:_FILES_LISTED],
            "looked_at": self._looked_at,
        }

    def close(self) -> None:
        """Ends the recording and syncs it to disk; on an error `failed` has the reason."""
        self.write({"end_of_recording": True})
        with self._lock:
            if self._file is None or self._raw is None:
                return
            try:
                self._file.close()
                self._raw.flush()
                os.fsync(self._raw.fileno())
                self._raw.close()
            except OSError as error:
                self._give_up(error)
            self._file = None

    def _give_up(self, error: OSError) -> None:
        self.failed = f"{error.strerror or error}"
        self._file = None
        if self._raw is not None:
            try:
                self._raw.close()
            except OSError:  # the same full disk again; `failed` already has it
                return


@dataclass
class Answer:
    """One recorded answer: its line of JSON, and the (start, length) of its bytes."""

    line: Line
    pieces: list[tuple[int, int]] = field(default_factory=list)
    end: Line | None = None


class Played:
    """An open recording. Its bytes lie unpacked in a temporary file, never in memory."""

    def __init__(self, path: Path) -> None:
        self._bytes: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  `close` closes it
        self.header: Line = {}
        self._answers: dict[str, deque[Answer]] = {}
        self._lock = threading.Lock()
        try:
            with gzip.open(path, "rb") as file:
                self._load(file)
        except (OSError, EOFError, zlib.error, ValueError, KeyError) as error:
            self.close()
            raise RecordingBroken(f"{path.name}: {error}.") from error

    def _load(self, file: Any) -> None:
        waiting: dict[int, Answer] = {}
        is_whole = False
        while text := file.readline(_LONGEST_LINE):
            line = json.loads(text)
            pieces = self._keep(file, line.get("bytes"))
            if "recording" in line:
                if line["recording"] != FORMAT:
                    raise ValueError(f"its format is {line['recording']}, not {FORMAT}")
                self.header = line
            elif "piece" in line:
                waiting[line["piece"]].pieces += pieces
            elif "end" in line:
                waiting.pop(line["end"]).end = line
            elif "ask" in line:
                answer = Answer(line, pieces)
                self._answers.setdefault(key_of(line["ask"]), deque()).append(answer)
                if "no" in line:
                    waiting[line["no"]] = answer
            is_whole = "end_of_recording" in line
        if not is_whole or not self.header:
            raise ValueError("it breaks off")

    def _keep(self, file: Any, size: int | None) -> list[tuple[int, int]]:
        if size is None:
            return []
        start, left = self._bytes.tell(), size
        while left:
            piece = file.read(min(left, 1 << 20))
            if not piece:
                raise ValueError("it breaks off")
            left -= len(piece)
            self._bytes.write(piece)
        file.read(1)
        return [(start, size)]

    def next(self, ask: list[Any]) -> Answer | None:
        """The next answer to a question; None when it was not asked so often."""
        with self._lock:
            waiting = self._answers.get(key_of(ask))
            return waiting.popleft() if waiting else None

    def pieces(self, answer: Answer) -> Iterator[bytes]:
        """The bytes of an answer, as they came."""
        for start, size in answer.pieces:
            with self._lock:
                self._bytes.seek(start)
                piece = self._bytes.read(size)
            yield piece

    def left_over(self) -> int:
        """How many recorded answers nobody asked for."""
        return sum(map(len, self._answers.values()))

    def close(self) -> None:
        self._bytes.close()


def key_of(ask: list[Any]) -> str:
    """A question as text, by which its answer is found again."""
    return json.dumps(ask)
