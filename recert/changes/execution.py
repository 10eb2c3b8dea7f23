"""Carrying orders out: plan, write down, apply, look again.

Every act on a server stands between two commits, so that a process that dies at any point leaves
either an order that was not begun or one whose plan tells the next run what to read back.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from recert.changes import last_admin, lease, outcomes, plans, queries, rules, service, verification
from recert.changes.lease import Lease, Run, ServerHeld
from recert.changes.models import Order, OrderState
from recert.changes.outcomes import WORKER
from recert.changes.readback import look
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
from recert.foundation.db import Database
from recert.foundation.errors import MovedMeanwhile
from recert.foundation.failpoints import reach
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.foundation.jobs.threads import MOST, Threads
from recert.inventory import queries as inventory
from recert.inventory.models import Server, Snapshot, SnapshotState
from recert.trail.act import Act
from recert.trail.actions import Action

Clock = Callable[[], datetime]

log = logging.getLogger(__name__)


class Unforeseen(ConnectorError):
    """Something went wrong that Recert was not prepared for. The log of the worker says more."""


@dataclass(frozen=True)
class Round:
    """What one round over all servers came to: orders moved, and what kept it from servers that
    another run holds, as texts."""

    moved: int
    held: tuple[str, ...] = ()


def servers_due(session: Session, at: datetime) -> Sequence[int]:
    """The servers that have something to do."""
    query = select(Order.server_id).where(is_due(at)).distinct().order_by(Order.server_id)
    return session.scalars(query).all()


def run_due(db: Database, *, now: Clock, at_once: int = MOST) -> Round:
    """Carries out what is due, on several servers at once, and waits for all of them. A server
    that fails or hangs keeps no other waiting."""
    with db.reading() as session:
        servers = servers_due(session, now())
    moved: list[int] = []
    held: list[str] = []

    def carry_out(server_id: int) -> None:
        try:
            moved.append(run_server(db, server_id, now=now))
        except ServerHeld as error:
            held.append(str(error))

    jobs = Threads(at_once)
    for server_id in servers:
        jobs.add(("carry out", server_id), partial(carry_out, server_id))
    jobs.wait()
    return Round(sum(moved), tuple(sorted(held)))


def begin_due(db: Database, jobs: Threads, *, now: Clock) -> int:
    """Begins a job for each server that has something to do, and waits for none; how many."""
    with db.reading() as session:
        servers = servers_due(session, now())

    def carry_out(server_id: int) -> None:
        try:
            run_server(db, server_id, now=now)
        except ServerHeld as error:
            log.info("%s", error)

    return sum(
        jobs.add(("carry out", server_id), partial(carry_out, server_id)) for server_id in servers
    )


def is_due(at: datetime) -> ColumnElement[bool]:
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
    """Carries out the due orders of one server, then looks once at the server for all of them.
    ServerHeld when another run is at it."""
    with lease.hold(db, server_id, now) as held:
        with db.reading() as session:
            server = session.get_one(Server, server_id)
            kind, settings, may_write = server.kind, dict(server.settings), server.writes_enabled
            due = _due_orders(session, server_id, now())
        try:
            connector = registry.connect(kind, settings)
        except ConnectorError as error:
            for order_id in due:
                outcomes.failed(held, order_id, error)
            return len(due)
        with connector.for_one_run() as shared:
            _advance_all(held, due, shared, may_write)
        with connector.for_one_run() as fresh:  # a second, independent look
            verification.verify(held, due, fresh)
        return len(due)


def _due_orders(session: Session, server_id: int, at: datetime) -> Sequence[int]:
    query = select(Order.id).where(Order.server_id == server_id, is_due(at))
    return session.scalars(query.order_by(Order.id)).all()


def _advance_all(held: Lease, due: Sequence[int], connector: Connector, may_write: bool) -> None:
    run = Run(held, connector, may_write, held.now)
    for order_id in due:
        held.check()
        _advance(run, order_id)


def _advance(run: Run, order_id: int) -> None:
    """Takes one order as far as it goes without looking again."""
    with run.db.reading() as session:
        order = session.get_one(Order, order_id)
        state, plan = order.state, plans.loaded(order.plan) if order.plan else None
    if state is OrderState.APPLIED or state in rules.FOR_A_PERSON:
        return
    cut_off = state in (OrderState.APPLYING, OrderState.UNKNOWN)
    try:
        if cut_off and plan is not None:
            if _landed(run, order_id, plan):
                return
            cut_off = False
        if _overtaken(run, order_id) or _held(run, order_id):
            return
        if not run.connector.features.can_write:
            outcomes.by_hand(run, order_id)
            return
        if not run.may_write:
            outcomes.wait_for_permission(run, order_id)
            return
        _apply(run, order_id)
    except ConnectorError as error:
        outcomes.failed(run.lease, order_id, error, still_unknown=cut_off)
    except MovedMeanwhile:
        raise
    except Exception as error:  # a fault of ours must not keep the other orders waiting
        log.exception("order %s", order_id)
        outcomes.failed(run.lease, order_id, Unforeseen(f"{type(error).__name__}: {error}"))


def _overtaken(run: Run, order_id: int) -> bool:
    """Whether a newer order has taken already what this one gives: then it is not wanted any
    more."""
    with run.lease.transaction() as session:
        order = session.get_one(Order, order_id)
        newer = queries.newer_taking(session, order)
        if newer is None:
            return False
        why = f"Order {newer} is newer, and has taken this away already."
        return service.cancel(Act(session, WORKER, run.now()), order, why)


def _held(run: Run, order_id: int) -> bool:
    """Whether the change would leave the server without an administrator. Recorded once; each newer
    snapshot is asked again."""
    with run.lease.transaction() as session:
        order = session.get_one(Order, order_id)
        newest = inventory.last_complete(session, order.server_id)
        why = last_admin.why_held(session, order, newest) if newest else ""
        if not why or newest is None:
            return False
        if order.state is OrderState.HELD:
            order.next_at = newest.started_at
            return True
        more, at = {"next_at": newest.started_at}, run.now()
        service.move(session, order, OrderState.HELD, why, now=at, **more)
        details = {"state": order.state.value, "why": why}
        service.note(Act(session, WORKER, at), Action.ORDER_HELD, order, details)
    return True


def _apply(run: Run, order_id: int) -> None:
    """Writes, unless the server is as wanted already or is not what the decision was about."""
    reach("before plan")
    connector = run.connector
    with run.db.reading() as session:
        order = session.get_one(Order, order_id)
        begun = order.plan if queries.was_tried(session, order_id) else None
        tried = plans.loaded(begun) if begun else None
    if order.folder:
        _check_that_it_is_there(connector, order.folder)
        connector.notice_edits(order.folder)
    access = look(connector, {order.account})
    found = access.rights(order.account, order.folder)
    if verification.is_already_so(order, access):
        if tried and connector.standing(tried) is Standing.AFTER:
            run.lease.check()
            ended = connector.apply(tried)
            why = "Read back: the server has the change."
            return outcomes.note_applied(run, order_id, why, ended)
        why = "Already so on the server: nothing was written."
        return outcomes.note_applied(run, order_id, why, None, plan=None)
    if order.folder and found != order.rights_before:
        raise EditedByOthers(
            f"The account now has {rights.say(found)}; "
            f"the decision was about {rights.say(order.rights_before)}."
        )
    with run.db.reading() as session:
        plan = outcomes.make_plan(session, order, connector)
    if plan.side_effects and order.approved_plan != rules.seal(plan):
        return outcomes.ask_for_approval(run, order_id, plan)
    with run.lease.transaction() as session:
        order = session.get_one(Order, order_id)
        why, values = "The plan is written down.", {"tries": order.tries + 1}
        kept = plans.stored(plan)
        service.move(session, order, OrderState.APPLYING, why, now=run.now(), plan=kept, **values)
    reach("plan written")
    ended = connector.apply(plan)
    reach("applied")
    outcomes.note_applied(run, order_id, "The server took the change.", ended)
    return reach("apply noted")


def _check_that_it_is_there(connector: Connector, folder: str) -> None:
    """A folder that is missing proves nothing: its disk may not be mounted just now."""
    if not connector.has_folder(folder):
        raise ServerUnreachable(
            f"The folder {folder} cannot be seen: it was renamed or removed, or its disk is not "
            "mounted."
        )


def _landed(run: Run, order_id: int, plan: Plan) -> bool:
    """Reads back what became of an attempt that was cut off. True when it is settled. What stands
    is applied once more: the files may be changed and the daemon not reloaded yet."""
    standing = run.connector.standing(plan)
    if standing is Standing.OTHER:
        raise EditedByOthers
    if standing in (Standing.AFTER, Standing.PARTLY):
        if not run.may_write:
            raise ServerBusy("Writing was switched off in the middle of this change.")
        run.lease.check()
        ended = run.connector.apply(plan)
        whole = standing is Standing.AFTER
        why = "the server has the change" if whole else "half of it stood, and it is finished"
        outcomes.note_applied(run, order_id, f"Read back: {why}.", ended)
        return True
    with run.lease.transaction() as session:
        order = session.get_one(Order, order_id)
        why, at = "Read back: the server does not have the change yet.", run.now()
        service.move(session, order, OrderState.RETRY, why, now=at, next_at=at)
    return False


@job(Phase.CHANGES, 1)
def carry_out_orders(context: JobContext) -> int:
    """Begins to carry out orders on the servers that have some, and waits for none of them."""
    return begin_due(context.db, context.servers, now=context.now)
