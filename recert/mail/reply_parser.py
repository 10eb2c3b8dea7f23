"""Parses the answer of a mail reply.

A reply decides only when its first line is a keyword and nothing else, or when it begins with
lines of a number and a keyword. Text that a mail program adds is removed first; in doubt nothing
is understood, because Recert's own quoted text holds the keywords too.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.errors import MessageError
from email.message import EmailMessage
from html.parser import HTMLParser

KEEP, REVOKE = "keep", "revoke"
KEYWORDS = {
    KEEP: ("keep", "approve", "behalten", "genehmigen"),
    REVOKE: ("revoke", "remove", "entziehen", "entfernen"),
}
MEANING = {keyword: meaning for meaning, keywords in KEYWORDS.items() for keyword in keywords}
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
_ATTRIBUTION = re.compile(
    r"^(on\b.*\bwrote|am\b.*\bschrieb.*|le\b.*\ba écrit|el\b.*\bescribió|il\b.*\bha scritto|"
    r"op\b.*\bschreef.*|den\b.*\bskrev.*|.{0,80}\d{4}.{0,80}(wrote|schrieb|a écrit))\s*:?$",
    re.IGNORECASE,
)
_ATTRIBUTION_START = re.compile(r"^(on|am|le|el|il|op|den)\s.{0,40}\d", re.IGNORECASE)
_INVISIBLE = dict.fromkeys(map(ord, "\0\ufeff\u200b\u200c\u200d\u2060\u00ad"))
_DECORATION = "*_ \t\"'„“”‚‘’»«.!,;"
_BLOCKS = {"p", "div", "br", "li", "tr", "table", "ul", "ol", "h1", "h2", "h3", "hr", "pre"}
_DROPPED = {"blockquote", "style", "script", "head", "title"}
_QUOTES = ("gmail_quote", "gmail_attr", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote")
_REST_IS_QUOTED = ("divRplyFwdMsg", "appendonsend", "OLK_SRC_BODY_SECTION", "mail-editor-reference")
_VOID = {"br", "hr", "img", "meta", "link", "input", "area", "base", "col", "wbr"}


@dataclass(frozen=True)
class ReplyAnswer:
    """The answer of a reply: one keyword for the whole mail, or one for some of its numbered
    lines; else why it was not understood."""

    whole: str = ""
    lines: Mapping[int, str] = field(default_factory=dict)
    why: str = ""


EMPTY = ReplyAnswer(why="It has no text of its own.")
NO_KEYWORD = ReplyAnswer(why="Its first line is not exactly one of the words keep and revoke.")
CONTRADICTION = ReplyAnswer(why="It says different things.")


def understand(message: EmailMessage) -> ReplyAnswer:
    """The answer of a mail, or why it is not clear."""
    lines = own_lines(text_of(message))
    while lines and not lines[0]:
        lines.pop(0)
    if not lines:
        return EMPTY
    numbered, rest = _numbered(lines)
    if numbered is None:
        return CONTRADICTION
    if numbered:
        return CONTRADICTION if _has_more_keywords(rest) else ReplyAnswer(lines=numbered)
    keyword = MEANING.get(_plain(lines[0]))
    if keyword is None:
        return NO_KEYWORD
    return CONTRADICTION if _has_more_keywords(lines[1:]) else ReplyAnswer(whole=keyword)


def _numbered(lines: list[str]) -> tuple[dict[int, str] | None, list[str]]:
    """The numbered answers at the beginning, and the lines after them; None for a contradiction."""
    answers: dict[int, str] = {}
    for at, line in enumerate(lines):
        match = _LINE.fullmatch(_plain(line))
        if not line:
            continue
        if not match or match[2] not in MEANING:
            return answers, lines[at:]
        for number in map(int, re.findall(r"[0-9]+", match[1])):
            if answers.setdefault(number, MEANING[match[2]]) != MEANING[match[2]]:
                return None, []
    return answers, []


def _has_more_keywords(lines: list[str]) -> bool:
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
            after = [line_after for line_after in lines[at + height :] if line_after]
            below = _below_the_quote(after)
            return below if not any(own) and below else own
        if _STOP.match(line.strip()):
            return own
        if not line.startswith(">"):
            own.append(line.strip())
        elif any(own):
            return own  # text below a quote answers only a part of it
        at += 1
    return own


def _attribution(lines: list[str], at: int) -> int:
    """The number of lines of an attribution ("On ... wrote:") that starts at this line, 0 when
    none does. Mail programs break it into up to three lines."""
    if _ATTRIBUTION.match(lines[at].strip()):
        return 1
    if _ATTRIBUTION_START.match(lines[at].strip()):
        for height in (2, 3):
            joined = " ".join(one.strip() for one in lines[at : at + height])
            if _ATTRIBUTION.match(joined):
                return height
    return 0


def _below_the_quote(lines: list[str]) -> list[str]:
    """The lines of a bottom poster: below a quote of which every line is marked."""
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
        return ""  # a broken mail has no text; it is answered like any other unclear one


def _content(part: object) -> str:
    if not isinstance(part, EmailMessage):
        return ""
    content = part.get_content()
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
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
