"""What pages ask about sources of people: a test, one entry, a preview. The web process opens no
connection to a directory and reads no secret; the worker does both and keeps the answer."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from recert.foundation.actor import Role
from recert.foundation.errors import BadInput
from recert.people.synchronisation.models import RegisteredSource, RequestKind, SourceRequest
from recert.trail.act import Act
from recert.trail.actions import Action

ABANDONED_AFTER = timedelta(minutes=30)  # whoever worked on it has died
LONGEST_ARGUMENT = 320

Key = tuple[int, RequestKind]


def want(act: Act, source: RegisteredSource, kind: RequestKind, argument: str = "") -> None:
    """Asks the worker; asking while the same is under way is asking once."""
    act.actor.require(Role.ADMINISTRATOR)
    argument = argument.strip()
    if kind is RequestKind.ENTRY and not argument:
        raise BadInput("Enter a mail address, cn, uid or workforceID.")
    if len(argument) > LONGEST_ARGUMENT or not argument.isprintable():
        raise BadInput(f"At most {LONGEST_ARGUMENT} characters, without control characters.")
    known = act.session.get(SourceRequest, (source.id, kind), with_for_update=True)
    if known is not None and known.is_under_way and known.argument == argument:
        return
    if known is None:
        known = SourceRequest(source_id=source.id, kind=kind)
        act.session.add(known)
    known.argument, known.asked_at, known.asked_by = argument, act.now, act.actor.name
    known.begun_at, known.ended_at, known.result = None, None, {}
    details = {"name": source.name, "what": kind.value, "entry": argument}
    act.record(Action.PEOPLE_SOURCE_LOOKED_AT, source.ref, details)


def newest(session: Session, source_id: int) -> dict[str, SourceRequest]:
    """The newest request of each kind, under way or answered."""
    query = select(SourceRequest).where(SourceRequest.source_id == source_id)
    return {one.kind.value: one for one in session.scalars(query)}


def waiting(session: Session, *, now: datetime) -> list[Key]:
    """What somebody waits for and nobody works on, oldest first."""
    query = select(SourceRequest.source_id, SourceRequest.kind).where(_is_free(now))
    return [(row[0], row[1]) for row in session.execute(query.order_by(SourceRequest.asked_at))]


def _is_free(now: datetime) -> ColumnElement[bool]:
    begun = SourceRequest.begun_at
    free = or_(begun.is_(None), begun < now - ABANDONED_AFTER)
    return and_(SourceRequest.ended_at.is_(None), free)


def begin(session: Session, key: Key, *, now: datetime) -> SourceRequest | None:
    """Takes a request on; None when another worker was faster."""
    mine = (*_is_of(key), _is_free(now))
    begun = session.execute(update(SourceRequest).where(*mine).values(begun_at=now))
    return session.get(SourceRequest, key) if getattr(begun, "rowcount", 0) == 1 else None


def end(
    session: Session, key: Key, result: Mapping[str, Any], *, begun: datetime, now: datetime
) -> None:
    """Keeps the answer, unless the request was made anew or taken over meanwhile."""
    mine = (*_is_of(key), SourceRequest.begun_at == begun, SourceRequest.ended_at.is_(None))
    session.execute(update(SourceRequest).where(*mine).values(ended_at=now, result=dict(result)))


def _is_of(key: Key) -> tuple[ColumnElement[bool], ...]:
    return (SourceRequest.source_id == key[0], SourceRequest.kind == key[1])


def keep_preview(
    session: Session, source_id: int, result: Mapping[str, Any], *, by: str, at: datetime
) -> None:
    """What a held run would have changed becomes the newest preview, for whoever confirms it."""
    known = session.get(SourceRequest, (source_id, RequestKind.PREVIEW))
    if known is None:
        known = SourceRequest(source_id=source_id, kind=RequestKind.PREVIEW)
        session.add(known)
    known.argument, known.asked_at, known.asked_by = "", at, by
    known.begun_at, known.ended_at, known.result = at, at, dict(result)
    session.flush()
