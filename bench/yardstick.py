"""What is measured against: the bare driver, without anything of ours."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from sqlalchemy import text

from recert.foundation.db import Database

COLUMNS = "a bigint, b int, c int, d int, e int, f text, g int"
ROUNDS = 3


def seconds(act: Callable[[], object]) -> float:
    """How long it took."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def typical(act: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median of some rounds."""
    return median(seconds(act) for _ in range(rounds))


def raw_load(db: Database, rows: list[tuple[Any, ...]]) -> float:
    """Seconds of executemany (SQLite) or COPY (PostgreSQL) of the same rows into a bare table."""

    def load() -> None:
        with db.engine.begin() as connection:
            connection.execute(text("DROP TABLE IF EXISTS bare"))
            connection.execute(text(f"CREATE TABLE bare ({COLUMNS})"))
            driver: Any = connection.connection.driver_connection
            if db.is_sqlite:
                driver.executemany("INSERT INTO bare VALUES (?,?,?,?,?,?,?)", rows)
                return
            with driver.cursor() as cursor, cursor.copy("COPY bare FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)

    return typical(load)


ITEM = (
    "campaign_id int, server_id int, grant_id int, account_id int, folder_id int, "
    "reviewer_id int, route text, rights int, content_hash bigint, sort_key int, state text, "
    "version int, outcome text"
)
QUESTIONS = (
    "SELECT 1, g.server_id, g.id, g.account_id, g.folder_id, o.person_id, 'folder owner', "
    "g.rights, g.content_hash, g.id, 'open', 0, '' FROM access_grant g "
    "LEFT JOIN folder_route r ON r.folder_id = g.folder_id "
    "LEFT JOIN folder_owner o ON o.id = r.folder_owner_id "
    "WHERE g.gone_snapshot_id IS NULL"
)


def bare_insert_select(db: Database) -> float:
    """Seconds of a bare INSERT .. SELECT of one question for each grant, with its folder's owner,
    into a table with a number and one index: unordered, unchecked and uncounted."""

    def copy() -> None:
        number = "id integer PRIMARY KEY" if db.is_sqlite else "id serial PRIMARY KEY"
        names = ", ".join(one.split()[0] for one in ITEM.split(", "))
        with db.engine.begin() as connection:
            connection.execute(text("DROP TABLE IF EXISTS bare_item"))
            connection.execute(text(f"CREATE TABLE bare_item ({number}, {ITEM})"))
            connection.execute(
                text("CREATE INDEX bare_page ON bare_item (campaign_id, reviewer_id, id)")
            )
            connection.execute(text(f"INSERT INTO bare_item ({names}) {QUESTIONS}"))

    return typical(copy)


def bare_update(db: Database, item_ids: list[int]) -> float:
    """Seconds of a bare UPDATE of one item in a transaction of its own."""
    at = iter(item_ids)

    def update() -> None:
        with db.transaction() as session:
            session.execute(text("UPDATE item SET outcome = 'x' WHERE id = :id"), {"id": next(at)})

    return typical(update, rounds=len(item_ids))
