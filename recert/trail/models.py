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
