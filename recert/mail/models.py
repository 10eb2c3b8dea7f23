"""Tables of mail. `topic`, `subject` and `holder` are references as text ("campaign:3"), because
this package lies below those they point to."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base, enum_column

FAILED = text("state = 'failed'")


class MessageState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"  # not right any more before it was sent


class OutboxMessage(Base):
    """One mail, written in the transaction of its use case. `message_id` is fixed here,
    so that a second try after a crash carries the same one. Once it is sent or failed for good,
    its text is kept without the secrets of its links."""

    __tablename__ = "outbox_message"
    __table_args__ = (
        Index("ix_outbox_message_due", "state", "next_at"),
        Index("ix_outbox_message_failed", "topic", sqlite_where=FAILED, postgresql_where=FAILED),
        Index("ix_outbox_message_to_address", "to_address"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(unique=True)
    in_reply_to: Mapped[str | None]
    topic: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    to_address: Mapped[str]
    to_name: Mapped[str]
    subject: Mapped[str]
    text: Mapped[str]
    html: Mapped[str]
    state: Mapped[MessageState] = mapped_column(enum_column(MessageState))
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(default="")
    # The secret part of the address for replies and bounces, and the link that ends such mails.
    reply_key: Mapped[str] = mapped_column(default="", server_default="")
    unsubscribe: Mapped[str] = mapped_column(default="", server_default="")
    language: Mapped[str] = mapped_column(default="", server_default="")
    # When a mail server reported later that the mail did not arrive, and why.
    bounced_at: Mapped[datetime | None]
    bounce: Mapped[str] = mapped_column(default="", server_default="")


class Purpose(StrEnum):
    """What a token is for; one made for another purpose is refused."""

    DECIDE_ITEM = "decide item"
    OBJECT = "object"  # to losing access
    DECIDE_FOLDER = "decide folder"
    REPLY = "reply"
    UNSUBSCRIBE = "unsubscribe"


# Prefixes by which secret scanners recognise Recert's tokens.
PREFIXES = {
    Purpose.DECIDE_ITEM: "rci_",
    Purpose.DECIDE_FOLDER: "rcf_",
    Purpose.UNSUBSCRIBE: "rcu_",
}


class MailToken(Base):
    """One link in one mail: one subject, one holder, one purpose, and the subject's state when the
    mail was written. Only its hash is kept. `number` is the line of the mail it stands in. What
    is held needs a sign-in: it was used as no person does."""

    __tablename__ = "mail_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    purpose: Mapped[Purpose] = mapped_column(enum_column(Purpose))
    subject: Mapped[str] = mapped_column(index=True)
    holder: Mapped[str] = mapped_column(index=True)
    message_id: Mapped[int | None] = mapped_column(ForeignKey("outbox_message.id"), index=True)
    number: Mapped[int] = mapped_column(default=0, server_default="0")
    state: Mapped[str] = mapped_column(default="", server_default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    held_at: Mapped[datetime | None]
    held_why: Mapped[str] = mapped_column(default="", server_default="")


class VisitKind(StrEnum):
    """What somebody, or something, did with a link."""

    HEAD = "head"
    OPEN = "open"
    PRESS = "press"


class LinkVisit(Base):
    """Who opened or used a link: the access log by which programs are distinguished from people.
    Kept for a day."""

    __tablename__ = "link_visit"
    __table_args__ = (Index("ix_link_visit_holder_at", "holder", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("mail_token.id"), index=True)
    holder: Mapped[str]
    act: Mapped[VisitKind] = mapped_column(enum_column(VisitKind))
    address: Mapped[str]
    agent: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)


class InboundKind(StrEnum):
    REPLY = "reply"
    BOUNCE = "bounce"
    AUTOMATIC = "automatic"


class InboundMail(Base):
    """One mail that came in and what became of it. The digest of its bytes makes it count once.
    The mail itself stays in the mailbox."""

    __tablename__ = "inbound_mail"
    __table_args__ = (Index("ix_inbound_mail_from_address_at", "from_address", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    message_id: Mapped[str]
    from_address: Mapped[str]
    kind: Mapped[InboundKind] = mapped_column(enum_column(InboundKind))
    outcome: Mapped[str]
    answered: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime]


class Undeliverable(Base):
    """An address that mail cannot reach, why, and since when. The row goes when mail reaches it
    again; a person with a new address is not concerned any more."""

    __tablename__ = "undeliverable_address"

    address: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    message_id: Mapped[str]
    at: Mapped[datetime]
    # When substitutes and officers were notified.
    notified_at: Mapped[datetime | None] = mapped_column("told_at")


class OptOut(Base):
    """Somebody does not want this kind of notice. Questions are never of such a kind."""

    __tablename__ = "mail_opt_out"

    address: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
