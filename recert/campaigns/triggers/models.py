"""Tables of what happens between campaigns: looks at new snapshots, and what they found."""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base


class ServerLook(Base):
    """A complete snapshot that was compared with the one looked at before. The unique key makes
    that happen once, whatever the number of workers."""

    __tablename__ = "server_look"
    __table_args__ = (UniqueConstraint("server_id", "snapshot_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"))
    snapshot_id: Mapped[int] = mapped_column(ForeignKey("snapshot.id"))
    at: Mapped[datetime]


class KnownPerson(Base):
    """The last known state of a person who holds an account on a server."""

    __tablename__ = "person_seen"

    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    department: Mapped[str]
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    active: Mapped[bool]


class CameBack(Base):
    """Access that an order had taken away and that a later snapshot showed again."""

    __tablename__ = "came_back"

    order_id: Mapped[int] = mapped_column(ForeignKey("server_order.id"), primary_key=True)
    grant_id: Mapped[int] = mapped_column(ForeignKey("access_grant.id"), primary_key=True)
    at: Mapped[datetime]


class EmergencyUse(Base):
    """A use of an emergency account that was asked about, or that nobody could be asked about."""

    __tablename__ = "emergency_use"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    used_at: Mapped[datetime] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class Recheck(Base):
    """A change that was not made because the server had something else by then. The next snapshot
    decides once what becomes of it: `note` says what, and `campaign_id` where it is asked again."""

    __tablename__ = "second_look"

    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("server_order.id"))
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"), index=True)
    wanted_at: Mapped[datetime]
    grant_id: Mapped[int | None] = mapped_column(ForeignKey("access_grant.id"))
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"))
    note: Mapped[str] = mapped_column(default="", server_default="")
