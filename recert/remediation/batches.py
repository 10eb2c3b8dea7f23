"""Batches: a campaign may order only so many changes at a time, and the next ones when those are
done. Too many failures in one batch halt it until an officer says "go on"."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import once
from recert.campaigns.completion import approvals
from recert.campaigns.models import Campaign, Item
from recert.campaigns.policy import Policy
from recert.changes.models import Order, OrderState
from recert.foundation.actor import system
from recert.remediation.models import Remediation
from recert.trail.actions import Action

DONE = frozenset({OrderState.VERIFIED, OrderState.CANCELLED})
FAILED = frozenset(
    {
        OrderState.STILL_REACHABLE,
        OrderState.CONFLICT,
        OrderState.BLOCKED,
        OrderState.HELD,
        OrderState.NEEDS_APPROVAL,
        OrderState.NEEDS_ATTENTION,
    }
)
BATCHES = system("execution in waves")


@dataclass(frozen=True)
class Capacity:
    """How many more items may be ordered now, and in which batch."""

    batch_number: int
    items: int


def capacity(session: Session, campaign: Campaign, most: int, *, now: datetime) -> Capacity:
    """What may be ordered now, at most `most`. Notes once that a campaign is halted."""
    policy = Policy.of(campaign.policy)
    if not policy.batch_size:
        return Capacity(0, most)
    batch_number = _newest_batch(session, campaign.id)
    states = _states_of(session, campaign.id, batch_number)
    failed = sum(states.get(state, 0) for state in FAILED)
    if failed >= policy.stop_after_failures and not _goes_on(
        session, campaign, batch_number, failed, now
    ):
        return Capacity(batch_number, 0)
    ended = failed + sum(states.get(state, 0) for state in DONE)
    sent = sum(states.values())
    if ended == sent:
        return Capacity(batch_number + 1, min(most, policy.batch_size))
    return Capacity(batch_number, max(0, min(most, policy.batch_size - sent)))


def _newest_batch(session: Session, campaign_id: int) -> int:
    newest = select(func.max(Remediation.batch_number)).join(Item, Item.id == Remediation.item_id)
    return session.scalar(newest.where(Item.campaign_id == campaign_id)) or 0


def _states_of(session: Session, campaign_id: int, batch_number: int) -> dict[OrderState, int]:
    query = (
        select(Order.state, func.count())
        .join(Remediation, Remediation.order_id == Order.id)
        .join(Item, Item.id == Remediation.item_id)
        .where(Item.campaign_id == campaign_id, Remediation.batch_number == batch_number)
        .group_by(Order.state)
    )
    return {row[0]: row[1] for row in session.execute(query)} if batch_number else {}


def _goes_on(
    session: Session, campaign: Campaign, batch_number: int, failed: int, now: datetime
) -> bool:
    """Whether an officer let the campaign go on after this batch. The first call notes the halt."""
    if once.take_slot(session, campaign.id, f"{approvals.HALTED}{batch_number}", now):
        details = {"name": campaign.name, "wave": batch_number, "failed": failed}
        subject = f"campaign:{campaign.id}"
        trail.append(session, Action.CAMPAIGN_HALTED, subject, details, actor=BATCHES, at=now)
    return approvals.halted_after(session, campaign.id) != batch_number
