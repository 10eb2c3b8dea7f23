"""Links from mails. GET shows the question and changes nothing; a person presses a button."""

from datetime import datetime

from flask import Blueprint, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from recert.campaigns import hints, queries, rules, subject_facts
from recert.campaigns.models import Campaign
from recert.decisions import service
from recert.foundation import clock
from recert.foundation.actor import Actor, Assurance, Channel
from recert.foundation.errors import RecertError
from recert.mail import service as mail
from recert.people.models import Person
from recert.web.errors import code_of
from recert.web.forms import AnswerForm, Kept
from recert.web.security import database, public, settings

bp = Blueprint("links", __name__, url_prefix="/d")


@bp.get("/<token>")
@public
def show(token: str) -> ResponseReturnValue:
    with database().reading() as session:
        return _question(session, token, now=clock.now())


def _question(
    session: Session,
    token: str,
    problem: str = "",
    code: int = 200,
    *,
    reason: str = "",
    now: datetime,
) -> ResponseReturnValue:
    invited = service.invitation(session, token, now=now)
    row = queries.item_row(session, invited.item_id)
    if row is None:
        raise mail.LinkOver
    campaign = session.get_one(Campaign, row.campaign_id)
    html = render_template(
        "links/question.html",
        token=token,
        row=row,
        known=subject_facts.known_of(session, campaign.about, [row]).get(row.id),
        hints=hints.hints_for(session, [row], now=now)[row.id],
        campaign=campaign,
        reviewer=session.get_one(Person, invited.person_id),
        form=AnswerForm(formdata=None),
        problem=problem,
        kept=Kept(invited.item_id, reason),
        answerable=rules.ANSWERABLE,
        change_until=rules.change_until,
    )
    return make_response(html, code)


@bp.post("/<token>")
@public
def answer(token: str) -> ResponseReturnValue:
    form, now = AnswerForm(), clock.now()
    reason = form.typed_reason
    if not form.validate_on_submit():
        with database().reading() as session:
            return _question(session, token, form.problem, 422, reason=reason, now=now)
    try:
        with database().transaction() as session:
            invited = service.invitation(session, token, now=now)
            person = session.get_one(Person, invited.person_id)
            actor = Actor(
                person.email,
                Channel.MAIL_LINK,
                Assurance.MAIL_LINK,
                person_id=person.id if person.active else None,
                address=request.remote_addr or "",
            )
            reply = form.reply(settings().zone)
            service.record(session, invited.item_id, reply, actor=actor, now=now)
            mail.mark_used(session, invited.token, now=now)
    except (mail.LinkUnknown, mail.LinkOver):
        raise
    except RecertError as error:
        with database().reading() as session:
            return _question(session, token, str(error), code_of(error), reason=reason, now=now)
    with database().reading() as session:
        return _done(session, invited.item_id)


def _done(session: Session, item_id: int) -> ResponseReturnValue:
    row = queries.item_row(session, item_id)
    if row is None:
        raise mail.LinkOver
    return make_response(
        render_template(
            "links/done.html",
            row=row,
            campaign=session.get_one(Campaign, row.campaign_id),
            change_until=rules.change_until,
        )
    )
