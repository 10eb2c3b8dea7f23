"""Verbs of orders: propose, retry, approve, cancel. `execution` carries them out, `undoing` takes
them back."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recert import trail
from recert.changes import rules
from recert.changes.models import Order, OrderKind, OrderState, OrderStep
from recert.connectors import rights
from recert.connectors.contract import Cell, Change, Plan
from recert.connectors.csv_export import row_of
from recert.connectors.rights import Rights
from recert.foundation.actor import Actor, Role
from recert.foundation.errors import MovedMeanwhile, NotFound
from recert.inventory.models import Account, Folder

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


class NoSuchOrder(NotFound):
    """There is no order of this number. `recert order list` shows them."""


def propose(
    session: Session,
    origin: str,
    account_id: int,
    folder_id: int,
    rights_before: int,
    rights_wanted: int,
    *,
    actor: Actor,
    now: datetime,
) -> Order:
    """Writes an order down; asking again for the same origin returns the first."""
    known = session.scalar(select(Order).where(Order.origin == origin))
    if known is not None:
        return known
    account, folder = session.get_one(Account, account_id), session.get_one(Folder, folder_id)
    order = Order(
        origin=origin,
        server_id=account.server_id,
        account_id=account.id,
        folder_id=folder.id,
        kind=OrderKind.REDUCE if rights_wanted else OrderKind.REVOKE,
        account=account.name,
        folder=folder.path,
        rights_before=rights_before,
        rights_wanted=rights_wanted,
        state=OrderState.QUEUED,
        next_at=now,
        created_at=now,
        created_by=actor.name,
    )
    return written(session, order, actor=actor, now=now)


def propose_exit(
    session: Session, origin: str, account_id: int, group: str = "", *, actor: Actor, now: datetime
) -> Order:
    """An account shall leave a group, or shall be closed when none is named. Asking again for the
    same origin returns the first order."""
    known = session.scalar(select(Order).where(Order.origin == origin))
    if known is not None:
        return known
    account = session.get_one(Account, account_id)
    order = Order(
        origin=origin,
        server_id=account.server_id,
        account_id=account.id,
        folder_id=None,
        kind=OrderKind.LEAVE if group else OrderKind.CLOSE,
        account=account.name,
        folder="",
        group=group,
        rights_before=0,
        rights_wanted=0,
        state=OrderState.QUEUED,
        next_at=now,
        created_at=now,
        created_by=actor.name,
    )
    return written(session, order, actor=actor, now=now)


def change_of(order: Order) -> Change:
    """What the server is asked for."""
    return Change(order.account, order.folder, Rights(order.rights_wanted), order.group)


def written(session: Session, order: Order, *, actor: Actor, now: datetime, **more: str) -> Order:
    """Adds a new order with its first line in the log and its entry in the trail."""
    session.add(order)
    session.flush()
    log(session, order, "Written down.", now=now)
    details = {
        "origin": order.origin,
        "kind": order.kind.value,
        "account": order.account,
        "folder": order.folder,
        **({"group": order.group} if order.group else {}),
        "rights_before": rights.names(order.rights_before),
        "rights_wanted": rights.names(order.rights_wanted),
        **more,
    }
    trail.append(session, "order.written", order.ref, details, actor=actor, at=now)
    return order


def retry(session: Session, order: Order, *, actor: Actor, now: datetime) -> None:
    """A person has looked at the cause and puts the order back into the queue."""
    actor.require(Role.ADMINISTRATOR)
    if order.state not in rules.RETRYABLE:
        raise rules.RetryRefused(f"Order {order.id} is {order.state.value}.")
    move(
        session, order, OrderState.QUEUED, "Put back into the queue.", now=now, next_at=now, tries=0
    )
    trail.append(session, "order.retried", order.ref, {}, actor=actor, at=now)


def try_again(session: Session, order: Order, why: str, *, actor: Actor, now: datetime) -> None:
    """A newer reading shows that the order can be carried out after all, or is done."""
    move(session, order, OrderState.QUEUED, why, now=now, next_at=now, tries=0)
    trail.append(session, "order.retried", order.ref, {"why": why}, actor=actor, at=now)


def explain(session: Session, order: Order, why: str, *, now: datetime) -> None:
    """The order stays where it is, and says more about it."""
    move(session, order, order.state, why, now=now)


def approve(session: Session, order: Order, *, actor: Actor, now: datetime) -> None:
    """A person has looked at the plan and wants it with everything that it touches. Never the
    person whose access it is."""
    actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    if order.state is not OrderState.NEEDS_APPROVAL or order.plan is None:
        raise rules.ApprovalRefused(f"Order {order.id} is {order.state.value}.")
    account = session.get_one(Account, order.account_id)
    if actor.person_id is not None and account.person_id == actor.person_id:
        raise rules.ApprovalRefused("It is about your own account. Somebody else must look at it.")
    seal = rules.seal(loaded(order.plan))
    why = f"Approved by {actor.name} with everything that it touches."
    values = {"approved_plan": seal, "approved_by": actor.name, "next_at": now}
    move(session, order, OrderState.QUEUED, why, now=now, **values)
    trail.append(session, "order.approved", order.ref, {"plan": seal}, actor=actor, at=now)


def cancel(session: Session, order: Order, why: str, *, actor: Actor, now: datetime) -> bool:
    """The order is not wanted any more. False when it is begun: then it runs to its end."""
    session.refresh(order, with_for_update=True)
    if order.state not in NOT_BEGUN:
        return False
    move(session, order, OrderState.CANCELLED, why, now=now)
    trail.append(session, "order.cancelled", order.ref, {"why": why}, actor=actor, at=now)
    return True


def take_up(session: Session, order: Order, why: str, *, actor: Actor, now: datetime) -> None:
    """A cancelled order is wanted again."""
    here = (Order.id == order.id, Order.state == OrderState.CANCELLED)
    values = {"state": OrderState.QUEUED, "explanation": why, "next_at": now, "tries": 0}
    if getattr(session.execute(update(Order).where(*here).values(**values)), "rowcount", 0) != 1:
        raise MovedMeanwhile
    session.refresh(order)
    log(session, order, why, now=now)
    trail.append(session, "order.taken_up", order.ref, {"why": why}, actor=actor, at=now)


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


def log(session: Session, order: Order, detail: str, *, now: datetime) -> None:
    """One line in the order's log."""
    session.add(OrderStep(order_id=order.id, at=now, state=order.state, detail=detail))


def order_by_id(session: Session, order_id: int) -> Order:
    """The order, or NoSuchOrder."""
    found = session.get(Order, order_id)
    if found is None:
        raise NoSuchOrder(f"Asked for: {order_id}.")
    return found


def stored(plan: Plan) -> dict[str, Any]:
    """A plan as JSON."""
    kept: dict[str, Any] = json.loads(json.dumps(asdict(plan)))
    return kept


def for_a_person(order: Order) -> Plan:
    """What a person shall do by hand. Only a change list has a plan that says it; where Recert
    found no native edit, the row is made from the order itself."""
    change = change_of(order)
    if order.plan is not None and order.plan["before"] != order.plan["after"]:
        plan = loaded(order.plan)
        if not plan.after.startswith("["):  # the native parts of a server's files
            return plan
    row = row_of(change, Rights(order.rights_before), "")
    return Plan(change=change, before="", after=row, diff=row, fingerprint="")


def loaded(kept: dict[str, Any]) -> Plan:
    """The plan back from JSON."""
    change = kept["change"]
    cells = (
        Cell(
            c["account"],
            c["folder"],
            Rights(c["before"]),
            Rights(c["after"]),
            c.get("protocol", ""),
        )
        for c in kept["side_effects"]
    )
    return Plan(
        change=Change(
            change["account"], change["folder"], Rights(change["rights"]), change.get("group", "")
        ),
        before=kept["before"],
        after=kept["after"],
        diff=kept["diff"],
        fingerprint=kept["fingerprint"],
        side_effects=tuple(cells),
        note=kept["note"],
    )
