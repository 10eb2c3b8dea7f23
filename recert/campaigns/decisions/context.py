"""Decision context: the facts shown to the reviewer, stored with the decision as JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Text, cast, func, literal, select
from sqlalchemy.orm import Session

from recert.campaigns.models import Item, Subject
from recert.campaigns.reviewing import queries, recommendations
from recert.campaigns.setup.subjects.registry import kind_of
from recert.campaigns.transitions import NoSuchItem
from recert.connectors import rights
from recert.foundation.db import AnySelect
from recert.inventory import emergency_accounts, shared_storage
from recert.inventory.models import Account, Grant, Source
from recert.people.models import Person


@dataclass(frozen=True)
class DecisionContext:
    """The facts shown beside an item as JSON, and the text of the first red hint."""

    text: str
    red: str


def decision_context(
    session: Session, item_id: int, about: Subject, now: datetime
) -> DecisionContext:
    """The facts and hints of one item."""
    row = queries.item_row(session, item_id)
    if row is None:
        raise NoSuchItem
    hints = recommendations.hints_for(session, [row], now=now)[item_id]
    facts: dict[str, object] = {
        "account": row.account,
        "enabled": row.enabled,
        "person": row.person,
        "person_active": row.person_active,
        "last_sign_in": row.last_login_at.isoformat() if row.last_login_at else None,
        "given_by": row.via,
        "as_of": now.isoformat(),
        "hints": [[hint.level.value, hint.text] for hint in hints],
    }
    if subject_facts := kind_of(about).facts(session, [row]).get(item_id):
        facts["topic"] = row.topic
        facts["facts"] = [list(line) for line in subject_facts.lines]
        facts["opens"] = [[path, rights.names(held)] for path, held in subject_facts.folders]
        facts["opens_more"] = subject_facts.more
    red = next((hint.text for hint in hints if hint.level is recommendations.Level.RED), "")
    return DecisionContext(json.dumps(facts, ensure_ascii=False), red)


def context_column(session: Session, now: datetime) -> ColumnElement[str]:
    """The facts of many items as one column, for a query that `with_facts` joined. Hints are
    left out: they follow from these facts and from the trail."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    build = func.json_object if is_sqlite else func.json_build_object
    facts: dict[str, object] = {
        "in_a_list": literal(1),
        "topic": Item.topic,
        "account": Account.name,
        "kind": cast(Account.kind, Text),
        "enabled": Account.enabled,
        "keys": Account.key_count,
        "emergency": emergency_accounts.reason_column(),
        "ends": cast(Account.expires_at, Text),
        "person": Person.name,
        "person_active": Person.active,
        "left_on": cast(Person.left_on, Text),
        "last_sign_in": cast(Account.last_login_at, Text),
        "given_by": Source.text,
        "as_of": literal(now.isoformat()),
    }
    pairs = [part for name, value in facts.items() for part in (cast(literal(name), Text), value)]
    return cast(build(*pairs), Text)


def with_facts(query: AnySelect) -> AnySelect:
    """Joins the tables that `context_column` needs to a query of items."""
    return (
        query.outerjoin(Account, Account.id == Item.account_id)
        .outerjoin(Person, Person.id == Account.person_id)
        .outerjoin(Grant, Grant.id == Item.grant_id)
        .outerjoin(Source, Source.id == Grant.source_id)
    )


def open_elsewhere(session: Session, chosen: Sequence[int]) -> dict[str, str]:
    """Which items are also reachable through another server with the same storage, by item, for
    the trail. Computed apart: per row of the long statement it takes many seconds."""
    hints: dict[str, str] = {}
    for start in range(0, len(chosen), 1000):
        query = select(Item.id, Item.account_id, Item.folder_id).where(
            Item.id.in_(chosen[start : start + 1000]), Item.folder_id.is_not(None)
        )
        rows = session.execute(query).all()
        pairs = {row[0]: (row[1] or 0, row[2] or 0) for row in rows}
        subject_facts = shared_storage.ways(session, set(pairs.values()))
        for item, pair in pairs.items():
            if pair in subject_facts:
                hints[str(item)] = "; ".join(way.text for way in subject_facts[pair])
    return hints
