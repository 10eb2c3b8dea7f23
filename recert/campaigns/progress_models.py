"""Counters of a campaign: by reviewer, by folder, by server."""

from datetime import datetime

from sqlalchemy import (
    ForeignKey,
    Index,
    UniqueConstraint,
)
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


class Progress(Base):
    """Counts of one reviewer, renewed in the transaction of each change, so that no page counts
    items. `reviewer_id` NULL is the compliance queue."""

    __tablename__ = "reviewer_progress"
    __table_args__ = (UniqueConstraint("campaign_id", "reviewer_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    total: Mapped[int]
    open: Mapped[int]
    keep: Mapped[int]
    reduce: Mapped[int]
    revoke: Mapped[int]
    finished_at: Mapped[datetime | None]
    # How many items the mails to this reviewer have mentioned.
    notified: Mapped[int] = mapped_column("told", default=0, server_default="0")
