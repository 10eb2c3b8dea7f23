"""What a reply says, pure. A reply decides only when its first line is a keyword and nothing
else, or lines of a number and a keyword. Everything a mail program adds is left out first; when
in doubt nothing is understood, because our own quoted text holds the keywords too."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.errors import MessageError
from email.message import EmailMessage
from html.parser import HTMLParser

KEEP, REVOKE = "keep", "revoke"
WORDS = {
    KEEP: ("keep", "approve", "behalten", "genehmigen"),
    REVOKE: ("revoke", "remove", "entziehen", "entfernen"),
}
MEANING = {word: meaning for meaning, words in WORDS.items() for word in words}
_LINE = re.compile(r"#?([0-9]{1,3}(?:\s*(?:,|\+|&)\s*[0-9]{1,3})*)\s*[.:)]?\s+(\w+)")
# Where a mail program begins to quote or a signature begins. A line that is cut here is never
# looked past, but for the attribution of a bottom poster.
_STOP = re.compile(
    r"^(-{2,}\s*(original|ursprüngliche|forwarded|weitergeleitete|message|nachricht|mensaje|"
    r"messaggio|oorspronkelijk).*|_{5,}|-{5,}.*|={5,}|--\s?|—|"
    r"(from|von|de|da|van|od|från|fra|lähettäjä|gesendet|sent|envoyé|date|datum)\s*:.*|"
    r"\*(from|von|de|gesendet|sent)\s*:\*.*|"
    r"(begin forwarded message|anfang der weitergeleiteten|début du message).*|"
    r"(sent from my|von meinem|gesendet von|get outlook|outlook für|envoyé de|sent with|"
    r"sent via|diese nachricht wurde).*)$",
    re.IGNORECASE,
)
_SAID = re.compile(
    r"^(on\b.*\bwrote|am\b.*\bschrieb.*|le\b.*\ba écrit|el\b.*\bescribió|il\b.*\bha scritto|"
    r"op\b.*\bschreef.*|den\b.*\bskrev.*|.{0,80}\d{4}.{0,80}(wrote|schrieb|a écrit))\s*:?$",
    re.IGNORECASE,
)
_STARTS_SAYING = re.compile(r"^(on|am|le|el|il|op|den)\s.{0,40}\d", re.IGNORECASE)
_INVISIBLE = dict.fromkeys(map(ord, "\0\ufeff\u200b\u200c\u200d\u2060\u00ad"))
_DECORATION = "*_ \t\"'„“”‚‘’»«.!,;"
_BLOCKS = {"p", "div", "br", "li", "tr", "table", "ul", "ol", "h1", "h2", "h3", "hr", "pre"}
_DROPPED = {"blockquote", "style", "script", "head", "title"}
_QUOTES = ("gmail_quote", "gmail_attr", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote")
_REST_IS_QUOTED = ("divRplyFwdMsg", "appendonsend", "OLK_SRC_BODY_SECTION", "mail-editor-reference")
_VOID = {"br", "hr", "img", "meta", "link", "input", "area", "base", "col", "wbr"}


@dataclass(frozen=True)
class Said:
    """What a reply says: one word for the whole mail, or one for some of its lines; else why
    it was not understood."""

    whole: str = ""
    lines: Mapping[int, str] = field(default_factory=dict)
    why: str = ""


EMPTY = Said(why="It has no text of its own.")
NO_WORD = Said(why="Its first line is not exactly one of the words keep and revoke.")
TWO_WORDS = Said(why="It says different things.")


def understand(message: EmailMessage) -> Said:
    """What the writer says, or why that is not clear."""
    lines = own_lines(text_of(message))
    while lines and not lines[0]:
        lines.pop(0)
    if not lines:
        return EMPTY
    numbered, rest = _numbered(lines)
    if numbered is None:
        return TWO_WORDS
    if numbered:
        return TWO_WORDS if _more_words(rest) else Said(lines=numbered)
    word = MEANING.get(_plain(lines[0]))
    if word is None:
        return NO_WORD
    return TWO_WORDS if _more_words(lines[1:]) else Said(whole=word)


def _numbered(lines: list[str]) -> tuple[dict[int, str] | None, list[str]]:
    """The lines of number and word at the beginning, and what follows; None for a contradiction."""
    found: dict[int, str] = {}
    for at, line in enumerate(lines):
        match = _LINE.fullmatch(_plain(line))
        if not line:
            continue
        if not match or match[2] not in MEANING:
            return found, lines[at:]
        for number in map(int, re.findall(r"[0-9]+", match[1])):
            if found.setdefault(number, MEANING[match[2]]) != MEANING[match[2]]:
                return None, []
    return found, []


def _more_words(lines: list[str]) -> bool:
    """Whether another line could be meant as an answer as well."""
    return any(set(re.findall(r"\w+", line.lower())) & set(MEANING) for line in lines)


def _plain(line: str) -> str:
    return unicodedata.normalize("NFC", line).strip(_DECORATION).lower()


def own_lines(text: str) -> list[str]:
    """The lines that the writer wrote themselves, as far as that is certain."""
    lines = [_clean(line) for line in text.splitlines()]
    own: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        height = _attribution(lines, at)
        if height:
            after = [one for one in lines[at + height :] if one]
            below = _below_the_quote(after)
            return below if not any(own) and below else own
        if _STOP.match(line.strip()):
            return own
        if not line.startswith(">"):
            own.append(line.strip())
        elif any(own):
            return own  # what stands below a quote answers to a part of it
        at += 1
    return own


def _attribution(lines: list[str], at: int) -> int:
    """How many lines say "On .. wrote:" from here on; programs break it into up to three."""
    if _SAID.match(lines[at].strip()):
        return 1
    if _STARTS_SAYING.match(lines[at].strip()):
        for height in (2, 3):
            joined = " ".join(one.strip() for one in lines[at : at + height])
            if _SAID.match(joined):
                return height
    return 0


def _below_the_quote(lines: list[str]) -> list[str]:
    """What a bottom poster wrote: all that is quoted stands above it, each line marked."""
    quoted = 0
    while quoted < len(lines) and lines[quoted].startswith(">"):
        quoted += 1
    below = lines[quoted:]
    if not quoted or any(one.startswith(">") for one in below):
        return []
    stop = next((n for n, one in enumerate(below) if _STOP.match(one.strip())), len(below))
    return [one.strip() for one in below[:stop]]


def _clean(line: str) -> str:
    return line.translate(_INVISIBLE).replace("\xa0", " ").rstrip()


def text_of(message: EmailMessage) -> str:
    """The text of a mail: the plain part, else the HTML without what it quotes."""
    try:
        plain = message.get_body(("plain",))
        text = _content(plain) if plain is not None else ""
        if text.strip():
            return text
        html = message.get_body(("html",))
        return _Own.read(_content(html)) if html is not None else ""
    except (MessageError, ValueError, LookupError, KeyError, AttributeError, TypeError):
        return ""  # a broken mail says nothing; it is answered like any other that is not clear


def _content(part: object) -> str:
    if not isinstance(part, EmailMessage):
        return ""
    found = part.get_content()
    text = found if isinstance(found, str) else found.decode("utf-8", "replace")
    if part.get_param("format", "") == "flowed":
        text = re.sub(r"(?m)^ (?=[> ]|From )", "", text)  # space stuffing (RFC 3676)
    return text


class _Own(HTMLParser):
    """The text of an HTML mail without quotes."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.dropping: list[str] = []
        self.over = False

    @classmethod
    def read(cls, html: str) -> str:
        """Reads until the quoted mail begins."""
        reader = cls()
        reader.feed(html)
        reader.close()
        return "".join(reader.parts)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = " ".join(value or "" for name, value in attributes if name in ("id", "class"))
        self.over = self.over or any(mark in named for mark in _REST_IS_QUOTED)
        if self.dropping:
            if tag not in _VOID:
                self.dropping.append(tag)
            return
        styled = next((value or "" for name, value in attributes if name == "style"), "")
        hidden = "display:none" in styled.replace(" ", "").lower()
        if tag in _VOID:
            self.parts.append("\n" if tag in _BLOCKS else "")
        elif hidden or tag in _DROPPED or any(mark in named for mark in _QUOTES):
            self.dropping.append(tag)
            self.parts.append("\n")
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.dropping:
            while self.dropping.pop() != tag:
                continue
        elif not self.dropping and tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.dropping and not self.over:
            self.parts.append(" ".join(data.split()) if data.strip() else " ")
