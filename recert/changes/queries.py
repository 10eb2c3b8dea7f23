"""Questions about orders."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert.changes.models import Order, OrderState, OrderStep
from recert.foundation.db import AnyRow
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
