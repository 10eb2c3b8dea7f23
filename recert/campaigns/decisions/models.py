"""The table of decisions: append-only versions, never overwritten, never deleted."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from recert.campaigns.models import Answer
from recert.foundation.actor import Assurance, Channel
from recert.foundation.db import Base, enum_column


class Decision(Base):
    """One answer to one item. The newest version counts until the item is final. `rights` and
    `content_hash` are what the reviewer saw, `answer_rights` what shall remain."""

    __tablename__ = "decision"
    __table_args__ = (UniqueConstraint("item_id", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), index=True)
    version: Mapped[int]
    answer: Mapped[Answer] = mapped_column(enum_column(Answer))
    answer_rights: Mapped[int | None]
    reason: Mapped[str]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    actor: Mapped[str]
    channel: Mapped[Channel] = mapped_column(enum_column(Channel))
    assurance: Mapped[Assurance] = mapped_column(enum_column(Assurance))
    address: Mapped[str]
    batch: Mapped[str | None] = mapped_column(index=True)
    at: Mapped[datetime]
    rights: Mapped[int]
    content_hash: Mapped[int] = mapped_column(BigInteger)
    keep_until: Mapped[datetime | None]
    on_behalf_of: Mapped[int | None]  # the person who delegated; the guarded table takes no new key
    # What the page showed beside the rights, as JSON: facts and hints with their words.
    seen: Mapped[str] = mapped_column(default="", server_default="")
    session: Mapped[str] = mapped_column(default="", server_default="")  # see Actor.session
    late: Mapped[bool] = mapped_column(default=False, server_default=false())  # after the due date
