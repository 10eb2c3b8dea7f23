"""Runs migrations with Alembic. Loaded only when there is something to run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from recert.foundation.db import Database
from recert.foundation.errors import RecertError

MIGRATIONS = Path(__file__).parents[2] / "migrations"
LOST = "PRAGMA foreign_key_check"
UPGRADE_LOCK = 7_232_378  # any number, the same in every version


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def upgrade(db: Database, to: str = "head") -> None:
    """Runs the migrations that are missing, all in one transaction."""
    _run(db, lambda config: command.upgrade(config, to))


def downgrade(db: Database, to: str) -> None:
    """Runs migrations backwards."""
    _run(db, lambda config: command.downgrade(config, to))


def _run(db: Database, act: Callable[[Config], None]) -> None:
    config = _config()
    with db.connection() as connection:
        connection.execution_options(begin="BEGIN IMMEDIATE")
        with _rebuilding(db, connection), connection.begin():
            if not db.is_sqlite:  # several machines may start at once; SQLite locks by itself
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})")
            config.attributes["connection"] = connection
            act(config)
            if db.is_sqlite and (lost := connection.exec_driver_sql(LOST).first()):
                raise RecertError(f"A row of {lost[0]} names a row of {lost[2]} that is not there.")


@contextmanager
def _rebuilding(db: Database, connection: Connection) -> Iterator[None]:
    """SQLite changes a table by making it anew, which its rows in other tables would forbid. They
    are checked at the end instead."""
    if not db.is_sqlite:
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")
