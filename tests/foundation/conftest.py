"""Databases without a house in them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from recert.foundation.db import Database
from tests.support.databases import Template


@pytest.fixture
def db(migrated: Template, tmp_path: Path) -> Iterator[Database]:
    """A migrated database."""
    with migrated.copy(tmp_path) as made:
        yield made


@pytest.fixture
def empty(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without any table."""
    if database_kind == "sqlite":
        db = Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
        yield db
        db.dispose()
        return
    server = request.getfixturevalue("postgres")
    name = server.next_name()
    db = Database(server.create(name))
    yield db
    db.dispose()
    server.drop(name)
