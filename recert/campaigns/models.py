"""Tables of campaigns."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base, enum_column

WAITS_FOR_ITS_ORDER = text("state = 'final'")
ANSWERED = text("answer IS NOT NULL")


class CampaignState(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    CLOSING = "closing"  # no more answers; orders are carried out and checked
    SIGNED_OFF = "signed off"
    VOID = "void"


class CampaignKind(StrEnum):
    REVIEW = "review"
    MICRO = "micro"  # started by itself, about what changed on one server


class Subject(StrEnum):
    """What a campaign asks about. All of its items are of one kind."""

    ACCESS = "access"  # an account's rights in a folder
    MEMBERSHIP = "membership"  # an account in a group, with every folder that this opens
    OWNERSHIP = "ownership"  # who answers for a folder or a group
    SERVICE = "service account"  # is it needed, by whom, and for what


class ItemState(StrEnum):
    OPEN = "open"
    DECIDED = "decided"  # can still be changed
    BETWEEN_STAGES = "between stages"
    FINAL = "final"
    ORDERED = "ordered"
    VERIFIED = "verified"
    STILL_REACHABLE = "still reachable"
    NEEDS_ATTENTION = "needs attention"
    CLOSED = "closed"
    GONE = "gone before decision"
    SUPERSEDED = "superseded"  # another review about the same access has a newer answer


CHANGES_UNDER_WAY = (
    ItemState.FINAL,
    ItemState.ORDERED,
    ItemState.STILL_REACHABLE,
    ItemState.NEEDS_ATTENTION,
)
UNDER_WAY = text("state IN ('final', 'ordered', 'still reachable', 'needs attention')")


class Answer(StrEnum):
    KEEP = "keep"
    REDUCE = "reduce"
    REVOKE = "revoke"
    NOT_MINE = "not mine"
    NO_ANSWER = "no answer"  # set by policy at the close, never by a person


class Route(StrEnum):
    """Why this reviewer: the steps of the chain in their order."""

    OWNER = "folder owner"
    SUBSTITUTE = "substitute"
    MANAGER = "owner's manager"
    SERVER_OWNER = "server owner"
    QUEUE = "compliance queue"
    REASSIGNED = "reassigned"
    DELEGATED = "delegated"
    ESCALATED = "escalated"
    STAGE = "next stage"


class Campaign(Base):
    """One access review. The scope is frozen with the population when it is launched. `policy` is
    the JSON of campaigns.policy.Policy."""

    __tablename__ = "campaign"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[CampaignKind] = mapped_column(
        enum_column(CampaignKind), default=CampaignKind.REVIEW, server_default="review"
    )
    about: Mapped[Subject] = mapped_column(
        enum_column(Subject), default=Subject.ACCESS, server_default="access"
    )
    state: Mapped[CampaignState] = mapped_column(enum_column(CampaignState))
    server_ids: Mapped[list[int]] = mapped_column(JSON)
    folder_prefix: Mapped[str]
    scope: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    due_at: Mapped[datetime]
    undo_minutes: Mapped[int]
    policy: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    # Rules that protect less than the installation's usual ones: another officer must agree.
    weaker: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    # The JSON of campaigns.stages.Stages; empty is one stage.
    stages: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    launched_at: Mapped[datetime | None]
    launched_by: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]
    signed_off_at: Mapped[datetime | None]
    signed_off_by: Mapped[str | None]
    statement: Mapped[str | None]
    # The totals that the statement confirms, as they were when it was signed.
    signed_totals: Mapped[dict[str, Any] | None] = mapped_column(
        "signed_figures", JSON(none_as_null=True)
    )
    void_reason: Mapped[str | None]
    # Why a snapshot older than the limit may be used, and who asked for it first.
    freshness_reason: Mapped[str | None]
    freshness_by: Mapped[str | None]
    # The zone of its dates; empty is the installation's.
    zone: Mapped[str] = mapped_column(default="", server_default="")
    extensions: Mapped[int] = mapped_column(default=0, server_default="0")  # of the due date
    # Who wants it closed before the due date, and why. Somebody else must close it.
    close_asked_by: Mapped[str | None]
    close_asked_at: Mapped[datetime | None]
    close_reason: Mapped[str | None]
    # Of which version the rules of routing were, and from how many questions somebody was kept
    # away because they are about themselves.
    routing_version: Mapped[int] = mapped_column(default=1, server_default="1")
    routed_away: Mapped[int] = mapped_column(default=0, server_default="0")

    @property
    def ref(self) -> str:
        """How the trail names it."""
        return f"campaign:{self.id}"


class Item(Base):
    """One question: shall this account keep these rights in this folder?

    Campaigns about something else have no grant and no folder: `topic` names what is asked
    about ("group sales"), and `account_id`, `group_id` or `folder_owner_id` what that is.
    `rights` and `content_hash` freeze what was asked; server, account and folder are those of the
    grant, repeated for the pages' sake. `version` counts the decisions, so that a
    second answer from an old page is noticed. `sort_key` orders items by reviewer, folder and
    account; pages walk along it. `conflict`: the reviewer could give themselves this access.
    `release_id` is the release by a second person that covers it.

    No foreign keys and no unique key: a launch would look each of them up for each of a million
    rows. It takes them from those tables by joins, and triggers keep the rows there for ever."""

    __tablename__ = "item"
    __table_args__ = (
        Index("ix_item_reviewer_page", "campaign_id", "reviewer_id", "folder_id", "sort_key"),
        Index("ix_item_page", "campaign_id", "sort_key"),
        Index("ix_item_state", "campaign_id", "state", "sort_key"),
        Index("ix_item_folder", "campaign_id", "folder_id", "sort_key"),
        # Partial, so that a launch pays nothing for them.
        Index(
            "ix_item_answer",
            *("campaign_id", "answer", "sort_key"),
            sqlite_where=ANSWERED,
            postgresql_where=ANSWERED,
        ),
        Index(
            "ix_item_under_way",
            *("campaign_id", "decided_at"),
            sqlite_where=UNDER_WAY,
            postgresql_where=UNDER_WAY,
        ),
        Index(
            "ix_item_conflict",
            *("campaign_id", "sort_key"),
            sqlite_where=text("conflict = 1"),
            postgresql_where=text("conflict"),
        ),
        Index(
            "ix_item_final",
            "campaign_id",
            "release_id",
            sqlite_where=WAITS_FOR_ITS_ORDER,
            postgresql_where=WAITS_FOR_ITS_ORDER,
        ),
        Index(
            "ix_item_gone",
            "campaign_id",
            sqlite_where=text("gone_seen_at IS NOT NULL"),
            postgresql_where=text("gone_seen_at IS NOT NULL"),
        ),
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
    campaign_id: Mapped[int]
    server_id: Mapped[int]
    grant_id: Mapped[int | None]
    account_id: Mapped[int | None]
    folder_id: Mapped[int | None]
    group_id: Mapped[int | None]
    folder_owner_id: Mapped[int | None]
    topic: Mapped[str] = mapped_column(default="", server_default="")
    reviewer_id: Mapped[int | None]
    route: Mapped[Route] = mapped_column(enum_column(Route))
    rights: Mapped[int]
    content_hash: Mapped[int] = mapped_column(BigInteger)
    sort_key: Mapped[int]
    state: Mapped[ItemState] = mapped_column(enum_column(ItemState))
    answer: Mapped[Answer | None] = mapped_column(enum_column(Answer))
    answer_rights: Mapped[int | None]
    version: Mapped[int] = mapped_column(default=0)
    decided_at: Mapped[datetime | None]
    keep_until: Mapped[datetime | None]  # a keep that ends by itself
    conflict: Mapped[bool] = mapped_column(default=False, server_default=false())
    from_id: Mapped[int | None]  # who delegated it
    # Its stage, and the combined answer of the stages before.
    stage: Mapped[int] = mapped_column(default=1, server_default="1")
    carried_answer: Mapped[Answer | None] = mapped_column(enum_column(Answer))
    carried_rights: Mapped[int | None]
    carried_until: Mapped[datetime | None]
    # The answer before came from a reviewer who could give themselves this access.
    carried_conflict: Mapped[bool] = mapped_column(default=False, server_default=false())
    # When the reading began in which the access was missing; the close wants a second one.
    missing_since: Mapped[datetime | None] = mapped_column("gone_seen_at")
    outcome: Mapped[str] = mapped_column(default="")  # how the change ended, as a sentence
    release_id: Mapped[int | None]

    @property
    def ref(self) -> str:
        """How trail and tokens name it."""
        return f"item:{self.id}"


class Occurrence(Base):
    """Something that must happen once, whoever ticks: the unique key decides."""

    __tablename__ = "campaign_occurrence"
    __table_args__ = (UniqueConstraint("campaign_id", "slot"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    slot: Mapped[str]
    at: Mapped[datetime]


class Event(StrEnum):
    """Why access is asked about between two campaigns, the weightiest first."""

    DIFFERS = "differs"  # from what a removal was about, when it was carried out
    CAME_BACK = "came back"
    LEFT = "left"
    EMERGENCY = "emergency account used"
    WIDENED = "widened"
    NEW = "new"
    MOVED = "moved"


class CampaignGrant(Base):
    """A grant that a micro-campaign asks about, and the reason that its reviewer reads."""

    __tablename__ = "campaign_grant"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    grant_id: Mapped[int] = mapped_column(ForeignKey("access_grant.id"), primary_key=True)
    event: Mapped[Event] = mapped_column(enum_column(Event))
    reason: Mapped[str]


class Mark(Base):
    """Up to where something was looked at for a campaign: one row for each kind, renewed, so that
    it does not grow with what happens."""

    __tablename__ = "campaign_mark"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
