"""Migrations: bring the database to the schema of this version."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData

from recert.foundation.db import Base, Database
from recert.foundation.errors import RecertError

MIGRATIONS = Path(__file__).parents[2] / "migrations"
LOST = "PRAGMA foreign_key_check"
UPGRADE_LOCK = 7_232_378  # any number, the same in every version
ROOMS_WITH_TABLES = (
    "trail",
    "people",
    "mail",
    "inventory",
    "changes",
    "activity",
    "campaigns",
    "decisions",
    "remediation",
    "evidence",
)
FURTHER_TABLES = (
    "recert.campaigns.event_models",
    "recert.campaigns.frozen",
    "recert.campaigns.board_models",
    "recert.campaigns.schedule_models",
)


class SchemaTooOld(RecertError):
    """The database is not up to date. Run `recert db upgrade`."""


def metadata() -> MetaData:
    """All tables of all rooms. Loaded by name, so that this room still knows no other."""
    for room in ROOMS_WITH_TABLES:
        import_module(f"recert.{room}.models")
    for module in FURTHER_TABLES:
        import_module(module)
    return Base.metadata


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


def check(db: Database) -> None:
    """Raises SchemaTooOld unless the database is at the newest schema."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    with db.connection() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current != newest:
        raise SchemaTooOld(f"It is at {current or 'nothing'}, this version needs {newest}.")
