"""Steps of items: the only module that writes `Item.state`, for one item or for many at a time.

Who moves one item holds its campaign together with others; who moves many holds it alone. So a
deadline never overtakes an answer that is being saved, and no answer slips in behind it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, case, select, update
from sqlalchemy.orm import Session

from recert.campaigns import states
from recert.campaigns.models import Campaign, Item, ItemState
from recert.foundation.errors import MovedMeanwhile, NotFound

# What an item loses when it is asked again.
UNANSWERED: dict[str, Any] = dict.fromkeys(
    ("answer", "answer_rights", "decided_at", "keep_until"), None
)


class NoSuchItem(NotFound):
    """There is no such question, or it was not asked of you."""


@dataclass(frozen=True)
class Either:
    """Two states that one statement gives: `then` where the condition holds, else `otherwise`."""

    condition: ColumnElement[bool]
    then: ItemState
    otherwise: ItemState


def hold(session: Session, campaign_id: int, *, alone: bool = False) -> Campaign:
    """The campaign as it is now, which nobody moves on before this transaction ends."""
    return session.scalars(_held_campaign(alone), {"campaign": campaign_id}).one()


@cache
def _held_campaign(alone: bool) -> Select[Campaign]:
    query = select(Campaign).where(Campaign.id == bindparam("campaign"))
    query = query.with_for_update(read=not alone, key_share=alone)
    return query.execution_options(populate_existing=True)


def take_step(session: Session, item: Item, new: ItemState, **values: Any) -> None:
    """Moves one item on, or raises StepRefused / MovedMeanwhile."""
    states.check_item_step(item.state, new)
    here = (Item.id == item.id, Item.state == item.state, Item.version == item.version)
    moved = session.execute(update(Item).where(*here).values(state=new, **values))
    if getattr(moved, "rowcount", 0) != 1:
        raise MovedMeanwhile
    session.refresh(item)


def move_items(
    session: Session,
    *where: ColumnElement[bool],
    sources: Collection[ItemState],
    new: ItemState | Either,
    **values: Any,
) -> int:
    """Moves all items that fit and stand in one of the source states, in one statement; how many.
    Raises StepRefused when a step is not allowed from one of them, whatever items there are. The
    caller holds the campaign alone and renews the counters."""
    for source in sources:
        for one in (new.then, new.otherwise) if isinstance(new, Either) else (new,):
            if one is not source:  # an open item may be asked of somebody else
                states.check_item_step(source, one)
    state: Any = new
    if isinstance(new, Either):
        state = case((new.condition, new.then.value), else_=new.otherwise.value)
    moved = session.execute(
        update(Item)
        .where(Item.state.in_(sources), *where)
        .values(state=state, **values)
        .execution_options(synchronize_session=False)
    )
    for known in session.identity_map.values():
        if isinstance(known, Item):
            session.expire(known)
    return int(getattr(moved, "rowcount", 0))
