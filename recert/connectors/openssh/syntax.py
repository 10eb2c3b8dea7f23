"""Parses sshd's configuration: keywords, Match blocks and included files, in reading order.

For each keyword the first value counts, except that lists of users and groups add up; a value in
a fitting Match beats the global value, whichever comes first in the file.
"""

import fnmatch
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from recert.connectors.contract import ServerDataInvalid
from recert.connectors.hosts import FileMissing, Host

# One "=" may stand behind a keyword; behind one in quotes it belongs to the values (sshd -T).
_KEYWORD = re.compile(r"(?:\"([^\"]+)\"\s*|([^\s=\"]+)\s*=?\s*)(.*)$", re.DOTALL)
_DEEPEST = 16  # sshd's own limit of nested includes
LISTS = ("allowusers", "denyusers", "allowgroups", "denygroups")


@dataclass(frozen=True)
class Line:
    """One keyword with its values. `blocks` are the criteria of the Match blocks around it, from
    the outside in; all must fit."""

    keyword: str
    values: tuple[str, ...]
    rest: str  # everything after the keyword, for commands
    place: str  # file:line
    blocks: tuple[tuple[str, ...], ...] = ()


@dataclass
class Config:
    """All lines of a configuration."""

    lines: list[Line] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read(host: Host, path: str) -> Config:
    """The main file and everything that it includes."""
    config = Config()
    _read_file(host, path, config, (), 0)
    return config


def _read_file(
    host: Host, path: str, config: Config, around: tuple[tuple[str, ...], ...], depth: int
) -> None:
    if depth > _DEEPEST:
        raise ServerDataInvalid(f"{path}: files include each other too deeply.")
    config.files.append(path)
    text = host.read(path).decode(errors="surrogateescape")
    blocks = around
    for number, raw in enumerate(text.split("\n"), 1):
        place = f"{path}:{number}"
        keyword, rest = keyword_of(raw)
        if not keyword:
            continue
        values = split(rest, place)
        if keyword == "match":
            blocks = (*around, tuple(values))
        elif keyword == "include":
            for included in _included(host, values, config, place):
                _read_file(host, included, config, blocks, depth + 1)
        else:
            config.lines.append(Line(keyword, tuple(values), rest, place, blocks))


def keyword_of(raw: str) -> tuple[str, str]:
    """The keyword in lower case and the rest of the line."""
    line = raw.strip(" \t\r\f\v")
    if not line or line.startswith("#"):
        return "", ""
    match = _KEYWORD.match(line)
    return ((match[1] or match[2]).lower(), match[3]) if match else ("", "")


def split(text: str, place: str) -> list[str]:
    """Arguments as sshd splits them: quotes keep blanks, a backslash keeps quotes and blanks, "#"
    begins a comment where an argument could begin."""
    arguments: list[str] = []
    position, size = 0, len(text)
    while position < size:
        if text[position] in " \t":
            position += 1
            continue
        if text[position] == "#":
            break
        argument, position = _argument(text, position, place)
        arguments.append(argument)
    return arguments


def _argument(text: str, position: int, place: str) -> tuple[str, int]:
    characters, quote = [], ""
    while position < len(text):
        character = text[position]
        following = text[position + 1 : position + 2]
        escapes = following in ("'", '"', "\\") or (not quote and following == " ")
        if character == "\\" and following and escapes:
            characters.append(following)
            position += 1
        elif not quote and character in " \t":
            break
        elif not quote and character in "\"'":
            quote = character
        elif quote == character:
            quote = ""
        else:
            characters.append(character)
        position += 1
    if quote:
        raise ServerDataInvalid(f"{place}: a quote is not closed.")
    return "".join(characters), position


def _included(host: Host, patterns: Sequence[str], config: Config, place: str) -> Iterator[str]:
    """The files that glob patterns match, sorted."""
    for pattern in patterns:
        whole = pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}"
        folder, _, name = whole.rpartition("/")
        if any(wildcard in folder for wildcard in "*?["):
            config.problems.append(f"Not understood: wildcards in folders at {place}.")
        elif not any(wildcard in name for wildcard in "*?["):
            if host.stat(whole) is not None:
                yield whole
        else:
            try:
                names = host.names(folder)
            except FileMissing:
                continue
            hidden = name.startswith(".")
            yield from (
                f"{folder}/{file_name}"
                for file_name in names
                if fnmatch.fnmatchcase(file_name, name)
                and (hidden or not file_name.startswith("."))
            )


def matches(patterns: str, *names: str) -> bool:
    """A list with commas: one name must fit, and none may fit a pattern with "!"."""
    positive = False
    for pattern in patterns.split(","):
        negated = pattern.startswith("!")
        fits = any(like(pattern.removeprefix("!"), name) for name in names)
        if fits and negated:
            return False
        positive |= fits
    return positive


def like(pattern: str, name: str) -> bool:
    """sshd's wildcards: only "*" and "?"."""
    expression = "".join(
        ".*" if character == "*" else "." if character == "?" else re.escape(character)
        for character in pattern
    )
    return re.fullmatch(expression, name, re.DOTALL) is not None


Fits = Callable[[tuple[str, ...]], bool]


def values_for(config: Config, fits: Fits) -> dict[str, list[Line]]:
    """The lines that hold for one connection: one for each keyword, for lists all of them."""
    globally: dict[str, list[Line]] = {}
    matched: dict[str, list[Line]] = {}
    known: dict[tuple[str, ...], bool] = {}
    for line in config.lines:
        for block in line.blocks:
            if block not in known:
                known[block] = fits(block)
        if not all(known[block] for block in line.blocks):
            continue
        into = matched if line.blocks else globally
        key = line.keyword
        if key == "subsystem" and line.values:
            key = f"subsystem {line.values[0]}"
        if key in LISTS:
            into.setdefault(key, []).append(line)
        else:
            into.setdefault(key, [line])
    return {**globally, **matched}
