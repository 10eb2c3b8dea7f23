"""Tables of campaigns."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base, words

ANSWERED = text("answer IS NOT NULL")


class CampaignState(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    CLOSING = "closing"  # no more answers; orders are carried out and checked
    SIGNED_OFF = "signed off"
    VOID = "void"


class ItemState(StrEnum):
    OPEN = "open"
    DECIDED = "decided"  # can still be changed
    FINAL = "final"
    ORDERED = "ordered"
    VERIFIED = "verified"
    STILL_REACHABLE = "still reachable"
    NEEDS_ATTENTION = "needs attention"
    CLOSED = "closed"
    GONE = "gone before decision"


class Answer(StrEnum):
    KEEP = "keep"
    REDUCE = "reduce"
    REVOKE = "revoke"
    NOT_MINE = "not mine"
    NO_ANSWER = "no answer"  # given by policy at the close, never by a person


class Route(StrEnum):
    """Why this reviewer: the steps of the chain in their order."""

    OWNER = "folder owner"
    SUBSTITUTE = "substitute"
    MANAGER = "owner's manager"
    SERVER_OWNER = "server owner"
    QUEUE = "compliance queue"
    REASSIGNED = "reassigned"


class Campaign(Base):
    """One access review. The scope is frozen with the population when it is launched."""

    __tablename__ = "campaign"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    state: Mapped[CampaignState] = mapped_column(words(CampaignState))
    server_ids: Mapped[list[int]] = mapped_column(JSON)
    folder_prefix: Mapped[str]
    due_at: Mapped[datetime]
    undo_minutes: Mapped[int]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    launched_at: Mapped[datetime | None]
    launched_by: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    signed_off_at: Mapped[datetime | None]
    signed_off_by: Mapped[str | None]
    statement: Mapped[str | None]
    # What the statement spoke of, as it was when it was signed.
    signed_figures: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    void_reason: Mapped[str | None]


class Population(Base):
    """How the accounts of one server's snapshot add up: accounts = reviewed + out_of_scope +
    without_rights. A campaign with a difference cannot be launched."""

    __tablename__ = "campaign_population"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"), primary_key=True)
    snapshot_id: Mapped[int] = mapped_column(ForeignKey("snapshot.id"))
    accounts: Mapped[int]
    reviewed: Mapped[int]
    out_of_scope: Mapped[int]
    without_rights: Mapped[int]
    items: Mapped[int]


class Item(Base):
    """One question: shall this account keep these rights in this folder?

    `rights` and `content_hash` freeze what was asked; server, account and folder are those of the
    grant, repeated for the pages' sake. `version` counts the decisions, so that a
    second answer from an old page is noticed. `sort_key` orders items by reviewer, folder and
    account; pages walk along it."""

    __tablename__ = "item"
    __table_args__ = (
        UniqueConstraint("campaign_id", "grant_id"),
        Index("ix_item_reviewer_page", "campaign_id", "reviewer_id", "folder_id", "sort_key"),
        Index("ix_item_page", "campaign_id", "sort_key"),
        Index("ix_item_state", "campaign_id", "state"),
        # What was ever answered about an access. Partial, so that a launch pays nothing for it.
        Index(
            "ix_item_answered",
            "account_id",
            "folder_id",
            sqlite_where=ANSWERED,
            postgresql_where=ANSWERED,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    server_id: Mapped[int]
    grant_id: Mapped[int] = mapped_column(ForeignKey("access_grant.id"))
    account_id: Mapped[int]
    folder_id: Mapped[int]
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    route: Mapped[Route] = mapped_column(words(Route))
    rights: Mapped[int]
    content_hash: Mapped[int] = mapped_column(BigInteger)
    sort_key: Mapped[int]
    state: Mapped[ItemState] = mapped_column(words(ItemState))
    answer: Mapped[Answer | None] = mapped_column(words(Answer))
    answer_rights: Mapped[int | None]
    version: Mapped[int] = mapped_column(default=0)
    decided_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(default="")  # how the change ended, in words

    @property
    def ref(self) -> str:
        """How trail and tokens name it."""
        return f"item:{self.id}"


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


class Occurrence(Base):
    """Something that must happen once, whoever ticks: the unique key decides."""

    __tablename__ = "campaign_occurrence"
    __table_args__ = (UniqueConstraint("campaign_id", "slot"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    slot: Mapped[str]
    at: Mapped[datetime]
