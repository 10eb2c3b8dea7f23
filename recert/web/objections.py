"""Whoever loses access objects; an officer settles what is open after the close."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from recert.campaigns.completion import challenge_outcomes, challenges
from recert.campaigns.models import Campaign, Item
from recert.campaigns.setup.launch import NoSuchCampaign
from recert.campaigns.transitions import NoSuchItem
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.foundation.errors import RecertError
from recert.mail import service as mail
from recert.people.models import Person
from recert.web.errors import code_of
from recert.web.links import holder, token_of
from recert.web.security import allowed, current_actor, database, person_id, public

bp = Blueprint("objections", __name__)


@bp.get("/reviews/access-that-ends")
@allowed()
def mine() -> ResponseReturnValue:
    return _mine()


def _mine(
    problem: str = "", code: int = 200, kept: str = "", kept_at: int = 0
) -> ResponseReturnValue:
    with database().reading() as session:
        html = render_template(
            "objections/mine.html",
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
        with database().transaction() as session:
            challenges.object_to(session, item_id, text, actor=current_actor(), now=clock.now())
    except NoSuchItem:
        raise
    except RecertError as error:
        return _mine(str(error), code_of(error), text, item_id)
    flash("Your objection is written down. Nothing is taken away before somebody has looked at it.")
    return redirect(url_for(".mine"))


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
        "objections/by_mail.html",
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
            challenges.object_to(session, invited.item_id, text, actor=actor, now=now)
    except (mail.LinkUnknown, mail.LinkOver):
        raise
    except RecertError as error:
        with database().reading() as session:
            return _by_mail(session, place, str(error), code_of(error), text)
    return redirect(url_for(".by_mail", place=place))


@bp.get("/campaigns/<int:campaign_id>/objections")
@allowed(Role.OFFICER)
def waiting(campaign_id: int) -> ResponseReturnValue:
    with database().reading() as session:
        campaign = session.get(Campaign, campaign_id)
        if campaign is None:
            raise NoSuchCampaign
        rows = challenges.to_settle(session, campaign_id)
        return render_template("objections/officer.html", campaign=campaign, rows=rows)


@bp.post("/campaigns/items/<int:item_id>/objection")
@allowed(Role.OFFICER)
def settle(item_id: int) -> ResponseReturnValue:
    keep, reason = request.form.get("keep") == "yes", request.form.get("reason", "")
    with database().transaction() as session:
        item = session.get(Item, item_id)
        if item is None:
            raise NoSuchItem
        challenge_outcomes.settle(
            session, item_id, keep=keep, reason=reason, actor=current_actor(), now=clock.now()
        )
        campaign_id = item.campaign_id
    flash("The access stays." if keep else "The access is taken away.")
    return redirect(url_for(".waiting", campaign_id=campaign_id))
