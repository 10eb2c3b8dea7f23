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


def bare_insert_select(db: Database) -> float:
    """Seconds of a bare INSERT .. SELECT of all grants into an unindexed copy."""

    def copy() -> None:
        with db.engine.begin() as connection:
            connection.execute(text("DROP TABLE IF EXISTS bare_item"))
            connection.execute(
                text("CREATE TABLE bare_item (a int, b int, c int, d int, e int, f bigint, g text)")
            )
            connection.execute(
                text(
                    "INSERT INTO bare_item SELECT id, server_id, account_id, folder_id, rights, "
                    "content_hash, 'open' FROM access_grant WHERE gone_snapshot_id IS NULL"
                )
            )

    return typical(copy)


def bare_update(db: Database, item_ids: list[int]) -> float:
    """Seconds of a bare UPDATE of one item in a transaction of its own."""
    at = iter(item_ids)

    def update() -> None:
        with db.transaction() as session:
            session.execute(text("UPDATE item SET outcome = 'x' WHERE id = :id"), {"id": next(at)})

    return typical(update, rounds=len(item_ids))
