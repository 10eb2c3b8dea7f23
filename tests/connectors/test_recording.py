"""A reading is written down while it happens, without secrets, and can be done again from that."""

import gzip
import io
import json
import os
import re
import sqlite3
from pathlib import Path

import pytest
from conformance import SECRET, CsvWorld, EmbeddedWorld, Stated

from recert.connectors import registry
from recert.connectors.contract import ConnectorError, ServerRefusedUs
from recert.connectors.environment import REAL
from recert.connectors.hosts import LocalHost, commands
from recert.connectors.posix.pam.databases import _without_values
from recert.connectors.posix.permissions.password_fields import second_field
from recert.connectors.proftpd.authentication import account_files, sql_accounts
from recert.connectors.pureftpd import puredb
from recert.connectors.recording import (
    NotRecorded,
    Recorder,
    RecordingBroken,
    RecordingFile,
    Replay,
)
from recert.connectors.recording.redaction import without_secrets

HASH = "$6$saltsalt$" + "Abc/9." * 14
HEADER = {"collector": "recert test", "kind": "embedded", "settings": {}}


@pytest.fixture
def recording_file(tmp_path: Path) -> RecordingFile:
    return RecordingFile(tmp_path / "1.gz", HEADER)


def recorded(recording_file: RecordingFile) -> bytes:
    recording_file.close()
    return gzip.decompress(recording_file.path.read_bytes())


class TestFileKinds:
    @pytest.mark.parametrize("kind", [EmbeddedWorld, CsvWorld])
    def test_the_same_comes_out_without_the_file(self, kind, recording_file, tmp_path):
        world = kind(tmp_path)
        world.state(Stated({"alice": {"folders": {"/finance": "list download"}}}))
        settings = {"file": str(world.file), **({"complete": "yes"} if kind is CsvWorld else {})}
        reading = registry.connect(world.kind, settings, Recorder(recording_file, REAL)).read()
        text = recorded(recording_file)
        assert SECRET.rpartition("$")[2].encode() not in text
        world.file.unlink()
        with Replay(recording_file.path) as replay:
            again = registry.connect(world.kind, settings, replay).read()
            assert list(again.grants) == list(reading.grants)
            assert again.accounts == reading.accounts
            assert again.fingerprint == reading.fingerprint
            assert replay.left_over() == 0


class TestAMachine:
    def test_answers_and_errors_come_out_as_they_were(self, recording_file, tmp_path):
        (tmp_path / "list").write_bytes(b"alice\nb\xf6b\n")
        odd = os.fsdecode(bytes(tmp_path) + b"/b\xf6b")
        names = str(tmp_path).encode() + b"\0"
        answers = []

        def ask(host):
            answers.append(
                (
                    host.read(f"{tmp_path}/list"),
                    {path: str(one) for path, one in host.read_many([odd]).items()},
                    host.stat(f"{tmp_path}/list"),
                    host.stat(odd),
                    host.stat_many([odd, str(tmp_path)]),
                    host.resolve_many({str(tmp_path), odd}),
                    host.run(commands.GETENT_GROUP).code,
                    b"".join(host.stream(commands.FIND_THESE, names)),
                )
            )
            with pytest.raises(ConnectorError) as raised:
                host.names(odd)
            answers.append((type(raised.value), raised.value.message))

        with Recorder(recording_file, REAL).host({}) as host:
            ask(host)
        recording_file.close()
        with Replay(recording_file.path) as replay, replay.host({}) as host:
            ask(host)
            assert answers[:2] == answers[2:]
            with pytest.raises(NotRecorded):
                host.read("/etc/hostname")

    def test_it_is_only_read(self, recording_file):
        host = Recorder(recording_file, REAL).host({})
        with pytest.raises(ServerRefusedUs):
            host.replace("/tmp/x", b"", was=None)
        with pytest.raises(ServerRefusedUs):
            host.remove("/tmp/x", was=b"")

    def test_what_was_asked_is_told_in_short(self, recording_file, tmp_path):
        (tmp_path / "list").write_bytes(b"")
        with Recorder(recording_file, REAL).host({}) as host:
            host.read(f"{tmp_path}/list")
            host.run(commands.GETENT_GROUP)
            host.run(commands.GETENT_GROUP)
        assert recording_file.asked()["commands"] == {"getent group": 2}
        assert recording_file.asked()["first_files"] == [f"{tmp_path}/list"]

    def test_a_recording_that_breaks_off_is_refused(self, recording_file, tmp_path):
        with Recorder(recording_file, REAL).host({}) as host:
            host.stat("/")
        recording_file.close()
        recording_file.path.write_bytes(recording_file.path.read_bytes()[:-20])
        with pytest.raises(RecordingBroken):
            Replay(recording_file.path)

    def test_a_full_disk_ends_the_recording_and_not_the_reading(self, recording_file):
        class Full(io.RawIOBase):
            def write(self, data):
                raise OSError(28, "No space left on device")

        recording_file._file = gzip.GzipFile("", "wb", 1, io.BytesIO())
        recording_file._file.write = Full().write
        with Recorder(recording_file, REAL).host({}) as host:
            assert host.stat("/")
        assert recording_file.failed == "No space left on device"


class TestSecrets:
    def test_of_shadow_the_state_is_kept(self):
        raw = f"a:{HASH}:1:0:9:7:::\nb:!{HASH}:1::::::\nc:*:1::::::\nd::1::::::\ne:!!:1::::::\n"
        kept = second_field()(raw.encode()).decode()
        assert "saltsalt" not in kept
        assert [line.split(":")[1] for line in kept.split("\n")[:-1]] == [
            *("removed", "!removed", "*", "", "!!")
        ]
        assert re.sub(":[^:]*:", "::", kept, count=1).startswith("a::1:0:9:7")

    def test_an_auth_user_file_reads_the_same(self):
        raw = f"a:{HASH}:1:1::/:/x\nb:!{HASH}:1:1::/:/x\nc::1:1::/:/x\nd:abcdefghijklm:1:1::/:/x\n"
        raw += f"#e:{HASH}:1:1::/:/x\n"
        kept = second_field(account_files.state_of)(raw.encode())
        books = [account_files.Book("", "") for _ in range(2)]
        account_files.read_passwords(raw.encode(), books[0])
        account_files.read_passwords(kept, books[1])
        assert books[0] == books[1]
        assert b"saltsalt" not in kept
        assert b"abcdefghijklm" not in kept

    def test_a_user_database_reads_the_same(self, tmp_path):
        with sqlite3.connect(tmp_path / "u.db") as made:
            made.execute("CREATE TABLE users (userid, passwd, uid, gid, homedir, shell, extra, ok)")
            rows = [("a", HASH, 1, "keys", 1), ("b", "!x", 2, "", 1), ("c", "", 3, "", 0)]
            for name, hashed, uid, extra, ok in rows:
                cells = (name, hashed, uid, 5, f"/{name}", "", extra, ok)
                made.execute("INSERT INTO users VALUES (?,?,?,?,?,?,?,?)", cells)
            made.execute("CREATE TABLE groups (groupname, gid, members)")
            made.execute("INSERT INTO groups VALUES ('g', 5, 'a,b')")
        raw = (tmp_path / "u.db").read_bytes()
        columns = sql_accounts.Columns("u.db", users_where="ok = 1")
        kept = sql_accounts.kept(raw, None, columns)
        assert sql_accounts.read(kept, None, columns, "") == sql_accounts.read(
            raw, None, columns, ""
        )
        assert b"saltsalt" in raw
        assert b"saltsalt" not in kept
        assert b"keys" not in kept

    @pytest.mark.parametrize("hashed", [HASH, "*" + HASH, "abcdefghijklm", ""])
    def test_a_puredb_user_is_the_same(self, hashed):
        line = f"a:{hashed}:5:6::/home/a/./:::::::::::"
        first = puredb.of_line(line)
        second = puredb.of_line(second_field(puredb.state_of)(line.encode()).decode())
        assert first
        assert second
        assert first.has_password == second.has_password
        assert not hashed or second.secret in ("$removed", "*")

    def test_values_of_a_dump_are_passwords(self):
        raw = b"VERSION=3\nHEADER=END\n alice\n geheim\n bob\n secret\nDATA=END\n"
        kept = b"VERSION=3\nHEADER=END\n alice\n removed\n bob\n removed\nDATA=END\n"
        assert _without_values(raw) == kept

    def test_keys_and_passwords_in_files_nobody_expects_them_in(self):
        text = (
            f"UserPassword ftp {HASH}\nSQLConnectInfo /u.db scott tiger\n"
            "auth required pam_mysql.so user=x passwd=tiger2\nno_anon_password=YES\n"
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n-----END OPENSSH PRIVATE KEY-----\n"
            "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n"
        )
        kept = without_secrets(text.encode()).decode()
        for secret in ("saltsalt", "tiger", "b3Blbn"):
            assert secret not in kept
        for plain in ("UserPassword ftp ", "/u.db", "no_anon_password=YES", "AAAA"):
            assert plain in kept

    def test_what_cannot_be_cleaned_is_not_kept(self, recording_file, tmp_path):
        (tmp_path / "u.pdb").write_bytes(b"no PureDB " + HASH.encode())
        with Recorder(recording_file, REAL).host({}) as host:
            host.withhold(f"{tmp_path}/u.pdb", puredb.without_passwords)
            host.read(f"{tmp_path}/u.pdb")
        text = recorded(recording_file)
        assert b"saltsalt" not in text
        assert b"withheld" in text

    def test_shadow_of_this_machine(self, recording_file):
        with Recorder(recording_file, REAL).host({}) as host, LocalHost() as bare:
            host.withhold(commands.GETENT_SHADOW, second_field())
            assert host.run(commands.GETENT_SHADOW) == bare.run(commands.GETENT_SHADOW)
        lines = recorded(recording_file).split(b"\n")
        assert json.loads(lines[2])["ask"] == ["run", "getent shadow"]
        assert not any(b"$" in line for line in lines[3:])
