"""Web: server-rendered pages. A view parses, allows, calls one use case, and answers."""

from pathlib import Path

from flask import Flask
from flask_wtf.csrf import CSRFProtect

from recert.web import (
    access,
    admin,
    auditor,
    converters,
    errors,
    formats,
    forms,
    officer,
    public,
    reviewer,
)

TEMPLATES = Path(__file__).parents[2] / "templates"
STATIC = Path(__file__).parent / "static"

PAGES = (*public.PAGES, *reviewer.PAGES, *officer.PAGES, *admin.PAGES, *auditor.PAGES)
# Which pages belong to which entry of the main menu.
MENU = {
    "reviews": reviewer.PAGES,
    "campaigns": officer.CAMPAIGNS,
    "servers": admin.SERVERS,
    "people": admin.PEOPLE,
    "orders": (admin.orders,),
    "approvals": (officer.approvals,),
    "audit": auditor.PAGES,
    "mailbox": (public.demo_mailbox,),
}


def register(app: Flask) -> None:
    """Adds all pages to the application."""
    app.url_map.converters["int"] = converters.Number
    forms_of_others = CSRFProtect(app)
    forms_of_others.exempt("recert.web.public.unsubscribe.stop")
    forms_of_others.exempt("recert.web.public.single_sign_on.logged_out_there")
    access.register(app)
    errors.register(app)
    formats.register(app)
    forms.register(app)
    menu = {name: {page.bp.name for page in pages} for name, pages in MENU.items()}
    app.jinja_env.globals["MENU"] = menu
    for page in PAGES:
        app.register_blueprint(page.bp)
    if app.extensions["recert.settings"].demo_mailbox:
        for page in public.DEMO_PAGES:
            app.register_blueprint(page.bp)
