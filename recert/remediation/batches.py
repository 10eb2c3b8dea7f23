"""Waves: a campaign may order only so many changes at a time, and the next ones when those are
done. Too many failures in one wave halt it until an officer says "go on"."""

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
WAVES = system("execution in waves")


@dataclass(frozen=True)
class Room:
    """How many more items may be ordered now, and in which wave."""

    wave: int
    items: int


def room(session: Session, campaign: Campaign, most: int, *, now: datetime) -> Room:
    """What may be ordered now, at most `most`. Notes once that a campaign is halted."""
    policy = Policy.of(campaign.policy)
    if not policy.wave_size:
        return Room(0, most)
    wave = _newest_wave(session, campaign.id)
    states = _states_of(session, campaign.id, wave)
    failed = sum(states.get(state, 0) for state in FAILED)
    if failed >= policy.stop_after_failures and not _goes_on(session, campaign, wave, failed, now):
        return Room(wave, 0)
    ended = failed + sum(states.get(state, 0) for state in DONE)
    sent = sum(states.values())
    if ended == sent:
        return Room(wave + 1, min(most, policy.wave_size))
    return Room(wave, max(0, min(most, policy.wave_size - sent)))


def _newest_wave(session: Session, campaign_id: int) -> int:
    newest = select(func.max(Remediation.wave)).join(Item, Item.id == Remediation.item_id)
    return session.scalar(newest.where(Item.campaign_id == campaign_id)) or 0


def _states_of(session: Session, campaign_id: int, wave: int) -> dict[OrderState, int]:
    query = (
        select(Order.state, func.count())
        .join(Remediation, Remediation.order_id == Order.id)
        .join(Item, Item.id == Remediation.item_id)
        .where(Item.campaign_id == campaign_id, Remediation.wave == wave)
        .group_by(Order.state)
    )
    return {row[0]: row[1] for row in session.execute(query)} if wave else {}


def _goes_on(session: Session, campaign: Campaign, wave: int, failed: int, now: datetime) -> bool:
    """Whether an officer said so after this wave. The first who asks notes the halt."""
    if once.take_slot(session, campaign.id, f"{approvals.HALTED}{wave}", now):
        details = {"name": campaign.name, "wave": wave, "failed": failed}
        subject = f"campaign:{campaign.id}"
        trail.append(session, "campaign.halted", subject, details, actor=WAVES, at=now)
    return approvals.halted_after(session, campaign.id) != wave
