"""Tables of ending a campaign: challenges of those who lose access, and approvals."""

from datetime import datetime

from sqlalchemy import (
    ForeignKey,
)
from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base


class Challenge(Base):
    """The challenge of one removal: until when whoever loses the access can object, and how it
    was settled."""

    __tablename__ = "contest"

    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), primary_key=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    until: Mapped[datetime]
    opened_at: Mapped[datetime]
    notified_at: Mapped[datetime | None] = mapped_column("told_at")
    objected_at: Mapped[datetime | None]
    reason: Mapped[str]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None]


class CampaignRelease(Base):
    """A second person let changes go that waited for them: how many, and which (a digest of their
    numbers). `batch_number` is set when they let a halted campaign go on after that batch."""

    __tablename__ = "campaign_release"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    released_by: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]
    count: Mapped[int]
    digest: Mapped[str]
    batch_number: Mapped[int | None] = mapped_column("wave")
