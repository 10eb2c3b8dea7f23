"""What a connector may ask of the machine on which a server runs: its files and a few commands.

Reading changes nothing. Two machines are known: this one (`local`) and one reached over SSH
(`ssh`); connectors do not know which of them they talk to.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from recert.connectors.contract import ConnectorError, ServerRefusedUs, ServerUnreachable
from recert.connectors.hosts.commands import Command

# Gives a file as it may be kept: without secrets, and such that it is read the same.
Cleaner = Callable[[bytes], bytes]

PATIENCE = 600  # seconds for one step: a command, a file, a piece of a long answer


class FileMissing(ServerUnreachable):
    """This file does not exist on the server."""


@dataclass(frozen=True)
class FileFact:
    """The result of stat for one path, links followed."""

    path: str
    is_folder: bool
    is_file: bool
    mode: int  # the twelve permission bits
    uid: int
    gid: int
    size: int
    modified: float  # seconds since 1970


@dataclass(frozen=True)
class Output:
    """Exit code, output and errors of a command."""

    code: int
    out: bytes
    errors: str

    @property
    def ok(self) -> bool:
        return self.code == 0


class Stream(Protocol):
    """A running command whose output is read piece by piece. At its end `code` and `errors` are
    known."""

    @property
    def code(self) -> int: ...

    @property
    def errors(self) -> str: ...

    def __iter__(self) -> Iterator[bytes]: ...


class Host(Protocol):
    """One machine. A context manager; nothing is opened before it is entered."""

    title: str  # "this machine" or "ftp1.example.org"

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def withhold(self, what: str | Command, clean: Cleaner) -> None:
        """Declares, before it is read, that a file or a command's output holds secrets: a
        recording keeps only what `clean` returns. Other hosts ignore this."""

    def read(self, path: str) -> bytes:
        """The whole file. FileMissing, or ServerRefusedUs when we may not."""

    def read_many(self, paths: Sequence[str]) -> dict[str, bytes | ConnectorError]:
        """The contents of many files, read at once; an error takes the place of its file."""

    def stat(self, path: str) -> FileFact | None:
        """None when there is no such file."""

    def stat_many(self, paths: Sequence[str]) -> dict[str, FileFact | ConnectorError | None]:
        """The facts of many paths at once; an error takes the place of an unreadable one."""

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted as bytes; FileMissing when it is not there."""

    def resolve(self, path: str) -> str:
        """The path without symbolic links; what does not exist is kept as it is."""

    def resolve_many(self, paths: Collection[str]) -> dict[str, str]:
        """Many paths without symbolic links, resolved at once."""

    def run(self, command: Command, data: bytes = b"") -> Output:
        """Runs one command of the fixed list with `data` on its standard input. A program that
        is not there gives code 127."""

    def stream(self, command: Command, data: bytes = b"") -> Stream:
        """Runs one command of the fixed list and streams its output, which may be large."""

    def replace(
        self, path: str, content: bytes, *, was: bytes | None, beside: str | None = None
    ) -> None:
        """Replaces the file in one step; owner, mode, ACL and links stay. EditedByOthers when it
        does not hold `was` any more (None: there was no file). The temporary file lies in the
        folder `beside`, or beside the file itself."""

    def remove(self, path: str, *, was: bytes) -> None:
        """Removes a file that still holds `was`; one that is gone already is fine."""


class OnlyRead:
    """The part of a host that changes something, for hosts on which nothing may change."""

    why_not = "is only read"

    def replace(
        self, path: str, content: bytes, *, was: bytes | None, beside: str | None = None
    ) -> None:
        """Refuses."""
        raise ServerRefusedUs(f"{path} {self.why_not}.")

    def remove(self, path: str, *, was: bytes) -> None:
        """Refuses."""
        raise ServerRefusedUs(f"{path} {self.why_not}.")
