"""Whoever loses access sees what ends, and objects."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from recert.campaigns.completion import challenges
from recert.campaigns.transitions import NoSuchItem
from recert.foundation import clock
from recert.foundation.errors import RecertError
from recert.web.access import acting, allowed, database, person_id
from recert.web.errors import code_of

bp = Blueprint("challenges", __name__)


@bp.get("/reviews/access-that-ends")
@allowed()
def mine() -> ResponseReturnValue:
    return _mine()


def _mine(
    problem: str = "", code: int = 200, kept: str = "", kept_at: int = 0
) -> ResponseReturnValue:
    with database().reading() as session:
        html = render_template(
            "reviewer/access_that_ends.html",
            rows=challenges.of_person(session, person_id(), now=clock.now()),
            problem=problem,
            kept=kept,
            kept_at=kept_at,
        )
    return html, code


@bp.post("/reviews/access-that-ends/<int:item_id>")
@allowed()
def object_to(item_id: int) -> ResponseReturnValue:
    text = request.form.get("text", "")
    try:
        with acting() as act:
            challenges.object_to(act, item_id, text)
    except NoSuchItem:
        raise
    except RecertError as error:
        return _mine(str(error), code_of(error), text, item_id)
    flash("Your objection is recorded. Nothing is removed until it is decided.")
    return redirect(url_for(".mine"))
