"""Access that was kept until a date ends on that date, whether its campaign still runs or not."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns.models import Answer, Item, ItemState
from recert.changes import service as changes
from recert.decisions.models import Decision
from recert.foundation.actor import system
from recert.foundation.db import Database
from recert.inventory.models import Grant
from recert.remediation.models import Ending

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
        .outerjoin(Ending, Ending.item_id == Item.id)
        .where(
            Item.keep_until <= now,
            Item.answer == Answer.KEEP,
            Item.state == ItemState.CLOSED,
            Ending.item_id.is_(None),
        )
        .order_by(Item.id)
        .limit(BATCH)
        .with_for_update(of=Item, skip_locked=True)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def _end(session: Session, item: Item, decision: Decision, *, now: datetime) -> None:
    newer = session.scalar(
        select(Item.id).where(
            Item.account_id == item.account_id,
            Item.folder_id == item.folder_id,
            Item.id > item.id,
            Item.answer.in_([Answer.KEEP, Answer.REDUCE, Answer.REVOKE]),
        )
    )
    now_held = session.scalar(
        select(Grant.rights).where(
            Grant.account_id == item.account_id,
            Grant.folder_id == item.folder_id,
            Grant.gone_snapshot_id.is_(None),
        )
    )
    order_id, note = None, ""
    if newer is not None:
        note = f"A later review answered about it (item {newer})."
    elif not now_held:
        note = "The access was gone already."
    else:
        order_id = changes.propose(
            session,
            f"end:{item.id}",
            item.account_id,
            item.folder_id,
            now_held,
            0,
            actor=ACTOR,
            now=now,
        ).id
        note = "The access is being taken away."
    session.add(
        Ending(item_id=item.id, decision_id=decision.id, order_id=order_id, note=note, at=now)
    )
    details = {"order": order_id, "note": note}
    trail.append(session, "item.ended", item.ref, details, actor=ACTOR, at=now)
