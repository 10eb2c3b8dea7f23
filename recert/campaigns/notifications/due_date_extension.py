"""Until when a campaign is answered: the end of a day in the campaign's own time zone, and later
when an officer says so."""

from datetime import date

from recert.campaigns import states
from recert.campaigns.local_time import check, end_of_day
from recert.campaigns.mailing import Letterhead
from recert.campaigns.models import Campaign
from recert.campaigns.notifications import reviewer_mails
from recert.campaigns.transitions import hold
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput
from recert.trail.act import Act
from recert.trail.actions import Action


def extend(act: Act, campaign: Campaign, day: date, reason: str, head: Letterhead) -> int:
    """Gives the reviewers until the end of a later day, and tells those who have open questions;
    how many mails. Reminders and escalation follow the new date."""
    act.actor.require(Role.OFFICER)
    if not reason.strip():
        raise BadInput("Say why the reviewers get more time.")
    campaign = hold(act.session, campaign.id, alone=True)
    states.check_running(campaign.state)
    before, due_at = campaign.due_at, end_of_day(day, campaign.zone, head.zone)
    check(due_at, now=act.now)
    if due_at <= before:
        raise BadInput("A due date can only become later. Close the review to end it sooner.")
    campaign.due_at, campaign.extensions = due_at, campaign.extensions + 1
    campaign.close_asked_by = campaign.close_asked_at = campaign.close_reason = None
    act.session.flush()
    act.session.refresh(campaign)  # as the database keeps the moment
    mails = reviewer_mails.tell_everybody(act.session, campaign, "extended", head, now=act.now)
    details = {
        "name": campaign.name,
        "before": before.isoformat(),
        "due": campaign.due_at.isoformat(),
        "reason": reason.strip(),
        "mails": mails,
    }
    act.record(Action.CAMPAIGN_EXTENDED, campaign.ref, details)
    return mails
