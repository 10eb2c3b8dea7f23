"""A change was not made because the server had something else by then: the newest snapshot says
what is there now, and the question is asked again, once."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, String, cast, literal, select
from sqlalchemy.orm import Session

from recert.campaigns.models import Answer, Campaign, Event, Item, ItemState
from recert.campaigns.states import RUNNING
from recert.campaigns.triggers import detection as queries
from recert.campaigns.triggers.models import Recheck
from recert.campaigns.triggers.reasons import Why
from recert.changes import service as changes
from recert.changes.models import Order, OrderState
from recert.connectors import rights
from recert.foundation.actor import Actor
from recert.foundation.db import AnySelect, Database
from recert.inventory import service as inventory
from recert.inventory.models import Account, Folder, Grant, Server, Snapshot
from recert.inventory.queries import in_snapshot
from recert.trail.act import Act
from recert.trail.actions import Action

ANSWERED = {Answer.REVOKE: "removed", Answer.REDUCE: "reduced"}


def want_due(db: Database, *, actor: Actor, now: datetime) -> int:
    """Notes what ended that way since, and wants a fresh snapshot for it; how many were new. A
    snapshot that fails is wanted again, once an hour."""
    waiting = select(Recheck.server_id).where(Recheck.note == "")
    with db.reading() as session:
        if (
            session.execute(_new().limit(1)).first() is None
            and session.scalar(waiting.limit(1)) is None
        ):
            return 0
    with db.transaction() as session:
        new = session.execute(_new()).all()
        session.add_all(
            Recheck(item_id=row[0], order_id=row[1], server_id=row[2], wanted_at=now) for row in new
        )
        session.flush()
        servers = select(Server).where(Server.id.in_(waiting)).order_by(Server.id)
        fresh = {row[2] for row in new}
        for server in session.scalars(servers).all():
            if server.id in fresh and server.snapshot_wanted_at is None:
                inventory.want_snapshot(Act(session, actor, now), server)
            else:
                inventory.want_snapshot_again(Act(session, actor, now), server)
    return len(new)


def _new() -> AnySelect:
    """Items whose order met something else than the decision was about. Of groups and whole
    accounts there is no such order."""
    known = select(Recheck.item_id)
    return (
        select(Item.id, Order.id, Order.server_id)
        .join(Order, Order.origin == literal("item:").concat(cast(Item.id, String)))
        .join(Campaign, Campaign.id == Item.campaign_id)
        .where(Order.state == OrderState.CONFLICT, Item.state == ItemState.NEEDS_ATTENTION)
        .where(Order.folder_id.is_not(None), Campaign.state.in_(RUNNING), Item.id.not_in(known))
        .order_by(Item.id)
    )


def look(act: Act, newest: Snapshot, may_ask: ColumnElement[bool]) -> Iterator[tuple[int, Why]]:
    """Grants to ask about again, with a reason that names the old item and its answer. What is as
    the decision saw it, or has nothing left to remove, goes back into the queue instead."""
    for one in _waiting(act.session, newest):
        order, item = (
            act.session.get_one(Order, one.order_id),
            act.session.get_one(Item, one.item_id),
        )
        if order.state is not OrderState.CONFLICT:
            one.note = "A person has seen to it meanwhile."
            continue
        grant = _grant_now(act.session, newest, order)
        held = grant.rights if grant else 0
        if held == order.rights_before or held & ~order.rights_wanted == 0:
            left = "what the decision was about" if held == order.rights_before else "nothing of it"
            one.note = f"The newest snapshot shows {left}: the change is tried again."
            changes.try_again(act, order, one.note)
        elif grant is not None:
            one.grant_id = grant.id
            if _may_be_asked(act.session, grant.id, may_ask):
                yield grant.id, _why(act.session, item, order, held)


def _waiting(session: Session, newest: Snapshot) -> list[Recheck]:
    query = select(Recheck).where(
        Recheck.server_id == newest.server_id,
        Recheck.note == "",
        Recheck.wanted_at < newest.started_at,
    )
    return list(session.scalars(query.order_by(Recheck.item_id)))


def _grant_now(session: Session, newest: Snapshot, order: Order) -> Grant | None:
    there = queries.nearest(literal(order.folder), newest)
    query = select(Grant).where(
        Grant.account_id == order.account_id,
        Grant.folder_id == there,
        in_snapshot(Grant, newest.id),
    )
    return session.scalar(query)


def _may_be_asked(session: Session, grant_id: int, may_ask: ColumnElement[bool]) -> bool:
    query = (
        select(Grant.id)
        .join(Account, Account.id == Grant.account_id)
        .join(Folder, Folder.id == Grant.folder_id)
        .where(Grant.id == grant_id, may_ask)
    )
    return session.scalar(query) is not None


def _why(session: Session, item: Item, order: Order, held: int) -> Why:
    review = session.get_one(Campaign, item.campaign_id)
    action = ANSWERED.get(item.answer or Answer.NO_ANSWER, "taken away by policy")
    text = (
        f'It was to be {action} (item {item.id} of "{review.name}"), but it changed before: then '
        f"{rights.say(order.rights_before)}, now {rights.say(held)}. Nothing was taken away."
    )
    return Why(Event.DIFFERS, text)


def record_outcomes(act: Act, server_id: int, asked: Campaign | None) -> None:
    """Records for each old item the review in which it is asked again, or why it is not."""
    query = select(Recheck).where(
        Recheck.server_id == server_id,
        Recheck.note == "",
        Recheck.grant_id.is_not(None),
    )
    for one in act.session.scalars(query.order_by(Recheck.item_id)).all():
        review = asked if asked and _asks(act.session, asked.id, one.grant_id) else None
        review = review or _review_about(act.session, one)
        order = act.session.get_one(Order, one.order_id)
        if review is None:
            one.note = "It is not asked again: an exclusion leaves it out."
        else:
            one.campaign_id, one.note = review.id, f'It is asked again in "{review.name}".'
        changes.explain(act.session, order, f"{order.explanation} {one.note}", now=act.now)
        details = {"order": order.id, "campaign": one.campaign_id, "note": one.note}
        subject = f"item:{one.item_id}"
        act.record(Action.ACCESS_ASKED_AGAIN, subject, details)


def _asks(session: Session, campaign_id: int, grant_id: int | None) -> bool:
    here = (Item.campaign_id == campaign_id, Item.grant_id == grant_id)
    return session.scalar(select(Item.id).where(*here).limit(1)) is not None


def _review_about(session: Session, one: Recheck) -> Campaign | None:
    """A running review that asks about the same access already."""
    grant = session.get_one(Grant, one.grant_id)
    query = (
        select(Campaign)
        .join(Item, Item.campaign_id == Campaign.id)
        .where(Item.account_id == grant.account_id, Item.folder_id == grant.folder_id)
        .where(Item.id != one.item_id, Item.state.in_(queries.ASKED), Campaign.state.in_(RUNNING))
    )
    return session.scalar(query.order_by(Campaign.id.desc()).limit(1))
