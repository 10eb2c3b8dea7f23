"""Parses the daemon's configuration text into lines, tokens and statements.

Every statement keeps its file, its line and its byte range, so that an edit can be exact to the
byte and every finding can name its location.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_ENV = re.compile(r"%\{env:([^}]*)\}")
_BLANK = " \t\n\v\f\r"


@dataclass(frozen=True)
class Place:
    """The location of a statement."""

    file: str
    line: int
    title: str  # the path of the file relative to the main file's folder

    def __str__(self) -> str:
        return f"{self.title}:{self.line}"


@dataclass(frozen=True)
class Line:
    """One line of configuration with the lines that continue it."""

    tokens: tuple[str, ...]
    number: int
    start: int  # of its first byte
    end: int  # behind its line end

    @property
    def name(self) -> str:
        """ "allowuser"; for sections "<directory>" and "</directory>"."""
        return self.tokens[0].lower()


@dataclass(eq=False)
class Statement:
    """A directive, or a section with the statements in it."""

    name: str
    keyword: str
    args: tuple[str, ...]
    place: Place
    start: int
    end: int
    items: list["Statement"] = field(default_factory=list)
    close: int = -1  # first byte of the closing line
    closed_in: str = ""  # the file with the closing line

    @property
    def is_section(self) -> bool:
        return self.name.startswith("<")

    @property
    def text(self) -> str:
        """How it is written, for explanations: <Limit STOR>."""
        if not self.is_section or self.name == "<server>":
            return " ".join((self.keyword, *self.args))
        return f"{' '.join((self.keyword.rstrip('>'), *self.args))}>"


def lines(raw: bytes) -> Iterator[Line]:
    """The lines with at least one token. A backslash at the end continues a line, except a
    comment."""
    start, number = 0, 0
    while start < len(raw):
        begin, first, text = start, number + 1, b""
        while True:
            end = raw.find(b"\n", start)
            end = len(raw) if end < 0 else end + 1
            piece = raw[start:end]
            start, number = end, number + 1
            is_comment = piece.lstrip().startswith(b"#")
            if piece.endswith(b"\\\n") and not is_comment:
                text += piece[:-2]
                continue
            text += b"" if is_comment else piece
            break
        line_tokens = tokens(text.decode(errors="surrogateescape").rstrip("\r\n"))
        if line_tokens:
            yield Line(line_tokens, first, begin, start)


def tokens(text: str) -> tuple[str, ...]:
    """The tokens of one line. Quotes count only at a token's beginning; a token that begins with
    # starts a comment."""
    collected: list[str] = []
    at = 0
    while True:
        while at < len(text) and text[at] in _BLANK:
            at += 1
        if at >= len(text) or text[at] == "#":
            return _section_tokens(collected)
        token, at = _quoted(text, at + 1) if text[at] == '"' else _plain(text, at)
        collected.append(token)


def _plain(text: str, at: int) -> tuple[str, int]:
    end = at
    while end < len(text) and text[end] not in _BLANK:
        end += 1
    return text[at:end], end + 1


def _quoted(text: str, at: int) -> tuple[str, int]:
    characters = []
    while at < len(text) and text[at] != '"':
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        characters.append(text[at])
        at += 1
    return "".join(characters), at + 1


def _section_tokens(collected: list[str]) -> tuple[str, ...]:
    """`<Limit READ>` is the section `<Limit>` with one argument."""
    if len(collected) > 1 and collected[0].startswith("<") and collected[-1].endswith(">"):
        collected[-1] = collected[-1][:-1]
        if not collected[-1]:
            collected.pop()
        if not collected[0].endswith(">"):
            collected[0] += ">"
    return tuple(collected)


def expand(argument: str, environment: dict[str, str]) -> tuple[str, list[str]]:
    """The argument with %{env:X} replaced, and the names of unknown variables."""
    if "%{env:" not in argument:
        return argument, []
    missing = [name for name in _ENV.findall(argument) if name not in environment]
    if _ENV.fullmatch(argument):
        return environment.get(argument[6:-1], ""), missing
    return _ENV.sub(lambda match: environment.get(match[1], match[0]), argument), missing


def quote(argument: str) -> str:
    """The argument in quotes, so that the daemon reads it back unchanged."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
