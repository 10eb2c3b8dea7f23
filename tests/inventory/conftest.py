"""Shortcuts to what a snapshot left in the tables."""

from typing import Any

from sqlalchemy import func, select

from recert.inventory import queries
from recert.inventory.models import Account, Folder, Grant, Group, GroupMember, Snapshot
from recert.inventory.snapshots import Outcome
from tests.support.house import House

Triple = tuple[str, str, int]
TABLES: tuple[Any, ...] = (Account, Folder, Group, GroupMember, Grant)


def grants(house: House, snapshot_id: int) -> set[Triple]:
    """(account, folder, rights) of everything in one snapshot."""
    with house.db.reading() as session:
        snapshot = session.get_one(Snapshot, snapshot_id)
        return {(g.account, g.folder, g.rights) for g in queries.grants_in(session, snapshot)}


def difference(house: House, older: int, newer: int) -> tuple[set[Triple], set[Triple]]:
    with house.db.reading() as session:
        pair = (session.get_one(Snapshot, number) for number in (older, newer))
        added, gone = queries.difference(session, *pair)
        return (
            {(row.account, row.folder, row.rights) for row in added},
            {(row.account, row.folder, row.rights) for row in gone},
        )


def rows(house: House) -> list[list[tuple[Any, ...]]]:
    """Every row of the interval tables, to see that nothing was touched."""
    with house.db.reading() as session:
        return [
            [tuple(row) for row in session.execute(select(*t.__table__.c).order_by(t.id))]
            for t in TABLES
        ]


def live(house: House, table: Any) -> int:
    with house.db.reading() as session:
        query = select(func.count()).select_from(table).where(table.gone_snapshot_id.is_(None))
        return session.scalars(query).one()


def accounts_named(house: House, name: str) -> list[Account]:
    """Every account that ever had the name, oldest first."""
    with house.db.reading() as session:
        query = select(Account).where(Account.name == name).order_by(Account.id)
        return list(session.scalars(query))


def snapshot_row(house: House, outcome: Outcome) -> Snapshot:
    with house.db.reading() as session:
        return session.get_one(Snapshot, outcome.snapshot_id)
