"""Web: server-rendered pages. Parse, allow, call one verb, answer."""

from pathlib import Path

from flask import Flask
from flask_wtf.csrf import CSRFProtect

from recert.web import (
    audit,
    auditing,
    board,
    campaigns,
    conversations,
    emergency,
    errors,
    home,
    links,
    mailbox,
    messages,
    not_mine,
    numbers,
    objections,
    orders,
    people,
    quality,
    registers,
    releases,
    reviews,
    running,
    schedules,
    second_person,
    security,
    servers,
    several,
    sign_in,
    stopping,
    uncertified,
    watching,
    words,
)

TEMPLATES = Path(__file__).parents[2] / "templates"
STATIC = Path(__file__).parent / "static"

OFFICERS = (
    campaigns,
    board,
    running,
    watching,
    quality,
    messages,
    schedules,
    releases,
    registers,
    conversations,
    objections,
    not_mine,
    second_person,
)
AUDIT = (audit, auditing, uncertified)
ROOMS = (
    sign_in,
    home,
    reviews,
    links,
    several,
    stopping,
    *OFFICERS,
    servers,
    emergency,
    orders,
    people,
    *AUDIT,
)


def register(app: Flask) -> None:
    """Adds all pages to the application."""
    app.url_map.converters["int"] = numbers.Number
    CSRFProtect(app).exempt("recert.web.stopping.stop")
    security.register(app)
    errors.register(app)
    words.register(app)
    for room in ROOMS:
        app.register_blueprint(room.bp)
    if app.extensions["recert.settings"].demo_mailbox:
        app.register_blueprint(mailbox.bp)
