"""Many rows at once: executemany on SQLite, COPY on PostgreSQL. Rows are streamed, never kept."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy.engine import Connection

Row = tuple[Any, ...]


def insert(
    connection: Connection, table: str, columns: tuple[str, ...], rows: Iterable[Row]
) -> None:
    """Adds plain tuples (numbers, text, None) to a table in the open transaction. Table and
    column names come from our code only."""
    names = ", ".join(columns)
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        driver.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608
        return
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
