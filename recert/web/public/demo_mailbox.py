"""The demo's mailbox: shows what its mail server took. Registered in the demo only."""

import email
import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue

from recert.web.access import SHOWS_MAILS, public, settings

bp = Blueprint("demo_mailbox", __name__, url_prefix="/mailbox")
NAME = re.compile(r"[0-9]{1,12}\.eml")


@dataclass(frozen=True)
class Shown:
    """One mail as the page shows it."""

    name: str
    to: str
    subject: str
    date: str
    text: str
    html: str


@bp.get("")
@public
def overview() -> ResponseReturnValue:
    names = sorted((path.name for path in _folder().glob("*.eml")), reverse=True)
    return render_template("public/mailbox.html", rows=[_read(name) for name in names[:200]])


@bp.get("/<name>")
@public
def show(name: str) -> ResponseReturnValue:
    if not NAME.fullmatch(name) or not (_folder() / name).exists():
        abort(404)
    html = render_template("public/mailbox_message.html", mail=_read(name))
    return html, {"Content-Security-Policy": SHOWS_MAILS}


def _folder() -> Path:
    found = settings().demo_mailbox
    if found is None:
        abort(404)
    return found


def _read(name: str) -> Shown:
    raw = (_folder() / name).read_bytes()
    message = email.message_from_bytes(raw, policy=default)
    text, html = (_part(message, kind) for kind in ("plain", "html"))
    to, subject, date = (str(message[field]) for field in ("To", "Subject", "Date"))
    return Shown(name, to, subject, date, text, html)


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return str(body.get_content()) if isinstance(body, EmailMessage) else ""
