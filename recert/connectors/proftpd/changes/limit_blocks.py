"""Writes <Limit> blocks and finds where in the configuration text they go."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from recert.connectors.contract import CannotExpress
from recert.connectors.proftpd.configuration.files import Configuration
from recert.connectors.proftpd.configuration.matching import GLOB
from recert.connectors.proftpd.configuration.sections import Section
from recert.connectors.proftpd.configuration.syntax import Statement, quote

_GENERATED = re.compile(rb"generated|do not edit|managed by", re.IGNORECASE)
_CLOSED = {"<ifuser>", "<ifgroup>", "<ifclass>", "<ifauthenticated>", "<anonymous>"}
_HEAD = 2000


@dataclass(frozen=True)
class Insertion:
    """Text that goes into a file before the byte `at`."""

    file: str
    at: int
    text: str


@dataclass(frozen=True)
class Placement:
    """Where a block for a folder goes, and for which name."""

    user: str
    file: str
    at: int
    head: str  # of a section that has to be made for the folder
    tail: str

    def with_block(self, block: str) -> Insertion:
        return Insertion(self.file, self.at, f"{self.head}{block}{self.tail}")


def limit(commands: Iterable[str], directive: str, user: str, indent: str) -> str:
    """One <Limit> block for one user."""
    return (
        f"{indent}<Limit {' '.join(commands)}>\n"
        f"{indent}  {directive} {quote(user)}\n"
        f"{indent}</Limit>\n"
    )


def check_name(user: str) -> None:
    """Names that a list of users would take for something else."""
    if "," in user or user.startswith("!") or not user.isprintable() or "%{env:" in user:
        raise CannotExpress(f"The name {user!r} cannot stand in a list of users.")


def check_path(folder: str) -> None:
    """Paths that a <Directory> section would take for something else."""
    if GLOB.search(folder) or "%" in folder or not folder.isprintable():
        raise CannotExpress(f"The path {folder!r} cannot stand in a <Directory> section.")


class Text:
    """The configuration as text: finds where a block goes."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._around: dict[Statement, Statement | None] = {}
        self._note(configuration.items, None)

    def _note(self, items: Sequence[Statement], parent: Statement | None) -> None:
        for item in items:
            self._around[item] = parent
            self._note(item.items, item)

    def into_section(self, section: Section, block: str) -> Insertion:
        """As the last block of a section that stands in the configuration: the last is looked at
        first."""
        statement = section.statement
        if statement not in self._around or not statement.closed_in:
            raise CannotExpress(f"{section.path} is governed by {section.place}, no section.")
        for outer in self._outwards(statement):
            if outer.name in _CLOSED:
                raise CannotExpress(
                    f"The rule stands in {outer.text} at {outer.place}, where a change could give "
                    "rights to others."
                )
        return self._before_close(statement, block)

    def _outwards(self, statement: Statement) -> Iterator[Statement]:
        current: Statement | None = statement
        while current is not None:
            yield current
            current = self._around.get(current)

    def new_section(self, server: Section, folder: str, block: str) -> Insertion:
        """A section of its own for a folder: at the end of its server."""
        check_path(folder)
        text = f"<Directory {quote(folder)}>\n{block}</Directory>\n"
        if server.statement.closed_in:
            return self._before_close(server.statement, text)
        return self.at_the_end(text)

    def at_the_end(self, text: str) -> Insertion:
        """Behind everything in the main file."""
        file = self._configuration.main
        raw = self._configuration.raw[file]
        self._check_file(file)
        gap = "" if not raw or raw.endswith(b"\n") else "\n"
        return Insertion(file, len(raw), gap + text)

    def _before_close(self, statement: Statement, text: str) -> Insertion:
        self._check_file(statement.closed_in)
        return Insertion(statement.closed_in, statement.close, text)

    def _check_file(self, file: str) -> None:
        if _GENERATED.search(self._configuration.raw[file][:_HEAD]):
            raise CannotExpress(f"{file} says that it is generated: change it at its origin.")

    def with_all(self, insertions: Iterable[Insertion]) -> dict[str, bytes]:
        """The changed files. What two servers would have written at one place is written once."""
        changed: dict[str, bytes] = {}
        for one in sorted(dict.fromkeys(insertions), key=lambda one: one.at, reverse=True):
            raw = changed.get(one.file, self._configuration.raw[one.file])
            text = one.text.encode("utf-8", errors="surrogateescape")
            changed[one.file] = raw[: one.at] + text + raw[one.at :]
        return changed
