"""Checks of the whole trail: asked for on a page, made by the worker, shown on the page. They only
read, so they add no entry: a broken trail must still be reportable."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from recert.foundation import secrets
from recert.foundation.actor import Role
from recert.foundation.db import Database, one_at_a_time
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.trail.act import Act
from recert.trail.models import TrailCheck, TrailEntry
from recert.trail.service import verify

ABANDONED_AFTER = timedelta(hours=1)  # whoever made it has died; ten million entries take minutes
_ONLY = 1


def want(act: Act) -> None:
    """Asks the worker for a check; asking while one is under way is asking once."""
    act.actor.require(Role.AUDITOR, Role.OFFICER)
    one_at_a_time(act.session, "ask for a check of the trail")
    known = act.session.get(TrailCheck, _ONLY, populate_existing=True)
    if known is not None and known.is_under_way:
        return
    if known is None:
        known = TrailCheck(id=_ONLY)
        act.session.add(known)
    known.asked_at, known.asked_by, known.begun_at = act.now, act.actor.name, None


def newest(session: Session) -> TrailCheck | None:
    """The newest result, and whether another one is under way."""
    return session.get(TrailCheck, _ONLY)


def is_wanted(session: Session, *, now: datetime) -> bool:
    """Whether somebody waits for a check and nobody makes it."""
    return session.scalar(select(TrailCheck.id).where(_is_wanted(now))) is not None


def _is_wanted(now: datetime) -> ColumnElement[bool]:
    begun = TrailCheck.begun_at
    free = or_(begun.is_(None), begun < now - ABANDONED_AFTER)
    return and_(TrailCheck.asked_at.is_not(None), free)


def make(db: Database, ours: Ed25519PublicKey, *, now: Callable[[], datetime]) -> bool:
    """Makes the check that somebody waits for. False when another worker was faster."""
    at = now()
    with db.transaction() as session:
        begun = session.execute(update(TrailCheck).where(_is_wanted(at)).values(begun_at=at))
        if getattr(begun, "rowcount", 0) != 1:
            return False
    try:
        with db.reading() as session:
            last = session.scalar(select(func.max(TrailEntry.seq))) or 0
            broken = verify(session, ours)
    except BaseException:  # also when the worker ends: the next tick begins anew
        with db.transaction() as session:
            mine = update(TrailCheck).where(TrailCheck.begun_at == at)
            session.execute(mine.values(begun_at=None))
        raise
    values = {
        "asked_at": None,
        "begun_at": None,
        "ended_at": now(),
        "last_seq": last,
        "broken_seq": broken.seq if broken else None,
        "broken_why": broken.why if broken else "",
    }
    with db.transaction() as session:  # nothing when another worker took the check over meanwhile
        session.execute(update(TrailCheck).where(TrailCheck.begun_at == at).values(**values))
    return True


@job(Phase.CHECKS, 2)
def check_trail(context: JobContext) -> int:
    """Begins the check of the whole trail that somebody asked for on a page."""
    with context.db.reading() as session:
        if not is_wanted(session, now=context.now()):
            return 0
    ours = secrets.signing_key(context.settings.keys).public_key()
    check = partial(make, context.db, ours, now=context.now)
    return int(context.servers.add(("check trail", 0), check))
