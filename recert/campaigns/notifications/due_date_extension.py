"""Until when a campaign is answered: the end of a day in the campaign's own time zone, and later
when an officer says so."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import states
from recert.campaigns.local_time import check, end_of_day
from recert.campaigns.mailing import Letterhead
from recert.campaigns.models import Campaign
from recert.campaigns.notifications import reviewer_mails
from recert.campaigns.transitions import hold
from recert.foundation.actor import Actor, Role
from recert.foundation.errors import BadInput


def extend(
    session: Session,
    campaign: Campaign,
    day: date,
    reason: str,
    head: Letterhead,
    *,
    actor: Actor,
    now: datetime,
) -> int:
    """Gives the reviewers until the end of a later day, and tells those who have open questions;
    how many mails. Reminders and escalation follow the new date."""
    actor.require(Role.OFFICER)
    if not reason.strip():
        raise BadInput("Say why the reviewers get more time.")
    campaign = hold(session, campaign.id, alone=True)
    states.check_running(campaign.state)
    before, due_at = campaign.due_at, end_of_day(day, campaign.zone, head.zone)
    check(due_at, now=now)
    if due_at <= before:
        raise BadInput("A due date can only become later. Close the review to end it sooner.")
    campaign.due_at, campaign.extensions = due_at, campaign.extensions + 1
    campaign.close_asked_by = campaign.close_asked_at = campaign.close_reason = None
    session.flush()
    session.refresh(campaign)  # as the database keeps the moment
    mails = reviewer_mails.tell_everybody(session, campaign, "extended", head, now=now)
    details = {
        "name": campaign.name,
        "before": before.isoformat(),
        "due": campaign.due_at.isoformat(),
        "reason": reason.strip(),
        "mails": mails,
    }
    trail.append(session, "campaign.extended", campaign.ref, details, actor=actor, at=now)
    return mails
