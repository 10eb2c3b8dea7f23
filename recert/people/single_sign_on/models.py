"""Tables of single sign-on."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base


class Provider(Base):
    """An identity provider that vouches for people. The secret lies in a file of this machine."""

    __tablename__ = "sign_in_provider"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)  # part of its redirect address
    title: Mapped[str]  # on the button
    issuer: Mapped[str]
    client_id: Mapped[str]
    secret_file: Mapped[str] = mapped_column(default="", server_default="")
    scopes: Mapped[str]
    email_claim: Mapped[str]
    groups_claim: Mapped[str]
    # Which role members of a group get: {"ftp-officers": "officer"}.
    group_roles: Mapped[dict[str, str]] = mapped_column(JSON)
    # Its own mail addresses count even where it does not state that they were verified.
    trusts_email: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Passwords are for administrators only, in case the provider is down.
    is_only: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime]

    @property
    def ref(self) -> str:
        """How the trail names it."""
        return f"sign_in_provider:{self.id}"


class ProviderAccount(Base):
    """Who a subject of a provider is. Linked at the first sign-in, never by the address again."""

    __tablename__ = "provider_account"
    __table_args__ = (
        UniqueConstraint("provider_id", "subject"),
        UniqueConstraint("provider_id", "user_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    provider_id: Mapped[int] = mapped_column(ForeignKey("sign_in_provider.id"))
    subject: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("app_user.id"), index=True)
    linked_at: Mapped[datetime]


class SignInAttempt(Base):
    """A browser that was sent to a provider and has not come back yet. Used once."""

    __tablename__ = "sign_in_attempt"

    state_hash: Mapped[str] = mapped_column(primary_key=True)
    provider_id: Mapped[int] = mapped_column(ForeignKey("sign_in_provider.id"))
    browser_hash: Mapped[str]  # of a cookie: nobody else's answer is taken
    nonce: Mapped[str]
    verifier: Mapped[str]
    next: Mapped[str]
    created_at: Mapped[datetime]


class EndedLogoutToken(Base):
    """A logout token that was used: the same one never counts twice."""

    __tablename__ = "logout_token"

    token_id: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]
