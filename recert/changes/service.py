"""Orders: propose, retry, approve, cancel. `execution` carries them out, `undo` takes
them back."""

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recert.changes import plans, queries, rules
from recert.changes.models import Order, OrderState, OrderStep
from recert.connectors import rights
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput, MovedMeanwhile, NotFound, RefusedByPolicy
from recert.foundation.separation import Step
from recert.inventory.models import Server
from recert.people import separation
from recert.trail.act import Act
from recert.trail.actions import Action
from recert.trail.chain import canonical

# Nothing of these is on the server or on its way to it: they can be cancelled.
NOT_BEGUN = (
    OrderState.QUEUED,
    OrderState.RETRY,
    OrderState.WAITING,
    OrderState.MANUAL,
    OrderState.NEEDS_APPROVAL,
    OrderState.BLOCKED,
    OrderState.HELD,
    OrderState.CONFLICT,
    OrderState.NEEDS_ATTENTION,
)


LONGEST_TICKET = 200
OVER = (OrderState.VERIFIED, OrderState.CANCELLED)


class NoSuchOrder(NotFound):
    """There is no order of this number. `recert order list` shows them."""


class TicketRefused(RefusedByPolicy):
    """This change is over. Its ticket stays as it is."""


def written(act: Act, order: Order, **more: str) -> Order:
    """Adds a new order with its first line in the log and its entry in the trail."""
    act.session.add(order)
    act.session.flush()
    log(act.session, order, "Written down.", now=act.now)
    server = act.session.get_one(Server, order.server_id)
    details = {
        "origin": order.origin,
        "server": server.name,
        "created_by": order.created_by,
        "kind": order.kind.value,
        "account": order.account,
        "folder": order.folder,
        **({"group": order.group} if order.group else {}),
        **({"wanted": order.wanted} if order.wanted else {}),
        "rights_before": rights.names(order.rights_before),
        "rights_wanted": rights.names(order.rights_wanted),
        **more,
    }
    note(act, Action.ORDER_WRITTEN, order, details)
    return order


def retry(act: Act, order: Order) -> None:
    """A person has looked at the cause and puts the order back into the queue."""
    act.actor.require(Role.ADMINISTRATOR)
    if order.state not in rules.RETRYABLE:
        raise rules.RetryRefused(f"Order {order.id} is {order.state.value}.")
    move(
        act.session,
        order,
        OrderState.QUEUED,
        "Put back into the queue.",
        now=act.now,
        next_at=act.now,
        tries=0,
    )
    note(act, Action.ORDER_RETRIED, order, {})


def try_again(act: Act, order: Order, why: str) -> None:
    """A newer reading shows that the order can be carried out after all, or is done."""
    move(act.session, order, OrderState.QUEUED, why, now=act.now, next_at=act.now, tries=0)
    note(act, Action.ORDER_RETRIED, order, {"why": why})


def explain(session: Session, order: Order, why: str, *, now: datetime) -> None:
    """The order stays where it is, and says more about it."""
    move(session, order, order.state, why, now=now)


def approve(act: Act, order: Order) -> None:
    """A person has looked at the plan and wants it with everything that it touches. Never who
    decided it, nor the person whose access it is."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    if order.state is not OrderState.NEEDS_APPROVAL or order.plan is None:
        raise rules.ApprovalRefused(f"Order {order.id} is {order.state.value}.")
    holder = queries.holder_of(act.session, order)
    separation.check_and_note(
        act, Step.APPROVED_PLAN, order.ref, also=separation.persons(Step.HOLDS, holder)
    )
    seal = rules.seal(plans.loaded(order.plan))
    why = f"Approved by {act.actor.name} with everything that it touches."
    values = {"approved_plan": seal, "approved_by": act.actor.name, "next_at": act.now}
    move(act.session, order, OrderState.QUEUED, why, now=act.now, **values)
    note(act, Action.ORDER_APPROVED, order, {"plan": seal})


def cancel(act: Act, order: Order, why: str) -> bool:
    """The order is not wanted any more. False when it is begun: then it runs to its end."""
    act.session.refresh(order, with_for_update=True)
    if order.state not in NOT_BEGUN:
        return False
    move(act.session, order, OrderState.CANCELLED, why, now=act.now)
    note(act, Action.ORDER_CANCELLED, order, {"why": why})
    return True


def take_up(act: Act, order: Order, why: str) -> None:
    """A cancelled order is wanted again."""
    here = (Order.id == order.id, Order.state == OrderState.CANCELLED)
    values = {"state": OrderState.QUEUED, "explanation": why, "next_at": act.now, "tries": 0}
    if (
        getattr(act.session.execute(update(Order).where(*here).values(**values)), "rowcount", 0)
        != 1
    ):
        raise MovedMeanwhile
    act.session.refresh(order)
    log(act.session, order, why, now=act.now)
    note(act, Action.ORDER_TAKEN_UP, order, {"why": why})


def move(
    session: Session, order: Order, new: OrderState, why: str, *, now: datetime, **values: Any
) -> None:
    """Guarded step with its line in the log; MovedMeanwhile when another worker was faster."""
    if order.state is OrderState.CANCELLED:  # between two looks of a worker
        raise MovedMeanwhile
    here = (Order.id == order.id, Order.state == order.state)
    moved = session.execute(update(Order).where(*here).values(state=new, explanation=why, **values))
    if getattr(moved, "rowcount", 0) != 1:
        raise MovedMeanwhile
    session.refresh(order)
    log(session, order, why, now=now)


def note(act: Act, action: Action, order: Order, details: dict[str, Any]) -> None:
    """The entry in the trail about an order, with digests of its plan and of its log so far, so
    that neither can be changed unnoticed."""
    details = {**details, **_sealed(act.session, order)}
    act.record(action, order.ref, details)


def _sealed(session: Session, order: Order) -> dict[str, Any]:
    session.flush()
    query = select(OrderStep).where(OrderStep.order_id == order.id).order_by(OrderStep.id)
    lines = [log_line(step) for step in session.scalars(query)]
    return {
        "order_state": order.state.value,
        "plan_sha256": _digest(order.plan),
        "log_lines": len(lines),
        "log_sha256": _digest(lines),
    }


def log_line(step: OrderStep) -> dict[str, str]:
    """One line of the log, as evidence shows it."""
    return {"at": step.at.isoformat(), "state": step.state.value, "detail": step.detail}


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def log(session: Session, order: Order, detail: str, *, now: datetime) -> None:
    """One line in the order's log."""
    session.add(OrderStep(order_id=order.id, at=now, state=order.state, detail=detail))


def order_by_id(session: Session, order_id: int) -> Order:
    """The order, or NoSuchOrder."""
    found = session.get(Order, order_id)
    if found is None:
        raise NoSuchOrder(f"Asked for: {order_id}.")
    return found


def set_ticket(act: Act, order: Order, text: str) -> None:
    """Notes the ticket of a change. It proves nothing: only the next reading closes the change."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    ticket = text.strip()
    if not ticket or len(ticket) > LONGEST_TICKET or not ticket.isprintable():
        raise BadInput(f"Enter the ticket in one line of at most {LONGEST_TICKET} characters.")
    if order.state in OVER:
        raise TicketRefused
    details = {"ticket": ticket, "before": order.ticket}
    order.ticket = ticket
    log(act.session, order, f"Ticket {ticket}, noted by {act.actor.name}.", now=act.now)
    note(act, Action.ORDER_TICKET, order, details)
