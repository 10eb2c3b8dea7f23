"""Migrations: bring the database to the schema of this version."""

from importlib import import_module
from pathlib import Path

from sqlalchemy import MetaData, inspect, text

from recert.foundation.db import Base, Database
from recert.foundation.errors import RecertError

VERSIONS = Path(__file__).parents[2] / "migrations" / "versions"
PRODUCT = Path(__file__).parents[1]


class SchemaTooOld(RecertError):
    """The database is not up to date. Run `recert db upgrade`."""


def metadata() -> MetaData:
    """All tables of all packages: the modules `models` and `..._models`. They are found by their
    file names, so that this package imports none of them."""
    for file in sorted(PRODUCT.rglob("*models.py")):
        import_module(".".join(("recert", *file.relative_to(PRODUCT).with_suffix("").parts)))
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
