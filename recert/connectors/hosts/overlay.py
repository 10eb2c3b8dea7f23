"""A machine as it would be with some files changed: plans are simulated on it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from recert.connectors.contract import ConnectorError
from recert.connectors.hosts.commands import Command
from recert.connectors.hosts.contract import Cleaner, FileFact, Host, OnlyRead, Output, Stream


class EditedHost(OnlyRead):
    """Reads what `contents` holds from there and everything else from the machine itself, which
    is never written. `answers` are those of commands that would answer otherwise then."""

    why_not = "is only tried out"

    def __init__(
        self,
        host: Host,
        contents: Mapping[str, bytes],
        answers: Mapping[Command, bytes] | None = None,
    ) -> None:
        self._host, self._contents, self.title = host, contents, host.title
        self._answers = answers or {}
        # No edit of files changes which folders there are.
        self.trees: dict[object, Any] = getattr(host, "trees", {})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """The machine is opened and left by whoever made this copy."""

    def withhold(self, what: str | Command, clean: Cleaner) -> None:
        """Nothing is written down here."""

    def read(self, path: str) -> bytes:
        content = self._contents.get(path)
        return self._host.read(path) if content is None else content

    def read_many(self, paths: Sequence[str]) -> dict[str, bytes | ConnectorError]:
        contents = self._host.read_many([path for path in paths if path not in self._contents])
        return {path: self._contents.get(path, contents.get(path, b"")) for path in paths}

    def stat(self, path: str) -> FileFact | None:
        return self._host.stat(path)

    def stat_many(self, paths: Sequence[str]) -> dict[str, FileFact | ConnectorError | None]:
        return self._host.stat_many(paths)

    def names(self, folder: str) -> list[str]:
        return self._host.names(folder)

    def resolve(self, path: str) -> str:
        return self._host.resolve(path)

    def resolve_many(self, paths: Collection[str]) -> dict[str, str]:
        return self._host.resolve_many(paths)

    def run(self, command: Command, data: bytes = b"") -> Output:
        answer = self._host.run(command, data)
        return replace(answer, out=self._answers[command]) if command in self._answers else answer

    def stream(self, command: Command, data: bytes = b"") -> Stream:
        return self._host.stream(command, data)
