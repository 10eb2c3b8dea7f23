"""The database: moments, transactions, many writers, many rows."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.orm import Session

from recert.foundation import bulk
from recert.foundation.db import Database
from recert.people.models import Organisation, OrganisationKind, SignInFailure
from recert.trail.models import TrailHead

NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


def fail(at: datetime) -> SignInFailure:
    return SignInFailure(at=at, email="alice@house.example", address="")


def house_named(name: str) -> Organisation:
    return Organisation(name=name, kind=OrganisationKind.OWN)


def add_and_fail(transaction: AbstractContextManager[Session]) -> None:
    with transaction as session:
        session.add(house_named("House"))
        session.flush()
        raise ZeroDivisionError


class TestAMoment:
    def test_it_comes_back_aware_and_exact(self, db: Database) -> None:
        with db.transaction() as session:
            session.add(fail(NOON.astimezone(timezone(timedelta(hours=5)))))
        with db.reading() as session:
            found = session.scalars(select(SignInFailure.at)).one()
        assert found == NOON
        assert found.utcoffset() == timedelta(0)

    def test_a_naive_one_is_refused(self, db: Database) -> None:
        with pytest.raises(StatementError, match="naive time"), db.transaction() as session:
            session.add(fail(NOON.replace(tzinfo=None)))

    def test_moments_of_different_zones_compare(self, db: Database) -> None:
        tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
        with db.transaction() as session:
            session.add(fail(NOON))
        with db.reading() as session:
            later = select(SignInFailure.id).where(SignInFailure.at >= tokyo)
            assert session.scalars(later).all()


class TestAWriteTransaction:
    def test_an_error_undoes_all_of_it(self, db: Database) -> None:
        with pytest.raises(ZeroDivisionError):
            add_and_fail(db.transaction())
        with db.reading() as session:
            assert session.scalars(select(Organisation)).all() == []

    def test_twenty_threads_that_read_and_then_write_lose_nothing(self, db: Database) -> None:
        def count(_thread: int) -> None:
            for _ in range(20):
                with db.transaction() as session:
                    seq = session.scalars(select(TrailHead.seq).with_for_update()).one()
                    session.execute(update(TrailHead).values(seq=seq + 1))

        with ThreadPoolExecutor(20) as pool:
            list(pool.map(count, range(20)))
        with db.reading() as session:
            assert session.scalars(select(TrailHead.seq)).one() == 400

    def test_a_second_process_on_sqlite_loses_nothing_either(self, db: Database) -> None:
        other = Database(db.url.render_as_string(hide_password=False))

        def count(mine: Database) -> None:
            for _ in range(20):
                with mine.transaction() as session:
                    seq = session.scalars(select(TrailHead.seq).with_for_update()).one()
                    session.execute(update(TrailHead).values(seq=seq + 1))

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(count, (db, other)))
        with other.reading() as session:
            assert session.scalars(select(TrailHead.seq)).one() == 40
        other.dispose()

    def test_one_on_a_given_connection_leaves_the_connection_usable(self, db: Database) -> None:
        with db.connection() as connection:
            with pytest.raises(ZeroDivisionError):
                add_and_fail(db.writing_on(connection))
            with db.writing_on(connection) as session:
                session.add(house_named("Partner"))
        with db.reading() as session:
            assert session.scalars(select(Organisation.name)).all() == ["Partner"]


class TestReading:
    def test_it_sees_one_state_while_others_write(self, db: Database) -> None:
        with db.reading() as session:
            before = session.scalars(select(Organisation.name)).all()
            with db.transaction() as writer:
                writer.add(house_named("House"))
            assert session.scalars(select(Organisation.name)).all() == before == []
        with db.reading() as session:
            assert session.scalars(select(Organisation.name)).all() == ["House"]

    def test_foreign_keys_hold(self, db: Database) -> None:
        with pytest.raises(DBAPIError), db.transaction() as session:
            session.execute(text("INSERT INTO source (server_id, text) VALUES (999, 'x')"))

    def test_text_sorts_by_code_point(self, db: Database) -> None:
        names = ["a", "B", "Z", "é", "_", "zz"]
        with db.transaction() as session:
            session.add_all(map(house_named, names))
        with db.reading() as session:
            query = select(Organisation.name).order_by(Organisation.name)
            assert session.scalars(query).all() == sorted(names)


class TestManyRows:
    columns = ("id", "name", "kind")

    def names(self, session: Session) -> list[str]:
        return list(session.scalars(select(Organisation.name).order_by(Organisation.id)))

    def test_hostile_text_arrives_unchanged(self, db: Database) -> None:
        hostile = ["tab\tand\nline", "\\N", "\\.", "'; DROP TABLE person; --", "日本 🗄", "", '"x"']
        rows = ((number, name, "own") for number, name in enumerate(hostile, start=1))
        with db.transaction() as session:
            bulk.insert(session.connection(), "organisation", self.columns, rows)
            assert self.names(session) == hostile

    def test_none_is_null(self, db: Database) -> None:
        with db.transaction() as session:
            rows = [(1, "a@b.example", "A", "x", "[]", True, "2026-11-23", None)]
            columns = ("id", "email", "name", "password_hash", "roles", "active", "created_at")
            bulk.insert(session.connection(), "app_user", columns, (row[:7] for row in rows))
            bulk.insert(session.connection(), "organisation", self.columns, [(1, "House", "own")])
            person = ("id", "email", "name", "department", "organisation_id", "manager_id")
            made = [(1, "a@b.example", "A", "", 1, None, True)]
            bulk.insert(session.connection(), "person", (*person, "active"), made)
            assert session.execute(text("SELECT manager_id, left_on FROM person")).one() == (
                None,
                None,
            )

    def test_fifty_thousand_are_streamed(self, db: Database) -> None:
        with db.transaction() as session:
            rows = ((number, f"Partner {number}", "own") for number in range(50_000))
            bulk.insert(session.connection(), "organisation", self.columns, rows)
            counted = session.execute(text("SELECT count(*) FROM organisation")).scalar_one()
            assert counted == 50_000

    def test_an_error_in_the_stream_leaves_nothing(self, db: Database) -> None:
        def broken() -> Iterator[bulk.Row]:
            yield (1, "House", "own")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError), db.transaction() as session:
            bulk.insert(session.connection(), "organisation", self.columns, broken())
        with db.reading() as session:
            assert self.names(session) == []

    def test_no_rows_are_fine(self, db: Database) -> None:
        with db.transaction() as session:
            bulk.insert(session.connection(), "organisation", self.columns, [])
            assert self.names(session) == []


def at_once(count: int, act: Callable[[int], object]) -> list[object]:
    """Runs `act` in threads that start at the same moment."""
    start = threading.Barrier(count)

    def run(number: int) -> object:
        start.wait()
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


class TestAtOnce:
    def test_readers_do_not_wait_for_a_writer(self, db: Database) -> None:
        with db.transaction() as session:
            session.add(house_named("House"))
            session.flush()

            def look(_number: int) -> int:
                with db.reading() as reader:
                    return len(reader.scalars(select(Organisation)).all())

            assert at_once(4, look) == [0, 0, 0, 0]
