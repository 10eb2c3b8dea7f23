"""Steps of items: the only module that writes `Item.state`, for one item or for many at a time.

Who moves one item holds its campaign together with others; who moves many holds it alone. So a
deadline never overtakes an answer that is being saved, and no answer slips in behind it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Update, bindparam, case, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from recert.campaigns import states
from recert.campaigns.models import Campaign, Item, ItemState
from recert.foundation.errors import MovedMeanwhile, NotFound
from recert.foundation.statements import run

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


def hold_of(session: Session, item_id: int) -> Campaign:
    """The campaign that asks a question, held as `hold` does, or NoSuchItem."""
    campaign = session.scalars(_held_campaign_of(), {"item": item_id}).one_or_none()
    if campaign is None:
        raise NoSuchItem
    return campaign


@cache
def _held_campaign_of() -> Select[Campaign]:
    query = select(Campaign).join(Item, Item.campaign_id == Campaign.id)
    query = query.where(Item.id == bindparam("item")).with_for_update(read=True, of=Campaign)
    return query.execution_options(populate_existing=True)


@cache
def _held_campaign(alone: bool) -> Select[Campaign]:
    query = select(Campaign).where(Campaign.id == bindparam("campaign"))
    query = query.with_for_update(read=not alone, key_share=alone)
    return query.execution_options(populate_existing=True)


def take_step(session: Session, item: Item, new: ItemState, **values: Any) -> None:
    """Moves one item on, or raises StepRefused / MovedMeanwhile."""
    _take_step(session, item, new, values)
    session.refresh(item)


def take_step_of_held(session: Session, item: Item, new: ItemState, **values: Any) -> None:
    """As `take_step`, for an item that this transaction loaded for update: nobody else can have
    changed it, so it is not read again. `values` are plain ones, no expressions."""
    _take_step(session, item, new, values)
    for name, value in {"state": new, **values}.items():
        set_committed_value(item, name, value)


def _take_step(session: Session, item: Item, new: ItemState, values: dict[str, Any]) -> None:
    states.check_item_step(item.state, new)
    here = {"here_id": item.id, "here_state": item.state, "here_version": item.version}
    moved = run(session, _step(), {**here, "state": new, **values})
    if moved.rowcount != 1:
        raise MovedMeanwhile


@cache
def _step() -> Update:
    """What it sets are the other parameters that it is run with."""
    table: Any = Item.__table__
    return update(table).where(
        table.c.id == bindparam("here_id"),
        table.c.state == bindparam("here_state"),
        table.c.version == bindparam("here_version"),
    )


def move_items(
    session: Session,
    *where: ColumnElement[bool],
    sources: Collection[ItemState],
    new: ItemState | Either,
    **values: Any,
) -> int:
    """Moves all items that fit and stand in one of the source states, in one statement; how many.
    Raises StepRefused when a step is not allowed from one of them, whatever items there are. The
    caller holds the campaign and renews the counters."""
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
