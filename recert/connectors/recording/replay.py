"""Replays a recording: a World that answers from it and refuses what was not recorded."""

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from recert.connectors import contract
from recert.connectors.contract import ConnectorError
from recert.connectors.environment import Opened
from recert.connectors.hosts import FileFact, FileMissing, Host, Output
from recert.connectors.hosts.commands import Command
from recert.connectors.hosts.contract import Cleaner, OnlyRead, Stream
from recert.connectors.recording.file_format import Answer, Played
from recert.connectors.recording.recorder import question

_ERRORS = {
    one.__name__: one
    for one in (*vars(contract).values(), FileMissing)
    if isinstance(one, type) and issubclass(one, ConnectorError)
}


class NotRecorded(ConnectorError):
    """The recording holds no answer to this question."""


class Replay:
    """A World that answers only from the recording."""

    def __init__(self, path: Path) -> None:
        self._played = Played(path)
        self.kind = str(self._played.header["kind"])
        self.settings: dict[str, str] = dict(self._played.header["settings"])
        self.collector = str(self._played.header["collector"])
        self.other_zone = False  # this machine's zone differs from the one that recorded

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._played.close()

    def now(self) -> datetime:
        line = _answer(self._played, ["now"]).line
        moment = datetime.fromisoformat(line["now"])
        offset = moment.astimezone().utcoffset()
        self.other_zone = (offset.total_seconds() if offset else 0) != line["utc_offset"]
        return moment

    def host(self, settings: Mapping[str, str]) -> Host:
        return ReplayedHost(self._played)

    @contextmanager
    def opened(self, path: Path) -> Iterator[Opened]:
        answer = _answer(self._played, ["open", str(path)])
        with tempfile.TemporaryFile() as file:
            for piece in self._played.pieces(answer):
                file.write(piece)
            file.flush()
            file.seek(0)
            yield file

    def left_over(self) -> int:
        """How many recorded answers the reading did not ask for."""
        return self._played.left_over()


def _answer(played: Played, ask: list[Any]) -> Answer:
    answer = played.next(ask)
    if answer is None:
        raise NotRecorded(" ".join(map(str, ask[:2])))
    return answer


def _error(name_and_detail: Sequence[str]) -> ConnectorError:
    return _ERRORS.get(name_and_detail[0], ConnectorError)(name_and_detail[1])


class ReplayedHost(OnlyRead):
    """A machine as it answered then."""

    why_not = "is only a recording"

    def __init__(self, played: Played) -> None:
        self._played, self.title = played, "the recording"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """The recording is closed by whoever opened it."""

    def withhold(self, what: str | Command, clean: Cleaner) -> None:
        """There is nothing left to withhold."""

    def _ask(self, *ask: Any) -> Answer:
        answer = _answer(self._played, list(ask))
        if "error" in answer.line:
            raise _error(answer.line["error"])
        return answer

    def _content(self, answer: Answer) -> bytes:
        return b"".join(self._played.pieces(answer))

    def read(self, path: str) -> bytes:
        return self._content(self._ask("read", path))

    def read_many(self, paths: Sequence[str]) -> dict[str, bytes | ConnectorError]:
        contents: dict[str, bytes | ConnectorError] = {}
        for path in dict.fromkeys(paths):
            answer = _answer(self._played, ["read", path])
            error = answer.line.get("error")
            contents[path] = _error(error) if error else self._content(answer)
        return contents

    def stat(self, path: str) -> FileFact | None:
        return _fact(self._ask("stat", path))

    def stat_many(self, paths: Sequence[str]) -> dict[str, FileFact | ConnectorError | None]:
        facts: dict[str, FileFact | ConnectorError | None] = {}
        for path in dict.fromkeys(paths):
            answer = _answer(self._played, ["stat", path])
            error = answer.line.get("error")
            facts[path] = _error(error) if error else _fact(answer)
        return facts

    def names(self, folder: str) -> list[str]:
        return list(self._ask("names", folder).line["says"])

    def resolve(self, path: str) -> str:
        return str(self._ask("resolve", path).line["says"])

    def resolve_many(self, paths: Collection[str]) -> dict[str, str]:
        return {path: self.resolve(path) for path in paths}

    def run(self, command: Command, data: bytes = b"") -> Output:
        answer = self._ask(*question("run", command, data))
        return Output(answer.line["code"], self._content(answer), answer.line["errors"])

    def stream(self, command: Command, data: bytes = b"") -> Stream:
        return _ReplayedStream(self._played, question("stream", command, data))


def _fact(answer: Answer) -> FileFact | None:
    says = answer.line["says"]
    return None if says is None else FileFact(**says)


class _ReplayedStream:
    """A command's output as it came."""

    def __init__(self, played: Played, ask: list[Any]) -> None:
        self._played, self._ask = played, ask
        self.code, self.errors = -1, ""

    def __iter__(self) -> Iterator[bytes]:
        answer = _answer(self._played, self._ask)
        yield from self._played.pieces(answer)
        end = answer.end or {}
        if "error" in end:
            raise _error(end["error"])
        self.code, self.errors = end["code"], end["errors"]
