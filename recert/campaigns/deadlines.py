"""Until when a campaign is answered: the end of a day in the campaign's own time zone, and later
when an officer says so."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import notices, rules, schedule
from recert.campaigns.items import hold
from recert.campaigns.letters import Letterhead
from recert.campaigns.models import Campaign
from recert.foundation import clock
from recert.foundation.actor import Actor, Role
from recert.foundation.errors import BadInput

MAX_DURATION = timedelta(days=366)


def check(due_at: datetime, *, now: datetime) -> None:
    """Raises BadInput unless this moment exists, lies in the future and within a year."""
    if isinstance(due_at.tzinfo, ZoneInfo):
        schedule.check_exists(due_at)
    if not now < due_at <= now + MAX_DURATION:
        raise BadInput("The due date must lie in the future, within a year.")


def zone_name(name: str, due_at: datetime) -> str:
    """The zone of a new campaign: the one named, or that of its due date."""
    if name:
        return schedule.zone_of(name).key
    return due_at.tzinfo.key if isinstance(due_at.tzinfo, ZoneInfo) else ""


def end_of_day(day: date, zone: str, default: ZoneInfo) -> datetime:
    """What "answer by" means: the last second of a day in the zone named, or in the default."""
    return clock.end_of_day(day, schedule.zone_of(zone) if zone else default)


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
    rules.check_running(campaign.state)
    before, due_at = campaign.due_at, end_of_day(day, campaign.zone, head.zone)
    check(due_at, now=now)
    if due_at <= before:
        raise BadInput("A due date can only become later. Close the review to end it sooner.")
    campaign.due_at, campaign.extensions = due_at, campaign.extensions + 1
    campaign.close_asked_by = campaign.close_asked_at = campaign.close_reason = None
    session.flush()
    session.refresh(campaign)  # as the database keeps the moment
    mails = notices.tell_everybody(session, campaign, "extended", head, now=now)
    details = {
        "name": campaign.name,
        "before": before.isoformat(),
        "due": campaign.due_at.isoformat(),
        "reason": reason.strip(),
        "mails": mails,
    }
    trail.append(session, "campaign.extended", campaign.ref, details, actor=actor, at=now)
    return mails
