"""Two pulls: final decisions become orders, and what became of the orders closes the items."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import items
from recert.campaigns.models import Item, ItemState
from recert.changes import service as changes
from recert.changes.models import Order, OrderState
from recert.decisions.models import Decision
from recert.foundation.actor import system
from recert.foundation.db import Database
from recert.remediation.models import Remediation

BATCH = 200
DECISIONS = system("carry out final decisions")

# What the state of an order means for its item; states not named leave the item as it is.
ITEM_AFTER = {
    OrderState.VERIFIED: ItemState.VERIFIED,
    OrderState.STILL_REACHABLE: ItemState.STILL_REACHABLE,
    OrderState.CONFLICT: ItemState.NEEDS_ATTENTION,
    OrderState.BLOCKED: ItemState.NEEDS_ATTENTION,
    OrderState.NEEDS_ATTENTION: ItemState.NEEDS_ATTENTION,
}


def order_final(db: Database, *, now: datetime) -> int:
    """Writes an order for each final decision that has none; how many."""
    made = 0
    while True:
        with db.transaction() as session:
            batch = _final_without_order(session)
            for item, decision in batch:
                _order(session, item, decision, now=now)
        made += len(batch)
        if len(batch) < BATCH:
            return made


def _final_without_order(session: Session) -> list[tuple[Item, Decision]]:
    query = (
        select(Item, Decision)
        .join(Decision, (Decision.item_id == Item.id) & (Decision.version == Item.version))
        .outerjoin(Remediation, Remediation.item_id == Item.id)
        .where(Item.state == ItemState.FINAL, Remediation.item_id.is_(None))
        .order_by(Item.id)
        .limit(BATCH)
        .with_for_update(of=Item, skip_locked=True)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def _order(session: Session, item: Item, decision: Decision, *, now: datetime) -> None:
    order = changes.propose(
        session,
        item.ref,
        item.account_id,
        item.folder_id,
        item.rights,
        decision.answer_rights or 0,
        actor=DECISIONS,
        now=now,
    )
    session.add(Remediation(item_id=item.id, decision_id=decision.id, order_id=order.id))
    items.take_step(session, item, ItemState.ORDERED, outcome="The change is ordered.")


def follow_orders(db: Database, *, now: datetime) -> int:
    """Brings items to where their orders are; how many moved."""
    with db.reading() as session:
        pending = session.execute(
            select(Remediation.item_id, Remediation.order_id)
            .join(Item, Item.id == Remediation.item_id)
            .join(Order, Order.id == Remediation.order_id)
            .where(
                Item.state.in_(
                    [ItemState.ORDERED, ItemState.STILL_REACHABLE, ItemState.NEEDS_ATTENTION]
                ),
                Item.outcome != Order.explanation,
            )
        ).all()
    for item_id, order_id in pending:
        with db.transaction() as session:
            _follow(session, item_id, order_id, now=now)
    return len(pending)


def _follow(session: Session, item_id: int, order_id: int, *, now: datetime) -> None:
    item, order = session.get_one(Item, item_id), session.get_one(Order, order_id)
    new = ITEM_AFTER.get(order.state, ItemState.ORDERED)
    if new is item.state or (new is ItemState.ORDERED and item.state is ItemState.STILL_REACHABLE):
        item.outcome = order.explanation
        return
    items.take_step(session, item, new, outcome=order.explanation)
    details = {"state": new.value, "order": order.id, "outcome": order.explanation}
    trail.append(session, "item.followed", item.ref, details, actor=DECISIONS, at=now)
