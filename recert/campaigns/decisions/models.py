"""The table of decisions, and the builders of all its rows: versions are added, never changed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ForeignKey,
    SQLColumnExpression,
    UniqueConstraint,
    false,
    insert,
    literal,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column

from recert.campaigns.models import Answer, Item
from recert.foundation.actor import Assurance, Channel
from recert.foundation.db import AnySelect, Base, enum_column
from recert.trail.act import Act


@dataclass(frozen=True)
class DecisionContent:
    """What is decided, and what is kept beside it. For a set of items a value may be a column."""

    answer: Answer
    rights: (
        int | SQLColumnExpression[Any] | None
    )  # what shall remain; None: somebody else decides it
    reason: str
    keep_until: datetime | SQLColumnExpression[Any] | None = None
    on_behalf_of: int | SQLColumnExpression[Any] | None = None
    context: str | SQLColumnExpression[Any] = ""
    session: str = ""
    late: bool = False


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
    # What the page showed beside the rights, as JSON: facts and hints with their texts.
    context: Mapped[str] = mapped_column("seen", default="", server_default="")
    session: Mapped[str] = mapped_column(default="", server_default="")  # see Actor.session
    late: Mapped[bool] = mapped_column(default=False, server_default=false())  # after the due date

    @classmethod
    def by(cls, act: Act, item: Item, content: DecisionContent) -> Self:
        """The next decision on one item, added to the session. Whoever acts decides."""
        values = {**_values(act, content), "item_id": item.id, "version": item.version + 1}
        decision = cls(**values, rights=item.rights, content_hash=item.content_hash)
        act.session.add(decision)
        return decision


def _unjoined(query: AnySelect) -> AnySelect:
    return query


def insert_decisions(
    act: Act,
    batch: str,
    content: DecisionContent,
    *where: ColumnElement[bool],
    version: SQLColumnExpression[int] = Item.version + 1,
    join: Callable[[AnySelect], AnySelect] = _unjoined,
) -> None:
    """Adds one decision for each item to which the conditions apply, in one statement. `join` adds
    the tables to which columns of the content belong."""
    columns = Decision.__mapper__.columns
    values = {
        "item_id": Item.id,
        "version": version,
        "rights": Item.rights,
        "content_hash": Item.content_hash,
        "batch": batch,
        **_values(act, content),
    }
    selected = [
        value if isinstance(value, SQLColumnExpression) else literal(value, columns[name].type)
        for name, value in values.items()
    ]
    rows = join(select(*selected).select_from(Item)).where(*where)
    act.session.execute(insert(Decision).from_select([columns[name] for name in values], rows))


def _values(act: Act, content: DecisionContent) -> dict[str, Any]:
    return {
        "answer": content.answer,
        "answer_rights": content.rights,
        "reason": content.reason,
        "person_id": act.actor.person_id,
        "actor": act.actor.name,
        "channel": act.actor.channel,
        "assurance": act.actor.assurance,
        "address": act.actor.address,
        "at": act.now,
        "keep_until": content.keep_until,
        "on_behalf_of": content.on_behalf_of,
        "context": content.context,
        "session": content.session,
        "late": content.late,
    }
