"""Questions about the trail."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.trail.models import TrailEntry

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
