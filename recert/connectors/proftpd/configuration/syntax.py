"""The daemon's configuration text: lines, words, sections, and files that name other files.

Every statement knows its file, its line and its bytes, so that an edit can be exact to the byte
and every finding can name its place.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_ENV = re.compile(r"%\{env:([^}]*)\}")
_BLANK = " \t\n\v\f\r"


@dataclass(frozen=True)
class Place:
    """Where something stands."""

    file: str
    line: int
    title: str  # the file as a reader knows it: seen from the main file's folder

    def __str__(self) -> str:
        return f"{self.title}:{self.line}"


@dataclass(frozen=True)
class Line:
    """One line of configuration with the lines that continue it."""

    words: tuple[str, ...]
    number: int
    start: int  # of its first byte
    end: int  # behind its line end

    @property
    def name(self) -> str:
        """ "allowuser"; for sections "<directory>" and "</directory>"."""
        return self.words[0].lower()


@dataclass(eq=False)
class Statement:
    """A directive, or a section with what stands in it."""

    name: str
    word: str
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
            return " ".join((self.word, *self.args))
        return f"{' '.join((self.word.rstrip('>'), *self.args))}>"


def lines(raw: bytes) -> Iterator[Line]:
    """The lines that say something. A backslash at the end continues a line, but no comment."""
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
        found = words(text.decode(errors="surrogateescape").rstrip("\r\n"))
        if found:
            yield Line(found, first, begin, start)


def words(text: str) -> tuple[str, ...]:
    """The words of one line. Quotes count only at a word's beginning; a word that begins with #
    ends the line."""
    found: list[str] = []
    at = 0
    while True:
        while at < len(text) and text[at] in _BLANK:
            at += 1
        if at >= len(text) or text[at] == "#":
            return _section_words(found)
        word, at = _quoted(text, at + 1) if text[at] == '"' else _plain(text, at)
        found.append(word)


def _plain(text: str, at: int) -> tuple[str, int]:
    end = at
    while end < len(text) and text[end] not in _BLANK:
        end += 1
    return text[at:end], end + 1


def _quoted(text: str, at: int) -> tuple[str, int]:
    found = []
    while at < len(text) and text[at] != '"':
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        found.append(text[at])
        at += 1
    return "".join(found), at + 1


def _section_words(found: list[str]) -> tuple[str, ...]:
    """`<Limit READ>` is the section `<Limit>` with one argument."""
    if len(found) > 1 and found[0].startswith("<") and found[-1].endswith(">"):
        found[-1] = found[-1][:-1]
        if not found[-1]:
            found.pop()
        if not found[0].endswith(">"):
            found[0] += ">"
    return tuple(found)


def expand(word: str, environment: dict[str, str]) -> tuple[str, list[str]]:
    """The word with %{env:X} replaced, and the names that are not known."""
    if "%{env:" not in word:
        return word, []
    missing = [name for name in _ENV.findall(word) if name not in environment]
    if _ENV.fullmatch(word):
        return environment.get(word[6:-1], ""), missing
    return _ENV.sub(lambda found: environment.get(found[1], found[0]), word), missing


def quote(word: str) -> str:
    """A word as it is written so that the daemon reads it back unchanged."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
