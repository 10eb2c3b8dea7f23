"""Web: server-rendered pages. A view parses, allows, calls one use case, and answers."""

from pathlib import Path

from flask import Flask
from flask_wtf.csrf import CSRFProtect

from recert.web import access, converters, errors, formats, forms
from recert.web.admin import emergency_accounts, orders, people, servers
from recert.web.auditor import campaigns as evidence_pages
from recert.web.auditor import findings, uncertified
from recert.web.officer import APPROVALS, CAMPAIGNS
from recert.web.public import (
    challenge_link,
    demo_mailbox,
    folder_link,
    home,
    item_link,
    sign_in,
    styleguide,
    unsubscribe,
)
from recert.web.reviewer import challenges, reviews

TEMPLATES = Path(__file__).parents[2] / "templates"
STATIC = Path(__file__).parent / "static"

AUDIT = (evidence_pages, findings, uncertified)
PAGES = (
    *(sign_in, home, item_link, folder_link, challenge_link, unsubscribe),
    *(reviews, challenges, *CAMPAIGNS, *APPROVALS),
    *(servers, emergency_accounts, orders, people, *AUDIT),
)
# Which pages belong to which entry of the main menu.
MENU = {
    "reviews": (reviews, challenges),
    "campaigns": CAMPAIGNS,
    "servers": (servers, emergency_accounts),
    "people": (people,),
    "orders": (orders,),
    "approvals": APPROVALS,
    "audit": AUDIT,
    "mailbox": (demo_mailbox,),
}


def register(app: Flask) -> None:
    """Adds all pages to the application."""
    app.url_map.converters["int"] = converters.Number
    CSRFProtect(app).exempt("recert.web.public.unsubscribe.stop")
    access.register(app)
    errors.register(app)
    formats.register(app)
    forms.register(app)
    menu = {name: {page.bp.name for page in pages} for name, pages in MENU.items()}
    app.jinja_env.globals["MENU"] = menu
    for page in PAGES:
        app.register_blueprint(page.bp)
    if app.extensions["recert.settings"].demo_mailbox:
        app.register_blueprint(demo_mailbox.bp)
        app.register_blueprint(styleguide.bp)
