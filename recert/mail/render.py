"""Mails from templates: a folder each with subject.txt, body.txt and body.html."""

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

TEMPLATES = Path(__file__).parents[2] / "templates" / "mail"


@lru_cache(maxsize=32)
def _environment(zone: ZoneInfo) -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def moment(at: datetime) -> str:
        return at.astimezone(zone).strftime("%-d %B %Y, %H:%M %Z") + f" ({zone.key})"

    made.filters["moment"] = moment
    return made


def render(kind: str, zone: ZoneInfo, **context: object) -> tuple[str, str, str]:
    """Subject, text and HTML of one mail."""
    made = _environment(zone)
    subject, text, html = (
        made.get_template(f"{kind}/{part}").render(context)
        for part in ("subject.txt", "body.txt", "body.html")
    )
    return " ".join(subject.split()), text, html
