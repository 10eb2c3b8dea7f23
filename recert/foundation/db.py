"""The database: SQLite or PostgreSQL, one write transaction per use case.

SQLite: WAL, full sync, foreign keys, and BEGIN IMMEDIATE for every write, because a deferred
transaction that reads first and writes later fails with "database is locked" whatever the timeout.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import (
    DateTime,
    Dialect,
    Engine,
    Enum,
    MetaData,
    Row,
    Select,
    Text,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


class Moment(TypeDecorator[datetime]):
    """An aware UTC time; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive time {value}")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# A result row and a query of any shape.
AnyRow = Row[*tuple[Any, ...]]
AnySelect = Select[*tuple[Any, ...]]

# Text that sorts by code point in both databases.
PlainText = Text().with_variant(Text(collation="C"), "postgresql")


MANY_ROWS = 10_000
# Enough for the threads of the pages, of the ticks and of the jobs on servers.
POOL: dict[str, Any] = {"pool_size": 10, "max_overflow": 60}
READ_ONLY: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


def enum_column(kind: type[StrEnum]) -> Enum:
    """A column type that stores the value of a StrEnum as text."""
    return Enum(
        kind,
        native_enum=False,
        length=64,
        values_callable=lambda members: [member.value for member in members],
    )


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {datetime: Moment, str: PlainText}


class _OneWriter:
    """Whoever wants to write to a file of SQLite waits here, in threads and in processes, in the
    order in which they came: SQLite's own waiting tries again now and then, and under load some
    never get their turn."""

    def __init__(self, file: str) -> None:
        self._file, self._lock, self._depth = f"{file}.writer", threading.RLock(), 0
        self._handle = -1

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._depth == 0:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._handle = os.open(self._file, flags, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX)
        self._depth += 1

    def __exit__(self, *_details: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            os.close(self._handle)  # the lock ends with it, also when the process dies
        self._lock.release()


class Database:
    """One database and its two kinds of transaction."""

    def __init__(self, url: str) -> None:
        self.url: URL = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgresql_engine(self.url)
        self._writer = self.engine.execution_options(begin="BEGIN IMMEDIATE")
        # One state for the whole block, and nothing written by mistake. SQLite is like that anyway.
        self._reader = self.engine.execution_options(**({} if self.is_sqlite else READ_ONLY))
        file = self.url.database if self.is_sqlite else None
        self._one_writer = _OneWriter(file) if file else nullcontext()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Write. Commits at the end, rolls back when an error leaves the block."""
        with (
            self._one_writer,
            Session(self._writer, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Read one consistent state."""
        with Session(self._reader) as session:
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One connection for several transactions, for temporary tables that outlive one."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing_on(self, connection: Connection) -> Iterator[Session]:
        """A write transaction on an open connection."""
        connection = connection.execution_options(begin="BEGIN IMMEDIATE")
        try:
            with self._one_writer, Session(connection) as session, session.begin():
                yield session
        finally:
            connection.execution_options(begin="BEGIN")

    @contextmanager
    def rehearsal(self) -> Iterator["Database"]:
        """A database on which every use case can be tried out: whatever is written in the block is
        taken back at its end. Other writers wait meanwhile, so ask no server in it."""
        with self._one_writer, self._writer.connect() as connection:
            transaction = connection.begin()
            try:
                yield _Rehearsal(self, connection)
            finally:
                transaction.rollback()

    def dispose(self) -> None:
        """Closes all connections."""
        self.engine.dispose()


class _Rehearsal(Database):
    """One connection, whose outer transaction nobody commits. For one thread."""

    def __init__(self, real: Database, connection: Connection) -> None:
        self.url, self.is_sqlite, self.engine = real.url, real.is_sqlite, real.engine
        self._connection = connection

    def _session(self) -> Session:
        mode: Literal["create_savepoint"] = "create_savepoint"
        return Session(self._connection, expire_on_commit=False, join_transaction_mode=mode)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with self._session() as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with self._session() as session:
            yield session


def one_at_a_time(session: Session, act: str) -> None:
    """Until this transaction ends, others that name the same act wait here. For use cases that look
    whether something is there and then add it; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(act))))


def refresh_statistics(session: Session, rows: int, *tables: str) -> None:
    """Update the statistics of PostgreSQL's planner after many new rows. With the old ones it scans
    a million rows again and again; its own autovacuum would come too late."""
    if session.get_bind().dialect.name == "postgresql" and rows >= MANY_ROWS:
        for table in tables:
            session.execute(text(f"ANALYZE {table}"))


def raise_sort_memory(session: Session) -> None:
    """Let PostgreSQL sort in 128 MB of memory until this transaction ends, instead of in files."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL work_mem = '128MB'"))


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False}, **POOL)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    driver: Any = connection
    driver.isolation_level = None  # we say BEGIN ourselves
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=30000",
        "temp_store=FILE",
        "recursive_triggers=ON",  # else INSERT OR REPLACE gets past the guards of the trail
    ):
        driver.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _postgresql_engine(url: URL) -> Engine:
    return create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, **POOL)
