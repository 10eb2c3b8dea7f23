"""Orders: propose, retry, approve, cancel. `execution` carries them out, `undo` takes
them back."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recert.changes import rules
from recert.changes.models import Order, OrderKind, OrderState, OrderStep
from recert.connectors import rights
from recert.connectors.changes import (
    Change,
    CloseAccount,
    JoinGroup,
    LeaveGroup,
    OpenAccount,
    RotateCredential,
    SetRights,
    from_json,
    opposite,
    to_json,
)
from recert.connectors.contract import CannotExpress, Cell, Plan
from recert.connectors.csv_export import row_of
from recert.connectors.rights import Rights
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput, MovedMeanwhile, NotFound
from recert.foundation.separation import Step
from recert.inventory import queries as inventory
from recert.inventory.models import Account, Folder, Grant, Server, Source
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


class NoSuchOrder(NotFound):
    """There is no order of this number. `recert order list` shows them."""


def propose(
    act: Act, origin: str, account_id: int, folder_id: int, rights_before: int, rights_wanted: int
) -> Order:
    """Writes an order down; asking again for the same origin returns the first."""
    known = act.session.scalar(select(Order).where(Order.origin == origin))
    if known is not None:
        return known
    account, folder = (
        act.session.get_one(Account, account_id),
        act.session.get_one(Folder, folder_id),
    )
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
        next_at=act.now,
        created_at=act.now,
        created_by=act.actor.name,
    )
    return written(act, order)


def propose_exit(act: Act, origin: str, account_id: int, group: str = "") -> Order:
    """An account shall leave a group, or shall be closed when none is named. Asking again for the
    same origin returns the first order."""
    known = act.session.scalar(select(Order).where(Order.origin == origin))
    if known is not None:
        return known
    account = act.session.get_one(Account, account_id)
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
        next_at=act.now,
        created_at=act.now,
        created_by=act.actor.name,
    )
    return written(act, order)


class NoSuchAccount(NotFound):
    """The newest snapshot of the server has no account of this name."""


class AccountExists(BadInput):
    """The server has an account of this name already. Choose another name, or reopen the account
    when it belongs to the same holder."""


class NoSuchFolder(NotFound):
    """The newest snapshot of the server has no such folder."""


def request(act: Act, origin: str, server: Server, change: Change, *, reason: str = "") -> Order:
    """Writes an order for any change, in the names of the server; asking again for the same origin
    returns the first. NoSuchAccount or NoSuchFolder when the newest snapshot does not have it. A
    change that the kind of server does not offer becomes a task for a person."""
    known = act.session.scalar(select(Order).where(Order.origin == origin))
    if known is not None:
        return known
    account = inventory.account_by_name(act.session, server.id, change.account)
    if (
        account is None
        and not isinstance(change, OpenAccount)
        and not _is_being_opened(act, server, change.account)
    ):
        raise NoSuchAccount(f"Server {server.name}: {change.account!r}.")
    if account is not None and isinstance(change, OpenAccount) and not change.reopen:
        raise AccountExists(f"Server {server.name}: {change.account!r}.")
    order = Order(
        origin=origin,
        server_id=server.id,
        account_id=account.id if account else None,
        folder_id=None,
        kind=_kind_of(change),
        account=change.account,
        folder="",
        rights_before=0,
        rights_wanted=0,
        wanted=to_json(change),
        state=OrderState.QUEUED,
        next_at=act.now,
        created_at=act.now,
        created_by=act.actor.name,
        reason=reason,
    )
    match change:
        case SetRights():
            _set_rights(act.session, order, change)
        case JoinGroup() | LeaveGroup():
            order.group = change.group
    return written(act, order)


def _is_being_opened(act: Act, server: Server, account: str) -> bool:
    """Whether an order that still counts opens an account which no snapshot has yet."""
    query = select(Order.id).where(
        Order.server_id == server.id,
        Order.account == account,
        Order.kind == OrderKind.OPEN,
        Order.state != OrderState.CANCELLED,
    )
    return act.session.scalar(query.limit(1)) is not None


def _set_rights(session: Session, order: Order, change: SetRights) -> None:
    """What the account has now, and whether the change gives or takes."""
    folder = inventory.folder_by_path(session, order.server_id, change.folder)
    if folder is None:
        raise NoSuchFolder(f"Folder {change.folder!r}.")
    held = inventory.rights_in(session, order.account_id, folder)
    order.folder_id, order.folder = folder.id, change.folder
    order.rights_before, order.rights_wanted = int(held), int(change.rights)
    if change.rights & ~held:
        order.kind = OrderKind.GRANT
    else:
        order.kind = OrderKind.REDUCE if change.rights else OrderKind.REVOKE


def _kind_of(change: Change) -> OrderKind:
    match change:
        case SetRights():
            return OrderKind.GRANT
        case JoinGroup():
            return OrderKind.JOIN
        case LeaveGroup():
            return OrderKind.LEAVE
        case OpenAccount():
            return OrderKind.OPEN
        case CloseAccount():
            return OrderKind.CLOSE
        case RotateCredential():
            raise CannotExpress("Credentials are not changed by an order yet.")


def change_of(order: Order) -> Change:
    """What the server is asked for. The undo of an order asks for its opposite."""
    if order.wanted:
        return from_json(order.wanted)
    if order.folder:
        return SetRights(order.account, order.folder, Rights(order.rights_wanted))
    change = LeaveGroup(order.account, order.group) if order.group else CloseAccount(order.account)
    return opposite(change) if order.kind is OrderKind.UNDO else change


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
    holder = inventory.holder_of(act.session, order.account_id)
    separation.check_and_note(
        act, Step.APPROVED_PLAN, order.ref, also=separation.persons(Step.HOLDS, holder)
    )
    seal = rules.seal(loaded(order.plan))
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


def stored(plan: Plan) -> dict[str, Any]:
    """A plan as JSON."""
    kept = {
        "change": to_json(plan.change),
        "before": plan.before,
        "after": plan.after,
        "diff": plan.diff,
        "fingerprint": plan.fingerprint,
        "side_effects": [asdict(cell) for cell in plan.side_effects],
        "note": plan.note,
        "gains": [asdict(cell) for cell in plan.gains],
    }
    as_read_back: dict[str, Any] = json.loads(json.dumps(kept))
    return as_read_back


def by_hand(session: Session, orders: Sequence[Order]) -> list[Plan]:
    """What a person shall do by hand, with the entries that give the rights."""
    sources = _granted_by(session, {order.id for order in orders})
    return [for_a_person(order, sources.get(order.id, "")) for order in orders]


def _granted_by(session: Session, numbers: set[int]) -> dict[int, str]:
    query = (
        select(Order.id, Source.text)
        .join(Grant, (Grant.account_id == Order.account_id) & (Grant.folder_id == Order.folder_id))
        .join(Source, Source.id == Grant.source_id)
        .where(Order.state == OrderState.MANUAL, Grant.gone_snapshot_id.is_(None))
    )
    return {row[0]: row[1] for row in session.execute(query) if row[0] in numbers}


def for_a_person(order: Order, granted_by: str = "") -> Plan:
    """What a person shall do by hand. Only a change list has a plan that says it; where Recert
    found no native edit, the row is made from the order itself."""
    change = change_of(order)
    if order.plan is not None and order.plan["before"] != order.plan["after"]:
        plan = loaded(order.plan)
        if not plan.after.startswith("["):  # the native parts of a server's files
            return plan
    row = row_of(change, Rights(order.rights_before), "", granted_by)
    return Plan(change=change, before="", after=row, diff=row, fingerprint="")


def loaded(kept: dict[str, Any]) -> Plan:
    """The plan back from JSON."""
    return Plan(
        change=from_json(kept["change"]),
        before=kept["before"],
        after=kept["after"],
        diff=kept["diff"],
        fingerprint=kept["fingerprint"],
        side_effects=_cells(kept["side_effects"]),
        note=kept["note"],
        gains=_cells(kept.get("gains", [])),
    )


def _cells(kept: Sequence[dict[str, Any]]) -> tuple[Cell, ...]:
    return tuple(
        Cell(
            cell["account"],
            cell["folder"],
            Rights(cell["before"]),
            Rights(cell["after"]),
            cell.get("protocol", ""),
        )
        for cell in kept
    )
