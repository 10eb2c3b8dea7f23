"""Taking a change back: one person asks, with a reason, and another one agrees. Only then the
former entry is ordered back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.changes import queries, rules
from recert.changes.models import Order, OrderKind, OrderState, UndoRequest
from recert.changes.plans import change_of
from recert.changes.service import note, written
from recert.connectors.changes import (
    Change,
    CloseAccount,
    JoinGroup,
    LeaveGroup,
    OpenAccount,
    opposite,
    to_json,
)
from recert.foundation.actor import Actor, Role
from recert.foundation.db import AnyRow
from recert.foundation.errors import BadInput, NotFound
from recert.foundation.separation import Party, Step
from recert.inventory.models import Server
from recert.people import separation
from recert.trail.act import Act
from recert.trail.actions import Action

MOST_TEXT = 1000


class NobodyAsked(NotFound):
    """Nobody has asked to take this change back. Ask first, with a reason."""


def ask(act: Act, order: Order, reason: str) -> UndoRequest:
    """Asks to give the exact former entry back. Asking twice is asking once."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    if not reason.strip():
        raise BadInput("Say why the change shall be taken back.")
    if len(reason) > MOST_TEXT:
        raise BadInput(f"The reason is longer than {MOST_TEXT} characters.")
    _check(act.session, order, act.now)
    known = act.session.get(UndoRequest, order.id)
    if known is not None:
        return known
    made = UndoRequest(
        order_id=order.id, reason=reason.strip(), asked_by=act.actor.name, asked_at=act.now
    )
    act.session.add(made)
    act.session.flush()
    separation.note(act, order.ref, Step.ASKED_UNDO)
    details = {"reason": made.reason}
    note(act, Action.ORDER_UNDO_ASKED, order, details)
    return made


def approve(act: Act, order: Order) -> Order:
    """The second person agrees, and it is not their own access: the order that gives the former
    entry back. It is verified like any other."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    act.session.execute(select(Order.id).where(Order.id == order.id).with_for_update())
    asked = act.session.get(UndoRequest, order.id, populate_existing=True)
    if asked is None:
        raise NobodyAsked
    known = act.session.scalar(select(Order).where(Order.undoes_id == order.id))
    if known is not None:
        return known
    _check(act.session, order, act.now)
    step, holder = Step.APPROVED_UNDO, _holder(act.session, order)
    separation.check_and_note(act, step, order.ref, also=holder)
    made = _order_back(order, asked, act.actor, act.now)
    asked.approved_by, asked.approved_at = act.actor.name, act.now
    more = {"reason": asked.reason, "asked_by": asked.asked_by}
    return written(act, made, **more)


def _check(session: Session, order: Order, now: datetime) -> None:
    rules.check_undo(order.state, order.verified_at, now=now)
    later = _later_on_the_same(session, order)
    if later is not None:
        raise rules.UndoRefused(
            f"Change {later} has taken more from the same account since. Take that one back first."
        )
    if order.plan is None:
        raise rules.UndoRefused("Recert did not write this change, so it cannot take it back.")


def may_agree(session: Session, order: Order, actor: Actor) -> bool:
    """Whether this person may agree: somebody else than the one who asked, and not about an
    account of their own."""
    return separation.may(session, Step.APPROVED_UNDO, order.ref, actor, _holder(session, order))


def _holder(session: Session, order: Order) -> list[tuple[Step, Party]]:
    holder = queries.holder_of(session, order)
    return separation.persons(Step.HOLDS, holder)


def _order_back(order: Order, asked: UndoRequest, actor: Actor, now: datetime) -> Order:
    return Order(
        origin=f"undo:{order.id}",
        server_id=order.server_id,
        account_id=order.account_id,
        folder_id=order.folder_id,
        kind=OrderKind.UNDO,
        account=order.account,
        folder=order.folder,
        group=order.group,
        # A wider change may have taken more than was wanted.
        rights_before=order.rights_wanted if order.rights_found is None else order.rights_found,
        rights_wanted=order.rights_before,
        wanted=_wanted_back(change_of(order)),
        undoes_id=order.id,
        state=OrderState.QUEUED,
        next_at=now,
        created_at=now,
        created_by=asked.asked_by,
        approved_by=actor.name,
        reason=asked.reason,
    )


def _wanted_back(change: Change) -> dict[str, Any]:
    """The opposite of a change, as an order keeps it; rights stand in columns of their own."""
    if isinstance(change, JoinGroup | LeaveGroup | OpenAccount | CloseAccount):
        return to_json(opposite(change))
    return {}


def _later_on_the_same(session: Session, order: Order) -> int | None:
    """A later change of this account that stands and that the undo could give back again: at or
    around the same folder, or anywhere when the change took more than one folder's rights."""
    undone = select(Order.undoes_id).where(Order.undoes_id.is_not(None))
    query = select(Order).where(
        Order.server_id == order.server_id,
        Order.account == order.account,  # an account that is being opened has no number yet
        Order.id > order.id,
        Order.kind != OrderKind.UNDO,
        Order.state == OrderState.VERIFIED,
        Order.id.not_in(undone),
    )
    wide = bool(order.plan and order.plan["side_effects"])
    for other in session.scalars(query.order_by(Order.id)):
        if wide or _nested(other.folder, order.folder):
            return other.id
    return None


def _nested(one: str, other: str) -> bool:
    shorter, longer = sorted((one.rstrip("/") + "/", other.rstrip("/") + "/"), key=len)
    return longer.startswith(shorter)


def request_of(session: Session, order_id: int) -> UndoRequest | None:
    """Who asked to take a change back, and why; None when nobody did."""
    return session.get(UndoRequest, order_id)


def waiting(session: Session) -> Sequence[AnyRow]:
    """What waits for the second person, oldest first, with the change and its server."""
    query = (
        select(UndoRequest, Order, Server.name.label("server"))
        .join(Order, Order.id == UndoRequest.order_id)
        .join(Server, Server.id == Order.server_id)
        .where(UndoRequest.approved_at.is_(None))
    )
    return session.execute(query.order_by(UndoRequest.asked_at)).all()
