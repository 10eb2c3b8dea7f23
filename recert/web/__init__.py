"""Web: server-rendered pages. Parse, allow, call one verb, answer."""

from pathlib import Path

from flask import Flask
from flask_wtf.csrf import CSRFProtect

from recert.web import access, converters, errors, formats
from recert.web.admin import emergency_accounts, orders, people, servers
from recert.web.auditor import campaigns as evidence_pages
from recert.web.auditor import findings, uncertified
from recert.web.officer import (
    approvals,
    board,
    campaigns,
    comments,
    conduct,
    exclusions,
    keep_confirmation,
    mail_preview,
    ownership_disputes,
    reviewer_quality,
    schedules,
    view_as_reviewer,
)
from recert.web.officer import challenges as officer_challenges
from recert.web.public import (
    challenge_link,
    demo_mailbox,
    folder_link,
    home,
    item_link,
    sign_in,
    unsubscribe,
)
from recert.web.reviewer import challenges, reviews

TEMPLATES = Path(__file__).parents[2] / "templates"
STATIC = Path(__file__).parent / "static"

OFFICERS = (
    campaigns,
    board,
    conduct,
    view_as_reviewer,
    reviewer_quality,
    mail_preview,
    schedules,
    approvals,
    exclusions,
    comments,
    officer_challenges,
    ownership_disputes,
    keep_confirmation,
)
AUDIT = (evidence_pages, findings, uncertified)
ROOMS = (
    sign_in,
    home,
    reviews,
    challenges,
    challenge_link,
    item_link,
    folder_link,
    unsubscribe,
    *OFFICERS,
    servers,
    emergency_accounts,
    orders,
    people,
    *AUDIT,
)


def register(app: Flask) -> None:
    """Adds all pages to the application."""
    app.url_map.converters["int"] = converters.Number
    CSRFProtect(app).exempt("recert.web.public.unsubscribe.stop")
    access.register(app)
    errors.register(app)
    formats.register(app)
    for room in ROOMS:
        app.register_blueprint(room.bp)
    if app.extensions["recert.settings"].demo_mailbox:
        app.register_blueprint(demo_mailbox.bp)
