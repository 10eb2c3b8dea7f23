"""Things that happen once per campaign: slots that the first worker takes, and marks of what was
compared last."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import (
    and_,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from recert.campaigns.models import Mark, Occurrence

LAST_CHARACTER = "\U0010ffff"


def take_slot(session: Session, campaign_id: int, slot: str, now: datetime) -> bool:
    """Takes a slot; True only for the first caller."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    taken = session.execute(
        dialect.insert(Occurrence)
        .values(campaign_id=campaign_id, slot=slot, at=now)
        .on_conflict_do_nothing()
        .returning(Occurrence.id)
    )
    return taken.scalar_one_or_none() is not None


def is_taken(session: Session, campaign_id: int, slot: str) -> bool:
    """Whether this slot was taken before."""
    here = (Occurrence.campaign_id == campaign_id, Occurrence.slot == slot)
    return session.scalar(select(Occurrence.id).where(*here)) is not None


def taken_slots(session: Session, campaign_id: int, *beginnings: str) -> set[str]:
    """The slots that were taken and begin with one of these texts; an index finds them."""
    ranges = [
        and_(Occurrence.slot >= text, Occurrence.slot < f"{text}{LAST_CHARACTER}")
        for text in beginnings
    ]
    query = select(Occurrence.slot).where(Occurrence.campaign_id == campaign_id, or_(*ranges))
    return set(session.scalars(query))


def is_marked(session: Session, campaign_id: int, kind: str, value: str) -> bool:
    """Whether the mark of this kind has exactly this value."""
    here = (Mark.campaign_id == campaign_id, Mark.kind == kind, Mark.value == value)
    return session.scalar(select(Mark.kind).where(*here)) is not None


def mark(session: Session, campaign_id: int, kind: str, value: str, now: datetime) -> bool:
    """Sets the mark of a kind; False when it had this value already."""
    if is_marked(session, campaign_id, kind, value):
        return False
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    row = {"campaign_id": campaign_id, "kind": kind, "value": value, "at": now}
    made = dialect.insert(Mark).values(**row)
    renewed = made.on_conflict_do_update(
        index_elements=["campaign_id", "kind"],
        set_={"value": value, "at": now},
        where=Mark.value != value,
    )
    return session.execute(renewed.returning(Mark.kind)).scalar_one_or_none() is not None


SNAPSHOTS = "snapshots"  # the mark of a comparison


def compared_with(snapshots: Iterable[int]) -> str:
    """A digest of the newest snapshots of a campaign's servers, of fixed length."""
    return hashlib.sha256(",".join(map(str, snapshots)).encode()).hexdigest()
