"""A machine that is asked once: its answers are remembered until they are forgotten."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Self

from recert.connectors.contract import ConnectorError, ServerRefusedUs
from recert.connectors.hosts import commands
from recert.connectors.hosts.commands import Command
from recert.connectors.hosts.contract import (
    Cleaner,
    FileFact,
    FileMissing,
    Host,
    OnlyRead,
    Output,
    Stream,
)

# Answers about accounts. All other commands are asked anew each time.
_REMEMBERED = frozenset({commands.GETENT_PASSWD, commands.GETENT_GROUP, commands.GETENT_SHADOW})
Question = tuple[object, ...]


class RememberingHost(OnlyRead):
    """Reads from `host`, and keeps what it was answered. What it holds about files may be forgotten
    apart from `trees`, where scans of folders are kept by whoever makes them."""

    def __init__(self, host: Host) -> None:
        self._host, self.title = host, host.title
        self._answers: dict[Question, Any] = {}
        self.trees: dict[object, Any] = {}
        self.is_new = True  # since everything but the folders was forgotten

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """The machine is opened and left by whoever made this."""

    def forget_answers(self) -> None:
        """Somebody edited files: everything but the folders is asked again."""
        self._answers.clear()
        self.is_new = True

    def forget_permissions(self) -> None:
        """Somebody edited permissions only: the content of files and the accounts stay."""
        for question in [one for one in self._answers if one[0] == "stat"]:
            del self._answers[question]

    def withhold(self, what: str | Command, clean: Cleaner) -> None:
        """Nothing is written down here."""

    def read(self, path: str) -> bytes:
        content: bytes = self._once(("read", path), lambda: self._host.read(path))
        return content

    def read_many(self, paths: Sequence[str]) -> dict[str, bytes | ConnectorError]:
        contents: dict[str, bytes | ConnectorError] = self._many(
            "read", paths, self._host.read_many
        )
        return contents

    def stat(self, path: str) -> FileFact | None:
        fact: FileFact | None = self._once(("stat", path), lambda: self._host.stat(path))
        return fact

    def stat_many(self, paths: Sequence[str]) -> dict[str, FileFact | ConnectorError | None]:
        facts: dict[str, FileFact | ConnectorError | None]
        facts = self._many("stat", paths, self._host.stat_many)
        return facts

    def names(self, folder: str) -> list[str]:
        names: list[str] = self._once(("names", folder), lambda: self._host.names(folder))
        return list(names)

    def resolve(self, path: str) -> str:
        real_path: str = self._once(("resolve", path), lambda: self._host.resolve(path))
        return real_path

    def resolve_many(self, paths: Collection[str]) -> dict[str, str]:
        real_paths: dict[str, str] = self._many("resolve", list(paths), self._host.resolve_many)
        return real_paths

    def run(self, command: Command, data: bytes = b"") -> Output:
        if command not in _REMEMBERED:
            return self._host.run(command, data)
        ask = ("run", command, data)
        output: Output = self._once(ask, lambda: self._host.run(command, data))
        return output

    def stream(self, command: Command, data: bytes = b"") -> Stream:
        return self._host.stream(command, data)

    def _once(self, question: Question, ask: Callable[[], Any]) -> Any:
        """A file that is missing or refused is an answer too; other errors are not kept."""
        if question not in self._answers:
            try:
                self._answers[question] = ask()
            except (FileMissing, ServerRefusedUs) as error:
                self._answers[question] = error
        answer = self._answers[question]
        if isinstance(answer, ConnectorError):
            raise answer
        return answer

    def _many(self, method: str, paths: Sequence[str], ask: Callable[[list[str]], Any]) -> Any:
        missing = [path for path in paths if (method, path) not in self._answers]
        if missing:
            for path, answer in ask(missing).items():
                self._answers[method, path] = answer
        return {path: self._answers[method, path] for path in paths}
