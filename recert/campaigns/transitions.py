"""Steps of items: guarded updates, one or many at a time, and the counters that follow them.

Who moves one item holds its campaign together with others; who moves many holds it alone. So a
deadline never overtakes an answer that is being saved, and no answer slips in behind it.
"""

from functools import cache
from typing import Any

from sqlalchemy import (
    Select,
    bindparam,
    select,
    update,
)
from sqlalchemy.orm import Session

from recert.campaigns import states
from recert.campaigns.models import Campaign, Item, ItemState
from recert.foundation.errors import MovedMeanwhile, NotFound


class NoSuchItem(NotFound):
    """There is no such question, or it was not asked of you."""


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
