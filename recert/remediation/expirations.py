"""Access that was kept until a date ends on that date, whether its campaign still runs or not."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.foundation.actor import system
from recert.foundation.db import Database
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.inventory.models import Account, Grant, GroupMember
from recert.remediation.models import Expiration
from recert.remediation.service import order_for
from recert.trail.act import Act
from recert.trail.actions import Action

ACTOR = system("kept until a date")
BATCH = 200


def order_due(db: Database, *, now: datetime) -> int:
    """Writes an order for each keep whose date has come; how many were looked at."""
    done = 0
    while True:
        with db.transaction() as session:
            batch = _due(session, now)
            for item, decision in batch:
                _end(session, item, decision, now=now)
        done += len(batch)
        if len(batch) < BATCH:
            return done


def _due(session: Session, now: datetime) -> list[tuple[Item, Decision]]:
    query = (
        select(Item, Decision)
        .join(Decision, (Decision.item_id == Item.id) & (Decision.version == Item.version))
        .join(Campaign, Campaign.id == Item.campaign_id)
        .outerjoin(Expiration, Expiration.item_id == Item.id)
        .where(
            Campaign.state != CampaignState.VOID,  # what was answered there counts no more
            Item.keep_until <= now,
            Item.answer == Answer.KEEP,
            Item.state == ItemState.CLOSED,
            Expiration.item_id.is_(None),
        )
        .order_by(Item.id)
        .limit(BATCH)
        .with_for_update(of=Item, skip_locked=True)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def _held(session: Session, item: Item) -> int:
    """What is there now: the rights, or 1 for a membership or an account that gets in."""
    if item.folder_id is not None:
        rights = select(Grant.rights).where(
            Grant.account_id == item.account_id,
            Grant.folder_id == item.folder_id,
            Grant.gone_snapshot_id.is_(None),
        )
        return session.scalar(rights) or 0
    if item.group_id is not None:
        member = select(GroupMember.id).where(
            GroupMember.account_id == item.account_id,
            GroupMember.group_id == item.group_id,
            GroupMember.gone_snapshot_id.is_(None),
        )
        return int(session.scalar(member) is not None)
    here = (Account.id == item.account_id, Account.enabled, Account.gone_snapshot_id.is_(None))
    return int(session.scalar(select(Account.id).where(*here)) is not None)


def _end(session: Session, item: Item, decision: Decision, *, now: datetime) -> None:
    newer = session.scalar(
        select(Item.id).where(
            Item.account_id == item.account_id,
            Item.folder_id.is_not_distinct_from(item.folder_id),
            Item.group_id.is_not_distinct_from(item.group_id),
            Item.id > item.id,
            Item.answer.in_([Answer.KEEP, Answer.REDUCE, Answer.REVOKE]),
        )
    )
    now_held = _held(session, item)
    order_id, note = None, ""
    if newer is not None:
        note = f"A later review answered about it (item {newer})."
    elif not now_held:
        note = "The access was gone already."
    else:
        origin = f"end:{item.id}"
        order_id = order_for(Act(session, ACTOR, now), item, origin, now_held, 0).id
        note = "The access is being taken away."
    session.add(
        Expiration(item_id=item.id, decision_id=decision.id, order_id=order_id, note=note, at=now)
    )
    details = {"order": order_id, "note": note}
    trail.append(session, Action.ITEM_ENDED, item.ref, details, actor=ACTOR, at=now)


@job(Phase.ORDERS, 3, lock="orders")
def order_expirations(context: JobContext) -> int:
    """Writes orders for access whose end date has come."""
    return order_due(context.db, now=context.now())
