"""The demo's mailbox: shows what its mail server took. Registered in the demo only."""

import email
import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue

from recert.web.security import public, settings

bp = Blueprint("mailbox", __name__, url_prefix="/mailbox")
NAME = re.compile(r"[0-9]{1,12}\.eml")


@dataclass(frozen=True)
class Shown:
    """One mail as the page shows it."""

    name: str
    to: str
    subject: str
    date: str
    text: str


@bp.get("")
@public
def overview() -> ResponseReturnValue:
    names = sorted((path.name for path in _folder().glob("*.eml")), reverse=True)
    return render_template("mailbox/overview.html", rows=[_read(name) for name in names[:200]])


@bp.get("/<name>")
@public
def show(name: str) -> ResponseReturnValue:
    if not NAME.fullmatch(name) or not (_folder() / name).exists():
        abort(404)
    return render_template("mailbox/show.html", mail=_read(name))


def _folder() -> Path:
    found = settings().demo_mailbox
    if found is None:
        abort(404)
    return found


def _read(name: str) -> Shown:
    message = email.message_from_bytes((_folder() / name).read_bytes(), policy=default)
    body = message.get_body(("plain",)) if isinstance(message, EmailMessage) else None
    text = body.get_content() if isinstance(body, EmailMessage) else ""
    return Shown(name, str(message["To"]), str(message["Subject"]), str(message["Date"]), text)
