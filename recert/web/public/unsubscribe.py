"""Ending notices of one kind, by the link in them or by the mail program (RFC 8058)."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from recert.foundation import clock
from recert.mail import service as mail
from recert.mail.models import Purpose
from recert.web.access import database, public

bp = Blueprint("unsubscribe", __name__, url_prefix="/mail/stop")


@bp.get("/<token>")
@public
def show(token: str) -> ResponseReturnValue:
    with database().reading() as session:
        row = mail.open_token(session, token, Purpose.UNSUBSCRIBE, now=clock.now())
        address, _, kind = row.subject.rpartition(" ")
        stopped = mail.has_opted_out(session, address, kind)
    return render_template("public/unsubscribe.html", address=address, kind=kind, stopped=stopped)


@bp.post("/<token>")
@public
def stop(token: str) -> ResponseReturnValue:
    """Without the token of a page: mail programs send it by themselves, and the link itself is
    the secret. It can end notices and nothing else."""
    with database().transaction() as session:
        made = mail.opt_out(session, token, now=clock.now())
    return render_template(
        "public/unsubscribe.html", address=made.address, kind=made.kind, stopped=True
    )
