"""Records everything that a connector reads from its World into a recording file."""

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from recert.connectors.contract import ConnectorError, ServerBusy
from recert.connectors.environment import Opened, World
from recert.connectors.hosts import FileFact, Host, Output
from recert.connectors.hosts.commands import Command
from recert.connectors.hosts.contract import Cleaner, OnlyRead, Stream
from recert.connectors.recording.file_format import Line, RecordingFile
from recert.connectors.recording.redaction import without_secrets

_PIECE = 1 << 18
_INPUT_KEPT = 1 << 12
Answer = TypeVar("Answer")


class Recorder:
    """A World that passes every question on to `real` and records the answers."""

    def __init__(self, recording_file: RecordingFile, real: World) -> None:
        self._recording_file, self._real = recording_file, real

    def now(self) -> datetime:
        moment = self._real.now()
        offset = moment.astimezone().utcoffset()
        seconds = int(offset.total_seconds()) if offset else 0
        self._recording_file.write(
            {"now": moment.isoformat(), "utc_offset": seconds, "ask": ["now"]}
        )
        return moment

    def host(self, settings: Mapping[str, str]) -> Host:
        return RecordingHost(self._real.host(settings), self._recording_file)

    @contextmanager
    def opened(self, path: Path) -> Iterator[Opened]:
        with self._real.opened(path) as file:
            before = _stamp(file)
            number = self._recording_file.begin({"ask": ["open", str(path)]})
            while piece := file.read(_PIECE):
                self._recording_file.write({"piece": number}, piece)
            self._recording_file.write({"end": number})
            file.seek(0)
            yield file
            if _stamp(file) != before:
                raise ServerBusy(f"{path.name} was being written while it was read.")


def _stamp(file: Opened) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_mtime_ns, status.st_size


class RecordingHost(OnlyRead):
    """A machine whose answers are written down, secrets taken out. It is only read."""

    def __init__(self, host: Host, recording_file: RecordingFile) -> None:
        self._host, self._recording_file = host, recording_file
        self.title = host.title
        self._cleaners: dict[str | Command, Cleaner] = {}

    def __enter__(self) -> Self:
        self._host.__enter__()
        self.title = self._host.title
        self._recording_file.write({"machine": self.title})
        return self

    def __exit__(self, *error: object) -> None:
        self._host.__exit__(*error)

    def withhold(self, what: str | Command, clean: Cleaner) -> None:
        self._cleaners[what] = clean

    def read(self, path: str) -> bytes:
        return self._recorded(["read", path], lambda: self._host.read(path), self._content)

    def read_many(self, paths: Sequence[str]) -> dict[str, bytes | ConnectorError]:
        return self._many("read", self._host.read_many(paths), self._content)

    def stat(self, path: str) -> FileFact | None:
        return self._recorded(["stat", path], lambda: self._host.stat(path), self._fact)

    def stat_many(self, paths: Sequence[str]) -> dict[str, FileFact | ConnectorError | None]:
        return self._many("stat", self._host.stat_many(paths), self._fact)

    def names(self, folder: str) -> list[str]:
        return self._recorded(["names", folder], lambda: self._host.names(folder), self._plain)

    def resolve(self, path: str) -> str:
        return self._recorded(["resolve", path], lambda: self._host.resolve(path), self._plain)

    def resolve_many(self, paths: Collection[str]) -> dict[str, str]:
        return self._many("resolve", self._host.resolve_many(paths), self._plain)

    def run(self, command: Command, data: bytes = b"") -> Output:
        return self._recorded(
            question("run", command, data),
            lambda: self._host.run(command, data),
            self._output,
            data,
        )

    def stream(self, command: Command, data: bytes = b"") -> Stream:
        line = _with_input({"ask": question("stream", command, data)}, data)
        return _RecordedStream(self._host.stream(command, data), self._recording_file, line)

    def _recorded(
        self,
        ask: list[Any],
        act: Callable[[], Answer],
        write: Callable[[Line, Answer], None],
        data: bytes = b"",
    ) -> Answer:
        line = _with_input({"ask": ask}, data)
        try:
            answer = act()
        except ConnectorError as error:
            self._recording_file.write({**line, "error": as_text(error)})
            raise
        write(line, answer)
        return answer

    def _many(
        self, method: str, answers: dict[str, Answer], write: Callable[[Line, Any], None]
    ) -> dict[str, Answer]:
        """One line for each path, as if each had been asked for by itself."""
        for path, answer in answers.items():
            line: Line = {"ask": [method, path]}
            if isinstance(answer, ConnectorError):
                self._recording_file.write({**line, "error": as_text(answer)})
            else:
                write(line, answer)
        return answers

    def _content(self, line: Line, answer: bytes) -> None:
        self._clean_and_keep(line, line["ask"][1], answer)

    def _output(self, line: Line, answer: Output) -> None:
        command = next((known for known in self._cleaners if _is(known, line["ask"][1])), "")
        recorded = {**line, "code": answer.code, "errors": answer.errors}
        self._clean_and_keep(recorded, command, answer.out)

    def _clean_and_keep(self, line: Line, what: str | Command, content: bytes) -> None:
        """Writes the content without secrets. Content that cannot be cleaned is replaced by an
        error with its hash and size."""
        try:
            kept = without_secrets(self._cleaners.get(what, _as_it_is)(content))
        except (ConnectorError, ValueError) as error:
            digest = f"sha256 {hashlib.sha256(content).hexdigest()}, {len(content)} bytes"
            why = f"not kept, because its secrets could not be told apart ({error}); {digest}"
            self._recording_file.write(
                {**line, "error": ["ServerDataInvalid", why], "withheld": True}
            )
            return
        self._recording_file.write(line if kept == content else {**line, "cleaned": True}, kept)

    def _fact(self, line: Line, answer: FileFact | None) -> None:
        self._recording_file.write({**line, "says": answer and vars(answer)})

    def _plain(self, line: Line, answer: str | list[str]) -> None:
        self._recording_file.write({**line, "says": answer})


def _is(what: str | Command, line: str) -> bool:
    return isinstance(what, Command) and what.line == line


def _as_it_is(content: bytes) -> bytes:
    return content


def question(method: str, command: Command, data: bytes) -> list[Any]:
    """A command as a question; its input counts by its hash."""
    return (
        [method, command.line, hashlib.sha256(data).hexdigest()]
        if data
        else [
            method,
            command.line,
        ]
    )


def _with_input(line: Line, data: bytes) -> Line:
    """Short inputs are shown. Long ones are lists of names that stand in other answers."""
    if not data:
        return line
    shown = data[:_INPUT_KEPT].decode(errors="surrogateescape")
    return {**line, "input": shown, "input_bytes": len(data)}


def as_text(error: ConnectorError) -> list[str]:
    """An error as it is kept."""
    return [type(error).__name__, error.detail]


class _RecordedStream:
    """A command's output, written down piece by piece as it is read."""

    def __init__(self, stream: Stream, recording_file: RecordingFile, line: Line) -> None:
        self._stream, self._recording_file, self._line = stream, recording_file, line

    def __iter__(self) -> Iterator[bytes]:
        number = self._recording_file.begin(self._line)
        try:
            for piece in self._stream:
                self._recording_file.write({"piece": number}, piece)
                yield piece
        except ConnectorError as error:
            self._recording_file.write({"end": number, "error": as_text(error)})
            raise
        self._recording_file.write({"end": number, "code": self.code, "errors": self.errors})

    @property
    def code(self) -> int:
        return self._stream.code

    @property
    def errors(self) -> str:
        return self._stream.errors
