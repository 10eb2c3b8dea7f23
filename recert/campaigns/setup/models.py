"""Tables of what a launch fixes: population, exclusions, and the facts about accounts."""

from datetime import datetime

from sqlalchemy import (
    ForeignKey,
)
from sqlalchemy.orm import Mapped, mapped_column

from recert.connectors.contract import AccountKind
from recert.foundation.db import Base, enum_column


class Population(Base):
    """How the accounts of one server's snapshot add up: accounts = reviewed + excluded +
    out_of_scope + without_rights. A campaign with a difference cannot be launched."""

    __tablename__ = "campaign_population"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"), primary_key=True)
    snapshot_id: Mapped[int] = mapped_column(ForeignKey("snapshot.id"))
    accounts: Mapped[int]
    reviewed: Mapped[int]
    excluded: Mapped[int] = mapped_column(default=0, server_default="0")
    out_of_scope: Mapped[int]
    without_rights: Mapped[int]
    items: Mapped[int]


class Exclusion(Base):
    """Access that campaigns leave out for a time: the register of exceptions."""

    __tablename__ = "exclusion"

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"), index=True)
    account: Mapped[str]  # empty: every account
    folder: Mapped[str]  # this one and those below
    reason: Mapped[str]
    ends_at: Mapped[datetime]
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    approved_by: Mapped[str | None]
    approved_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    ended_at: Mapped[datetime | None]

    @property
    def ref(self) -> str:
        """How the trail names it."""
        return f"exclusion:{self.id}"


class LeftOut(Base):
    """What an exclusion kept out of a campaign, frozen at its launch."""

    __tablename__ = "campaign_exclusion"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    exclusion_id: Mapped[int] = mapped_column(ForeignKey("exclusion.id"), primary_key=True)
    grants: Mapped[int]


class CampaignAccount(Base):
    """An account that a campaign asks about, as it was at the launch. `key_count` NULL: not
    known. Rows are only added; the trail has digests of them."""

    __tablename__ = "campaign_account"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    kind: Mapped[AccountKind] = mapped_column(enum_column(AccountKind))
    enabled: Mapped[bool]
    key_count: Mapped[int | None]
    person: Mapped[str]
    organisation: Mapped[str]
    is_partner: Mapped[bool]
    is_privileged: Mapped[bool]
    is_emergency: Mapped[bool]
