"""Tables of evidence: exported packages, the acts of auditors, and the retention of campaigns.
Rows of auditors and of retention are only ever added; triggers refuse anything else."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base, enum_column


class Package(Base):
    """One export. The file itself is not kept; its hash is."""

    __tablename__ = "evidence_package"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    sha256: Mapped[str]
    size: Mapped[int]


class Sample(Base):
    """Some items that chance chose. With the seed everybody draws the same ones."""

    __tablename__ = "audit_sample"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    seed: Mapped[str]
    size: Mapped[int]
    item_ids: Mapped[list[int]] = mapped_column(JSON)
    by: Mapped[str]
    at: Mapped[datetime]


class Remark(Base):
    """What an auditor noted about a campaign or one of its items."""

    __tablename__ = "audit_remark"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    item_id: Mapped[int | None] = mapped_column(ForeignKey("item.id"))
    text: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]


class Judgement(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Verdict(Base):
    """An auditor's verdict on a whole campaign. The newest one of a campaign counts."""

    __tablename__ = "audit_verdict"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    judgement: Mapped[Judgement] = mapped_column(enum_column(Judgement))
    reason: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]


class Retention(Base):
    """For how many years after its end a campaign is kept. The newest row counts."""

    __tablename__ = "retention"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    years: Mapped[int]
    by: Mapped[str]
    at: Mapped[datetime]


class LegalHold(Base):
    """A hold was laid on a campaign (`held`) or lifted. The newest row counts."""

    __tablename__ = "legal_hold"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    held: Mapped[bool]
    reason: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]
