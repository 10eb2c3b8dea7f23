"""Questions about the trail."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert.trail.actions import Action
from recert.trail.event_format import Event
from recert.trail.models import EventDelivery, TrailEntry

PAGE = 50


def page(
    session: Session, *, before: int | None = None, size: int = PAGE
) -> tuple[Sequence[TrailEntry], int | None]:
    """One page, newest first, and where the older ones start."""
    query = select(TrailEntry)
    if before is not None:
        query = query.where(TrailEntry.seq < before)
    rows = session.scalars(query.order_by(TrailEntry.seq.desc()).limit(size + 1)).all()
    return rows[:size], rows[size - 1].seq if len(rows) > size else None


def newest_of(session: Session, actions: Sequence[Action]) -> int:
    """The number of the newest entry with one of these actions; 0 when there is none."""
    newest = (
        session.scalar(select(func.max(TrailEntry.seq)).where(TrailEntry.action == action))
        for action in actions
    )
    return max(filter(None, newest), default=0)


def newest_about(session: Session, action: Action, subject: str, size: int) -> list[dict[str, Any]]:
    """The newest entries of one kind about one thing, as they were written."""
    here = (TrailEntry.action == action, TrailEntry.object == subject)
    query = select(TrailEntry.body).where(*here).order_by(TrailEntry.seq.desc()).limit(size)
    return [json.loads(body) for body in session.scalars(query)]


def events_after(session: Session, seq: int, size: int) -> list[Event]:
    """The next entries after one, oldest first."""
    query = select(TrailEntry.seq, TrailEntry.at, TrailEntry.body, TrailEntry.hash)
    rows = session.execute(query.where(TrailEntry.seq > seq).order_by(TrailEntry.seq).limit(size))
    return [Event(*row) for row in rows]


def unsent(session: Session) -> tuple[int, str]:
    """How many entries wait for the destination of events, and what went wrong last."""
    kept = session.scalars(select(EventDelivery).order_by(EventDelivery.tried_at.desc())).first()
    last = session.scalar(select(func.max(TrailEntry.seq))) or 0
    return (last - kept.last_seq, kept.problem) if kept else (last, "")
