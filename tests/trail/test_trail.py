"""The audit trail: what it keeps, what it refuses, and what it notices."""

import json
import math
from datetime import timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from recert import trail
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.foundation.db import Database
from recert.trail import chain, queries
from recert.trail import service as trail_service
from recert.trail.actions import Action
from recert.trail.models import TrailCheckpoint, TrailEntry
from tests.foundation.test_db import at_once
from tests.support.house import House
from tests.trail.conftest import FIRST_FOUR, NOON, OLGA, Book

OURS = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
THEIRS = Ed25519PrivateKey.from_private_bytes(b"t" * 32)


def entries(db: Database) -> list[TrailEntry]:
    with db.reading() as session:
        return list(session.scalars(select(TrailEntry).order_by(TrailEntry.seq)))


def sign(book: Book, key: Ed25519PrivateKey = OURS) -> None:
    with book.db.transaction() as session:
        trail_service.checkpoint(session, key, at=NOON.astimezone(timezone(timedelta(hours=9))))


def append_and_fail(db: Database) -> None:
    with db.transaction() as session:
        trail.append(session, Action.USER_SAVED, "item:1", actor=OLGA, at=NOON)
        raise ZeroDivisionError


class TestAppending:
    def test_numbers_have_no_gaps_and_each_follows_the_one_before(self, book: Book) -> None:
        found = entries(book.db)
        assert [entry.seq for entry in found] == [1, 2, 3, 4]
        assert [entry.previous for entry in found] == [chain.START, *(e.hash for e in found[:3])]
        assert book.verify() is None

    def test_the_body_says_who_did_what_and_how_sure_we_are(self, book: Book) -> None:
        assert json.loads(entries(book.db)[0].body) == {
            "seq": 1,
            "at": "2026-11-23T12:00:00+00:00",
            "actor": "olga@house.example",
            "channel": "web",
            "assurance": "signed in",
            "address": "",
            "action": "server.added",
            "object": "item:1",
            "details": {"wörd": "ü"},
        }

    def test_another_zone_is_the_same_moment(self, book: Book) -> None:
        with book.db.transaction() as session:
            tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
            trail.append(session, Action.USER_SAVED, "item:1", actor=OLGA, at=tokyo)
        assert json.loads(entries(book.db)[4].body)["at"] == "2026-11-23T12:00:00+00:00"
        assert book.verify() is None

    def test_what_is_rolled_back_leaves_no_entry_and_no_gap(self, book: Book) -> None:
        with pytest.raises(ZeroDivisionError):
            append_and_fail(book.db)
        book.write(Action.USER_SAVED)
        assert [entry.action for entry in entries(book.db)][-2:] == ["order.written", "user.saved"]
        assert book.verify() is None

    def test_a_detail_that_is_no_json_refuses_the_act(self, book: Book) -> None:
        with pytest.raises(ValueError, match="JSON"), book.db.transaction() as session:
            trail.append(
                session, Action.USER_SAVED, "item:1", {"share": math.nan}, actor=OLGA, at=NOON
            )
        assert len(entries(book.db)) == 4

    def test_eight_writers_at_once_make_one_chain(self, book: Book) -> None:
        at_once(8, lambda _number: book.write(*[Action.USER_SAVED] * 25))
        assert [entry.seq for entry in entries(book.db)] == list(range(1, 205))
        assert book.verify() is None


class TestThePage:
    def test_it_goes_back_in_time(self, book: Book) -> None:
        with book.db.reading() as session:
            newest, older = queries.page(session, size=3)
            rest, end = queries.page(session, before=older, size=3)
        assert [entry.seq for entry in [*newest, *rest]] == [4, 3, 2, 1]
        assert end is None


class TestTheDatabaseItself:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE trail_entry SET action = 'x' WHERE seq = 2",
            "DELETE FROM trail_entry WHERE seq = 2",
            "DELETE FROM trail_entry",
            "UPDATE trail_checkpoint SET seq = 1",
            "DELETE FROM trail_checkpoint",
        ],
    )
    def test_it_refuses_to_change_what_was_written(self, book: Book, statement: str) -> None:
        sign(book)
        with pytest.raises(DBAPIError, match="never changed or deleted"):
            book.sql(statement)
        assert book.verify() is None

    @pytest.mark.parametrize(
        "statement", ["UPDATE decision SET reason = 'x'", "DELETE FROM decision"]
    )
    def test_it_refuses_to_change_a_decision(self, house: House, statement: str) -> None:
        house.launched()
        house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE))
        with (
            pytest.raises(DBAPIError, match="decision are never changed or deleted"),
            house.db.transaction() as session,
        ):
            session.execute(text(statement))

    @pytest.mark.parametrize("table", ["trail_entry", "trail_checkpoint"])
    def test_it_refuses_the_detours(self, book: Book, table: str) -> None:
        sign(book)
        detour = (
            f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
            if book.db.is_sqlite
            else f"TRUNCATE {table} CASCADE"
        )
        with pytest.raises(DBAPIError, match="never changed or deleted"):
            book.sql(detour)

    def test_the_chain_cannot_fork(self, book: Book) -> None:
        twin = {
            column.name: getattr(entries(book.db)[3], column.name)
            for column in TrailEntry.__table__.columns
        }
        with pytest.raises(DBAPIError), book.db.transaction() as session:
            session.execute(insert(TrailEntry).values({**twin, "seq": 99}))


class TestTampering:
    """What somebody did with raw SQL after he removed the guards."""

    def broken(self, book: Book) -> tuple[int, str]:
        found = book.verify()
        assert found
        return found.seq, found.why

    def test_a_changed_text_is_named(self, book: Book) -> None:
        book.unguarded(
            "UPDATE trail_entry SET body = replace(body, 'snapshot', 'picture') WHERE seq = 2",
        )
        assert self.broken(book) == (2, "its text was changed")

    @pytest.mark.parametrize(
        "change",
        [
            "actor = 'charlie@house.example'",
            "action = 'too'",
            "object = 'item:2'",
            "at = '2026-11-23 13:00:00+00'",
        ],
    )
    def test_a_changed_column_is_named(self, book: Book, change: str) -> None:
        if book.db.is_sqlite:
            change = change.replace("+00", ".000000")
        book.unguarded(f"UPDATE trail_entry SET {change} WHERE seq = 2")
        assert self.broken(book) == (2, "its columns say something else than its text")

    def test_a_changed_hash_is_named(self, book: Book) -> None:
        book.unguarded("UPDATE trail_entry SET hash = previous WHERE seq = 2")
        assert self.broken(book) == (2, "its text was changed")

    def test_a_text_that_is_none_is_named(self, book: Book) -> None:
        forged = chain.link(entries(book.db)[1].hash, "[]")
        book.unguarded(f"UPDATE trail_entry SET body = '[]', hash = '{forged}' WHERE seq = 3")
        assert self.broken(book) == (3, "its text cannot be read")

    @pytest.mark.parametrize("seq", [1, 2, 3])
    def test_a_deleted_entry_is_named(self, book: Book, seq: int) -> None:
        book.unguarded(f"DELETE FROM trail_entry WHERE seq = {seq}")
        assert self.broken(book) == (seq + 1, f"entry {seq} is missing")

    def test_deleted_last_entries_are_named(self, book: Book) -> None:
        book.unguarded("DELETE FROM trail_entry WHERE seq > 2")
        assert self.broken(book) == (4, "the last entries are missing")

    def test_two_swapped_entries_are_named(self, book: Book) -> None:
        book.unguarded(
            "UPDATE trail_entry SET seq = 99 WHERE seq = 2",
            "UPDATE trail_entry SET seq = 2 WHERE seq = 3",
            "UPDATE trail_entry SET seq = 3 WHERE seq = 99",
        )
        assert self.broken(book) == (2, "it does not follow the entry before it")

    def test_an_emptied_trail_is_named(self, book: Book) -> None:
        book.unguarded("DELETE FROM trail_entry")
        assert self.broken(book) == (4, "the last entries are missing")


class TestACheckpoint:
    def test_it_holds_while_the_trail_grows(self, book: Book) -> None:
        sign(book)
        book.write(Action.USER_SAVED)
        sign(book)
        assert book.verify(ours=OURS.public_key()) is None

    def test_an_empty_trail_can_be_signed(self, book: Book) -> None:
        book.unguarded(
            "DELETE FROM trail_entry", f"UPDATE trail_head SET seq = 0, hash = '{chain.START}'"
        )
        sign(book)
        assert book.verify() is None

    def test_it_notices_a_past_that_was_written_anew(self, book: Book) -> None:
        sign(book)
        book.unguarded(
            "DELETE FROM trail_entry", f"UPDATE trail_head SET seq = 0, hash = '{chain.START}'"
        )
        book.write(*FIRST_FOUR[:3], Action.USER_SAVED)
        assert book.verify() == chain.Break(4, "a signed checkpoint says otherwise")

    def test_it_notices_a_trail_that_was_cut(self, book: Book) -> None:
        sign(book)
        third = entries(book.db)[2].hash
        book.unguarded(
            "DELETE FROM trail_entry WHERE seq = 4",
            f"UPDATE trail_head SET seq = 3, hash = '{third}'",
        )
        assert book.verify() == chain.Break(4, "a signed checkpoint says otherwise")

    @pytest.mark.parametrize(
        "change",
        [
            "signature = replace(signature, substr(signature, 1, 8), '00000000')",
            "signature = 'no hex'",
            "public_key = substr(public_key, 3)",
            "at = '2026-01-01 00:00:00'",
        ],
    )
    def test_a_changed_one_is_noticed(self, book: Book, change: str) -> None:
        sign(book)
        book.unguarded(f"UPDATE trail_checkpoint SET {change.replace(':00:00', ':00:00.000000')}")
        assert book.verify() == chain.Break(4, "the signature of its checkpoint is wrong")

    def test_one_by_another_key_is_noticed(self, book: Book) -> None:
        sign(book, THEIRS)
        assert book.verify() is None
        found = book.verify(ours=OURS.public_key())
        assert found == chain.Break(4, "its checkpoint was signed with another key")

    def test_it_names_its_signer(self, book: Book) -> None:
        sign(book)
        with book.db.reading() as session:
            point = session.scalars(select(TrailCheckpoint)).one()
        assert point.public_key == OURS.public_key().public_bytes_raw().hex()
