"""Two reviews about one access: the newest answer wins, and nothing fights over the server.

An older removal that is not carried out waits while a newer answer of another review is on its
way, and closes as superseded when that one is done. When the review with the newer answer becomes
void, the older one counts again.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from recert import trail
from recert.campaigns import transitions
from recert.campaigns.completion.approvals import FINAL
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.campaigns.states import RUNNING
from recert.changes import service as changes
from recert.changes.models import Order, OrderKind, OrderState
from recert.foundation.actor import system
from recert.foundation.db import Database
from recert.remediation.models import Remediation
from recert.trail.act import Act
from recert.trail.actions import Action

ACTOR = system("reviews about the same access")
ANSWERS = (Answer.KEEP, Answer.REDUCE, Answer.REVOKE)
ON_ITS_WAY = (
    ItemState.FINAL,
    ItemState.ORDERED,
    ItemState.STILL_REACHABLE,
    ItemState.NEEDS_ATTENTION,
)

_Newer, _Review = aliased(Item, name="newer"), aliased(Campaign, name="newer_review")


def _newer(*where: ColumnElement[bool]) -> Select[int]:
    """The answers of people in other reviews that came after an item's own and are about the same
    access. What somebody gave up by making a review void does not count."""
    later = or_(
        _Newer.decided_at > Item.decided_at,
        and_(_Newer.decided_at == Item.decided_at, _Newer.id > Item.id),
    )
    return (
        select(_Newer.id)
        .join(_Review, _Review.id == _Newer.campaign_id)
        .where(
            _Newer.account_id == Item.account_id,
            _Newer.folder_id.is_not_distinct_from(Item.folder_id),
            _Newer.group_id.is_not_distinct_from(Item.group_id),
            _Newer.campaign_id != Item.campaign_id,
            _Newer.answer.in_(ANSWERS),
            _Review.state != CampaignState.VOID,
            later,
            *where,
        )
        .correlate(Item)
    )


def _kept() -> ColumnElement[bool]:
    return and_(_Newer.state == ItemState.CLOSED, _Newer.answer == Answer.KEEP)


def _done() -> ColumnElement[bool]:
    return or_(_kept(), _Newer.state == ItemState.VERIFIED)


def _wants_something_else() -> ColumnElement[bool]:
    return _Newer.answer_rights != Item.answer_rights


def nothing_newer() -> ColumnElement[bool]:
    """The condition that no other review has a newer answer to what a final item is about. One
    that can still be changed counts when it wants something else."""
    first = and_(_Newer.state == ItemState.DECIDED, _wants_something_else())
    return ~_newer(or_(_Newer.state.in_(ON_ITS_WAY), _done(), first)).exists()


def settle(db: Database, *, now: datetime) -> int:
    """Closes what a newer answer superseded, and takes up again what is not superseded any more;
    how many items moved."""
    with db.reading() as session:
        over, back = _superseded(session), _counts_again(session)
    for item_id, newer_id in over:
        with db.transaction() as session:
            _supersede(session, item_id, newer_id, now)
    for item_id in back:
        with db.transaction() as session:
            _take_up(session, item_id, now)
    return len(over) + len(back)


def _superseded(session: Session) -> list[tuple[int, int]]:
    by = _newer(_done()).order_by(_Newer.decided_at.desc(), _Newer.id.desc()).limit(1)
    final = select(Item.id, by.scalar_subquery()).where(FINAL, by.exists())
    against = _newer(or_(_Newer.state.in_(ON_ITS_WAY), _done()), _wants_something_else())
    against = against.order_by(_Newer.decided_at.desc(), _Newer.id.desc()).limit(1)
    # What met another access than it was about cannot be carried out: any newer answer counts.
    met = Order.state == OrderState.CONFLICT
    ordered = (
        select(Item.id, func.coalesce(against.scalar_subquery(), by.scalar_subquery()))
        .join(Remediation, Remediation.item_id == Item.id)
        .join(Order, Order.id == Remediation.order_id)
        .where(Item.state.in_([ItemState.ORDERED, ItemState.NEEDS_ATTENTION]))
        .where(Order.state.in_(changes.NOT_BEGUN), or_(against.exists(), and_(met, by.exists())))
    )
    found = [*session.execute(_running(final)), *session.execute(_running(ordered))]
    return [(row[0], row[1]) for row in found]


def _counts_again(session: Session) -> list[int]:
    still = _newer(or_(_Newer.state.in_(ON_ITS_WAY), _done()))
    query = select(Item.id).where(Item.state == ItemState.SUPERSEDED, ~still.exists())
    return list(session.scalars(_running(query)))


def _running(query: Any) -> Any:
    running = select(Campaign.id).where(Campaign.state.in_(RUNNING))
    return query.where(Item.campaign_id.in_(running)).order_by(Item.id)


def _supersede(session: Session, item_id: int, newer_id: int, now: datetime) -> None:
    item, order = _held(session, item_id)
    newer = session.get_one(Item, newer_id)
    if order is None and item.state is not ItemState.FINAL:
        return  # another worker was faster
    review = session.get_one(Campaign, newer.campaign_id)
    answer = newer.answer.value if newer.answer else ""
    why = (
        f'Superseded: "{answer}" was answered later in the review "{review.name}" '
        f"(item {newer.id})."
    )
    if order is not None and not changes.cancel(Act(session, ACTOR, now), order, why):
        return  # it was begun meanwhile; it is looked at again when it ended
    transitions.take_step(session, item, ItemState.SUPERSEDED, outcome=why)
    details = {"by": newer.id, "campaign": review.id, "order": order.id if order else None}
    trail.append(session, Action.ITEM_SUPERSEDED, item.ref, details, actor=ACTOR, at=now)


def _take_up(session: Session, item_id: int, now: datetime) -> None:
    item, order = _held(session, item_id)
    if item.state is not ItemState.SUPERSEDED:
        return
    why = "The review that superseded it is void: this answer counts again."
    if order is not None:
        changes.take_up(Act(session, ACTOR, now), order, why)
    new = ItemState.FINAL if order is None else ItemState.ORDERED
    transitions.take_step(session, item, new, outcome=why)
    trail.append(session, Action.ITEM_COUNTS_AGAIN, item.ref, {}, actor=ACTOR, at=now)


def _held(session: Session, item_id: int) -> tuple[Item, Order | None]:
    campaign_id = select(Item.campaign_id).where(Item.id == item_id)
    transitions.hold(session, session.scalars(campaign_id).one())
    item = session.get_one(Item, item_id, with_for_update=True, populate_existing=True)
    link = session.get(Remediation, item_id)
    return item, session.get_one(Order, link.order_id) if link else None


def held_before(session: Session, item: Item, wanted: int) -> int:
    """The rights from which an order takes away: those that were asked about, or what a change of
    another review left of them after this one began. Where that left less than was wanted now,
    the order must end as a conflict: it would give something back."""
    if item.folder_id is None:
        return item.rights
    undone = select(Order.undoes_id).where(Order.undoes_id.is_not(None))
    launched = select(Campaign.launched_at).where(Campaign.id == item.campaign_id)
    query = select(Order.rights_found).where(
        Order.account_id == item.account_id,
        Order.folder_id == item.folder_id,
        Order.kind.in_([OrderKind.REVOKE, OrderKind.REDUCE]),
        Order.state == OrderState.VERIFIED,
        Order.verified_at >= launched.scalar_subquery(),
        Order.rights_before == item.rights,
        Order.id.not_in(undone),
    )
    found = session.scalar(query.order_by(Order.id.desc()).limit(1))
    if found is None or found & ~item.rights or wanted & ~found:
        return item.rights
    return found
