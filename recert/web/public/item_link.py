"""Links from mails. GET shows the question and changes nothing; a person presses a button.

The secret leaves the address bar at once: it moves into a cookie of its own, and the page has an
address without it.
"""

from collections.abc import Mapping
from datetime import datetime

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from recert.campaigns import states
from recert.campaigns.completion import challenges
from recert.campaigns.decisions import mail_links, mail_tokens, service
from recert.campaigns.decisions.mail_links import Pressed
from recert.campaigns.decisions.mail_tokens import FolderInvitation, Invitation
from recert.campaigns.models import Answer, Campaign
from recert.campaigns.reviewing import queries, recommendations
from recert.campaigns.setup.subjects.registry import kind_of
from recert.foundation import clock, secrets
from recert.foundation.actor import Actor, Assurance, Channel
from recert.foundation.errors import RecertError
from recert.mail import link_visits
from recert.mail import service as mail
from recert.mail.link_visits import Caller
from recert.mail.models import MailToken, Purpose, VisitKind
from recert.people.models import Person
from recert.trail.act import Act
from recert.web.access import database, public, settings
from recert.web.errors import code_of
from recert.web.forms import AnswerForm, Kept

bp = Blueprint("item_link", __name__, url_prefix="/d")
COOKIE_LIFE = 3600
COOKIES = 10  # pages open at a time; the oldest give way, so that the header stays small
SHOWN = 16  # characters of the hash that stand in the address


def place_of(token: str) -> str:
    """What stands for a link in the address of its page; nobody can use it without the cookie."""
    return secrets.digest(token)[:SHOWN]


def caller() -> Caller:
    """Where this request comes from."""
    return Caller.of(request.remote_addr, request.headers.get("User-Agent"))


@bp.get("/<token>")
@public
def show(token: str) -> ResponseReturnValue:
    now = clock.now()
    with database().reading() as session:
        purpose = mail.known_token(session, token).purpose
        page = "item_link.question"
        if purpose is Purpose.DECIDE_FOLDER:
            page = "folder_link.questions"
            mail_tokens.folder_invitation(session, token, now=now)
        elif purpose is Purpose.OBJECT:
            page = "challenge_link.by_mail"
            challenges.announcement(session, token, now=now)
        else:
            mail_tokens.invitation(session, token, now=now)
    return enter(token, page, now)


def enter(token: str, page: str, now: datetime) -> Response:
    """Notes the visit and sends the browser to the page, with the secret in a cookie."""
    with database().transaction() as session:
        row = mail.known_token(session, token)
        act = VisitKind.HEAD if request.method == "HEAD" else VisitKind.OPEN
        link_visits.note(session, row, act, caller(), now=now)
    answer = make_response(redirect(url_for(page, place=place_of(token)), 303))
    ours = [name for name in request.cookies if name.startswith(_cookie(""))]
    for name in ours[: max(0, len(ours) - COOKIES + 1)]:
        answer.delete_cookie(name, secure=settings().secure_cookies, httponly=True)
    answer.set_cookie(
        _cookie(place_of(token)),
        token,
        max_age=COOKIE_LIFE,
        secure=settings().secure_cookies,
        httponly=True,
        samesite="Lax",
    )
    return answer


def _cookie(place: str) -> str:
    return f"{'__Host-' if settings().secure_cookies else ''}d-{place}"


def token_of(place: str) -> str:
    """The secret of an open page, or LinkUnopened."""
    token = request.cookies.get(_cookie(place), "")
    if not token or place_of(token) != place:
        raise mail.LinkUnopened
    return token


@bp.get("/q/<place>")
@public
def question(place: str) -> ResponseReturnValue:
    with database().reading() as session:
        return _question(session, place, now=clock.now())


def _question(
    session: Session,
    place: str,
    problem: str = "",
    code: int = 200,
    *,
    reason: str = "",
    now: datetime,
) -> ResponseReturnValue:
    invited = mail_tokens.invitation(session, token_of(place), now=now)
    row = queries.item_row(session, invited.item_id)
    if row is None:
        raise mail.LinkOver
    campaign = session.get_one(Campaign, row.campaign_id)
    html = render_template(
        "public/item.html",
        place=place,
        row=row,
        hints=recommendations.hints_for(session, [row], now=now)[row.id],
        since=queries.since_of(session, [row.id]).get(row.id),
        campaign=campaign,
        reviewer=session.get_one(Person, invited.person_id),
        known=kind_of(campaign.about).facts(session, [row]).get(row.id),
        held=invited.token.held_why,
        by_mail=service.may_be_mailed(session, campaign, row.id, now=now),
        form=AnswerForm(formdata=None),
        problem=problem,
        kept=Kept(invited.item_id, reason),
        answerable=states.ANSWERABLE,
        change_until=states.change_until,
    )
    return make_response(html, code)


@bp.post("/q/<place>")
@public
def answer(place: str) -> ResponseReturnValue:
    form, now = AnswerForm(), clock.now()
    reason, token = form.typed_reason, token_of(place)
    if not form.validate_on_submit():
        with database().reading() as session:
            return _question(session, place, form.problem, 422, reason=reason, now=now)
    try:
        with database().transaction() as session:
            invited = mail_tokens.invitation(session, token, now=now)
            held = _press(session, invited, form, now=now)
    except (mail.LinkUnknown, mail.LinkOver):
        raise
    except RecertError as error:
        with database().reading() as session:
            return _question(session, place, str(error), code_of(error), reason=reason, now=now)
    with database().reading() as session:
        if held:
            return _question(session, place, code=409, now=now)
        return _done(session, invited.item_id)


def _press(session: Session, invited: Invitation, form: AnswerForm, *, now: datetime) -> str:
    """Records the answer, or says why it is held."""
    actor = holder(session.get_one(Person, invited.person_id), invited.token)
    reply = form.reply(settings().zone)
    answers = {invited.item_id: reply.answer}
    held = judged(Act(session, actor, now), invited, answers)
    if not held:
        service.record(Act(session, actor, now), invited.item_id, reply)
        mail.mark_used(session, invited.token, now=now)
    return held


def judged(act: Act, invited: Invitation | FolderInvitation, answers: Mapping[int, Answer]) -> str:
    """Why this press is held; "" for a person's."""
    pressed = Pressed(caller(), dict(request.headers), settings().base_url)
    return mail_links.judge(act, invited.token, pressed, answers)


def holder(person: Person, token: MailToken) -> Actor:
    """Whoever a link was sent to, as an actor."""
    return Actor(
        person.email,
        Channel.MAIL_LINK,
        Assurance.MAIL_LINK,
        person_id=person.id if person.active else None,
        address=request.remote_addr or "",
        session=f"link {token.id}",
    )


def _done(session: Session, item_id: int) -> ResponseReturnValue:
    row = queries.item_row(session, item_id)
    if row is None:
        raise mail.LinkOver
    return make_response(
        render_template(
            "public/item_done.html",
            row=row,
            campaign=session.get_one(Campaign, row.campaign_id),
            change_until=states.change_until,
        )
    )
