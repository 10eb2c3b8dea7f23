"""Tables of the trail. Rows are only ever added; triggers in both databases refuse the rest."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base


class TrailEntry(Base):
    """One act. `body` is the canonical JSON that is hashed; the other columns repeat parts of it
    so that pages can search."""

    __tablename__ = "trail_entry"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str] = mapped_column(index=True)
    object: Mapped[str] = mapped_column(index=True)
    body: Mapped[str]
    previous: Mapped[str] = mapped_column(unique=True)  # two entries after one would fork the chain
    hash: Mapped[str]


class TrailHead(Base):
    """One row: the newest entry. Locked while the next one is added."""

    __tablename__ = "trail_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int]
    hash: Mapped[str]


class TrailCheckpoint(Base):
    """A signed statement: the trail had this hash at this sequence number."""

    __tablename__ = "trail_checkpoint"

    id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int]
    hash: Mapped[str]
    at: Mapped[datetime]
    public_key: Mapped[str]
    signature: Mapped[str]


class TrailCheck(Base):
    """One row: the newest check of the whole trail, and whether another one is under way. The
    pages themselves do not walk the trail."""

    __tablename__ = "trail_check"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    asked_at: Mapped[datetime | None]  # NULL: nobody waits for one
    asked_by: Mapped[str]
    begun_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]  # this and what follows: the newest result
    last_seq: Mapped[int] = mapped_column(default=0, server_default="0")
    broken_seq: Mapped[int | None]
    broken_why: Mapped[str] = mapped_column(default="", server_default="")

    @property
    def is_under_way(self) -> bool:
        """Whether somebody waits for a result."""
        return self.asked_at is not None


class EventDelivery(Base):
    """How far the entries have been sent to one destination outside, and what went wrong last."""

    __tablename__ = "event_delivery"

    destination: Mapped[str] = mapped_column(primary_key=True)
    last_seq: Mapped[int] = mapped_column(default=0, server_default="0")
    problem: Mapped[str] = mapped_column(default="", server_default="")
    tried_at: Mapped[datetime]
