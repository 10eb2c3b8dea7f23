"""Migrations, from nothing to the newest and back."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, select

from recert.foundation import schema
from recert.foundation.db import Database
from recert.foundation.schema import SchemaTooOld
from recert.trail.models import TrailHead
from tests.foundation.test_db import at_once


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
