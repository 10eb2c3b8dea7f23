"""Removals that would stop a transfer that runs: what logs show as used lately waits for a second
person. Where no log was read nothing is known, and nothing waits for it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlalchemy.orm import Session

from recert.activity.models import LastUse, Use
from recert.campaigns.models import Campaign, Item
from recert.campaigns.policy import Policy
from recert.connectors.rights import Rights

NEEDS = {
    Use.DOWNLOAD: Rights.DOWNLOAD,
    Use.UPLOAD: Rights.UPLOAD | Rights.OVERWRITE,
    Use.DELETE: Rights.DELETE,
}


def _its_use() -> ColumnElement[bool]:
    """The uses that an item's answer would end. One without a folder is about the account."""
    taken: Any = Item.rights - Item.rights.bitwise_and(func.coalesce(Item.answer_rights, 0))
    ended = or_(
        *(
            and_(LastUse.use == use, taken.bitwise_and(int(needed)) != 0)
            for use, needed in NEEDS.items()
        )
    )
    here = or_(Item.folder_id.is_(None), and_(LastUse.folder_id == Item.folder_id, ended))
    return and_(LastUse.account_id == Item.account_id, here)


def in_use(campaign: Campaign, now: datetime) -> ColumnElement[bool]:
    """The condition that what an item takes away was used in the days that its policy names."""
    days = Policy.of(campaign.policy).recent_use_days
    if not days:
        return false()
    recent = LastUse.at >= now - timedelta(days=days)
    return exists(select(LastUse.account_id).where(_its_use(), recent).correlate(Item))


def last_transfers(session: Session, item_ids: Sequence[int]) -> dict[int, datetime]:
    """When what some items take away was last used, by item."""
    query = (
        select(Item.id, func.max(LastUse.at))
        .join(LastUse, _its_use())
        .where(Item.id.in_(item_ids))
        .group_by(Item.id)
    )
    return {row[0]: row[1] for row in session.execute(query)}
