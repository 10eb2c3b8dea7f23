"""One synchronisation: read the whole source, plan, hold or apply."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import IO

from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from recert.foundation.actor import Actor, Role
from recert.foundation.db import Database, one_at_a_time
from recert.foundation.errors import RecertError
from recert.foundation.jobs.registration import WORKER, JobContext, Phase, job
from recert.people.sources.ldap import LdapPeople
from recert.people.synchronisation import plan as plans
from recert.people.synchronisation import register, requests
from recert.people.synchronisation.apply import apply
from recert.people.synchronisation.models import RegisteredSource, SourceState
from recert.people.synchronisation.person_matching import Run
from recert.people.synchronisation.plan import Plan
from recert.people.synchronisation.staging import drop, spooled, stage
from recert.trail.act import Act
from recert.trail.actions import Action

log = logging.getLogger(__name__)

RETRY_AFTER = timedelta(minutes=5)


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `problem` says why it is held."""

    state: SourceState
    plan: Plan
    problem: str = ""


def preview(db: Database, name: str, *, now: datetime) -> Plan:
    """What a synchronisation would change now. Writes nothing. Raises DirectoryUnreadable."""
    with db.reading() as session:
        people = register.opened(register.named(session, name))
    with spooled(people.persons()) as file, _staged(db, file) as connection:
        try:
            with Session(connection) as session:
                run = _run_of(name, people, now)
                return _with_warnings(plans.make(session, run), people)
        finally:
            connection.rollback()


def synchronise(
    db: Database, name: str, *, actor: Actor, now: Callable[[], datetime], confirmed: bool = False
) -> Outcome:
    """Reads a source and brings the register up to date, or holds it. `confirmed`: whoever calls
    has been shown how many leave. Raises DirectoryUnreadable and notes it at the source; nothing
    else is changed then."""
    actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    try:
        with db.reading() as session:
            people = register.opened(register.named(session, name))
        with (
            spooled(people.persons()) as file,
            _staged(db, file) as connection,
            db.writing_on(connection) as session,
        ):
            return _apply(Act(session, actor, now()), name, people, confirmed=confirmed)
    except register.NoSuchSource:
        raise
    except RecertError as error:
        _note_failure(db, name, str(error), now())
        raise


@contextmanager
def _staged(db: Database, file: IO[str]) -> Iterator[Connection]:
    """A connection with the staged people; both are gone at the end."""
    with db.connection() as connection:
        try:
            stage(connection, file)
            connection.commit()
            yield connection
        finally:
            connection.rollback()
            drop(connection)
            connection.commit()


def _run_of(name: str, people: LdapPeople, at: datetime) -> Run:
    return Run(name, people.settings.organisation, at.date())


def _with_warnings(plan: Plan, people: LdapPeople) -> Plan:
    return replace(plan, warnings=(*people.warnings, *plan.warnings))


def _apply(act: Act, name: str, people: LdapPeople, *, confirmed: bool) -> Outcome:
    one_at_a_time(act.session, "import people")
    source = register.named(act.session, name)
    run = _run_of(name, people, act.now)
    plan = _with_warnings(plans.make(act.session, run), people)
    lost = plan.counts["leaving"]
    is_confirmed = confirmed or (
        source.confirmed_lost is not None and lost <= source.confirmed_lost
    )
    held = plan.held(source.most_lost_percent)
    before = (source.state, source.counts.get("leaving"))
    source.counts, source.warnings = dict(plan.counts), list(plan.warnings)
    source.last_run_at, source.wanted_at = act.now, None
    if held and not is_confirmed:
        source.state, source.problem = SourceState.HELD, held
        if before != (SourceState.HELD, lost):  # one entry for one finding, not for every run
            details = {"name": name, "problem": held, "counts": dict(plan.counts)}
            requests.keep_preview(
                act.session, source.id, plan.as_json(), by=act.actor.name, at=act.now
            )
            act.record(Action.PEOPLE_SOURCE_HELD, source.ref, details)
        return Outcome(SourceState.HELD, plan, f"{held} {_NEXT.format(name=name)}")
    by = source.confirmed_by or act.actor.name
    source.state, source.problem = SourceState.COMPLETE, ""
    source.last_complete_at = act.now
    source.confirmed_lost, source.confirmed_by = None, ""
    act.session.flush()
    apply(act, run, plan, details={"confirmed_by": by} if held else {})
    return Outcome(SourceState.COMPLETE, plan)


_NEXT = (
    "Nothing was changed. Look at them with `recert people sync {name} --dry-run`; if they really "
    "left, confirm it with `recert people sync {name} --confirm`, or on the page of the source."
)


def _note_failure(db: Database, name: str, problem: str, at: datetime) -> None:
    """Somebody may have removed the source meanwhile; then nobody needs the note."""
    with db.transaction() as session:
        query = select(RegisteredSource).where(RegisteredSource.name == name)
        source = session.scalar(query)
        if source is not None:
            source.state, source.problem = SourceState.FAILED, problem
            source.last_run_at, source.wanted_at = at, None


def due(session: Session, *, now: datetime, minutes: int) -> list[tuple[int, str]]:
    """Enabled sources whose time has come. One that failed is tried again sooner."""
    query = select(RegisteredSource).where(RegisteredSource.enabled).order_by(RegisteredSource.id)
    every = timedelta(minutes=minutes)
    return [
        (one.id, one.name)
        for one in session.scalars(query)
        if one.last_run_at is None
        or one.wanted_at is not None
        or now - one.last_run_at
        >= (min(every, RETRY_AFTER) if one.state is SourceState.FAILED else every)
    ]


@job(Phase.PEOPLE, 2)
def synchronise_people(context: JobContext) -> int:
    """Synchronises the directories whose time has come."""
    with context.db.reading() as session:
        wanted = due(session, now=context.now(), minutes=context.settings.people_minutes)
    run = partial(_in_the_background, context.db, context.now)
    return sum(
        context.servers.add(("people", number), partial(run, name)) for number, name in wanted
    )


def _in_the_background(db: Database, now: Callable[[], datetime], name: str) -> None:
    """What fails stands at the source, where an administrator looks."""
    try:
        synchronise(db, name, actor=WORKER, now=now)
    except RecertError as error:
        log.warning("people of %s: %s", name, error)
