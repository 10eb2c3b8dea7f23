"""The page behind the link by which somebody who loses access can object."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from recert.campaigns.completion import challenges
from recert.foundation import clock
from recert.foundation.errors import RecertError
from recert.mail import service as mail
from recert.people.models import Person
from recert.trail.act import Act
from recert.web.access import database, public
from recert.web.errors import code_of
from recert.web.public.item_link import holder, token_of

bp = Blueprint("challenge_link", __name__)


@bp.get("/d/o/<place>")
@public
def by_mail(place: str) -> ResponseReturnValue:
    with database().reading() as session:
        return _by_mail(session, place)


def _by_mail(
    session: Session, place: str, problem: str = "", code: int = 200, kept: str = ""
) -> ResponseReturnValue:
    invited = challenges.announcement(session, token_of(place), now=clock.now())
    row = challenges.one(session, invited.item_id)
    if row is None:
        raise mail.LinkOver
    html = render_template(
        "public/challenge.html",
        row=row,
        is_open=challenges.is_open(row, clock.now()),
        place=place,
        problem=problem,
        kept=kept,
    )
    return html, code


@bp.post("/d/o/<place>")
@public
def object_by_mail(place: str) -> ResponseReturnValue:
    """A program that presses here delays a removal and takes nothing away."""
    text, now = request.form.get("text", ""), clock.now()
    try:
        with database().transaction() as session:
            invited = challenges.announcement(session, token_of(place), now=now)
            actor = holder(session.get_one(Person, invited.person_id), invited.token)
            challenges.object_to(Act(session, actor, now), invited.item_id, text)
    except (mail.LinkUnknown, mail.LinkOver):
        raise
    except RecertError as error:
        with database().reading() as session:
            return _by_mail(session, place, str(error), code_of(error), text)
    return redirect(url_for(".by_mail", place=place))
