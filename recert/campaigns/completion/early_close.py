"""Closing a campaign before its due date, while questions are open, takes two people: one officer
asks for it with a reason, and another one closes it."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert.campaigns import states
from recert.campaigns.models import Campaign
from recert.campaigns.progress_models import Progress
from recert.campaigns.transitions import hold
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput, RefusedByPolicy
from recert.foundation.separation import Step
from recert.people import separation
from recert.trail.act import Act
from recert.trail.actions import Action


class TooEarly(RefusedByPolicy):
    """The review is not due yet and has open questions. To close it now, one officer asks for it
    with a reason and another one closes it."""


def is_early(session: Session, campaign: Campaign, *, now: datetime) -> bool:
    """Whether a close would cut reviewers off before their time is over."""
    still = select(func.sum(Progress.open)).where(Progress.campaign_id == campaign.id)
    return now <= campaign.due_at and bool(session.scalar(still))


def ask(act: Act, campaign: Campaign, reason: str) -> None:
    """An officer wants a campaign closed before its due date."""
    act.actor.require(Role.OFFICER)
    if not reason.strip():
        raise BadInput("Say why the review shall be closed early.")
    campaign = hold(act.session, campaign.id, alone=True)
    states.check_running(campaign.state)
    if not is_early(act.session, campaign, now=act.now):
        raise BadInput("Nothing is cut off by closing this review: close it.")
    campaign.close_asked_by, campaign.close_asked_at = act.actor.name, act.now
    campaign.close_reason = reason.strip()
    separation.note(act, campaign.ref, Step.ASKED_TO_CLOSE)
    details = {"name": campaign.name, "reason": campaign.close_reason}
    act.record(Action.CAMPAIGN_CLOSE_ASKED, campaign.ref, details)


def check(act: Act, campaign: Campaign) -> None:
    """Raises TooEarly or SecondPersonNeeded unless this actor may close the campaign now."""
    if not is_early(act.session, campaign, now=act.now):
        return
    if campaign.close_asked_by is None:
        raise TooEarly
    step = Step.CLOSED_EARLY
    separation.check_and_note(act, step, campaign.ref)
