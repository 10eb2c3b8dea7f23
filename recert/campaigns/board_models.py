"""Tables of running a campaign: counters for the board, postponed items, the instruction."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base


class FolderProgress(Base):
    """Counts of one folder of a campaign, renewed in the transaction of each change, so that no
    page counts items. The index gives the folders with the most open questions first. Its items
    lie between `first_key` and `last_key`. Without foreign keys for the same reason as items."""

    __tablename__ = "folder_progress"
    __table_args__ = (
        UniqueConstraint("campaign_id", "folder_id"),
        Index("ix_folder_progress_open", "campaign_id", "open", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int]
    server_id: Mapped[int]
    folder_id: Mapped[int]
    first_key: Mapped[int]
    last_key: Mapped[int]
    total: Mapped[int]
    open: Mapped[int]
    keep: Mapped[int]
    reduce: Mapped[int]
    revoke: Mapped[int]


class ServerProgress(Base):
    """The sums of a server's folders in a campaign. Its items lie between `first_key` and
    `last_key`, where pages look for them."""

    __tablename__ = "server_progress"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"), primary_key=True)
    first_key: Mapped[int]
    last_key: Mapped[int]
    total: Mapped[int]
    open: Mapped[int]
    keep: Mapped[int]
    reduce: Mapped[int]
    revoke: Mapped[int]


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
    """One version of what reviewers are told about answering. The newest counts."""

    __tablename__ = "instruction"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]


class InstructionRead(Base):
    """A reviewer said that he has read a version."""

    __tablename__ = "instruction_read"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    version: Mapped[int] = mapped_column(ForeignKey("instruction.version"), primary_key=True)
    at: Mapped[datetime]


class OwnershipDoubt(Base):
    """The owner of a folder said "not mine". Settled when somebody says who answers for it."""

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


class Mark(Base):
    """Up to where something was looked at for a campaign: one row for each kind, renewed, so that
    it does not grow with what happens."""

    __tablename__ = "campaign_mark"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
