"""Reviewers whose training is missing or too old, where the policy of a campaign asks for one."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.campaigns.models import Campaign
from recert.campaigns.policy import Policy
from recert.campaigns.progress_models import Progress
from recert.people.models import Person, Training

NAMED = 10  # the others are only counted


def warning(
    session: Session, campaign: Campaign, reviewers: Collection[int], *, now: datetime
) -> list[str]:
    """One line that names them; none when everybody is trained or nobody need be."""
    days = Policy.of(campaign.policy).training_within_days
    if not days:
        return []
    since = now.date() - timedelta(days=days)
    done = select(Training.person_id).where(Training.on >= since)
    query = select(Person.name).where(Person.id.in_(reviewers), Person.id.not_in(done))
    names = session.scalars(query.order_by(Person.name, Person.id)).all()
    if not names:
        return []
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return [f"No training in the last {days} days: {', '.join(names[:NAMED])}{more}."]


def of_campaign(session: Session, campaign: Campaign, *, now: datetime) -> list[str]:
    """The same for everybody who is asked in a running campaign."""
    here = (Progress.campaign_id == campaign.id, Progress.total > 0)
    asked = select(Progress.reviewer_id).where(*here, Progress.reviewer_id.is_not(None))
    reviewers = [number for number in session.scalars(asked) if number is not None]
    return warning(session, campaign, reviewers, now=now)
