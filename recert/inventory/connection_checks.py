"""Connection checks: requested on a page or elsewhere, run by the worker, shown on the page."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from recert import trail
from recert.connectors import registry
from recert.connectors.contract import Check, ConnectorError
from recert.foundation.actor import Actor, Role
from recert.foundation.db import Database
from recert.foundation.jobs.registration import WORKER, JobContext, Phase, job
from recert.inventory.models import ConnectionCheck, Server
from recert.trail.act import Act
from recert.trail.actions import Action

ABANDONED_AFTER = timedelta(minutes=15)  # whoever made it has died


def want(act: Act, server: Server) -> None:
    """Asks the worker for a check; asking while one is under way is asking once."""
    act.actor.require(Role.ADMINISTRATOR)
    act.session.execute(select(Server.id).where(Server.id == server.id).with_for_update())
    known = act.session.get(ConnectionCheck, server.id, populate_existing=True)
    if known is not None and known.is_under_way:
        return
    if known is None:
        known = ConnectionCheck(server_id=server.id)
        act.session.add(known)
    known.asked_at, known.asked_by = act.now, act.actor.name
    known.begun_at, known.ended_at, known.results = None, None, []
    details = {"name": server.name}
    act.record(Action.CONNECTION_ASKED, f"server:{server.id}", details)


def newest(session: Session, server_id: int) -> ConnectionCheck | None:
    """The newest check of a server, under way or ended."""
    return session.get(ConnectionCheck, server_id)


def wanted(session: Session, *, now: datetime) -> Sequence[int]:
    """Servers whose check somebody waits for and nobody makes."""
    query = select(ConnectionCheck.server_id).where(_is_wanted(now))
    return session.scalars(query.order_by(ConnectionCheck.asked_at)).all()


def _is_wanted(now: datetime) -> ColumnElement[bool]:
    begun = ConnectionCheck.begun_at
    free = or_(begun.is_(None), begun < now - ABANDONED_AFTER)
    return and_(ConnectionCheck.ended_at.is_(None), free)


def make(db: Database, server_id: int, *, actor: Actor, now: Callable[[], datetime]) -> bool:
    """Makes the check that somebody waits for. False when another worker was faster."""
    at = now()
    with db.transaction() as session:
        mine = (ConnectionCheck.server_id == server_id, _is_wanted(at))
        begun = session.execute(update(ConnectionCheck).where(*mine).values(begun_at=at))
        if getattr(begun, "rowcount", 0) != 1:
            return False
        server = session.get_one(Server, server_id)
        kind, settings, name = server.kind, dict(server.settings), server.name
    try:
        results = _results(kind, settings)
    except Exception as error:
        why = f"Unexpected: {type(error).__name__}."
        failed = Check("connection", False, why, "The log of the worker says more.")
        _note(db, server_id, name, at, [failed], actor, now())
        raise
    _note(db, server_id, name, at, results, actor, now())
    return True


def _results(kind: str, settings: dict[str, str]) -> list[Check]:
    try:
        return list(registry.connect(kind, settings).checks())
    except ConnectorError as error:
        return [Check("settings", False, str(error), "Correct the settings of the server.")]


def _note(
    db: Database,
    server_id: int,
    name: str,
    begun: datetime,
    results: list[Check],
    actor: Actor,
    at: datetime,
) -> None:
    """Nothing when another worker took the check over meanwhile."""
    values = {"ended_at": at, "results": [asdict(one) for one in results]}
    mine = (
        ConnectionCheck.server_id == server_id,
        ConnectionCheck.begun_at == begun,
        ConnectionCheck.ended_at.is_(None),
    )
    with db.transaction() as session:
        noted = session.execute(update(ConnectionCheck).where(*mine).values(**values))
        if getattr(noted, "rowcount", 0) == 1:
            failed = [one.name for one in results if not one.passed]
            details = {"name": name, "failed": failed}
            subject = f"server:{server_id}"
            trail.append(session, Action.CONNECTION_CHECKED, subject, details, actor=actor, at=at)


@job(Phase.CHECKS, 1)
def check_connections(context: JobContext) -> int:
    """Begins the checks of connections that somebody asked for on a page."""
    with context.db.reading() as session:
        numbers = wanted(session, now=context.now())
    check = partial(make, context.db, actor=WORKER, now=context.now)
    return sum(context.servers.add(("check", number), partial(check, number)) for number in numbers)
