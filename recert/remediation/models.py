"""Tables of remediation: orders of decisions, expirations, owners of overdue changes."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base


class Remediation(Base):
    """The link from an item and its final decision to the order that carries it out. Campaigns
    with batches count them from 1; 0 is no batch."""

    __tablename__ = "remediation"

    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), primary_key=True)
    decision_id: Mapped[int] = mapped_column(ForeignKey("decision.id"))
    order_id: Mapped[int] = mapped_column(ForeignKey("server_order.id"), unique=True)
    batch_number: Mapped[int] = mapped_column("wave", default=0, server_default="0")


class Confirmation(Base):
    """What an answer about ownership or a service account changed in the registers."""

    __tablename__ = "confirmation"

    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), primary_key=True)
    decision_id: Mapped[int] = mapped_column(ForeignKey("decision.id"))
    note: Mapped[str]
    at: Mapped[datetime]


class Expiration(Base):
    """A keep whose date has come: the order that ends the access, or why there is none."""

    __tablename__ = "ending"

    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), primary_key=True)
    decision_id: Mapped[int] = mapped_column(ForeignKey("decision.id"))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("server_order.id"))
    note: Mapped[str]
    at: Mapped[datetime]


class OverdueChange(Base):
    """The owner of an overdue change, the new date, and why it is late. Rows are only added; the
    newest of an item counts, and one whose date has passed counts as missed."""

    __tablename__ = "late_change"

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), index=True)
    owner: Mapped[str]
    until: Mapped[datetime]
    reason: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]
