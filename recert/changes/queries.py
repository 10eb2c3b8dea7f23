"""Questions about orders."""

from collections.abc import Sequence

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from recert.changes.models import Order, OrderKind, OrderState, OrderStep
from recert.foundation.db import AnyRow
from recert.inventory import queries as inventory
from recert.inventory.models import Server


def orders(
    session: Session,
    *,
    server_id: int | None = None,
    states: Sequence[OrderState] = (),
    before_id: int | None = None,
    size: int = 50,
) -> Sequence[AnyRow]:
    """One page of orders with the name of their server, newest first."""
    query = select(Order, Server.name.label("server")).join(Server, Server.id == Order.server_id)
    if server_id is not None:
        query = query.where(Order.server_id == server_id)
    if states:
        query = query.where(Order.state.in_(states))
    if before_id is not None:
        query = query.where(Order.id < before_id)
    return session.execute(query.order_by(Order.id.desc()).limit(size)).all()


def newer_taking(session: Session, order: Order) -> int | None:
    """A newer order that has taken already what this one is to give: carried out late, this one
    would undo it."""
    taking = {
        OrderKind.OPEN: Order.kind == OrderKind.CLOSE,
        OrderKind.JOIN: and_(Order.kind == OrderKind.LEAVE, Order.group == order.group),
        OrderKind.GRANT: and_(
            Order.kind.in_((OrderKind.REVOKE, OrderKind.REDUCE)), Order.folder == order.folder
        ),
    }
    if order.kind not in taking:
        return None
    query = select(Order.id).where(
        Order.server_id == order.server_id,
        Order.account == order.account,
        Order.id > order.id,
        Order.state.in_((OrderState.APPLIED, OrderState.VERIFIED)),
        taking[order.kind],
    )
    return session.scalar(query.order_by(Order.id).limit(1))


def holder_of(session: Session, order: Order) -> int | None:
    """Whose account an order is about; None when nobody knows. An account that was opened by an
    order is found by its name once a snapshot has it."""
    number = order.account_id
    if number is None:
        known = inventory.account_by_name(session, order.server_id, order.account)
        number = known.id if known else None
    return inventory.holder_of(session, number)


def newest(session: Session) -> int:
    """The number of the newest order; 0 when there is none."""
    return session.scalar(select(func.max(Order.id))) or 0


def steps(session: Session, order_id: int) -> Sequence[OrderStep]:
    """The log of an order, oldest first."""
    query = select(OrderStep).where(OrderStep.order_id == order_id)
    return session.scalars(query.order_by(OrderStep.id)).all()


def was_tried(session: Session, order_id: int) -> bool:
    """True when a plan of it was once on the way to the server."""
    here = (OrderStep.order_id == order_id, OrderStep.state == OrderState.APPLYING)
    return session.scalar(select(OrderStep.id).where(*here).limit(1)) is not None


def misses(session: Session, order_id: int, most: int) -> int:
    """How many tries in a row ended in another one, as far as that matters."""
    again = (OrderState.RETRY, OrderState.UNKNOWN)
    query = select(OrderStep.state).where(OrderStep.order_id == order_id)
    last = session.scalars(query.order_by(OrderStep.id.desc()).limit(most)).all()
    return next((at for at, state in enumerate(last) if state not in again), len(last))


def undo_of(session: Session, order_id: int) -> Order | None:
    """The order that takes another one back."""
    return session.scalar(select(Order).where(Order.undoes_id == order_id))
