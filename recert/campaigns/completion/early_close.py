"""Closing a campaign before its due date, while questions are open, takes two people: one officer
asks for it with a reason, and another one closes it."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import states
from recert.campaigns.models import Campaign
from recert.campaigns.progress_models import Progress
from recert.campaigns.transitions import hold
from recert.foundation.actor import Actor, Role
from recert.foundation.errors import BadInput, RefusedByPolicy
from recert.foundation.separation import Step
from recert.people import separation


class TooEarly(RefusedByPolicy):
    """The review is not due yet and has open questions. To close it now, one officer asks for it
    with a reason and another one closes it."""


def is_early(session: Session, campaign: Campaign, *, now: datetime) -> bool:
    """Whether a close would cut reviewers off before their time is over."""
    still = select(func.sum(Progress.open)).where(Progress.campaign_id == campaign.id)
    return now <= campaign.due_at and bool(session.scalar(still))


def ask(session: Session, campaign: Campaign, reason: str, *, actor: Actor, now: datetime) -> None:
    """An officer wants a campaign closed before its due date."""
    actor.require(Role.OFFICER)
    if not reason.strip():
        raise BadInput("Say why the review shall be closed early.")
    campaign = hold(session, campaign.id, alone=True)
    states.check_running(campaign.state)
    if not is_early(session, campaign, now=now):
        raise BadInput("Nothing is cut off by closing this review: close it.")
    campaign.close_asked_by, campaign.close_asked_at = actor.name, now
    campaign.close_reason = reason.strip()
    separation.note(session, campaign.ref, Step.ASKED_TO_CLOSE, actor=actor, now=now)
    details = {"name": campaign.name, "reason": campaign.close_reason}
    trail.append(session, "campaign.close_asked", campaign.ref, details, actor=actor, at=now)


def check(session: Session, campaign: Campaign, *, actor: Actor, now: datetime) -> None:
    """Raises TooEarly or SecondPersonNeeded unless this actor may close the campaign now."""
    if not is_early(session, campaign, now=now):
        return
    if campaign.close_asked_by is None:
        raise TooEarly
    step = Step.CLOSED_EARLY
    separation.check_and_note(session, step, campaign.ref, actor=actor, now=now)
