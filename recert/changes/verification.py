"""Verification: what was applied counts as verified only after an independent second read."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from recert.changes import plans, rules, service
from recert.changes.lease import Lease
from recert.changes.models import Order, OrderKind, OrderState
from recert.changes.readback import EffectiveAccess, look
from recert.changes.residual_access import as_sentence, left_over
from recert.connectors import rights
from recert.connectors.changes import CloseAccount, JoinGroup, LeaveGroup, OpenAccount
from recert.connectors.contract import Connector, ConnectorError, ServerUnreachable
from recert.foundation.actor import system
from recert.foundation.failpoints import reach
from recert.trail.act import Act
from recert.trail.actions import Action

CHECKER = system("look again")


def verify(lease: Lease, due: Sequence[int], connector: Connector) -> None:
    """An independent second read of the server, once for all orders that wait for one."""
    waiting = (OrderState.APPLIED, *rules.FOR_A_PERSON)
    numbers = set(due)
    with lease.db.reading() as session:
        query = select(Order).where(Order.server_id == lease.server_id, Order.state.in_(waiting))
        found = session.scalars(query.order_by(Order.id))
        orders = [order for order in found if order.id in numbers]
    if not orders:
        return
    reach("before verify")
    try:
        access = look(connector, {order.account for order in orders})
    except ConnectorError as error:
        for order in orders:
            _not_checked(lease, order.id, error)
        return
    for order in orders:
        _check(lease, order, connector, access)


def _check(lease: Lease, order: Order, connector: Connector, access: EffectiveAccess) -> None:
    try:
        if order.folder and not connector.has_folder(order.folder):
            raise ServerUnreachable(f"{order.folder} is not seen.")
    except ConnectorError as error:
        _not_checked(lease, order.id, error)
    else:
        _judge(lease, order.id, access)


def is_reached(order: Order, access: EffectiveAccess) -> bool:
    """Whether the server is as the order wants it."""
    match plans.change_of(order):
        case JoinGroup(account, group):
            return access.is_in(account, group)
        case LeaveGroup(account, group):
            return not access.is_in(account, group)
        case OpenAccount(account):
            return access.is_in(account, "")
        case CloseAccount(account):
            return not access.is_in(account, "")
    found = access.rights(order.account, order.folder)
    return rules.is_reached(order.kind, found, order.rights_wanted)


def is_already_so(order: Order, access: EffectiveAccess) -> bool:
    """Whether there is nothing to do. An account of the name of one that is to be opened may be
    somebody else's: only the plan can tell."""
    change = plans.change_of(order)
    is_new = isinstance(change, OpenAccount) and not change.reopen
    return not is_new and is_reached(order, access)


def _description(order: Order, access: EffectiveAccess) -> str:
    """What was read, as part of a sentence."""
    if order.folder:
        return rights.say(access.rights(order.account, order.folder))
    still = access.is_in(order.account, order.group)
    if order.group:
        return f"{'a' if still else 'no'} member of group {order.group}"
    return "an account that can sign in" if still else "closed"


def _not_checked(lease: Lease, order_id: int, error: ConnectorError) -> None:
    at = lease.now()
    with lease.transaction() as session:
        order = session.get_one(Order, order_id)
        later = at + rules.UNREACHABLE_WAIT
        service.move(
            session, order, order.state, f"Not checked yet: {error}", now=at, next_at=later
        )


def _judge(lease: Lease, order_id: int, access: EffectiveAccess) -> None:
    at = lease.now()
    with lease.transaction() as session:
        order = session.get_one(Order, order_id)
        found = access.rights(order.account, order.folder)
        values: dict[str, Any] = {"rights_found": found, "next_at": at}
        found_text = _description(order, access)
        if is_reached(order, access):
            why = f"Looked again at {at:%Y-%m-%d %H:%M} UTC: {found_text}."
            left = left_over(session, order, access)
            new, values = OrderState.VERIFIED, {**values, "verified_at": at, "left_over": left}
            why += as_sentence(left)
        elif order.state is OrderState.NEEDS_APPROVAL:
            order.next_at = at  # it goes on waiting for the same answer
            return
        elif order.state is OrderState.MANUAL:
            why = f"Waits for a person: the last reading still shows {found_text}."
            new = OrderState.MANUAL
        elif order.gives:
            wanted = rights.say(order.rights_wanted) if order.folder else "what was ordered"
            before = " as before" if order.kind is OrderKind.UNDO else ""
            why = f"Looked again: the account has {found_text}, not {wanted}{before}."
            new = OrderState.NEEDS_ATTENTION
        else:
            via = access.via(order.account, order.folder)
            why = f"Looked again: still {found_text}" + (f", via {via}." if order.folder else ".")
            new = OrderState.STILL_REACHABLE
        service.move(session, order, new, why, now=at, **values)
        details = {"state": new.value, "rights_found": rights.names(found), "why": why}
        if values.get("left_over"):
            details["left_over"] = values["left_over"]
        service.note(Act(session, CHECKER, at), Action.ORDER_CHECKED, order, details)
