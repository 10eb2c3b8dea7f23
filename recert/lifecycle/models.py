"""Tables of what identity systems ask for."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base


class ProvisionedAccount(Base):
    """An account as an identity system describes it. One that it opened itself has an order: until
    a snapshot has the account, these are all there is, and its id stays the one of this row."""

    __tablename__ = "provisioned_account"
    __table_args__ = (Index("ix_provisioned_account_name", "server_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"))
    name: Mapped[str]
    external_id: Mapped[str] = mapped_column(default="", server_default="")
    email: Mapped[str] = mapped_column(default="", server_default="")
    display_name: Mapped[str] = mapped_column(default="", server_default="")
    order_id: Mapped[int | None] = mapped_column(ForeignKey("server_order.id"))
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    # What the identity system wrote of it, beside the columns: kept for it, never acted upon.
    document: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    changed_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class ChangeItem(Base):
    """One item that a governance suite wants fulfilled: what it asked for, and our answer. The
    same number with the same content gets the same answer."""

    __tablename__ = "change_item"
    __table_args__ = (
        UniqueConstraint("server_id", "number"),
        Index("ix_change_item_last_at", "last_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"))
    number: Mapped[str]  # as the suite counts them
    content_sha256: Mapped[str]
    request_type: Mapped[str]
    account: Mapped[str] = mapped_column(default="", server_default="")
    entitlement: Mapped[str] = mapped_column(default="", server_default="")
    person: Mapped[str] = mapped_column(default="", server_default="")
    requester: Mapped[str] = mapped_column(default="", server_default="")
    reason: Mapped[str] = mapped_column(default="", server_default="")
    refused: Mapped[bool] = mapped_column(default=False, server_default=false())
    comment: Mapped[str]
    order_ids: Mapped[list[int]] = mapped_column(JSON)
    token: Mapped[str]  # by whose token it came
    tries: Mapped[int] = mapped_column(default=1, server_default="1")
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]

    @property
    def ref(self) -> str:
        """How the trail names it."""
        return f"change_item:{self.id}"
