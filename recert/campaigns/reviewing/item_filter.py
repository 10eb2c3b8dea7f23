"""Which items a list shows. Every condition is found by an index, so that the first page of a
rare one costs no walk through the campaign."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, select
from sqlalchemy.orm import Session

from recert.campaigns.models import Answer, Campaign, Item, ItemState
from recert.campaigns.progress_models import ServerProgress
from recert.campaigns.reviewing.models import Postponement
from recert.foundation.db import AnySelect


@dataclass(frozen=True)
class ItemFilter:
    """What a list of items shows; None means all. `overdue_at` asks for those that are open
    although their time was over at that moment."""

    state: ItemState | None = None
    reviewer_id: int | None = None
    queue_only: bool = False
    server_id: int | None = None
    folder_id: int | None = None
    answer: Answer | None = None
    overdue_at: datetime | None = None
    conflict: bool = False
    postponed: bool = False


def conditions(
    session: Session, campaign_id: int, wanted: ItemFilter, *, after: int = 0
) -> Iterator[ColumnElement[bool]]:
    """The conditions of a filter, for items of one campaign that come after a key."""
    if wanted.state:
        yield Item.state == wanted.state
    if wanted.queue_only:
        yield Item.reviewer_id.is_(None)
    elif wanted.reviewer_id:
        yield Item.reviewer_id == wanted.reviewer_id
    if wanted.server_id:
        yield _on_server(session, campaign_id, wanted.server_id, after)
    if wanted.folder_id:
        yield Item.folder_id == wanted.folder_id
    if wanted.answer:
        yield Item.answer == wanted.answer
    if wanted.overdue_at:
        yield overdue(session.get_one(Campaign, campaign_id), wanted.overdue_at)
    if wanted.conflict:
        yield and_(Item.conflict)  # as it stands in its partial index
    if wanted.postponed:
        ever = Postponement.campaign_id == campaign_id
        yield Item.id.in_(select(Postponement.item_id).where(ever))


def _on_server(
    session: Session, campaign_id: int, server_id: int, after: int
) -> ColumnElement[bool]:
    """Items of one server, which lie together in the order of the pages; without counters there
    are few."""
    found = session.get(ServerProgress, (campaign_id, server_id))
    if found is None:
        return Item.server_id == server_id
    between = Item.sort_key.between(max(found.first_key, after), found.last_key)
    return and_(Item.server_id == server_id, between)


def overdue(campaign: Campaign, now: datetime) -> ColumnElement[bool]:
    """Open although the due date is over, and not put off until later."""
    if now <= campaign.due_at:
        return false()
    return and_(Item.state == ItemState.OPEN, Item.id.not_in(put_off(campaign.id, now)))


def put_off(campaign_id: int, now: datetime) -> AnySelect:
    """The numbers of the items whose reviewers have put them off until later than now."""
    here = (Postponement.campaign_id == campaign_id, Postponement.until > now)
    return select(Postponement.item_id).where(*here)
