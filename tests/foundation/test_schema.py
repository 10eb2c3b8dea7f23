"""Migrations, from nothing to the newest and back."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import DBAPIError

from recert.foundation import schema
from recert.foundation.db import Database
from recert.foundation.schema import SchemaTooOld
from recert.trail.models import TrailHead
from tests.foundation.test_db import at_once

KEPT = ("campaign", "access_grant", "person", "account", "folder", "server", "folder_owner")
_TRIGGERS = {
    True: "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table",
    False: "SELECT tgname FROM pg_trigger WHERE tgrelid = CAST(:table AS regclass)",
}
_PERSON = (
    text("INSERT INTO organisation (name, kind) VALUES ('Company', 'own')"),
    text(
        "INSERT INTO person (email, name, department, active, organisation_id) "
        "VALUES ('one@company.example', 'One', '', true, 1)"
    ),
)
_AN_ITEM = (
    text(
        "INSERT INTO campaign (name, state, server_ids, folder_prefix, due_at, undo_minutes, "
        "created_at, created_by) VALUES ('Q', 'draft', '[]', '/', '2026-01-01', 60, "
        "'2026-01-01', 'x')"
    ),
    text(
        "INSERT INTO item (campaign_id, server_id, topic, route, rights, content_hash, sort_key, "
        "state, version, outcome) VALUES (1, 1, 'it', 'compliance queue', 0, 0, 1, 'open', 0, '')"
    ),
    text(
        "INSERT INTO item_message (item_id, author, is_question, text, at) "
        "VALUES (1, 'x', true, 'why?', '2026-01-01')"
    ),
)


def tables(db: Database) -> set[str]:
    return set(inspect(db.engine).get_table_names()) - {"alembic_version"}


class TestUpgrading:
    def test_it_makes_every_table_from_nothing(self, empty: Database) -> None:
        schema.upgrade(empty)
        schema.check(empty)
        assert tables(empty) == set(schema.metadata().tables)

    def test_twice_is_as_good_as_once(self, empty: Database) -> None:
        schema.upgrade(empty)
        schema.upgrade(empty)
        with empty.reading() as session:
            assert session.scalars(select(TrailHead.seq)).all() == [0]

    def test_four_machines_at_once_are_as_good_as_one(self, empty: Database) -> None:
        at_once(4, lambda _number: schema.upgrade(empty))
        schema.check(empty)

    def test_the_models_are_what_the_migrations_made(self, db: Database) -> None:
        with db.connection() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, schema.metadata()) == []


class TestWhatIsNamedIsKept:
    """Grants and items have no foreign keys; what they name cannot go away."""

    @pytest.mark.parametrize("table", KEPT)
    def test_a_row_cannot_be_deleted(self, db: Database, table: str) -> None:
        with db.connection() as connection:
            triggers = set(connection.scalars(text(_TRIGGERS[db.is_sqlite]), {"table": table}))
        assert {f"keep_{table}_delete", f"keep_{table}_update"} <= triggers

    def test_the_database_says_so(self, empty: Database) -> None:
        schema.upgrade(empty)
        with empty.engine.begin() as connection:
            for statement in _PERSON:
                connection.execute(statement)
        for act in ("DELETE FROM person", "UPDATE person SET id = 2"):
            with (
                pytest.raises(DBAPIError, match="rows of person are never deleted"),
                empty.engine.begin() as connection,
            ):
                connection.execute(text(act))
        with empty.engine.begin() as connection:
            connection.execute(text("UPDATE person SET name = 'Other'"))

    def test_a_table_that_is_made_anew_keeps_its_rows_and_those_that_name_them(
        self, empty: Database
    ) -> None:
        schema.upgrade(empty, "0010")
        with empty.engine.begin() as connection:
            for statement in _AN_ITEM:
                connection.execute(statement)
        schema.upgrade(empty)
        with empty.engine.begin() as connection:
            assert connection.scalars(text("SELECT topic FROM item")).all() == ["it"]
            assert connection.scalars(text("SELECT text FROM item_message")).all() == ["why?"]
        with pytest.raises(DBAPIError), empty.engine.begin() as connection:
            connection.execute(text("DELETE FROM item"))  # the message still names it


class TestDowngrading:
    def test_it_leaves_nothing_and_the_way_up_is_open(self, empty: Database) -> None:
        schema.upgrade(empty)
        schema.downgrade(empty, "base")
        assert tables(empty) == set()
        schema.upgrade(empty)
        schema.check(empty)

    def test_each_step_can_be_taken_back_alone(self, empty: Database) -> None:
        schema.upgrade(empty)
        schema.downgrade(empty, "-1")
        with pytest.raises(SchemaTooOld):
            schema.check(empty)
        schema.upgrade(empty)
        schema.check(empty)


class TestAnOldSchema:
    def test_an_empty_database_is_refused(self, empty: Database) -> None:
        with pytest.raises(SchemaTooOld, match="It is at nothing"):
            schema.check(empty)

    def test_an_older_one_is_named(self, empty: Database) -> None:
        schema.upgrade(empty, "0001")
        with pytest.raises(SchemaTooOld, match="It is at 0001"):
            schema.check(empty)
