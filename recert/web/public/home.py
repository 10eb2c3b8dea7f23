"""The first page after signing in: whatever this person is here for."""

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from recert.foundation.actor import Role
from recert.web.access import allowed

bp = Blueprint("home", __name__)


@bp.get("/")
@allowed()
def show() -> ResponseReturnValue:
    for role, page in (
        (Role.OFFICER, "campaigns.overview"),
        (Role.ADMINISTRATOR, "servers.overview"),
        (Role.AUDITOR, "evidence.overview"),
    ):
        if current_user.may(role):
            return redirect(url_for(page))
    return redirect(url_for("reviews.inbox"))
