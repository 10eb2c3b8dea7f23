"""Several questions from one link in a mail: the open ones of one folder, by the same rules."""

import re
from collections.abc import Mapping
from datetime import datetime

from flask import Blueprint, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session

from recert.campaigns import states
from recert.campaigns.decisions import mail_tokens, service
from recert.campaigns.decisions.mail_tokens import FolderInvitation
from recert.campaigns.decisions.rules import MAX_REASON, Reply
from recert.campaigns.models import Answer, Campaign, CampaignState
from recert.campaigns.reviewing import queries, recommendations
from recert.foundation import clock
from recert.foundation.errors import BadInput, RecertError
from recert.mail import service as mail
from recert.people.models import Person
from recert.trail.act import Act
from recert.web.access import database, public
from recert.web.errors import code_of
from recert.web.public.item_link import holder, judged, token_of

bp = Blueprint("folder_link", __name__, url_prefix="/d/f")
ANSWER = re.compile(r"(keep|revoke):([0-9]{1,9}):(-?[0-9]{1,19})")  # version and content hash
FIELD = re.compile(r"answer-([0-9]{1,18})")


@bp.get("/<place>")
@public
def questions(place: str) -> ResponseReturnValue:
    with database().reading() as session:
        return _page(session, place, now=clock.now())


def _page(
    session: Session,
    place: str,
    problem: str = "",
    code: int = 200,
    saved: int = 0,
    *,
    now: datetime,
) -> ResponseReturnValue:
    invited = mail_tokens.folder_invitation(session, token_of(place), now=now)
    campaign = session.get_one(Campaign, invited.campaign_id)
    page = queries.items_to_review(
        session, invited.campaign_id, invited.person_id, invited.folder_id
    )
    html = render_template(
        "public/folder.html",
        place=place,
        campaign=campaign,
        rows=page.rows,
        more=page.after is not None,
        since=queries.since_of(session, [row.id for row in page.rows]),
        hints=recommendations.hints_for(session, page.rows, now=now),
        mailable=service.mailable(session, campaign, [row.id for row in page.rows], now=now),
        running=campaign.state is CampaignState.ACTIVE,
        reviewer=session.get_one(Person, invited.person_id),
        held=invited.token.held_why,
        chosen=_chosen() if problem else {},
        reason=request.form.get("reason", "") if problem else "",
        change_until=states.change_until,
        form=FlaskForm(),
        problem=problem,
        saved=saved,
    )
    return make_response(html, code)


def _chosen() -> dict[int, str]:
    """The choice for each item, not yet checked."""
    fields = ((FIELD.fullmatch(name), value) for name, value in request.form.items())
    return {int(found[1]): value for found, value in fields if found}


@bp.post("/<place>")
@public
def answer(place: str) -> ResponseReturnValue:
    now, token = clock.now(), token_of(place)
    try:
        replies = _replies()
        with database().transaction() as session:
            invited = mail_tokens.folder_invitation(session, token, now=now)
            held = _press(session, invited, replies, now)
    except (mail.LinkUnknown, mail.LinkOver):
        raise
    except RecertError as error:
        with database().reading() as session:
            return _page(session, place, str(error), code_of(error), now=now)
    with database().reading() as session:
        code, saved = (409, 0) if held else (200, len(replies))
        return _page(session, place, code=code, saved=saved, now=now)


def _replies() -> dict[int, Reply]:
    reason = request.form.get("reason", "")
    if len(reason) > MAX_REASON:
        raise BadInput(f"The reason is longer than {MAX_REASON} characters.")
    made = {}
    for item_id, value in _chosen().items():
        found = ANSWER.fullmatch(value)
        if found is None:
            raise BadInput("Choose Keep or Remove.")
        made[item_id] = Reply(
            Answer(found[1]), reason=reason, version=int(found[2]), content_hash=int(found[3])
        )
    if not made:
        raise BadInput("Answer at least one question.")
    return made


def _press(
    session: Session, invited: FolderInvitation, replies: Mapping[int, Reply], now: datetime
) -> str:
    """Records all answers or none; why they are held, or ""."""
    actor = holder(session.get_one(Person, invited.person_id), invited.token)
    answers = {item_id: reply.answer for item_id, reply in replies.items()}
    held = judged(Act(session, actor, now), invited, answers)
    if held:
        return held
    for item_id, reply in sorted(replies.items()):
        row = queries.item_row(session, item_id)
        if row is None or (row.campaign_id, row.folder_id) != (
            *(invited.campaign_id, invited.folder_id),
        ):
            raise mail.LinkOver
        try:
            service.record(Act(session, actor, now), item_id, reply)
        except RecertError as error:
            raise BadInput(f"{row.person or row.account}: {error}") from error
    mail.mark_used(session, invited.token, now=now)
    return ""
