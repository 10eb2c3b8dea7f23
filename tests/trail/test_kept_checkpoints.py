"""Checkpoints that an auditor kept: what they prove, and how they leave the machine."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select, text

from recert.app import create_app, start_worker
from recert.cli import Shell, cli
from recert.foundation import secrets
from recert.foundation.errors import BadInput
from recert.foundation.settings import CheckpointSettings
from recert.jobs import checkpoints
from recert.mail.models import OutboxMessage
from recert.trail import chain, kept
from recert.trail import service as trail_service
from recert.trail.actions import Action
from tests.support.house import House
from tests.trail.conftest import NOON, Book

OURS = Ed25519PrivateKey.from_private_bytes(b"o" * 32)


def taken(book: Book) -> str:
    """The line that the auditor keeps."""
    with book.db.transaction() as session:
        return kept.line(trail_service.checkpoint(session, OURS, at=NOON))


def judged(book: Book, line: str, key: Ed25519PrivateKey = OURS) -> str:
    with book.db.reading() as session:
        found = trail_service.verify(session, key.public_key()) or kept.broken(
            session, kept.read(line), key.public_key()
        )
    return found.why if found else ""


def rechained(book: Book, last: int) -> None:
    """The trail as somebody writes it anew: entry 2 says something else, and it ends earlier."""
    rows, previous = [], chain.START
    with book.db.reading() as session:
        found = session.execute(text("SELECT seq, body FROM trail_entry ORDER BY seq")).all()
    for seq, body in found[:last]:
        changed = body.replace("snapshot.taken", "snapshot.wanted")
        rows.append((seq, changed, previous, chain.link(previous, changed)))
        previous = rows[-1][3]
    book.unguarded("DELETE FROM trail_checkpoint", f"DELETE FROM trail_entry WHERE seq > {last}")
    with book.db.transaction() as session:
        for seq, body, before, now in rows:
            values = {
                "s": seq,
                "b": body,
                "p": before,
                "h": now,
                "a": Action.SNAPSHOT_WANTED if seq == 2 else None,
            }
            session.execute(
                text(
                    "UPDATE trail_entry SET body = :b, previous = :p, hash = :h, "
                    "action = COALESCE(:a, action) WHERE seq = :s"
                ),
                values,
            )
        session.execute(
            text("UPDATE trail_head SET seq = :s, hash = :h"), {"s": last, "h": previous}
        )


class TestWhatAKeptCheckpointProves:
    def test_it_holds_while_the_trail_only_grows(self, book: Book) -> None:
        line = taken(book)
        book.write(Action.USER_SAVED, Action.USER_DISABLED)
        assert judged(book, line) == ""

    def test_a_trail_that_was_cut_off_is_found(self, book: Book) -> None:
        line = taken(book)
        rechained(book, 2)
        with book.db.reading() as session:
            assert trail_service.verify(session, OURS.public_key()) is None  # without it: unbroken
        assert "its end was cut off" in judged(book, line)

    def test_a_trail_that_was_written_anew_is_found(self, book: Book) -> None:
        line = taken(book)
        rechained(book, 4)
        with book.db.reading() as session:
            assert trail_service.verify(session, OURS.public_key()) is None
        assert "written anew" in judged(book, line)

    def test_a_replaced_key_is_found(self, book: Book) -> None:
        line, other = taken(book), Ed25519PrivateKey.generate()
        book.unguarded("DELETE FROM trail_checkpoint")
        assert "the key was replaced" in judged(book, line, other)

    def test_a_deleted_head_is_said_in_words(self, book: Book) -> None:
        book.sql("DELETE FROM trail_head")
        found = book.verify()
        assert found is not None
        assert "somebody deleted it" in found.why
        with pytest.raises(trail_service.HeadIsGone):
            book.write(Action.USER_SAVED)

    def test_it_is_found_in_a_mail_and_in_the_file_of_a_package(
        self, book: Book, tmp_path: Path
    ) -> None:
        line = taken(book)
        mail = tmp_path / "mail.txt"
        mail.write_text(f"Dear auditor,\n\n{line}\n\nYours\n{line}\n", encoding="utf-8")
        assert [one.seq for one in kept.read(str(mail))] == [4, 4]
        assert judged(book, str(mail)) == ""

    @pytest.mark.parametrize("bad", ["", "4 abc", "x" * 5000])
    def test_what_is_none_is_refused_with_a_sentence(self, bad: str) -> None:
        with pytest.raises(BadInput, match="no checkpoint"):
            kept.read(bad)


class TestTheCommand:
    def run(self, house: House, *arguments: str) -> tuple[int, str]:
        shell = Shell(house.settings, create_app, start_worker)
        done = CliRunner().invoke(cli, ["trail", *arguments], obj=shell)
        shell.raw_db.dispose()
        return done.exit_code, done.output

    def test_it_says_that_none_is_kept_outside(self, house: House) -> None:
        code, said = self.run(house, "verify")
        assert code == 0
        assert "No checkpoint is kept outside" in said

    def test_it_takes_several_and_names_what_was_cut_off(self, house: House) -> None:
        line = self.run(house, "checkpoint")[1].strip()
        code, said = self.run(house, "verify", "--checkpoint", line, "--checkpoint", line)
        assert (code, "All 2 checkpoints" in said) == (0, True)
        later = line.split(" ")
        code, said = self.run(house, "verify", "--checkpoint", " ".join(["9", *later[1:]]))
        assert code == 2
        assert "BROKEN at entry 9" in said


class TestDestinationsOutside:
    def send(self, house: House, places: CheckpointSettings) -> int:
        keys, now = house.settings.keys, house.now
        return checkpoints.send_due(house.db, places, keys, "recert@house.example", now=now)

    def test_mail_directory_and_syslog_get_the_same_line_once_a_day(
        self, house: House, tmp_path: Path
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.settimeout(5)
            place = f"127.0.0.1:{listener.getsockname()[1]}"
            places = CheckpointSettings(("aud@house.example",), tmp_path, place, 24)
            assert self.send(house, places) == 3
            logged = listener.recv(4096).decode()
        assert self.send(house, places) == 0
        line = (tmp_path / checkpoints.FILE).read_text(encoding="utf-8").strip()
        assert line in logged
        with house.db.reading() as session:
            mail = session.scalars(select(OutboxMessage)).one()
            key = secrets.signing_key(house.settings.keys).public_key()
            assert line in mail.text
            assert kept.broken(session, kept.read(line), key) is None
            outside = kept.outside(session)
        assert outside is not None
        assert "mail to aud@house.example" in outside.text
        with house.later(hours=25):
            places = CheckpointSettings(folder=tmp_path)
            assert self.send(house, places) == 1
        assert len((tmp_path / checkpoints.FILE).read_text(encoding="utf-8").splitlines()) == 2

    def test_a_place_that_fails_is_written_down_and_tried_again(
        self, house: House, tmp_path: Path
    ) -> None:
        places = CheckpointSettings(folder=tmp_path / "not there")
        assert self.send(house, places) == 0
        assert house.trail_actions()[-1] == "checkpoint.failed"
        with house.later(minutes=61):
            places = CheckpointSettings(folder=tmp_path)
            assert self.send(house, places) == 1
