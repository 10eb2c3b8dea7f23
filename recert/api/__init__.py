"""The interface for programs: token, JSON or CSV, no cookies and no forms."""

from flask import Flask
from flask_wtf.csrf import CSRFProtect

from recert.api.identity_governance import feeds, fulfilment
from recert.api.scim import servers

BLUEPRINTS = (feeds.bp, fulfilment.bp, servers.bp)


def register(app: Flask) -> None:
    """All interfaces. A program has no browser that another site could misuse."""
    forms: CSRFProtect = app.extensions["csrf"]
    for bp in BLUEPRINTS:
        forms.exempt(bp)
        app.register_blueprint(bp)
