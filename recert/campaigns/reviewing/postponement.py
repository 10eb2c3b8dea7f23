"""Postponement: a reviewer puts an item off, once and until a date that the policy allows. The due
date of the campaign does not move; overdue counts list the item as postponed until then."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.campaigns import local_time, states
from recert.campaigns.models import Campaign, Item, ItemState
from recert.campaigns.policy import Policy
from recert.campaigns.reviewing.models import Postponement
from recert.campaigns.transitions import NoSuchItem, hold
from recert.foundation.errors import BadInput, RefusedByPolicy
from recert.trail.act import Act
from recert.trail.actions import Action


class NotInThisReview(RefusedByPolicy):
    """In this review no question can be put off."""


class PutOffOnce(RefusedByPolicy):
    """A question can be put off once only. Answer it, or ask the compliance officer."""


def last_day(campaign: Campaign, default: ZoneInfo) -> date | None:
    """Until which day questions of a campaign can be put off; None when they cannot."""
    days = Policy.of(campaign.policy).postpone_days
    if not days:
        return None
    zone = ZoneInfo(campaign.zone) if campaign.zone else default
    return campaign.due_at.astimezone(zone).date() + timedelta(days=days)


def postpone(act: Act, item_id: int, day: date, default: ZoneInfo) -> Postponement:
    """Puts an open question off until the end of a day. `default` is the installation's zone."""
    item = act.session.get(Item, item_id)
    if item is None or act.actor.person_id is None or item.reviewer_id != act.actor.person_id:
        raise NoSuchItem
    campaign = hold(act.session, item.campaign_id, alone=True)
    act.session.refresh(item)
    states.check_running(campaign.state)
    last, until = last_day(campaign, default), local_time.end_of_day(day, campaign.zone, default)
    local_time.check_exists(until)
    if last is None:
        raise NotInThisReview
    if item.reviewer_id != act.actor.person_id or item.state is not ItemState.OPEN:
        raise BadInput("Only an open question of your own can be put off.")
    if act.session.get(Postponement, item_id):
        raise PutOffOnce
    if until <= act.now or day > last:
        raise BadInput(f"Choose a day from today until {last:%-d %B %Y}.")
    made = Postponement(
        item_id=item_id, campaign_id=campaign.id, until=until, by=act.actor.name, at=act.now
    )
    act.session.add(made)
    details = {"until": until.isoformat()}
    act.record(Action.ITEM_POSTPONED, item.ref, details)
    return made


def of_items(session: Session, item_ids: Sequence[int]) -> Mapping[int, Postponement]:
    """The postponements of some items."""
    found = session.scalars(select(Postponement).where(Postponement.item_id.in_(item_ids)))
    return {one.item_id: one for one in found}
