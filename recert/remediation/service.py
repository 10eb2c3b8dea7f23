"""Two pulls: final decisions become orders, and what became of the orders closes the items."""

import logging
from datetime import datetime

from sqlalchemy import String, case, cast, or_, select
from sqlalchemy.orm import Session, aliased

from recert import trail
from recert.campaigns import states, transitions
from recert.campaigns.completion import approvals, challenges
from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import Campaign, CampaignState, Item, ItemState
from recert.changes import requests
from recert.changes.models import Order, OrderKind, OrderState
from recert.foundation.actor import system
from recert.foundation.db import Database
from recert.foundation.errors import BadInput, MovedMeanwhile
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.foundation.separation import Party, Step
from recert.inventory.models import Group, Server
from recert.people import separation
from recert.remediation import batches, concurrent_reviews
from recert.remediation.models import Remediation
from recert.trail.act import Act
from recert.trail.actions import Action

BATCH = 200
DECISIONS = system("carry out final decisions")

log = logging.getLogger(__name__)

# What the state of an order means for its item; states not named leave the item as it is.
ITEM_AFTER = {
    OrderState.VERIFIED: ItemState.VERIFIED,
    OrderState.STILL_REACHABLE: ItemState.STILL_REACHABLE,
    OrderState.CONFLICT: ItemState.NEEDS_ATTENTION,
    OrderState.BLOCKED: ItemState.NEEDS_ATTENTION,
    OrderState.HELD: ItemState.NEEDS_ATTENTION,
    OrderState.NEEDS_APPROVAL: ItemState.NEEDS_ATTENTION,
    OrderState.NEEDS_ATTENTION: ItemState.NEEDS_ATTENTION,
}


def order_final(db: Database, *, now: datetime) -> int:
    """Writes an order for each final decision that has none and need not wait; how many."""
    concurrent_reviews.settle(db, now=now)
    with db.reading() as session:
        campaigns = approvals.with_final_items(session)
    return sum(_order_all(db, campaign_id, now) for campaign_id in campaigns)


def _order_all(db: Database, campaign_id: int, now: datetime) -> int:
    made = 0
    while True:
        with db.transaction() as session:
            ordered = _order_some(session, campaign_id, now)
        made += ordered
        if ordered < BATCH:
            return made


def _order_some(session: Session, campaign_id: int, now: datetime) -> int:
    # What is counted stays as it is counted: two workers would both fill one batch.
    campaign = transitions.hold(session, campaign_id, alone=True)
    if campaign.state not in states.RUNNING:
        return 0
    batch = _final_without_order(session, campaign, BATCH, now)
    capacity = (
        batches.capacity(session, campaign, len(batch), now=now)
        if batch
        else batches.Capacity(0, 0)
    )
    batch = batch[: capacity.items]
    _hold_servers(session, {item.server_id for item, _ in batch})
    for item, decision in batch:
        _order(session, item, decision, capacity.batch_number, now=now)
    return len(batch)


def _final_without_order(
    session: Session, campaign: Campaign, most: int, now: datetime
) -> list[tuple[Item, Decision]]:
    query = (
        select(Item, Decision)
        .join(Decision, (Decision.item_id == Item.id) & (Decision.version == Item.version))
        .outerjoin(Remediation, Remediation.item_id == Item.id)
        .where(Item.campaign_id == campaign.id, approvals.FINAL, Remediation.item_id.is_(None))
        .where(approvals.may_be_ordered(session, campaign, now), challenges.is_over(campaign, now))
        .where(concurrent_reviews.nothing_newer())
        .order_by(Item.id)
        .limit(most)
        .with_for_update(of=Item, skip_locked=True)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def _hold_servers(session: Session, server_ids: set[int]) -> None:
    """The servers before the trail, as a snapshot takes them, or the two wait for each other."""
    query = select(Server.id).where(Server.id.in_(server_ids)).order_by(Server.id)
    session.execute(query.with_for_update(read=True, key_share=True))


def _order(
    session: Session, item: Item, decision: Decision, batch_number: int, *, now: datetime
) -> None:
    wanted = decision.answer_rights or 0
    rights = (concurrent_reviews.held_before(session, item, wanted), wanted)
    order = order_for(Act(session, DECISIONS, now), item, item.ref, *rights)
    order.released = item.release_id is not None
    by = Party(decision.person_id, name=decision.actor)
    separation.note_party(session, order.ref, Step.DECIDED, by, now=now)
    link = Remediation(
        item_id=item.id, decision_id=decision.id, order_id=order.id, batch_number=batch_number
    )
    session.add(link)
    transitions.take_step(session, item, ItemState.ORDERED, outcome="The change is ordered.")


def order_for(act: Act, item: Item, origin: str, held: int, remaining: int) -> Order:
    """The order that makes an item's answer true: of rights in a folder, or out of a group, or the
    end of a service account."""
    if item.account_id is None:
        raise BadInput(f"Item {item.id} is about ownership: nothing can be ordered.")
    if item.folder_id is not None:
        wanted = (item.account_id, item.folder_id, held, remaining)
        return requests.propose(act, origin, *wanted)
    group = act.session.get(Group, item.group_id) if item.group_id else None
    name = group.name if group else ""
    return requests.propose_exit(act, origin, item.account_id, name)


def follow_orders(db: Database, *, now: datetime) -> int:
    """Brings items to where their orders are; how many moved."""
    with db.reading() as session:
        pending = [*_behind(session), *_taken_back(session)]
    return sum(_follow_one(db, item_id, order_id, now) for item_id, order_id in pending)


def _behind(session: Session) -> list[tuple[int, int]]:
    """Items that say something else than their orders."""
    means = case(
        *((Order.state == order, item.value) for order, item in ITEM_AFTER.items()),
        else_=ItemState.ORDERED.value,
    )
    on_the_way = (ItemState.ORDERED, ItemState.STILL_REACHABLE, ItemState.NEEDS_ATTENTION)
    query = (
        select(Remediation.item_id, Remediation.order_id)
        .join(Item, Item.id == Remediation.item_id)
        .join(Order, Order.id == Remediation.order_id)
        .where(Item.state.in_(on_the_way))
        .where(or_(Item.outcome != Order.explanation, cast(Item.state, String) != means))
        .order_by(Remediation.item_id)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def _taken_back(session: Session) -> list[tuple[int, int]]:
    """Items called verified whose change was undone before the sign-off: they are not any more.
    What is signed off stays as it was signed."""
    undo = aliased(Order)
    query = (
        select(Remediation.item_id, undo.id)
        .join(Item, Item.id == Remediation.item_id)
        .join(Campaign, Campaign.id == Item.campaign_id)
        .join(undo, undo.undoes_id == Remediation.order_id)
        .where(Item.state == ItemState.VERIFIED, undo.state == OrderState.VERIFIED)
        .where(Campaign.state.in_([CampaignState.ACTIVE, CampaignState.CLOSING]))
        .order_by(Remediation.item_id)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def _follow_one(db: Database, item_id: int, order_id: int, now: datetime) -> int:
    try:
        with db.transaction() as session:
            _follow(session, item_id, order_id, now=now)
    except MovedMeanwhile:
        log.info("item %s: another worker was faster", item_id)
        return 0
    return 1


def _follow(session: Session, item_id: int, order_id: int, *, now: datetime) -> None:
    item, order = session.get_one(Item, item_id), session.get_one(Order, order_id)
    if transitions.hold(session, item.campaign_id).state is CampaignState.SIGNED_OFF:
        return  # what is signed off stays as it was signed
    new, outcome = ITEM_AFTER.get(order.state, ItemState.ORDERED), order.explanation
    if order.kind is OrderKind.UNDO:
        new = ItemState.CLOSED
        outcome = f"Taken back by {order.created_by} (order {order.id}): the access is as before."
    if new is item.state:
        item.outcome = outcome
        return
    transitions.take_step(session, item, new, outcome=outcome)
    details = {"state": new.value, "order": order.id, "outcome": outcome}
    trail.append(session, Action.ITEM_FOLLOWED, item.ref, details, actor=DECISIONS, at=now)


@job(Phase.ORDERS, 2, lock="orders")
def order_decisions(context: JobContext) -> int:
    """Writes orders for final decisions."""
    return order_final(context.db, now=context.now())


@job(Phase.CHANGES, 2)
def follow_changes(context: JobContext) -> int:
    """Brings items to where their orders are."""
    return follow_orders(context.db, now=context.now())
