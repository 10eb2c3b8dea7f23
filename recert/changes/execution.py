"""Carrying orders out: plan, write down, apply, look again.

Every act on a server stands between two commits, so that a process that dies at any point leaves
either an order that was not begun or one whose plan tells the next run what to read back.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from recert.changes import last_admin, lease, queries, rules, service, verification
from recert.changes.models import Order, OrderKind, OrderState
from recert.changes.sight import look
from recert.connectors import registry, rights
from recert.connectors.contract import (
    Connector,
    ConnectorError,
    EditedByOthers,
    Plan,
    ServerBusy,
    ServerUnreachable,
    Standing,
)
from recert.foundation.actor import system
from recert.foundation.db import Database
from recert.foundation.errors import MovedMeanwhile
from recert.foundation.failpoints import reach
from recert.inventory import queries as inventory
from recert.inventory.models import Server, Snapshot, SnapshotState

WORKER = system("carry out orders")
Clock = Callable[[], datetime]

# What became of the account's live sessions: see `Connector.apply`.
SESSIONS = {True: "Its live sessions were ended.", False: "It had no live session.", None: ""}

log = logging.getLogger(__name__)


class Unforeseen(ConnectorError):
    """Something went wrong that Recert was not prepared for. The log of the worker says more."""


def run_due(db: Database, *, now: Clock) -> int:
    """Carries out what is due on every server, one server after the other; how many orders were
    moved. A server that fails does not keep the others waiting."""
    with db.reading() as session:
        servers = session.scalars(select(Order.server_id).where(_is_due(now())).distinct()).all()
    return sum(_run_guarded(db, server_id, now) for server_id in servers)


def _run_guarded(db: Database, server_id: int, now: Clock) -> int:
    try:
        return run_server(db, server_id, now=now)
    except MovedMeanwhile as error:
        log.info("server %s: %s", server_id, error)
    except Exception:
        log.exception("server %s: its orders stay as they are and are tried again", server_id)
    return 0


def _is_due(at: datetime) -> ColumnElement[bool]:
    """Orders that can go a step: their time has come, or writing was switched on, or a snapshot
    taken since then can tell whether a person has done it by hand."""
    server = select(Server.id).where(Server.id == Order.server_id, Server.writes_enabled)
    snapshot = select(Snapshot.id).where(
        Snapshot.server_id == Order.server_id,
        Snapshot.state == SnapshotState.COMPLETE,
        Snapshot.started_at > Order.next_at,
    )
    return or_(
        Order.state.in_(rules.DUE) & (Order.next_at <= at),
        (Order.state == OrderState.WAITING) & server.exists(),
        Order.state.in_((*rules.FOR_A_PERSON, OrderState.HELD)) & snapshot.exists(),
    )


def run_server(db: Database, server_id: int, *, now: Clock) -> int:
    """Carries out the due orders of one server, then looks once at the server for all of them."""
    with lease.hold(db, server_id, now) as fencing:
        if fencing is None:
            return 0
        with db.reading() as session:
            server = session.get_one(Server, server_id)
            kind, settings, may_write = server.kind, dict(server.settings), server.writes_enabled
            due = _due_orders(session, server_id, now())
        try:
            connector = registry.connect(kind, settings)
        except ConnectorError as error:
            for order_id in due:
                _failed(db, order_id, error, now)
            return len(due)
        for order_id in due:
            with db.transaction() as session:
                lease.keep(session, server_id, fencing, now())
            _advance(db, order_id, connector, may_write, fencing, now)
        verification.verify(db, due, connector, now)
        return len(due)


def _due_orders(session: Session, server_id: int, at: datetime) -> Sequence[int]:
    query = select(Order.id).where(Order.server_id == server_id, _is_due(at))
    return session.scalars(query.order_by(Order.id)).all()


def _advance(
    db: Database, order_id: int, connector: Connector, may_write: bool, fencing: int, now: Clock
) -> None:
    """Takes one order as far as it goes without looking again."""
    with db.reading() as session:
        order = session.get_one(Order, order_id)
        state, plan = order.state, service.loaded(order.plan) if order.plan else None
    if state is OrderState.APPLIED or state in rules.FOR_A_PERSON:
        return
    cut_off = state in (OrderState.APPLYING, OrderState.UNKNOWN)
    try:
        if cut_off and plan is not None:
            if _landed(db, order_id, connector, plan, may_write, now):
                return
            cut_off = False
        if _held(db, order_id, now):
            return
        if not connector.features.can_write:
            _by_hand(db, order_id, connector, now)
            return
        if not may_write:
            _wait_for_permission(db, order_id, connector, now)
            return
        _apply(db, order_id, connector, fencing, now)
    except ConnectorError as error:
        _failed(db, order_id, error, now, still_unknown=cut_off)
    except MovedMeanwhile:
        raise
    except Exception as error:  # a fault of ours must not keep the other orders waiting
        log.exception("order %s", order_id)
        _failed(db, order_id, Unforeseen(f"{type(error).__name__}: {error}"), now)


def _held(db: Database, order_id: int, now: Clock) -> bool:
    """Whether the change would leave the server without an administrator. Said once; each newer
    snapshot is asked again."""
    with db.transaction() as session:
        order = session.get_one(Order, order_id)
        newest = inventory.last_complete(session, order.server_id)
        why = last_admin.why_held(session, order, newest) if newest else ""
        if not why or newest is None:
            return False
        if order.state is OrderState.HELD:
            order.next_at = newest.started_at
            return True
        more = {"next_at": newest.started_at}
        service.move(session, order, OrderState.HELD, why, now=now(), **more)
        details = {"state": order.state.value, "why": why}
        service.note(session, "order.held", order, details, actor=WORKER, now=now())
    return True


def make_plan(session: Session, order: Order, connector: Connector) -> Plan:
    """The plan of an order as of now; reads the server, changes nothing."""
    if order.kind is OrderKind.UNDO:
        undone = session.get_one(Order, order.undoes_id)
        return connector.undo_plan(service.loaded(undone.plan or {}))
    return connector.plan(service.change_of(order))


def _apply(db: Database, order_id: int, connector: Connector, fencing: int, now: Clock) -> None:
    """Writes, unless the server is as wanted already or is not what the decision was about."""
    reach("before plan")
    with db.reading() as session:
        order = session.get_one(Order, order_id)
        begun = order.plan if queries.was_tried(session, order_id) else None
        tried = service.loaded(begun) if begun else None
    _check_that_it_is_there(connector, order.folder)
    sight = look(connector, {order.account})
    found = sight.rights(order.account, order.folder)
    if verification.is_reached(order, sight):
        if tried and connector.standing(tried) is Standing.AFTER:
            ended = connector.apply(tried)
            return _note_applied(db, order_id, "Read back: the server has the change.", ended, now)
        why = "Already so on the server: nothing was written."
        return _note_applied(db, order_id, why, None, now, plan=None)
    if order.folder and found != order.rights_before:
        raise EditedByOthers(
            f"The account now has {rights.say(found)}; "
            f"the decision was about {rights.say(order.rights_before)}."
        )
    with db.reading() as session:
        plan = make_plan(session, order, connector)
    if plan.side_effects and order.approved_plan != rules.seal(plan):
        return _ask_for_approval(db, order_id, plan, now)
    with db.transaction() as session:
        lease.keep(session, order.server_id, fencing, now())
        order = session.get_one(Order, order_id)
        service.move(
            session,
            order,
            OrderState.APPLYING,
            "The plan is written down.",
            now=now(),
            plan=service.stored(plan),
            tries=order.tries + 1,
        )
    reach("plan written")
    ended = connector.apply(plan)
    reach("applied")
    _note_applied(db, order_id, "The server took the change.", ended, now)
    return reach("apply noted")


def _check_that_it_is_there(connector: Connector, folder: str) -> None:
    """A folder that cannot be seen proves nothing: its disk may not be mounted just now."""
    if folder and not connector.has_folder(folder):
        raise ServerUnreachable(
            f"The folder {folder} cannot be seen: it was renamed or removed, or its disk is not "
            "mounted."
        )


def _ask_for_approval(db: Database, order_id: int, plan: Plan, now: Clock) -> None:
    """The server cannot change only what was decided: a person must want the wider change."""
    count = len(plan.side_effects)
    why = (
        f"The smallest change that this server can express touches {count} more "
        f"{'right' if count == 1 else 'rights'}. Look at the plan and approve it, or do it by hand."
    )
    with db.transaction() as session:
        order = session.get_one(Order, order_id)
        kept = service.stored(plan)
        values = {"plan": kept, "next_at": now()}
        service.move(session, order, OrderState.NEEDS_APPROVAL, why, now=now(), **values)
        details = {"side_effects": count, "plan": rules.seal(plan)}
        service.note(session, "order.wider", order, details, actor=WORKER, now=now())


def _landed(
    db: Database,
    order_id: int,
    connector: Connector,
    plan: Plan,
    may_write: bool,
    now: Clock,
) -> bool:
    """Reads back what became of an attempt that was cut off. True when it is settled. What stands
    is applied once more: the files may be changed and the daemon not told yet."""
    standing = connector.standing(plan)
    if standing is Standing.OTHER:
        raise EditedByOthers
    if standing in (Standing.AFTER, Standing.PARTLY):
        if not may_write:
            raise ServerBusy("Writing was switched off in the middle of this change.")
        ended = connector.apply(plan)
        whole = standing is Standing.AFTER
        why = "the server has the change" if whole else "half of it stood, and it is finished"
        _note_applied(db, order_id, f"Read back: {why}.", ended, now)
        return True
    with db.transaction() as session:
        order = session.get_one(Order, order_id)
        why = "Read back: the server does not have the change yet."
        service.move(session, order, OrderState.RETRY, why, now=now(), next_at=now())
    return False


def _note_applied(
    db: Database, order_id: int, why: str, ended: bool | None, now: Clock, **more: Any
) -> None:
    """Writes down that it is done, and what became of live sessions: see `Connector.apply`."""
    why = f"{why} {SESSIONS[ended]}".rstrip()
    at = now()
    values = {"applied_at": at, "next_at": at, **more}
    with db.transaction() as session:
        order = session.get_one(Order, order_id)
        service.move(session, order, OrderState.APPLIED, why, now=at, **values)
        details = {
            "fingerprint": (order.plan or {}).get("fingerprint"),
            "live_sessions_ended": ended,
        }
        service.note(session, "order.applied", order, details, actor=WORKER, now=at)


def _planned(db: Database, order_id: int, connector: Connector) -> dict[str, Any]:
    """The plan as it is kept. Outside of write transactions: a slow server makes nobody wait."""
    with db.reading() as session:
        return service.stored(make_plan(session, session.get_one(Order, order_id), connector))


def _by_hand(db: Database, order_id: int, connector: Connector, now: Clock) -> None:
    kept = _planned(db, order_id, connector)
    with db.transaction() as session:
        order = session.get_one(Order, order_id)
        why = "On the change list: a person carries it out, and the next import checks it."
        service.move(session, order, OrderState.MANUAL, why, now=now(), plan=kept, next_at=now())
        service.note(session, "order.manual", order, {}, actor=WORKER, now=now())


def _wait_for_permission(db: Database, order_id: int, connector: Connector, now: Clock) -> None:
    kept = _planned(db, order_id, connector)
    with db.transaction() as session:
        order = session.get_one(Order, order_id)
        why = "Writing is switched off for this server. An administrator can switch it on."
        service.move(session, order, OrderState.WAITING, why, now=now(), plan=kept)
        service.note(session, "order.waits", order, {}, actor=WORKER, now=now())


def _failed(
    db: Database, order_id: int, error: ConnectorError, now: Clock, *, still_unknown: bool = False
) -> None:
    """Writes down what went wrong and what is next. `still_unknown`: an attempt was cut off, and
    it could not even be read back what became of it."""
    state, at = rules.state_after(error), now()
    if still_unknown and state is OrderState.RETRY:
        state = OrderState.UNKNOWN
    with db.transaction() as session:
        order = session.get_one(Order, order_id)
        values: dict[str, object] = {}
        may_try = state in (OrderState.RETRY, OrderState.UNKNOWN)
        if may_try and not rules.uses_up_ladder(error):
            misses = queries.misses(session, order.id, rules.UNREACHABLE_QUICK) + 1
            values = {"next_at": at + rules.wait_for_silent(misses)}
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
            service.note(session, "order.stopped", order, details, actor=WORKER, now=at)
