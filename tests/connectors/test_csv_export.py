"""Exports: every column rule, what rows mean together, and the change list."""

import csv
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recert.connectors import csv_export
from recert.connectors.changes import SetRights
from recert.connectors.contract import (
    AccountKind,
    CannotExpress,
    EditedByOthers,
    ServerDataInvalid,
    ServerUnreachable,
    SettingsInvalid,
    Standing,
)
from recert.connectors.csv_export import table
from recert.connectors.csv_export.change_list import row_of
from recert.connectors.rights import ADD, EDIT, FULL, READ, Rights

FACTS = "folder,principal,rights,enabled,email,display_name,last_login,expires,principal_type"


@pytest.fixture
def export(tmp_path):
    """Writes an export and gives its connector; `complete` unless a test says otherwise."""

    def write(text, **settings):
        file = tmp_path / "export.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return csv_export.connect({"file": str(file), "complete": "yes", **settings})

    return write


def granted(connector):
    return {(one.account, one.folder): one for one in connector.read().grants}


def rights(connector):
    return {cell: one.rights for cell, one in granted(connector).items()}


def complaint(connector):
    with pytest.raises(ServerDataInvalid) as refused:
        connector.read()
    return str(refused.value)


class TestTheFile:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
    def test_delimiter_and_byte_order_mark_are_found(self, export, delimiter, mark):
        text = 'Folder,PRINCIPAL, rights \r\n/a,"al,ice",list|download\r\n'
        text = text.replace('"al,ice"', "alice").replace(",", delimiter)
        assert rights(export(mark + text.encode())) == {("alice", "/a"): READ}

    def test_quoted_cells_may_hold_delimiters_quotes_and_lines(self, export):
        text = 'folder,principal,rights,native_rights\n"/a,b","al ""ice""",list,"one\ntwo"\n'
        found = granted(export(text))['al "ice"', "/a,b"]
        assert found.native == "one\ntwo"

    def test_unknown_columns_are_a_warning(self, export):
        reading = export("folder,principal,rights,colour\n/a,alice,list,red\n").read()
        assert reading.warnings == ["Unknown columns were not read: colour."]

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", "empty"),
            ("\nfolder,principal,rights\n", "empty line"),
            ("folder,principal\n/a,alice\n", "no column rights"),
            ("folder,folder,principal,rights\n", "two columns of one name"),
            ('folder,principal,rights\n/a,"alice,list\n', "not CSV"),
            (b"folder,principal,rights\n/a,al\xffice,list\n", "not UTF-8"),
        ],
    )
    def test_what_is_no_export_is_refused(self, export, text, why):
        assert why in complaint(export(text))

    def test_a_missing_file_is_unreachable(self, export, tmp_path):
        connector = export("folder,principal,rights\n")
        (tmp_path / "export.csv").unlink()
        with pytest.raises(ServerUnreachable):
            connector.read()
        assert [check.passed for check in connector.checks()] == [True, False]

    def test_the_hash_of_the_file_is_the_fingerprint(self, export, tmp_path):
        reading = export("folder,principal,rights\n/a,alice,list\n").read()
        content = (tmp_path / "export.csv").read_bytes()
        assert reading.fingerprint == hashlib.sha256(content).hexdigest()

    def test_only_an_export_that_claims_it_is_complete(self, export):
        text = "folder,principal,rights\n/a,alice,list\n"
        assert export(text).read().problems == []
        for answer in ("no", ""):
            problems = export(text, complete=answer).read().problems
            assert problems == ["the export does not claim to be complete"]

    def test_settings_are_checked(self, export):
        for wrong in ({"complete": "perhaps"}, {"case_sensitive_users": "1"}, {"file": ""}):
            with pytest.raises(SettingsInvalid):
                export("", **wrong)


class TestRows:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("list download", READ),
            ("List|DOWNLOAD", READ),
            ("none", Rights.NONE),
            ("see names", Rights.LIST),
            ("see names|delete", Rights.LIST | Rights.DELETE),
            ("drop-off", Rights.UPLOAD),
            ("read", READ),
            ("read and add", ADD),
            ("Edit", EDIT),
            ("full|share", FULL | Rights.SHARE),
        ],
    )
    def test_rights_are_words_or_profiles(self, export, text, expected):
        found = rights(export(f"folder,principal,rights\n/a,alice,{text}\n"))
        assert found.get(("alice", "/a"), Rights.NONE) == expected

    @pytest.mark.parametrize(
        ("folder", "expected"),
        [
            ("/a//b/", "/a/b"),
            ("\\\\files\\a", "/files/a"),
            ("C:\\Data\\in", "/C:/Data/in"),
            ("/", "/"),
            ("/A\u0308", "/\u00c4"),
        ],
    )
    def test_folders_are_brought_to_one_form(self, export, folder, expected):
        found = rights(export(f"folder,principal,rights\n{folder},alice,list\n"))
        assert list(found) == [("alice", expected)]

    @pytest.mark.parametrize(
        ("row", "why"),
        [
            ("a/b,alice,list", "is not an absolute path"),
            ("/a/../b,alice,list", "contains '..'"),
            (f"/{5000 * 'a'},alice,list", "longer than 4096"),
            ("/a\x07,alice,list", "control character"),
            ("/a, ,list", "1 to 256 characters"),
            (f"/a,{257 * 'a'},list", "1 to 256 characters"),
            ("/a,alice,", "rights is empty"),
            ("/a,alice,see names list", "unknown right 'see'"),
            ("/a,alice,write", "unknown right 'write'"),
            ("/a,alice,none|list", "none and something else"),
            ("/a,alice", "has 2 cells, the header has 3"),
            ("/a,alice,list,more", "has 4 cells, the header has 3"),
        ],
    )
    def test_a_bad_row_is_named_and_refuses_all(self, export, row, why):
        told = complaint(export(f"folder,principal,rights\n/a,bob,list\n{row}\n"))
        assert "row 3:" in told
        assert why in told

    @pytest.mark.parametrize(
        ("column", "cell"),
        [
            ("principal_type", "robot"),
            ("effect", "perhaps"),
            ("recursive", "1"),
            ("via", "magic"),
            ("via", "group:"),
            ("via", "inherited:a"),
            ("backend_path", "relative"),
            ("enabled", "maybe"),
            ("email", "alice"),
            ("owner_email", "a@b@c"),
            ("last_login", "yesterday"),
            ("last_login", "2026-11-23T10:00:00"),
            ("expires", "31.12.2026"),
            ("display_name", "a\x1bb"),
        ],
    )
    def test_every_column_is_checked(self, export, column, cell):
        told = complaint(export(f"folder,principal,rights,{column}\n/a,alice,list,{cell}\n"))
        assert told.startswith("The server's permission data cannot be understood")
        assert column in told

    def test_the_first_twenty_bad_rows_are_listed(self, export):
        told = complaint(export("folder,principal,rights\n" + 25 * "/a,alice,write\n"))
        assert "25 bad rows, nothing was read" in told
        assert "row 21:" in told
        assert "row 22:" not in told
        assert "and 5 more" in told

    def test_facts_of_an_account_are_gathered_from_its_rows(self, export):
        connector = export(
            f"{FACTS}\n/a,alice,list,,a@x.org,Alice,2026-01-02T10:00:00+02:00,never,\n"
            "/b,alice,list,yes,,,2026-01-03,2026-12-31,\n/b,guest,list,,,,never,,anonymous\n"
        )
        alice, guest = connector.read().accounts
        assert (alice.email, alice.display_name, alice.enabled) == ("a@x.org", "Alice", True)
        assert alice.last_login == datetime(2026, 1, 3, tzinfo=UTC)
        assert alice.expires == datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
        assert (guest.kind, guest.last_login) == (AccountKind.ANONYMOUS, None)

    def test_an_expired_account_is_a_fact_without_grants(self, export):
        reading = export(f"{FACTS}\n/a,alice,list,,,,,2020-01-01,\n").read()
        assert reading.accounts[0].note == "expired on 2020-01-01"
        assert list(reading.grants) == []

    @pytest.mark.parametrize(
        ("last_login", "expires"),
        [
            ("0001-01-01", "9999-12-31"),
            ("0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-05:00"),
        ],
    )
    def test_the_ends_of_the_calendar_mean_never(self, export, last_login, expires):
        text = f"{FACTS}\n/a,alice,list,,,,{last_login},{expires},\n"
        (alice,) = export(text).read().accounts
        assert (alice.last_login, alice.expires, alice.enabled) == (None, None, True)

    @pytest.mark.parametrize("cells", ["9999-12-31,", ",0001-01-01"])
    def test_the_other_ends_are_no_dates(self, export, cells):
        assert "is not a real one" in complaint(export(f"{FACTS}\n/a,alice,list,,,,{cells},\n"))

    @pytest.mark.parametrize("name", ["a\u202eb", "a\u2067b", "a\u2028b", "a\x7fb"])
    def test_no_name_may_turn_the_text_or_break_it(self, export, name):
        told = complaint(export(f"folder,principal,rights\n/a,{name},list\n"))
        assert "principal holds a control character" in told

    @pytest.mark.parametrize(
        ("cells", "why"),
        [
            ("yes,,,,,;no,,,,,", "enabled of 'alice' contradicts"),
            (",,,,2026-01-01,;,,,,2027-01-01,", "expires of 'alice' contradicts"),
            (",,,,,key;,,,,,user", "principal_type of 'alice' contradicts"),
        ],
    )
    def test_contradicting_facts_are_an_error(self, export, cells, why):
        first, second = cells.split(";")
        told = complaint(export(f"{FACTS}\n/a,alice,list,{first}\n/b,alice,list,{second}\n"))
        assert f"row 3: {why}" in told

    def test_another_name_for_the_account_is_only_a_warning(self, export):
        text = f"{FACTS}\n/a,alice,list,,a@x.org,,,,\n/b,alice,list,,b@x.org,,,,\n"
        assert export(text).read().warnings == [
            "Row 3: another email of 'alice'; the first one is kept."
        ]


class TestMeaning:
    def test_equal_duplicates_are_merged_with_a_warning(self, export):
        connector = export("folder,principal,rights\n/a,alice,list\n/a/,alice,list\n")
        assert rights(connector) == {("alice", "/a"): Rights.LIST}
        assert connector.read().warnings == ["Row 3 says the same as row 2."]

    def test_different_duplicates_are_an_error(self, export):
        told = complaint(export("folder,principal,rights\n/a,alice,list\n/a,alice,read\n"))
        assert "row 3: contradicts row 2" in told

    def test_rows_by_different_ways_are_added(self, export):
        found = granted(
            export(
                "folder,principal,rights,via\n/a,alice,list,direct\n/a,alice,download,group:g\n"
                "/a,alice,upload,inherited:/\n/a,alice,delete,default\n"
            )
        )["alice", "/a"]
        assert found.rights == ADD | Rights.DELETE
        assert found.via == ("own row at /a", "group g at /a", "inherited from /", "default at /a")

    def test_a_denied_right_stays_and_is_marked(self, export):
        found = granted(
            export(
                "folder,principal,rights,effect\n/a,alice,read and add,allow\n"
                "/a/b,alice,upload|delete,deny\n"
            )
        )
        assert (found["alice", "/a"].rights, found["alice", "/a"].widened) == (ADD, False)
        assert (found["alice", "/a/b"].rights, found["alice", "/a/b"].widened) == (ADD, True)
        assert found["alice", "/a/b"].native == "also denied: upload"

    def test_groups_reach_their_members(self, export):
        connector = export(
            "folder,principal,principal_type,rights,member_of\n"
            "/a,sales,group,read,\n/b,alice,user,none,sales|empty\n/c,idle,group,list,\n"
        )
        reading = connector.read()
        assert {group.name: group.members for group in reading.groups} == {
            "sales": ("alice",),
            "empty": ("alice",),
            "idle": (),
        }
        assert reading.warnings == ["Group 'idle' has no members in the export."]
        found = granted(connector)
        assert found["alice", "/a"].via == ("group sales at /a",)
        assert list(found) == [("alice", "/a")]

    def test_a_row_reaches_down_to_the_next_row_of_its_principal(self, export):
        connector = export(
            "folder,principal,rights\n/,alice,read\n/a,alice,none\n/a/b,bob,list\n/c,bob,list\n"
        )
        assert {folder for account, folder in rights(connector) if account == "alice"} == {
            "/",
            "/c",
        }

    def test_a_row_for_one_folder_only_is_marked(self, export):
        found = granted(
            export("folder,principal,rights,recursive\n/a,alice,list,no\n/a/b,bob,list,yes\n")
        )
        assert ("alice", "/a/b") not in found
        assert found["alice", "/a"].widened
        assert found["alice", "/a"].native == "not for the folders below"

    def test_the_physical_place_is_the_folder(self, export):
        connector = export(
            "folder,principal,rights,backend_path\n/in,alice,list,/data/1\n/home,bob,list,/data/1\n"
        )
        assert set(rights(connector)) == {("alice", "/data/1"), ("bob", "/data/1")}

    def test_case_decides_only_when_it_should(self, export):
        text = "folder,principal,rights\n/a,Alice,list\n/b,ALICE,download\n"
        for strict in (export(text), export(text, case_sensitive_users="")):
            assert {one.name for one in strict.read().accounts} == {"Alice", "ALICE"}
        loose = export(text, case_sensitive_users="no")
        assert set(rights(loose)) == {("Alice", "/a"), ("Alice", "/b")}


class TestChanges:
    TEXT = "folder,principal,rights,native_rights\n/a,alice,read and add,RW+\n/b,bob,list,\n"

    @pytest.mark.parametrize(
        ("wanted", "action"),
        [
            (Rights.NONE, "revoke"),
            (READ, "reduce"),
            (EDIT, "grant"),
            (Rights.DELETE, "change"),
        ],
    )
    def test_the_plan_is_a_row_for_a_person(self, export, wanted, action):
        plan = export(self.TEXT).plan(SetRights("alice", "/a", wanted))
        row = next(csv.reader([plan.after]))
        assert row[:4] == [action, "alice", "/a", "list download upload"]
        assert row[5] == "RW+"
        assert plan.before == "list download upload"

    def test_the_change_list_leaves_out_what_is_done(self, export):
        connector = export(self.TEXT)
        plans = [
            connector.plan(SetRights(account, folder, Rights.LIST))
            for account, folder in (("alice", "/a"), ("bob", "/b"))
        ]
        assert csv_export.change_list(plans).splitlines() == [
            "action,account,folder,rights_now,rights_wanted,native_rights,granted_by",
            "reduce,alice,/a,list download upload,list,RW+,own row at /a",
        ]

    @pytest.mark.parametrize("start", ["=", "+", "-", "@"])
    def test_formulas_are_made_harmless(self, export, start):
        name = f"{start}cmd|'/c calc'!A1"
        connector = export(f"folder,principal,rights,native_rights\n/a,{name},list,{start}1\n")
        row = next(csv.reader([connector.plan(SetRights(name, "/a", Rights.NONE)).after]))
        assert (row[1], row[5]) == (f"'{name}", f"'{start}1")

    @pytest.mark.parametrize("start", ["\t", "\r"])
    def test_cells_that_begin_with_a_control_are_made_harmless_too(self, start):
        change = SetRights("alice", "/a", Rights.NONE)
        assert f"'{start}=1" in row_of(change, READ, f"{start}=1")

    def test_nothing_is_ever_written(self, export):
        connector = export(self.TEXT)
        plan = connector.plan(SetRights("alice", "/a", Rights.NONE))
        assert not connector.features.can_write
        with pytest.raises(CannotExpress):
            connector.apply(plan)
        with pytest.raises(CannotExpress):
            connector.plan(SetRights("zoe", "/a", Rights.NONE))

    def test_a_missing_row_proves_something_only_in_a_complete_export(self, export):
        plan = export(self.TEXT).plan(SetRights("alice", "/a", Rights.NONE))
        without = "folder,principal,rights\n/b,bob,list\n"
        assert export(without).standing(plan) is Standing.AFTER
        assert export(without, complete="no").standing(plan) is Standing.OTHER
        said = without + "/a,alice,none\n"
        assert export(said, complete="no").standing(plan) is Standing.AFTER

    def test_undo_is_a_row_back(self, export):
        plan = export(self.TEXT).plan(SetRights("alice", "/a", READ))
        with pytest.raises(EditedByOthers):
            export(self.TEXT).undo_plan(plan)
        done = export("folder,principal,rights\n/a,alice,read\n")
        assert done.undo_plan(plan).change == SetRights("alice", "/a", ADD)


PLAIN = "folder,principal,rights\n/a,Jürgen,list\n"


class TestFilesOfWindows:
    def read(self, tmp_path: Path, content: bytes) -> table.Table:
        (tmp_path / "export.csv").write_bytes(content)
        return table.read_table(tmp_path / "export.csv")

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_utf_16_is_read_like_utf_8(self, tmp_path: Path, encoding: str) -> None:
        (row,) = self.read(tmp_path, PLAIN.encode(encoding)).rows
        assert row.principal == "Jürgen"

    def test_windows_1252_is_named_with_the_way_to_convert_it(self, tmp_path: Path) -> None:
        with pytest.raises(ServerDataInvalid, match=r"0xfc, as Windows-1252.*CSV UTF-8.*iconv"):
            self.read(tmp_path, PLAIN.encode("cp1252"))

    def test_utf_16_without_its_mark_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ServerDataInvalid, match="UTF-16 without a byte order mark"):
            self.read(tmp_path, PLAIN.encode("utf-16-le"))

    @pytest.mark.parametrize("before", ["sep=;\n", "#TYPE Selected.System.Object\n"])
    def test_lines_before_the_header_are_passed_over(self, tmp_path: Path, before: str) -> None:
        content = before + PLAIN.replace(",", ";")
        (row,) = self.read(tmp_path, content.encode()).rows
        assert row.line == 3
        with pytest.raises(ServerDataInvalid, match="row 3: "):
            self.read(tmp_path, content.replace("list", "nonsense").encode())

    def test_columns_that_are_there_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(ServerDataInvalid, match=r"no column principal, rights.*: folder, user"):
            self.read(tmp_path, b"folder,user\n/a,anna\n")

    def test_the_first_line_of_another_file_is_not_told(self, tmp_path: Path) -> None:
        with pytest.raises(ServerDataInvalid, match="No column of its first line") as raised:
            self.read(tmp_path, b"root:$6$secret:19000::::::\n")
        assert "secret" not in raised.value.message
