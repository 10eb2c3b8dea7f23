"""Mails from templates, in the reader's language and time zone: a folder each with subject.txt,
body.txt and body.html. The frame of the HTML is MJML, because mail programs agree on nothing else.
"""

import re
import textwrap
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import mrml
from babel.dates import format_date, format_datetime
from babel.support import Translations
from jinja2 import (
    ChoiceLoader,
    DictLoader,
    Environment,
    FileSystemLoader,
    StrictUndefined,
    select_autoescape,
)

TEMPLATES = Path(__file__).parents[2] / "templates" / "mail"
TRANSLATIONS = Path(__file__).parents[1] / "translations"
MOMENTS = {"en": "d MMMM yyyy, HH:mm", "de": "d. MMMM yyyy, HH:mm 'Uhr'"}
DAYS = {"en": "d MMMM yyyy", "de": "d. MMMM yyyy"}
WIDTH = 76
# mrml asks for a web font even when every element names its own; our mails load nothing.
_FONTS = re.compile(r"<!--\[if !mso\]><!--><link href=\"https://fonts.*?<!--<!\[endif\]-->", re.S)


@dataclass(frozen=True)
class Reader:
    """Whom a mail is for: their language and their time zone."""

    language: str
    zone: ZoneInfo


@lru_cache(maxsize=1)
def _layout() -> str:
    """The frame as HTML. It is compiled before any data comes in: no name of a folder ever
    reaches the MJML parser."""
    compiled = mrml.to_html((TEMPLATES / "layout.mjml").read_text(encoding="utf-8"))
    return _FONTS.sub("", compiled.content)


@lru_cache(maxsize=64)
def _environment(reader: Reader) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([DictLoader({"layout.html": _layout()}), FileSystemLoader(TEMPLATES)]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    translations = Translations.load(str(TRANSLATIONS), [reader.language])
    environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]

    def shown(at: datetime, patterns: dict[str, str]) -> str:
        there, pattern = at.astimezone(reader.zone), patterns[reader.language]
        return format_datetime(there, pattern, locale=reader.language)

    def moment(at: datetime) -> str:
        return f"{shown(at, MOMENTS)} {at.astimezone(reader.zone).tzname()}"

    environment.filters["moment"] = moment

    def day(at: date) -> str:
        """A moment as the day that the reader's calendar shows; a day as it is."""
        if isinstance(at, datetime):
            return shown(at, DAYS)
        return format_date(at, DAYS[reader.language], locale=reader.language)

    environment.filters["day"] = day
    environment.filters["translated"] = translations.gettext
    environment.globals["language"] = reader.language
    return environment


def render(kind: str, reader: Reader, **context: object) -> tuple[str, str, str]:
    """Subject, text and HTML of one mail."""
    environment = _environment(reader)
    subject, text, html = (
        environment.get_template(f"{kind}/{part}").render(context)
        for part in ("subject.txt", "body.txt", "body.html")
    )
    return " ".join(subject.split()), _wrapped(text), html


def _wrapped(text: str) -> str:
    """Long sentences are broken; lists and links stay as they are. At most one empty line."""
    lines = []
    for line in text.strip().splitlines():
        if len(line) <= WIDTH or not line[:1].isalpha() or "://" in line:
            lines.append(line.rstrip())
        else:
            lines += textwrap.wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"
