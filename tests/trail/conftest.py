"""A trail with a few entries."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from recert import trail
from recert.foundation.db import Database
from recert.trail import chain
from recert.trail import service as trail_service
from recert.trail.actions import Action
from tests.support.databases import Template
from tests.support.house import staff

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FIRST_FOUR = (
    Action.SERVER_ADDED,
    Action.SNAPSHOT_TAKEN,
    Action.CAMPAIGN_LAUNCHED,
    Action.ORDER_WRITTEN,
)
OLGA = staff("olga@house.example")


class Book:
    """A trail on one database, and what somebody with the database password can do to it."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def write(self, *actions: Action) -> None:
        for action in actions:
            with self.db.transaction() as session:
                trail.append(session, action, "item:1", {"wörd": "ü"}, actor=OLGA, at=NOON)

    def sql(self, *statements: str) -> None:
        with self.db.transaction() as session:
            for statement in statements:
                session.execute(text(statement))

    def unguarded(self, *statements: str) -> None:
        """Drops the triggers first, as an attacker would."""
        for table in ("trail_entry", "trail_checkpoint"):
            for act in ("update", "delete"):
                where = "" if self.db.is_sqlite else f" ON {table}"
                self.sql(f"DROP TRIGGER IF EXISTS guard_{table}_{act}{where}")
        self.sql(*statements)

    def verify(self, **more: object) -> chain.Break | None:
        with self.db.reading() as session:
            return trail_service.verify(session, **more)  # type: ignore[arg-type]


@pytest.fixture
def book(migrated: Template, tmp_path: Path) -> Iterator[Book]:
    with migrated.copy(tmp_path) as db:
        made = Book(db)
        made.write(*FIRST_FOUR)
        yield made
