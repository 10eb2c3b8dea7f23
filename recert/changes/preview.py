"""What a run would do with the orders that are due, without writing anything anywhere."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from recert.changes import execution, last_admin, outcomes, rules, verification
from recert.changes.models import Order, OrderState
from recert.changes.readback import look
from recert.connectors import registry, rights
from recert.connectors.contract import Connector, ConnectorError, Plan
from recert.foundation.db import Database
from recert.foundation.jobs.threads import MOST, Threads
from recert.inventory import queries as inventory
from recert.inventory.models import Server

log = logging.getLogger(__name__)

READ_BACK = (OrderState.APPLYING, OrderState.UNKNOWN)
NOT_BEGUN = (OrderState.QUEUED, OrderState.RETRY, OrderState.WAITING)
LOOKED_AT = (OrderState.APPLIED, *rules.FOR_A_PERSON)


@dataclass(frozen=True)
class Waiting:
    """The due orders of one server, detached, with what keeps some of them, as texts."""

    server: str
    kind: str
    settings: dict[str, Any]
    may_write: bool
    orders: Sequence[Order]
    held: dict[int, str]


@dataclass(frozen=True)
class Foreseen:
    """What a run would do with one order; without a plan only `why` tells it."""

    server: str
    order: Order
    plan: Plan | None
    why: str = ""


def waiting(session: Session, at: datetime) -> list[Waiting]:
    """What a run would take up on each server, now or when writing is switched on. The orders are
    detached from the session."""
    found = []
    shown = or_(execution.is_due(at), Order.state.in_(NOT_BEGUN))
    servers = select(Order.server_id).where(shown).distinct().order_by(Order.server_id)
    for server_id in session.scalars(servers).all():
        server = session.get_one(Server, server_id)
        query = select(Order).where(Order.server_id == server_id, shown)
        orders = session.scalars(query.order_by(Order.id)).all()
        newest = inventory.last_complete(session, server_id)
        held = {
            order.id: last_admin.why_held(session, order, newest) if newest else ""
            for order in orders
        }
        for order in orders:
            session.expunge(order)
        settings = dict(server.settings)
        found.append(
            Waiting(server.name, server.kind, settings, server.writes_enabled, orders, held)
        )
    return found


def foresee(db: Database, servers: Sequence[Waiting], at_once: int = MOST) -> list[Foreseen]:
    """Asks several servers at once what would be done; each order of one server as if it were the
    only one."""
    found: dict[str, list[Foreseen]] = {one.server: [] for one in servers}
    jobs = Threads(at_once)
    for number, one in enumerate(servers):
        jobs.add(("foresee", number), partial(_ask, db, one, found[one.server].append))
    jobs.wait()
    return [each for one in servers for each in found[one.server]]


def _ask(db: Database, waiting: Waiting, add: Callable[[Foreseen], None]) -> None:
    for order, plan, why in _each(db, waiting):
        add(Foreseen(waiting.server, order, plan, why))


def _each(db: Database, waiting: Waiting) -> Iterator[tuple[Order, Plan | None, str]]:
    try:
        connector = registry.connect(waiting.kind, waiting.settings)
    except ConnectorError as error:
        for order in waiting.orders:
            yield order, None, f"It would fail: {error}"
        return
    with connector.for_one_run() as shared:
        for order in waiting.orders:
            try:
                yield order, *_plan(db, order, shared, waiting)
            except ConnectorError as error:
                state = rules.state_after(error).value
                yield order, None, f"It would become {state!r}: {error}"
            except Exception as error:  # a fault of ours must not hide the other orders
                log.exception("order %s", order.id)
                yield order, None, f"Not foreseen: {type(error).__name__}: {error}"


def _plan(
    db: Database, order: Order, connector: Connector, waiting: Waiting
) -> tuple[Plan | None, str]:
    if order.state in LOOKED_AT:
        return None, f"It is {order.state.value!r}: the server would be looked at again."
    if order.state in READ_BACK:
        return None, "An attempt was cut off: it would be read back what became of it."
    if waiting.held[order.id]:
        return None, waiting.held[order.id]
    if connector.features.can_write and waiting.may_write:
        access = look(connector, {order.account})
        if verification.is_already_so(order, access):
            return None, "Already so on the server: nothing would be written."
        found = access.rights(order.account, order.folder)
        if order.folder and found != order.rights_before:
            before = rights.say(order.rights_before)
            return None, (
                f"Conflict: the account now has {rights.say(found)}; the decision was about "
                f"{before}."
            )
    with db.reading() as session:
        plan = outcomes.make_plan(session, order, connector)
    return plan, _what_then(order, plan, connector, waiting)


def _what_then(order: Order, plan: Plan, connector: Connector, waiting: Waiting) -> str:
    if not connector.features.can_write:
        return "It would go on the change list: a person carries it out."
    if not waiting.may_write:
        return "It would wait: writing is switched off for this server."
    if plan.side_effects and order.approved_plan != rules.seal(plan):
        return "It would wait until a person approves what else it touches."
    return ""
