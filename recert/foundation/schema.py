"""Migrations: bring the database to the schema of this version."""

from importlib import import_module
from pathlib import Path

from sqlalchemy import MetaData, inspect, text

from recert.foundation.db import Base, Database
from recert.foundation.errors import RecertError

VERSIONS = Path(__file__).parents[2] / "migrations" / "versions"
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


def upgrade(db: Database, to: str = "head") -> None:
    """Runs the migrations that are missing, all in one transaction."""
    import_module("recert.foundation.migrating").upgrade(db, to)


def downgrade(db: Database, to: str) -> None:
    """Runs migrations backwards."""
    import_module("recert.foundation.migrating").downgrade(db, to)


def newest_revision() -> str:
    """The newest migration of this version: files begin with their number."""
    return max(file.name[:4] for file in VERSIONS.glob("[0-9]*.py"))


def check(db: Database) -> None:
    """Raises SchemaTooOld unless the database is at the newest schema."""
    with db.connection() as connection:
        known = inspect(connection).has_table("alembic_version")
        query = text("SELECT version_num FROM alembic_version")
        current = connection.scalar(query) if known else None
    newest = newest_revision()
    if current != newest:
        raise SchemaTooOld(f"It is at {current or 'nothing'}, this version needs {newest}.")
