"""Tables of answering: delegations, comments, postponements, instructions, ownership
disputes."""

from datetime import datetime

from sqlalchemy import (
    ForeignKey,
    Index,
)
from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base


class Delegation(Base):
    """Somebody answers for a reviewer until a date."""

    __tablename__ = "delegation"

    id: Mapped[int] = mapped_column(primary_key=True)
    from_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    to_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]  # taken back early

    @property
    def ref(self) -> str:
        """How the trail names it."""
        return f"delegation:{self.id}"


class ItemMessage(Base):
    """One line of the conversation about an item: a reviewer asks, somebody answers."""

    __tablename__ = "item_message"

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), index=True)
    author: Mapped[str]
    is_question: Mapped[bool]
    text: Mapped[str]
    at: Mapped[datetime]


class Postponement(Base):
    """A reviewer put an item off until a date: once per item, as the key says."""

    __tablename__ = "postponement"
    __table_args__ = (Index("ix_postponement_until", "campaign_id", "until"),)

    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    until: Mapped[datetime]
    by: Mapped[str]
    at: Mapped[datetime]


class Instruction(Base):
    """One version of the instruction for reviewers. The newest counts."""

    __tablename__ = "instruction"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]


class InstructionRead(Base):
    """A reviewer confirmed that they have read a version."""

    __tablename__ = "instruction_read"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    version: Mapped[int] = mapped_column(ForeignKey("instruction.version"), primary_key=True)
    at: Mapped[datetime]


class OwnershipDispute(Base):
    """The owner of a folder answered "not mine". Settled when an officer names its owner."""

    __tablename__ = "ownership_doubt"

    id: Mapped[int] = mapped_column(primary_key=True)
    folder_owner_id: Mapped[int] = mapped_column(ForeignKey("folder_owner.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), index=True)
    reason: Mapped[str]
    at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None]
    outcome: Mapped[str] = mapped_column(default="", server_default="")

    @property
    def ref(self) -> str:
        """How the trail names it."""
        return f"ownership:{self.id}"
