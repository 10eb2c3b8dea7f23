"""Tables of the inventory.

Observed rows carry an interval: `first_snapshot_id` is the first snapshot that holds the row,
`gone_snapshot_id` the first later one that does not (NULL while it is there). A row is part of
snapshot S when first <= S and (gone is NULL or gone > S).
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from recert.connectors.contract import AccountKind
from recert.foundation.db import Base, enum_column

STILL_THERE = text("gone_snapshot_id IS NULL")
NOT_THERE = text("gone_snapshot_id IS NOT NULL")


def _once_alive(name: str, column: str) -> Index:
    """On one server a name is unique among what is still there."""
    return Index(
        name,
        "server_id",
        column,
        unique=True,
        sqlite_where=STILL_THERE,
        postgresql_where=STILL_THERE,
    )


class SnapshotState(StrEnum):
    READING = "reading"
    COMPLETE = "complete"
    PARTIAL = "partial"  # something could not be read: kept as a note, never counts
    FAILED = "failed"
    HELD = "held"  # far fewer entries than last time: waits for a person


class Server(Base):
    __tablename__ = "server"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    settings: Mapped[dict[str, Any]] = mapped_column(JSON)
    writes_enabled: Mapped[bool] = mapped_column(default=False)
    # Servers with the same label show the same directories under the same paths; empty: its own.
    storage: Mapped[str] = mapped_column(default="", server_default="")
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]
    snapshot_wanted_at: Mapped[datetime | None]


class Snapshot(Base):
    """What one server granted at one time. The counts are those of the reading; `added` and `gone`
    count what changed since the snapshot before."""

    __tablename__ = "snapshot"

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"), index=True)
    state: Mapped[SnapshotState] = mapped_column(enum_column(SnapshotState))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    accounts: Mapped[int] = mapped_column(default=0)
    folders: Mapped[int] = mapped_column(default=0)
    grants: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    gone: Mapped[int] = mapped_column(default=0)
    fingerprint: Mapped[str] = mapped_column(default="")
    source: Mapped[str] = mapped_column(default="")
    reason: Mapped[str] = mapped_column(default="")
    warnings: Mapped[list[str]] = mapped_column(JSON, default=list)
    collector: Mapped[str] = mapped_column(default="", server_default="")
    read_started_at: Mapped[datetime | None]
    read_ended_at: Mapped[datetime | None]
    # A summary of the reading: how often each command ran, and the files that were read.
    asked: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    # The raw answers, a file of the data folder. Hash and size stay when it is removed.
    recording_sha256: Mapped[str] = mapped_column(default="", server_default="")
    recording_size: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    recording_note: Mapped[str] = mapped_column(default="", server_default="")  # why there is none
    recording_removed_at: Mapped[datetime | None]


class SnapshotInterval:
    """The interval of snapshots that hold a row."""

    first_snapshot_id: Mapped[int] = mapped_column(ForeignKey("snapshot.id"))
    gone_snapshot_id: Mapped[int | None] = mapped_column(ForeignKey("snapshot.id"))


class Account(SnapshotInterval, Base):
    """A login on one server. A name that is used again after it was gone is a new account."""

    __tablename__ = "account"
    __table_args__ = (_once_alive("uq_account_live", "name"), Index("ix_account_name", "name"))

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"))
    name: Mapped[str]
    kind: Mapped[AccountKind] = mapped_column(enum_column(AccountKind))
    enabled: Mapped[bool]
    display_name: Mapped[str]
    email: Mapped[str]
    expires_at: Mapped[datetime | None]
    last_login_at: Mapped[datetime | None]
    note: Mapped[str]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    key_count: Mapped[int | None]  # authorized keys that open it; NULL: not known
    # Nobody knows whose it is, and people hold a login of the same name: see AccountCandidate.
    has_candidates: Mapped[bool] = mapped_column(default=False, server_default=false())


class AccountCandidate(Base):
    """Somebody who holds a login of the same name, on this server or another one, as an account of
    which nobody knows whose it is. They do not review it until it is joined to a person."""

    __tablename__ = "account_candidate"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)


class AccountPerson(Base):
    """Whose account a login is, as somebody stated it: it counts before the mail address that the
    server knows. Without a person it is stated that it belongs to nobody Recert knows."""

    __tablename__ = "account_person"
    __table_args__ = (UniqueConstraint("server_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"))
    name: Mapped[str]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    set_by: Mapped[str]
    set_at: Mapped[datetime]


class Group(SnapshotInterval, Base):
    __tablename__ = "server_group"
    __table_args__ = (_once_alive("uq_server_group_live", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"))
    name: Mapped[str]


class GroupMember(SnapshotInterval, Base):
    __tablename__ = "group_member"

    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("server_group.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)


class Folder(SnapshotInterval, Base):
    """A boundary: somebody's rights here differ from those in the folder above."""

    __tablename__ = "folder"
    __table_args__ = (_once_alive("uq_folder_live", "path"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"))
    path: Mapped[str]


class Source(Base):
    """The statements that give rights, each text once per server."""

    __tablename__ = "source"
    __table_args__ = (UniqueConstraint("server_id", "text"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"))
    text: Mapped[str]


class Grant(Base):
    """This account has these rights in this folder. A row never changes but for its end: other
    rights are another row. `content_hash` (64 bit) stands for names, rights and sources.

    There are millions of them, written by one statement that takes every id from the table it
    belongs to. Foreign keys would look each of them up again and double the time of a first
    snapshot; triggers keep what is named instead."""

    __tablename__ = "access_grant"
    __table_args__ = (
        Index(
            "ix_access_grant_live",
            "server_id",
            "content_hash",
            sqlite_where=STILL_THERE,
            postgresql_where=STILL_THERE,
        ),
        Index("ix_access_grant_folder", "folder_id", "account_id"),
        # With the id at its end lists walk along it, oldest access first.
        Index("ix_access_grant_first", "server_id", "first_snapshot_id", "id"),
        Index(
            "ix_access_grant_gone",
            "server_id",
            "gone_snapshot_id",
            sqlite_where=NOT_THERE,
            postgresql_where=NOT_THERE,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int]
    account_id: Mapped[int]
    folder_id: Mapped[int]
    rights: Mapped[int]
    source_id: Mapped[int]
    first_snapshot_id: Mapped[int]
    gone_snapshot_id: Mapped[int | None]
    native: Mapped[str]
    widened: Mapped[bool]
    # "ftp=3 sftp=7" where the protocols of the server differ; `rights` is then their union.
    protocols: Mapped[str] = mapped_column(default="", server_default="")
    content_hash: Mapped[int] = mapped_column(BigInteger)


class FolderOwner(Base):
    """Who answers for a folder and everything below it that has no owner of its own."""

    __tablename__ = "folder_owner"
    __table_args__ = (UniqueConstraint("server_id", "path"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"))
    path: Mapped[str]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    substitute_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    classification: Mapped[str] = mapped_column(default="", server_default="")
    confirmed_at: Mapped[datetime | None]  # when the owner last confirmed the ownership


class GroupOwner(Base):
    """Who answers for the members of a group, by its name: a group that is made anew keeps them."""

    __tablename__ = "group_owner"
    __table_args__ = (UniqueConstraint("server_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"))
    name: Mapped[str]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    substitute_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    confirmed_at: Mapped[datetime | None]


class ServiceAccount(Base):
    """Who answers for an account that no person signs in with, and what it is for."""

    __tablename__ = "service_account"
    __table_args__ = (UniqueConstraint("server_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"))
    name: Mapped[str]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    purpose: Mapped[str]
    confirmed_at: Mapped[datetime | None]


class EmergencyAccount(Base):
    """An account that is kept for emergencies, and why. Rows are ended, never deleted."""

    __tablename__ = "emergency_account"
    __table_args__ = (
        Index(
            "uq_emergency_account_open",
            "server_id",
            "name",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"))
    name: Mapped[str]
    reason: Mapped[str]
    marked_by: Mapped[str]
    marked_at: Mapped[datetime]
    ended_by: Mapped[str | None]
    ended_at: Mapped[datetime | None]

    @property
    def ref(self) -> str:
        """How the trail names it."""
        return f"emergency_account:{self.id}"


class FolderRoute(Base):
    """The nearest owner of each boundary, recomputed whenever folders or owners change."""

    __tablename__ = "folder_route"

    folder_id: Mapped[int] = mapped_column(ForeignKey("folder.id"), primary_key=True)
    folder_owner_id: Mapped[int] = mapped_column(ForeignKey("folder_owner.id"), index=True)


class ConnectionCheck(Base):
    """The newest check of a server's connection: asked for on a page, made by the worker, and its
    results shown. The pages themselves open no connection to a server."""

    __tablename__ = "connection_check"

    server_id: Mapped[int] = mapped_column(ForeignKey("server.id"), primary_key=True)
    asked_at: Mapped[datetime]
    asked_by: Mapped[str]
    begun_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    # One each: name, passed, cause, remedy.
    results: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list, server_default="[]")

    @property
    def is_under_way(self) -> bool:
        """Whether its results are still to come."""
        return self.ended_at is None
