"""The permission file is read strictly, and written by nobody but `edit` and `atomic`."""

import errno
import fcntl
import json
import os
import stat
from datetime import UTC, datetime

import pytest
from conformance import SECRET, canonical, document

from recert.connectors import file_store
from recert.connectors.contract import (
    NoSpace,
    OutcomeUnknown,
    ServerBusy,
    ServerDataInvalid,
    ServerRefusedUs,
    ServerUnreachable,
)
from recert.connectors.embedded.format import parse
from recert.connectors.embedded.passwords import hash_password, parse_password
from recert.connectors.rights import READ


def parsed(**alice):
    return parse(canonical(document({"alice": alice}, {"finance": {}})).encode())


ARGON2 = f"$argon2id$v=19$m={{m}},t={{t}},p=1${'A' * 22}${'A' * 43}"


class TestParsing:
    def test_what_is_not_said_has_a_sensible_default(self):
        alice = parsed().accounts["alice"]
        assert (alice.home, alice.enabled, alice.expires) == ("/", True, None)
        assert (alice.groups, alice.folders, alice.kind) == ((), {}, "person")

    def test_rights_are_words_in_any_order(self):
        folders = {"/in": "download  list", "/out": ""}
        assert parsed(folders=folders).accounts["alice"].folders == {"/in": READ, "/out": 0}

    @pytest.mark.parametrize(
        ("entry", "complaint"),
        [
            (
                {"folders": {"/in": "dowload"}},
                "accounts.alice.folders./in: unknown right 'dowload'",
            ),
            ({"folders": {"/in": "share"}}, "accounts.alice.folders./in: this server has no right"),
            ({"folders": {"/in": "List"}}, "accounts.alice.folders./in: this server has no right"),
            ({"folders": {"/in": 7}}, "accounts.alice.folders./in: must be text"),
            ({"folders": {"in": ""}}, "accounts.alice.folders.in: a path begins with /"),
            ({"folders": {"/in/": ""}}, "accounts.alice.folders./in/: a path has no empty parts"),
            ({"folders": {"/a/../b": ""}}, "accounts.alice.folders./a/../b: a path has no"),
            ({"folders": {"/a\n": ""}}, "accounts.alice.folders./a?: control characters"),
            ({"folders": {"/\u202egnp": ""}}, "accounts.alice.folders./?gnp: control characters"),
            ({"name": "Ali\u2066ce"}, "accounts.alice.name: control characters"),
            ({"expires": "0001-01-01"}, "accounts.alice.expires: the year 1 is not a real one"),
            ({"folders": {"/" + 5000 * "a": ""}}, "a path has at most 4096 characters"),
            ({"folders": []}, "accounts.alice.folders: must be an object"),
            ({"home": "//"}, "accounts.alice.home: a path has no empty parts"),
            ({"groups": ["sales"]}, "accounts.alice.groups: there is no group 'sales'"),
            ({"groups": ["finance", "finance"]}, "accounts.alice.groups: names a group twice"),
            ({"groups": [["finance"]]}, "accounts.alice.groups: must be text"),
            ({"groups": "finance"}, "accounts.alice.groups: must be a list"),
            ({"enabled": "yes"}, "accounts.alice.enabled: must be true or false"),
            ({"expires": "tomorrow"}, "accounts.alice.expires: must be a date"),
            ({"expires": "2026-12-31T10:00:00"}, "accounts.alice.expires: a time needs its zone"),
            ({"kind": "robot"}, "accounts.alice.kind: must be one of person"),
            ({"perm": "elr"}, "accounts.alice: unknown key 'perm'"),
            ({"password": "plain"}, "accounts.alice.password: a password reads"),
            ({"password": ""}, "accounts.alice.password: must not be empty"),
            ({"password": "scrypt$999999$8$1$c2FsdA==$aGFzaA=="}, "accounts.alice.password: the n"),
            ({"password": "scrypt$1023$8$1$c2FsdA==$aGFzaA=="}, "is a power of two"),
            ({"password": "scrypt$1024$8$1$?$?"}, "are base64"),
            ({"password": "scrypt$1024$8$1$$"}, "is too short"),
            ({"password": "$argon2id$nonsense"}, "is no Argon2id hash"),
            ({"password": ARGON2.format(m=1 << 30, t=1)}, "the m of a password"),
            ({"password": ARGON2.format(m=64, t=1000)}, "the t of a password"),
        ],
    )
    def test_the_complaint_names_the_place(self, entry, complaint):
        with pytest.raises(ServerDataInvalid) as refused:
            parsed(**entry)
        assert complaint in str(refused.value)

    @pytest.mark.parametrize(
        ("change", "complaint"),
        [
            ({"version": 2}, "version: must be 1"),
            ({"version": True}, "version: must be 1"),
            ({"root": ""}, "root: must not be empty"),
            ({"users": {}}, "the file: unknown key 'users'"),
            ({"accounts": {" alice": {"password": SECRET}}}, "no outer blanks"),
            ({"accounts": {"": {"password": SECRET}}}, "must not be empty"),
            ({"accounts": {"alice": {}}}, "accounts.alice.password: is missing"),
            ({"groups": {"g": {"members": []}}}, "groups.g: unknown key 'members'"),
        ],
    )
    def test_the_whole_file_is_strict(self, change, complaint):
        with pytest.raises(ServerDataInvalid) as refused:
            parse(json.dumps({**document({}), **change}).encode())
        assert complaint in str(refused.value)

    @pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b'{"a":1,"a":2}', b"[" * 100_000])
    def test_what_is_not_an_object_is_refused(self, raw):
        with pytest.raises(ServerDataInvalid):
            parse(raw)

    def test_a_date_lasts_until_its_end_in_utc(self):
        alice = parsed(expires="2026-12-31").accounts["alice"]
        assert alice.is_active(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC))
        assert not alice.is_active(datetime(2027, 1, 1, tzinfo=UTC))

    def test_a_moment_keeps_its_zone(self):
        alice = parsed(expires="2026-12-31T10:00:00+02:00").accounts["alice"]
        assert alice.expires == datetime(2026, 12, 31, 8, tzinfo=UTC)

    @pytest.mark.parametrize("text", ["9999-12-31", "9999-12-31T23:59:59-05:00"])
    def test_the_year_9999_means_never(self, text):
        assert parsed(expires=text).accounts["alice"].expires is None

    def test_only_the_anonymous_account_may_have_no_password(self):
        stated = document({})
        stated["accounts"] = {"anonymous": {"kind": "anonymous"}}
        assert parse(canonical(stated).encode()).accounts["anonymous"].password is None

    def test_boundaries_are_the_root_the_homes_and_the_entries(self):
        stated = document({"alice": {"home": "/b", "folders": {"/a/x": ""}}}, {"g": {"/a": "list"}})
        assert parse(canonical(stated).encode()).boundaries == ("/", "/a", "/a/x", "/b")


class TestPasswords:
    def test_only_the_right_one_matches(self):
        stored = parse_password(hash_password("Zürich 1", cheap=True))
        assert stored.matches("Zürich 1")
        assert not stored.matches("Zürich 2")

    def test_two_hashes_of_one_password_differ(self):
        assert hash_password("x", cheap=True) != hash_password("x", cheap=True)

    def test_unknown_accounts_cost_as_much_as_known_ones(self):
        assert parsed().decoy.cost == max(
            one.password.cost for one in parsed().accounts.values() if one.password
        )


class TestReplacing:
    def test_mode_is_kept_and_nothing_is_left_behind(self, tmp_path):
        file = tmp_path / "file"
        file.write_bytes(b"old")
        file.chmod(0o640)
        file_store.replace(file, b"new")
        assert file.read_bytes() == b"new"
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
        assert os.listdir(tmp_path) == ["file"]

    def test_owner_is_kept(self, tmp_path, monkeypatch):
        file = tmp_path / "file"
        file.write_bytes(b"old")
        given = []
        monkeypatch.setattr(os, "fchown", lambda _handle, *owner: given.append(owner))
        monkeypatch.setattr(
            os, "fstat", lambda _handle: os.stat_result((0, 0, 0, 0, 7, 7, 0, 0, 0, 0))
        )
        file_store.replace(file, b"new")
        assert given == [(file.stat().st_uid, file.stat().st_gid)]

    def test_a_link_stays_a_link(self, tmp_path):
        (tmp_path / "real").write_bytes(b"old")
        (tmp_path / "link").symlink_to("real")
        file_store.replace(tmp_path / "link", b"new")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real").read_bytes() == b"new"

    @pytest.mark.parametrize(
        ("number", "error"),
        [
            (errno.ENOSPC, NoSpace),
            (errno.EDQUOT, NoSpace),
            (errno.EACCES, ServerRefusedUs),
            (errno.EIO, ServerUnreachable),
        ],
    )
    def test_after_an_error_the_old_file_stands_alone(self, tmp_path, monkeypatch, number, error):
        def fail(_handle):
            raise OSError(number, os.strerror(number))

        file = tmp_path / "file"
        file.write_bytes(b"old")
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(error):
            file_store.replace(file, b"new")
        assert file.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["file"]

    def test_an_unsettled_rename_is_an_unknown_outcome(self, tmp_path, monkeypatch):
        def fail(_handle):
            raise OSError(errno.EIO, "broken")

        monkeypatch.setattr(file_store.os, "open", _only_files(os.open, fail))
        with pytest.raises(OutcomeUnknown):
            file_store.replace(tmp_path / "file", b"new")

    def test_a_held_lock_is_reported(self, tmp_path):
        file = tmp_path / "file"
        with (tmp_path / "file.lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(ServerBusy), file_store.locked(file, seconds=0.1):
                pass
        with file_store.locked(file, seconds=0.1):
            pass


def _only_files(really_open, fail):
    def opened(path, flags, *mode, **more):
        return fail(path) if flags & os.O_DIRECTORY else really_open(path, flags, *mode, **more)

    return opened
