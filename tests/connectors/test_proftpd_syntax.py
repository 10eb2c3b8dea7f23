"""The daemon's configuration text, as its own parser reads it."""

import pytest

from recert.connectors.contract import ServerDataInvalid
from recert.connectors.proftpd.configuration.files import Source, load
from recert.connectors.proftpd.configuration.syntax import lines, quote, tokens

MAIN = "/etc/proftpd/proftpd.conf"


def source(files: dict[str, str]) -> Source:
    def names(folder: str) -> list[str] | None:
        below = folder.rstrip("/") + "/"
        found = {path[len(below) :].split("/")[0] for path in files if path.startswith(below)}
        return sorted(found) or None

    return Source(
        lambda path: files[path].encode() if path in files else None,
        lambda folder: None if folder in files else names(folder),
    )


def read(text: str, more: dict[str, str] | None = None, **facts: object):  # type: ignore[no-untyped-def]
    return load(MAIN, source({MAIN: text, **(more or {})}), **facts)


class TestWords:
    @pytest.mark.parametrize(
        ("line", "found"),
        [
            ("AllowUser alice,bob charlie", ("AllowUser", "alice,bob", "charlie")),
            ('AllowUser "max müller"', ("AllowUser", "max müller")),
            (r'Name "a \"b\" \\c"', ("Name", 'a "b" \\c')),
            (r"DenyFilter \*.*/", ("DenyFilter", r"\*.*/")),
            ("Umask 022 # for all", ("Umask", "022")),
            ("Umask 02#2", ("Umask", "02#2")),
            ('AllowUser !"alice"', ("AllowUser", '!"alice"')),
            ("<Limit READ WRITE>", ("<Limit>", "READ", "WRITE")),
            ("<Limit READ >", ("<Limit>", "READ")),
            ("<Global>", ("<Global>",)),
        ],
    )
    def test_they_are_what_the_daemon_takes_them_for(
        self, line: str, found: tuple[str, ...]
    ) -> None:
        assert tokens(line) == found

    @pytest.mark.parametrize("name", ["alice", 'the "best"', "back\\slash", "max müller", "#1"])
    def test_a_quoted_word_is_read_back_unchanged(self, name: str) -> None:
        assert tokens(f"DenyUser {quote(name)}") == ("DenyUser", name)


class TestLines:
    def test_a_backslash_continues_a_line_but_no_comment(self) -> None:
        raw = b"AllowUser alice \\\n  bob\n# nothing \\\nUmask 022\n"
        assert [line.tokens for line in lines(raw)] == [
            ("AllowUser", "alice", "bob"),
            ("Umask", "022"),
        ]

    def test_each_line_knows_its_number_and_bytes(self) -> None:
        raw = "# größer\nUmask 022\r\n".encode()
        (line,) = lines(raw)
        assert (line.number, raw[line.start : line.end]) == (2, b"Umask 022\r\n")


class TestIncludes:
    def test_a_folder_means_every_file_of_it_also_backups(self) -> None:
        found = read(
            "Include /etc/proftpd/conf.d/\n",
            {
                "/etc/proftpd/conf.d/b.conf": "Umask 2\n",
                "/etc/proftpd/conf.d/b.conf~": "Umask 3\n",
                "/etc/proftpd/conf.d/.a": "Umask 1\n",
            },
        )
        assert [item.args for item in found.items] == [("1",), ("2",), ("3",)]
        assert str(found.items[0].place) == "conf.d/.a:1"
        assert found.folders == {"/etc/proftpd/conf.d"}

    def test_a_pattern_leaves_hidden_files_out(self) -> None:
        found = read(
            "Include /etc/proftpd/*.inc\n",
            {"/etc/proftpd/a.inc": "Umask 1\n", "/etc/proftpd/.b.inc": "Umask 2\n"},
        )
        assert [item.args for item in found.items] == [("1",)]

    def test_a_missing_file_is_a_remark(self) -> None:
        found = read("Include /etc/proftpd/none.conf\n")
        assert found.remarks == ["Include finds nothing: /etc/proftpd/none.conf at proftpd.conf:1"]

    def test_a_section_may_begin_in_one_file_and_end_in_another(self) -> None:
        found = read(
            "Include /x.conf\nUmask 2\n</Directory>\n", {"/x.conf": "<Directory /in>\nUmask 1\n"}
        )
        (section,) = found.items
        assert [item.args for item in section.items] == [("1",), ("2",)]
        assert section.closed_in == MAIN

    def test_a_file_that_includes_itself_is_refused(self) -> None:
        with pytest.raises(ServerDataInvalid):
            read(f"Include {MAIN}\n")

    @pytest.mark.parametrize("text", ["<Limit READ>\n", "</Limit>\n", "<IfModule mod_x.c>\n"])
    def test_sections_that_do_not_fit_are_refused(self, text: str) -> None:
        with pytest.raises(ServerDataInvalid):
            read(text)


class TestConditions:
    def test_modules_that_were_loaded_count(self) -> None:
        text = (
            "<IfModule mod_sql.c>\nUmask 1\n</IfModule>\nLoadModule mod_sql.c\n"
            "<IfModule mod_sql.c>\nUmask 2\n</IfModule>\n"
            "<IfModule !mod_sql.c>\nUmask 3\n</IfModule>\n"
        )
        assert [item.args for item in read(text).items if item.name == "umask"] == [("2",)]

    def test_what_is_left_out_may_hold_conditions_of_its_own(self) -> None:
        text = (
            "<IfDefine A>\n<IfModule mod_core.c>\nUmask 1\n</IfModule>\nUmask 2\n</IfDefine>\n"
            "Define B\n<IfDefine B>\nUmask 3\n</IfDefine>\n"
        )
        assert [item.args for item in read(text).items if item.name == "umask"] == [("3",)]

    def test_words_of_the_command_line_count_as_defined(self) -> None:
        text = "<IfDefine SFTP>\nUmask 1\n</IfDefine>\n"
        assert read(text, defines=["SFTP"]).items

    def test_the_environment_is_put_in_and_what_is_missing_is_told(self) -> None:
        found = read('SetEnv PLACE /in\nAuthUserFile "%{env:PLACE}/users"\nUmask %{env:NONE}\n')
        assert found.items[1].args == ("/in/users",)
        ((text, place),) = found.doubts
        assert (text, str(place)) == ("environment variable NONE", "proftpd.conf:3")
