"""Many rows at once: executemany on SQLite, COPY on PostgreSQL, and plain tuples on the way back.
Rows are streamed, never kept."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import count
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from recert.foundation.db import AnySelect

CHUNK = 5000
Row = tuple[Any, ...]
_numbers = count()


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


def select(session: Session, query: AnySelect, size: int = CHUNK) -> Iterator[Sequence[Row]]:
    """The rows of a query as the driver has them, some at a time. Types are not converted: cast
    to text in the query what is no text or number. Ten million cells cost a third of what they
    cost as objects."""
    session.flush()
    connection = session.connection()
    text = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
    driver: Any = connection.connection.driver_connection
    # A named cursor of PostgreSQL stays on the server; any other would fetch all rows at once.
    by_name = {} if connection.dialect.name == "sqlite" else {"name": f"rows_{next(_numbers)}"}
    if by_name:  # every row is wanted; PostgreSQL plans a cursor for the first tenth of them
        driver.execute("SET LOCAL cursor_tuple_fraction = 1")
    with closing(driver.cursor(**by_name)) as cursor:
        cursor.execute(text)
        while rows := cursor.fetchmany(size):
            yield rows
