"""Tables of the synchronisation: sources, stable identities, history, requests of pages."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base, enum_column

LONGEST_NAME, LONGEST_KEY = 64, 500


class SourceState(StrEnum):
    """How the last run of a source ended."""

    NEVER_RUN = "never run"
    COMPLETE = "complete"
    HELD = "held"  # far fewer people than before: somebody has to confirm it
    FAILED = "failed"


class RequestKind(StrEnum):
    """What a page asks the worker to do with a source."""

    TEST = "test"
    ENTRY = "entry"
    PREVIEW = "preview"


class RegisteredSource(Base):
    """A directory from which people come. `secret_file` is the path of a file; its content is never
    stored."""

    __tablename__ = "people_source"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME), unique=True)
    kind: Mapped[str] = mapped_column(String(LONGEST_NAME))
    settings: Mapped[dict[str, str]] = mapped_column(JSON)
    secret_file: Mapped[str]
    enabled: Mapped[bool]
    most_lost_percent: Mapped[int]
    state: Mapped[SourceState] = mapped_column(enum_column(SourceState))
    problem: Mapped[str]
    last_run_at: Mapped[datetime | None]
    last_complete_at: Mapped[datetime | None]
    wanted_at: Mapped[datetime | None]  # somebody asked for a run before its time
    counts: Mapped[dict[str, int]] = mapped_column(JSON)
    warnings: Mapped[list[str]] = mapped_column(JSON)
    cursor: Mapped[str]  # how far an incremental reading has come; unused by full ones
    confirmed_lost: Mapped[int | None]  # how many leavers a person confirmed for the next run
    confirmed_by: Mapped[str]

    @property
    def ref(self) -> str:
        """How the trail names it."""
        return f"people_source:{self.id}"


class PersonIdentity(Base):
    """How a source recognises a person for ever, whatever their name and mail address become. A key
    that comes anew is another person. `gone_at`: when a full answer lacked it."""

    __tablename__ = "person_identity"
    __table_args__ = (UniqueConstraint("source", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(LONGEST_NAME))
    key: Mapped[str] = mapped_column(String(LONGEST_KEY))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    added_at: Mapped[datetime]
    gone_at: Mapped[datetime | None]


class PersonHistory(Base):
    """One change of what a source states about a person. Rows are only added."""

    __tablename__ = "person_history"
    __table_args__ = (Index("ix_person_history_person_id_id", "person_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    field: Mapped[str] = mapped_column(String(LONGEST_NAME))
    before: Mapped[str]
    after: Mapped[str]
    at: Mapped[datetime]
    source: Mapped[str] = mapped_column(String(LONGEST_NAME))


class SourceRequest(Base):
    """The newest request of each kind that a page made about a source; the worker fulfils it."""

    __tablename__ = "people_source_request"

    source_id: Mapped[int] = mapped_column(ForeignKey("people_source.id"), primary_key=True)
    kind: Mapped[RequestKind] = mapped_column(enum_column(RequestKind), primary_key=True)
    argument: Mapped[str]
    asked_at: Mapped[datetime]
    asked_by: Mapped[str]
    begun_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any]] = mapped_column(JSON)

    @property
    def is_under_way(self) -> bool:
        """Asked for and not fulfilled yet."""
        return self.ended_at is None
