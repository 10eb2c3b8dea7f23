"""How a step of an order ended: recorded in its log and in the trail."""

from typing import Any

from sqlalchemy.orm import Session

from recert.changes import plans, queries, rules, service
from recert.changes.lease import Lease, Run
from recert.changes.models import Order, OrderKind, OrderState
from recert.connectors.contract import Connector, ConnectorError, Plan
from recert.foundation.actor import system
from recert.trail.act import Act
from recert.trail.actions import Action

WORKER = system("carry out orders")

# What became of the account's live sessions: see `Connector.apply`.
SESSIONS = {True: "Its live sessions were ended.", False: "It had no live session.", None: ""}


def make_plan(session: Session, order: Order, connector: Connector) -> Plan:
    """The plan of an order as of now; reads the server, changes nothing."""
    if order.kind is OrderKind.UNDO:
        undone = session.get_one(Order, order.undoes_id)
        return connector.undo_plan(plans.loaded(undone.plan or {}))
    return connector.plan(plans.change_of(order))


def ask_for_approval(run: Run, order_id: int, plan: Plan) -> None:
    """The server cannot change only what was decided: a person must want the wider change."""
    count = len(plan.side_effects)
    why = (
        f"The smallest change that this server can express touches {count} more "
        f"{'right' if count == 1 else 'rights'}. Look at the plan and approve it, or do it by hand."
    )
    at = run.now()
    with run.lease.transaction() as session:
        order = session.get_one(Order, order_id)
        values = {"plan": plans.stored(plan), "next_at": at}
        service.move(session, order, OrderState.NEEDS_APPROVAL, why, now=at, **values)
        details = {"side_effects": count, "plan": rules.seal(plan)}
        service.note(Act(session, WORKER, at), Action.ORDER_WIDER, order, details)


def note_applied(run: Run, order_id: int, why: str, ended: bool | None, **more: Any) -> None:
    """Writes down that it is done, and what became of live sessions: see `Connector.apply`."""
    why, at = f"{why} {SESSIONS[ended]}".rstrip(), run.now()
    values = {"applied_at": at, "next_at": at, **more}
    with run.lease.transaction() as session:
        order = session.get_one(Order, order_id)
        service.move(session, order, OrderState.APPLIED, why, now=at, **values)
        details = {
            "fingerprint": (order.plan or {}).get("fingerprint"),
            "live_sessions_ended": ended,
        }
        service.note(Act(session, WORKER, at), Action.ORDER_APPLIED, order, details)


def _planned(run: Run, order_id: int) -> dict[str, Any]:
    """The plan as it is kept. Outside of write transactions: a slow server makes nobody wait."""
    with run.db.reading() as session:
        return plans.stored(make_plan(session, session.get_one(Order, order_id), run.connector))


def by_hand(run: Run, order_id: int) -> None:
    """The order goes on the change list."""
    kept, at = _planned(run, order_id), run.now()
    with run.lease.transaction() as session:
        order = session.get_one(Order, order_id)
        why = "On the change list: a person carries it out, and the next import checks it."
        service.move(session, order, OrderState.MANUAL, why, now=at, plan=kept, next_at=at)
        service.note(Act(session, WORKER, at), Action.ORDER_MANUAL, order, {})


def wait_for_permission(run: Run, order_id: int) -> None:
    """The order waits with its plan until writing is switched on."""
    kept = _planned(run, order_id)
    with run.lease.transaction() as session:
        order = session.get_one(Order, order_id)
        why = "Writing is switched off for this server. An administrator can switch it on."
        at = run.now()
        service.move(session, order, OrderState.WAITING, why, now=at, plan=kept)
        service.note(Act(session, WORKER, at), Action.ORDER_WAITS, order, {})


def failed(
    lease: Lease, order_id: int, error: ConnectorError, *, still_unknown: bool = False
) -> None:
    """Writes down what went wrong and what is next. `still_unknown`: an attempt was cut off, and
    it could not even be read back what became of it."""
    state, at = rules.state_after(error), lease.now()
    if still_unknown and state is OrderState.RETRY:
        state = OrderState.UNKNOWN
    with lease.transaction() as session:
        order = session.get_one(Order, order_id)
        values: dict[str, object] = {}
        may_try = state in (OrderState.RETRY, OrderState.UNKNOWN)
        if may_try and not rules.counts_as_try(error):
            misses = queries.misses(session, order.id, rules.UNREACHABLE_QUICK) + 1
            values = {"next_at": at + rules.wait_for_unreachable(misses)}
        elif may_try:
            tries = order.tries + (order.state is not OrderState.APPLYING)
            values = {"tries": tries}
            again = rules.next_try(tries, created_at=order.created_at, now=at)
            if again is None:
                state = OrderState.NEEDS_ATTENTION
            else:
                values["next_at"] = again
        service.move(session, order, state, str(error), now=at, **values)
        if state is not OrderState.RETRY:
            details = {"state": state.value, "why": str(error)}
            service.note(Act(session, WORKER, at), Action.ORDER_STOPPED, order, details)
