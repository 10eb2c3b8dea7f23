"""A signed campaign with something in every table that a package shows, and edits of its rows."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Date, Enum, Integer, Table, select, update
from sqlalchemy.exc import DBAPIError

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign
from recert.campaigns.notifications import reviewer_mails
from recert.campaigns.policy import Policy
from recert.campaigns.setup import exclusions
from recert.connectors.rights import Rights
from recert.evidence.audit import findings
from recert.evidence.models import Judgement
from recert.foundation import schema
from recert.foundation.db import Database, Moment
from recert.trail.act import Act
from tests.support.house import House

INBOX = "/finance/inbox"


def signed_off(house: House) -> int:
    """A campaign with an exclusion, a release by a second person, a doubt of an owner, mails,
    orders, an undo, and an auditor's verdict; its number."""
    with house.db.transaction() as session:
        server = house.server()
        made = exclusions.ask(
            Act(session, house.officer, house.now),
            server,
            "seller",
            "/sales",
            "A robot.",
            house.now + timedelta(days=30),
        )
        exclusions.approve(Act(session, house.admin, house.now), made)
    policy = Policy(removal_threshold=1, removal_threshold_from=1)
    campaign = house.launched(policy=policy)
    reviewer_mails.send_due(house.db, house.head, now=house.now)
    house.decide("pia", INBOX, Reply(Answer.REVOKE, reason="Over."))
    house.decide("batch", INBOX, Reply(Answer.REDUCE, Rights.LIST, reason="Enough."))
    house.decide("bob", INBOX, Reply(Answer.NOT_MINE, reason="Ask Bob."))
    house.decide_all("lea", "/finance", Reply(Answer.KEEP, reason="Still needed."))
    house.finish("alice")
    house.carry_out()
    house.release(campaign)
    house.carry_out()
    house.take_back(house.orders()[0].id)
    house.carry_out()
    house.close(campaign)
    house.sign_off(campaign)
    with house.db.transaction() as session:
        found = session.get_one(Campaign, campaign)
        findings.draw_sample(Act(session, house.auditor, house.now), found, 2, "seed")
        findings.remark(Act(session, house.auditor, house.now), found, "Seen.", None)
        findings.judge(Act(session, house.auditor, house.now), found, Judgement.ACCEPTED, "")
    return campaign


def columns() -> Iterator[tuple[Table, Column[Any]]]:
    """Every column of every table."""
    for table in schema.metadata().sorted_tables:
        for column in table.columns:
            yield table, column


def other(column: Column[Any], value: Any) -> Any:
    """A value that is different and possible."""
    kind = column.type
    if isinstance(kind, Enum):
        return next(one for one in kind.enums if one != value and one != getattr(value, "value", 0))
    if isinstance(kind, JSON):
        return {"edited": True} if not isinstance(value, list) else [*value, 99]
    if isinstance(kind, Boolean):
        return not value
    if isinstance(kind, Integer):
        return (value or 0) + 1
    if isinstance(kind, Moment):
        return (value or datetime.fromisoformat("2026-01-01T00:00:00+00:00")) + timedelta(days=1)
    if isinstance(kind, Date):
        return (value or date(2026, 1, 1)) + timedelta(days=1)
    return f"{value or ''}edited"


def edit(db: Database, table: Table, column: Column[Any]) -> list[tuple[Any, Any]] | None:
    """Changes the column in every row by SQL; what to put back. None when the database refuses,
    an empty list when there is no row."""
    keys = list(table.primary_key.columns)
    raw = table.c[column.name]
    with db.engine.connect() as connection:
        rows = connection.execute(select(*keys, raw.label("edited_value"))).all()
    before = [(tuple(row[:-1]), row[-1]) for row in rows]
    try:
        put(db, table, column, [(key, other(column, value)) for key, value in before])
    except DBAPIError:
        return None
    if column.primary_key:
        at = [key.name for key in keys].index(column.name)
        return [((*key[:at], other(column, value), *key[at + 1 :]), value) for key, value in before]
    return before


def put(db: Database, table: Table, column: Column[Any], values: list[tuple[Any, Any]]) -> None:
    """Sets the column of rows, all or none."""
    keys = list(table.primary_key.columns)
    with db.engine.begin() as connection:
        for key, value in reversed(values):
            here = [one == part for one, part in zip(keys, key, strict=True)]
            connection.execute(update(table).where(*here).values({column.name: value}))
