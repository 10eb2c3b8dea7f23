"""Answers through a link in a mail. A press that no person made decides nothing: the link is held
until its holder signs in, and what came from the same place right before is asked again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import progress, transitions
from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import Answer, Item, ItemState
from recert.foundation.actor import Actor, Channel, system
from recert.mail import bot_detection, link_visits
from recert.mail import service as mail
from recert.mail.bot_detection import CONTRADICTION, LONGEST_BURST, Press
from recert.mail.link_visits import Caller
from recert.mail.models import MailToken, VisitKind
from recert.trail.act import Act
from recert.trail.actions import Action

ASKED_AGAIN = "It was answered from a mail link by what looked like a program. Please answer."


@dataclass(frozen=True)
class Pressed:
    """A press of a button: from where, with which headers, at which address of ours."""

    caller: Caller
    headers: Mapping[str, str]
    base_url: str


def judge(act: Act, token: MailToken, pressed: Pressed, answers: Mapping[int, Answer]) -> str:
    """Why these answers are held, or "" when a person gave them. Holding is written down: the
    caller commits and records no answer."""
    if token.held_at is not None:
        return token.held_why
    opened = link_visits.opened_at(act.session, token, pressed.caller)
    link_visits.note(act.session, token, VisitKind.PRESS, pressed.caller, now=act.now)
    press = Press(
        headers=pressed.headers,
        after=act.now - opened if opened else None,
        busiest=link_visits.busiest(act.session, token, pressed.caller, now=act.now),
        asked_head=link_visits.asked_head(act.session, token, pressed.caller),
    )
    why = bot_detection.why_held(press, pressed.base_url) or _contradiction(
        act.session, answers, act.now
    )
    if why:
        _hold(act, token, why, answers)
    return why


def _contradiction(session: Session, answers: Mapping[int, Answer], now: datetime) -> str:
    """Whoever presses every button of a page answers a question in two ways."""
    recent = select(Decision.item_id, Decision.answer).where(
        Decision.item_id.in_(list(answers)),
        Decision.channel == Channel.MAIL_LINK,
        Decision.at > now - CONTRADICTION,
    )
    if any(answers[row[0]] is not row[1] for row in session.execute(recent)):
        seconds = int(CONTRADICTION.total_seconds())
        return f"two different answers came within {seconds} seconds"
    return ""


def _hold(act: Act, token: MailToken, why: str, answers: Mapping[int, Answer]) -> None:
    mail.hold_token(act.session, token, why, now=act.now)
    _withdraw(act.session, act.actor, why, act.now)
    details = {
        "because": why,
        "answers": {str(item): answer.value for item, answer in answers.items()},
        "holder": token.holder,
    }
    act.record(Action.LINK_HELD, token.subject, details)


def _withdraw(session: Session, actor: Actor, why: str, now: datetime) -> None:
    """Asks again what was answered through links for the same person from the same address right
    before, as long as it can be changed."""
    query = (
        select(Item.campaign_id, Item.id)
        .join(Decision, (Decision.item_id == Item.id) & (Decision.version == Item.version))
        .where(
            Item.state == ItemState.DECIDED,
            Decision.person_id == actor.person_id,
            Decision.channel == Channel.MAIL_LINK,
            Decision.address == actor.address,
            Decision.at > now - LONGEST_BURST,
        )
        .order_by(Item.campaign_id, Item.id)
    )
    found: dict[int, list[int]] = {}
    for campaign_id, item_id in session.execute(query):
        found.setdefault(campaign_id, []).append(item_id)
    for campaign_id, numbers in found.items():
        _ask_again(Act(session, actor, now), campaign_id, numbers, why)


def _ask_again(act: Act, campaign_id: int, numbers: Sequence[int], why: str) -> None:
    campaign = transitions.hold(act.session, campaign_id)
    transitions.move_items(
        act.session,
        Item.id.in_(numbers),
        sources=(ItemState.DECIDED,),
        new=ItemState.OPEN,
        outcome=ASKED_AGAIN,
        **transitions.UNANSWERED,
    )
    progress.recount_reviewers(act.session, campaign_id, act.actor.person_id)
    folders = select(Item.folder_id).where(Item.id.in_(numbers)).distinct()
    progress.recount_folders(act.session, campaign_id, *act.session.scalars(folders))
    details = {"gone": [], "asked_again": list(numbers), "because": why}
    by = system("answers by programs")
    trail.append(act.session, Action.ITEMS_REFRESHED, campaign.ref, details, actor=by, at=act.now)
