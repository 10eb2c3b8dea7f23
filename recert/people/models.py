"""Tables of people."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from recert.foundation.db import Base, enum_column
from recert.foundation.separation import Step


class OrganisationKind(StrEnum):
    OWN = "own"
    PARTNER = "partner"


class AssignedBy(StrEnum):
    """The change by which somebody became the reviewer."""

    FOLDER_OWNER = "owner of a folder"
    GROUP_OWNER = "owner of a group"
    SERVICE_OWNER = "owner of a service account"
    MANAGER = "manager of a person"
    LEAVER = "a person marked as left"
    DELEGATION = "delegation"


class Organisation(Base):
    __tablename__ = "organisation"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[OrganisationKind] = mapped_column(enum_column(OrganisationKind))


class Person(Base):
    """Someone the identity system knows. `email` is lower case and identifies the person."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    department: Mapped[str] = mapped_column(default="")
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    manager_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    active: Mapped[bool] = mapped_column(default=True)
    left_on: Mapped[date | None]
    # Of mails and of the pages they lead to; empty: as the installation has it.
    language: Mapped[str] = mapped_column(default="", server_default="")
    zone: Mapped[str] = mapped_column(default="", server_default="")

    organisation: Mapped[Organisation] = relationship()


class Training(Base):
    """Somebody took part in a course about reviewing access. Rows are only added."""

    __tablename__ = "training"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    on: Mapped[date] = mapped_column("held_on", primary_key=True)
    course: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]  # when it was written down


class User(Base):
    """A way to sign in to Recert; it belongs to a person, who may have several. Roles are granted
    here, never by an import."""

    __tablename__ = "app_user"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(JSON)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)

    @property
    def ref(self) -> str:
        """How the trail names them."""
        return f"user:{self.id}"


class StepTaken(Base):
    """A step of which another one must be taken by somebody else. Rows are only added; triggers
    refuse the rest. `ref` is what it was about, as the trail names it."""

    __tablename__ = "step_taken"
    __table_args__ = (Index("ix_step_taken_ref", "ref", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    ref: Mapped[str]
    step: Mapped[Step] = mapped_column(enum_column(Step))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    name: Mapped[str]
    login: Mapped[str] = mapped_column(default="", server_default="")
    at: Mapped[datetime]


class OnePersonRule(Base):
    """Whether one person may take both of two steps where nobody else could: one row, set by an
    operator only."""

    __tablename__ = "one_person_rule"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    allowed: Mapped[bool]
    reason: Mapped[str]
    at: Mapped[datetime]


class SelfAssignment(Base):
    """Somebody became the reviewer by a change of their own: nothing of it is decided by them
    before another officer agreed. `ref_id` is the row that was changed."""

    __tablename__ = "self_assignment"
    __table_args__ = (Index("ix_self_assignment_waiting", "person_id", "kind", "ref_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[AssignedBy] = mapped_column(enum_column(AssignedBy))
    ref_id: Mapped[int]
    what: Mapped[str]  # as a text, for whoever agrees
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    agreed_by: Mapped[str | None]
    agreed_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(default="", server_default="")

    @property
    def ref(self) -> str:
        """How the trail names it."""
        return f"self_assignment:{self.id}"


class WebSession(Base):
    """One signed-in browser. Only the hash of its id is kept; deleting the row signs it out."""

    __tablename__ = "web_session"

    id_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("app_user.id"), index=True)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime] = mapped_column("seen_at")
    expires_at: Mapped[datetime]
    address: Mapped[str]
    # Of a sign-in by an identity provider: which one, what it calls the session, and the roles
    # that its groups give for as long as the session lasts.
    provider_id: Mapped[int | None]
    provider_session: Mapped[str] = mapped_column(default="", server_default="")
    provider_roles: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    id_token: Mapped[str] = mapped_column(default="", server_default="")


class SignInFailure(Base):
    """A refused sign-in, counted to slow down guessing. Old rows are removed."""

    __tablename__ = "sign_in_failure"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    email: Mapped[str] = mapped_column(index=True)
    address: Mapped[str]


class TokenScope(StrEnum):
    """What a program may do with its access token."""

    READ_ACCESS = "read access"  # accounts, entitlements and their holders of its servers
    CHANGE_ACCESS = "change access"  # order changes on its servers


class AccessToken(Base):
    """What lets a program use the API. Only hashes are kept. After a rotation the former secret
    works until `previous_until`, so that the program can be changed without a gap."""

    __tablename__ = "access_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    servers: Mapped[list[str]] = mapped_column(JSON)  # names of the servers that it is for
    secret_hash: Mapped[str] = mapped_column(unique=True)
    previous_hash: Mapped[str | None] = mapped_column(unique=True)
    previous_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_from: Mapped[str] = mapped_column(default="", server_default="")
    revoked_at: Mapped[datetime | None]

    @property
    def ref(self) -> str:
        """How the trail names it."""
        return f"access_token:{self.id}"
