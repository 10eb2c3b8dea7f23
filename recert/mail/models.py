"""Tables of mail. `topic`, `subject` and `holder` are references as text ("campaign:3"), because
this room lies below the rooms they point to."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from recert.foundation.db import Base, words

FAILED = text("state = 'failed'")


class MessageState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class OutboxMessage(Base):
    """One mail, written in the transaction of the verb that wanted it. `message_id` is fixed here,
    so that a second try after a crash carries the same one. Once it is sent or given up, its text
    is kept without the secrets of its links."""

    __tablename__ = "outbox_message"
    __table_args__ = (
        Index("ix_outbox_message_due", "state", "next_at"),
        Index("ix_outbox_message_failed", "topic", sqlite_where=FAILED, postgresql_where=FAILED),
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
    state: Mapped[MessageState] = mapped_column(words(MessageState))
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(default="")


class Purpose(StrEnum):
    """What a token is for; one made for another purpose is refused."""

    DECIDE_ITEM = "decide item"


class MailToken(Base):
    """One link in one mail: one item, one reviewer, one purpose. Only its hash is kept."""

    __tablename__ = "mail_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    purpose: Mapped[Purpose] = mapped_column(words(Purpose))
    subject: Mapped[str] = mapped_column(index=True)
    holder: Mapped[str] = mapped_column(index=True)
    message_id: Mapped[int | None] = mapped_column(ForeignKey("outbox_message.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
