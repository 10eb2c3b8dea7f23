"""Reading the configuration: the main file with everything it includes."""

import fnmatch
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from recert.connectors.contract import ServerDataInvalid
from recert.connectors.proftpd.configuration.directives import CONDITIONS
from recert.connectors.proftpd.configuration.syntax import Line, Place, Statement, expand, lines

_DEEPEST = 32
_CONDITIONS = {"<ifmodule>", "<ifdefine>"}
_VERSION = re.compile(r"(?P<not>!?)(?P<sign>>=|<=|==|=|>|<)?(?P<number>\d+(?:\.\d+)*)")
_STATIC = (
    *("core", "xfer", "rlimit", "auth_unix", "auth_file", "auth", "ls", "log", "site", "delay"),
    *("facts", "dso", "auth_pam", "cap", "ctrls", "lang"),
)


@dataclass(frozen=True)
class Source:
    """Where files come from; a dictionary will do."""

    read: Callable[[str], bytes | None]  # None: there is no such file
    names: Callable[[str], list[str] | None]  # None: it is no folder
    version: Callable[[], str] = lambda: ""  # the daemon's; empty: not known


@dataclass
class Configuration:
    """The statements in the order in which the daemon reads them."""

    main: str
    items: list[Statement] = field(default_factory=list)
    raw: dict[str, bytes] = field(default_factory=dict)  # every file that was read
    folders: set[str] = field(default_factory=set)  # folders of which an Include reads all files
    doubts: list[tuple[str, Place]] = field(default_factory=list)  # what is not understood
    remarks: list[str] = field(default_factory=list)
    modules: set[str] = field(default_factory=lambda: {f"mod_{name}.c" for name in _STATIC})
    defines: set[str] = field(default_factory=set)
    environment: dict[str, str] = field(default_factory=dict)

    def title(self, file: str) -> str:
        folder = os.path.dirname(self.main).rstrip("/") + "/"
        return file[len(folder) :] if file.startswith(folder) else file


def load(
    main: str,
    source: Source,
    *,
    modules: Iterable[str] = (),
    defines: Iterable[str] = (),
    environment: dict[str, str] | None = None,
) -> Configuration:
    """Raises ServerDataInvalid when the main file is not there or sections do not fit."""
    configuration = Configuration(main, environment=dict(environment or {}), defines=set(defines))
    configuration.modules |= set(modules)
    raw = source.read(main)
    if raw is None:
        raise ServerDataInvalid(f"There is no configuration file {main}.")
    _Reader(source, configuration).all(main, raw)
    return configuration


def _version_fits(condition: str, version: str) -> bool:
    match = _VERSION.fullmatch(condition)
    if match is None:
        return False
    ours, theirs = ([int(part) for part in text.split(".")] for text in (version, match["number"]))
    ours += [0] * (len(theirs) - len(ours))
    theirs += [0] * (len(ours) - len(theirs))
    holds = {
        ">=": ours >= theirs,
        "<=": ours <= theirs,
        ">": ours > theirs,
        "<": ours < theirs,
    }.get(match["sign"] or "=", ours == theirs)
    return holds is not bool(match["not"])


class _Reader:
    """Sections may begin in one file and end in another; conditions may not."""

    def __init__(self, source: Source, into: Configuration) -> None:
        self._source, self._into = source, into
        self._open: list[Statement] = []
        self._version: str | None = None  # asked only where a file speaks of it

    def all(self, main: str, raw: bytes) -> None:
        self._file(main, raw, 0)
        if self._open:
            section = self._open[-1]
            raise ServerDataInvalid(f"{section.place.file}:{section.place.line} has no end.")

    def _file(self, path: str, raw: bytes, depth: int) -> None:
        if depth > _DEEPEST:
            raise ServerDataInvalid(f"{path} includes itself.")
        self._into.raw[path] = raw
        skipping: list[str] = []
        conditions: list[str] = []
        for line in lines(raw):
            name, place = line.name, Place(path, line.number, self._into.title(path))
            if skipping:
                self._skip(line, skipping)
            elif name in _CONDITIONS or self._is_known_version(line):
                holds = self._holds(line)
                (conditions if holds else skipping).append(name)
            elif name.startswith("</") and (
                f"<{name[2:]}" in _CONDITIONS or conditions[-1:] == [f"<{name[2:]}"]
            ):
                if not conditions or conditions.pop() != f"<{name[2:]}":
                    raise ServerDataInvalid(f"{place.file}:{place.line} ends what was not begun.")
            elif name.startswith("</"):
                self._close(line, place)
            else:
                self._statement(line, place, depth)
        if skipping or conditions:
            raise ServerDataInvalid(f"A condition in {path} has no end.")

    def _close(self, line: Line, place: Place) -> None:
        if not self._open or self._open[-1].name != f"<{line.name[2:]}":
            raise ServerDataInvalid(f"{place.file}:{place.line} ends what was not begun.")
        section = self._open.pop()
        section.close, section.closed_in = line.start, place.file

    def _statement(self, line: Line, place: Place, depth: int) -> None:
        args = tuple(self._expanded(argument, place) for argument in line.tokens[1:])
        statement = Statement(line.name, line.tokens[0], args, place, line.start, line.end)
        if statement.name == "include" and args:
            self._include(args[0], place, depth)
            return
        (self._open[-1].items if self._open else self._into.items).append(statement)
        if statement.is_section:
            self._open.append(statement)
        elif args:
            self._note(statement)

    def _note(self, statement: Statement) -> None:
        """What later lines are read by."""
        value = statement.args[0]
        if statement.name == "define":
            self._into.defines.add(value)
        elif statement.name == "loadmodule":
            self._into.modules.add(value)
        elif statement.name == "setenv" and len(statement.args) > 1:
            self._into.environment[value] = statement.args[1]
        elif statement.name == "unsetenv":
            self._into.environment.pop(value, None)

    def _skip(self, line: Line, skipping: list[str]) -> None:
        if line.name in CONDITIONS:
            skipping.append(line.name)
        elif line.name == f"</{skipping[-1][1:]}":
            skipping.pop()

    def _is_known_version(self, line: Line) -> bool:
        """A part for some versions, when ours is known; else it stays a section that nobody
        understands."""
        if line.name != "<ifversion>" or not _VERSION.fullmatch("".join(line.tokens[1:])):
            return False
        if self._version is None:
            self._version = self._source.version()
        return bool(self._version)

    def _holds(self, line: Line) -> bool:
        if line.name == "<ifversion>":
            return _version_fits("".join(line.tokens[1:]), self._version or "")
        wanted = line.tokens[1] if len(line.tokens) > 1 else ""
        known = self._into.modules if line.name == "<ifmodule>" else self._into.defines
        if wanted.startswith("!"):
            return wanted[1:] not in known
        return wanted in known

    def _expanded(self, argument: str, place: Place) -> str:
        text, missing = expand(argument, self._into.environment)
        for name in missing:
            self._into.doubts.append((f"environment variable {name}", place))
        return text

    def _include(self, path: str, place: Place, depth: int) -> None:
        if not path.startswith("/"):
            self._into.doubts.append((f"relative Include {path}", place))
            return
        files = self._files(path)
        for file in files:
            raw = self._source.read(file)
            if raw is not None:
                self._file(file, raw, depth + 1)
        if not files:
            self._into.remarks.append(f"Include finds nothing: {path} at {place}")

    def _files(self, path: str) -> list[str]:
        """The files an Include means: one, those a pattern fits, or all of a folder."""
        if not re.search(r"[*?\[]", path):
            names = self._source.names(path)
            if names is None:
                return [path] if self._source.read(path) is not None else []
            self._into.folders.add(path.rstrip("/"))
            return self._sorted(path, names)
        paths = [""]
        for part in path.strip("/").split("/"):
            paths = [step for base in paths for step in self._steps(base, part)]
        return sorted(paths, key=os.fsencode)

    def _steps(self, base: str, part: str) -> list[str]:
        if not re.search(r"[*?\[]", part):
            return [f"{base}/{part}"]
        self._into.folders.add(base or "/")
        names = self._source.names(base or "/") or []
        return [
            f"{base}/{name}"
            for name in names
            if fnmatch.fnmatchcase(name, part) and (part[0] == "." or name[0] != ".")
        ]

    def _sorted(self, folder: str, names: list[str]) -> list[str]:
        return sorted((f"{folder.rstrip('/')}/{name}" for name in names), key=os.fsencode)
