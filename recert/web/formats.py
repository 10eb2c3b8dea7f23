"""Labels and formats for templates."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Flask

from recert.campaigns.models import Campaign
from recert.campaigns.setup.subjects.registry import kind_of
from recert.connectors import rights
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.foundation.settings import Settings
from recert.inventory.recordings import recording_status

STATE_LABELS = {
    "open": "not answered",
    "decided": "answered",
    "between stages": "answered",
    "final": "being applied",
    "ordered": "being applied",
    "verified": "verified",
    "still reachable": "still has access",
    "needs attention": "needs manual work",
    "closed": "closed",
    "gone before decision": "already removed",
    "superseded": "answered in a later review",
}
ANSWER_LABELS = {
    "keep": "Keep",
    "reduce": "Reduce",
    "revoke": "Remove",
    "not mine": "Passed on",
    "no answer": "No answer",
}


def register(app: Flask) -> None:
    """Filters and globals."""
    settings: Settings = app.extensions["recert.settings"]
    zone: ZoneInfo = settings.zone

    def moment(at: datetime | None) -> str:
        return at.astimezone(zone).strftime("%-d %b %Y, %H:%M %Z") if at else ""

    def due(campaign: Campaign) -> str:
        """The due date in the campaign's own zone, which is named."""
        here = ZoneInfo(campaign.zone) if campaign.zone else zone
        return campaign.due_at.astimezone(here).strftime("%-d %b %Y, %H:%M %Z") + f" ({here.key})"

    def day(at: datetime | None) -> str:
        return at.astimezone(zone).strftime("%-d %B %Y") if at else ""

    def ago(at: datetime | None) -> str:
        return relative(clock.now() - at) if at else ""

    app.add_template_filter(moment, "moment")
    app.add_template_filter(day, "day")
    app.add_template_filter(due, "due")
    app.add_template_filter(ago, "ago")
    app.add_template_filter(rights.phrases, "right_phrases")
    app.add_template_filter(rights.names, "right_names")
    app.add_template_filter(rights.label, "right_label")
    app.add_template_filter(lambda state: STATE_LABELS.get(state, state), "state_label")
    app.add_template_filter(lambda answer: ANSWER_LABELS.get(answer, answer), "answer_label")
    app.add_template_filter(plural, "plural")
    app.add_template_filter(recording_status, "recording")
    app.add_template_filter(lambda row, about: kind_of(about).sentence(row), "question")
    app.add_template_filter(kind_of, "kind")
    app.add_template_global(Role, "Role")
    app.jinja_env.globals["RIGHT_PHRASES"] = rights.PHRASES
    app.jinja_env.globals["has_mailbox"] = settings.demo_mailbox is not None


def plural(count: int, unit: str, many: str = "") -> str:
    """1 item, 2 items."""
    return f"{count:,} {unit if count == 1 else many or unit + 's'}"


def relative(gap: timedelta) -> str:
    """Three days ago, in one unit."""
    seconds = int(gap.total_seconds())
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{plural(seconds // size, unit)} ago"
    return "just now"
