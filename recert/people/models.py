"""Tables of people."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from recert.foundation.db import Base, words


class OrganisationKind(StrEnum):
    OWN = "own"
    PARTNER = "partner"


class Organisation(Base):
    __tablename__ = "organisation"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[OrganisationKind] = mapped_column(words(OrganisationKind))


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
    """Somebody who can sign in to Recert. Roles are granted here, never by an import."""

    __tablename__ = "app_user"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(JSON)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class WebSession(Base):
    """One signed-in browser. Only the hash of its id is kept; deleting the row signs it out."""

    __tablename__ = "web_session"

    id_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("app_user.id"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    address: Mapped[str]


class SignInFailure(Base):
    """A refused sign-in, counted to slow down guessing. Old rows are removed."""

    __tablename__ = "sign_in_failure"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    email: Mapped[str] = mapped_column(index=True)
    address: Mapped[str]
