"""Tables of orders."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base, enum_column


class OrderState(StrEnum):
    QUEUED = "queued"
    APPLYING = "applying"  # the plan is written down; the server may or may not have it
    UNKNOWN = "unknown"  # the line broke after sending: only reading back tells
    APPLIED = "applied"
    VERIFIED = "verified"
    RETRY = "retry"
    CONFLICT = "conflict"
    BLOCKED = "blocked"  # an administrator must do something first
    WAITING = "waiting"  # until an administrator switches writing on for the server
    MANUAL = "manual"  # on the change list for a person; the next snapshot checks it
    NEEDS_APPROVAL = "needs approval"  # the plan touches more than was decided
    HELD = "held"  # it would take away the last administrator of the server
    STILL_REACHABLE = "still reachable"
    CANCELLED = "cancelled"
    NEEDS_ATTENTION = "needs attention"


class OrderKind(StrEnum):
    REVOKE = "revoke"
    REDUCE = "reduce"
    LEAVE = "leave group"
    CLOSE = "close account"
    UNDO = "undo"
    GRANT = "grant"
    JOIN = "join group"
    OPEN = "open account"


# These give access; all others take it away.
GIVING = (OrderKind.UNDO, OrderKind.GRANT, OrderKind.JOIN, OrderKind.OPEN)


class Order(Base):
    """One wanted change on one server. `origin` says why ("item:12") and is unique, so that
    asking twice is asking once. `plan` is written down before the first byte goes out. Where the
    order is about a membership or about the whole account there is no folder, and no rights are
    counted. `wanted` is the change as JSON where the other columns do not hold all of it."""

    __tablename__ = "server_order"
    __table_args__ = (
        Index("ix_server_order_due", "server_id", "state", "next_at"),
        Index("ix_server_order_recent", "server_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(unique=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"))
    # NULL: the account is to be opened, and no snapshot has it yet.
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)
    folder_id: Mapped[int | None] = mapped_column(ForeignKey("folder.id"))
    kind: Mapped[OrderKind] = mapped_column(enum_column(OrderKind))
    account: Mapped[str]  # names as the server knows them
    folder: Mapped[str]
    group: Mapped[str] = mapped_column("group_name", default="", server_default="")
    rights_before: Mapped[int]
    rights_wanted: Mapped[int]
    wanted: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("server_order.id"), unique=True)
    state: Mapped[OrderState] = mapped_column(enum_column(OrderState))
    plan: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    approved_plan: Mapped[str | None]  # the seal of the wider plan that a person wants
    approved_by: Mapped[str | None]
    tries: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    explanation: Mapped[str] = mapped_column(default="")  # why it is in this state, as a sentence
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    applied_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    rights_found: Mapped[int | None]  # what the verification saw
    ticket: Mapped[str] = mapped_column(default="", server_default="")  # of a person's own system
    reason: Mapped[str] = mapped_column(default="", server_default="")  # why it is taken back
    # What it left open, as the verification found it: see `changes.residual_access`.
    left_over: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    # A second person had released it. What nobody released counts against the removal threshold.
    released: Mapped[bool] = mapped_column(default=False, server_default=false())

    @property
    def ref(self) -> str:
        """How the trail names it."""
        return f"order:{self.id}"

    @property
    def gives(self) -> bool:
        """Whether somebody can do more after it."""
        return self.kind in GIVING

    @property
    def place(self) -> str:
        """Where something changes, for people."""
        if self.group:
            return f"group {self.group}"
        return self.folder or "the whole account"


class UndoRequest(Base):
    """Somebody wants a change taken back. It is ordered when a second person agrees."""

    __tablename__ = "undo_request"

    order_id: Mapped[int] = mapped_column(ForeignKey("server_order.id"), primary_key=True)
    reason: Mapped[str]
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    approved_by: Mapped[str | None]
    approved_at: Mapped[datetime | None]


class OrderStep(Base):
    """The log of an order: what was tried when, and how it ended. Rows are only added."""

    __tablename__ = "order_step"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("server_order.id"), index=True)
    at: Mapped[datetime]
    state: Mapped[OrderState] = mapped_column(enum_column(OrderState))
    detail: Mapped[str]


class ServerLease(Base):
    """One writer per server. `fencing` grows with each holder, so that one who slept through the
    end of their lease can be refused."""

    __tablename__ = "server_lease"

    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"), primary_key=True)
    fencing: Mapped[int]
    since: Mapped[datetime | None]  # when the newest holder took it
    until: Mapped[datetime]
