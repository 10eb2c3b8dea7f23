"""The configuration languages of vsftpd, sshd and Pure-FTPd: every trap that was found."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from recert.connectors import registry
from recert.connectors.contract import ServerDataInvalid, SettingsInvalid
from recert.connectors.hosts import LocalHost
from recert.connectors.openssh import keys, request_filter, syntax
from recert.connectors.pureftpd import options as pure_options
from recert.connectors.pureftpd import puredb
from recert.connectors.rights import FULL, READ, Rights
from recert.connectors.vsftpd import command_filter, log
from recert.connectors.vsftpd.options import Options, parse
from tests.daemons.rigs import DAEMONS

CHANGES = FULL & ~READ


class TestVsftpdOptions:
    def test_later_lines_win_and_any_case_of_words(self) -> None:
        found = parse(b"write_enable=no\nwrite_enable=TrUe\n", "x")
        assert found.is_on("write_enable")
        assert found.at("write_enable") == "x:2"

    def test_anonymous_logins_are_on_unless_said_otherwise(self) -> None:
        assert parse(b"", "x").is_on("anonymous_enable")

    def test_a_comment_begins_in_the_first_column_only(self) -> None:
        parse(b"# comment\n\n   \n", "x")
        with pytest.raises(ServerDataInvalid, match="x:1"):
            parse(b"  # no comment\n", "x")

    @pytest.mark.parametrize(
        "line",
        [
            *(b"write_enable=YES ", b"write_enable=YES\r", b"write_enable =YES", b"write_enable="),
            *(b"Write_enable=YES", b"\xef\xbb\xbfwrite_enable=YES", b"no_such_option=1"),
        ],
    )
    def test_what_stops_the_daemon_is_an_error(self, line: bytes) -> None:
        with pytest.raises(ServerDataInvalid, match="x:1"):
            parse(line, "x")

    def test_blanks_before_a_line_and_after_texts_are_nothing(self) -> None:
        found = parse(b"  local_root=/srv  \r\n", "x")
        assert found.text("local_root") == "/srv"

    def test_an_own_file_adds_to_the_main_one(self) -> None:
        main = parse(b"write_enable=YES\nlocal_root=/srv\n", "main")
        own = parse(b"write_enable=NO\n", "users/anna", main)
        assert not own.is_on("write_enable")
        assert own.text("local_root") == "/srv"
        assert main.is_on("write_enable")


def allowed(text: str, *, as_anonymous: bool = False) -> Rights:
    return command_filter.allowed(parse(text.encode(), "x"), as_anonymous=as_anonymous)


class TestVsftpdVerbs:
    def test_without_write_enable_nothing_changes(self) -> None:
        assert allowed("") == READ
        assert allowed("write_enable=YES") == FULL

    def test_a_denied_verb_leaves_its_twins(self) -> None:
        found = allowed("write_enable=YES\ncmds_denied=STOR,MKD,RMD")
        assert found == FULL
        more = allowed("write_enable=YES\ncmds_denied=STOR,STOU,APPE,MKD,XMKD")
        assert more == FULL & ~Rights.UPLOAD & ~Rights.OVERWRITE & ~Rights.MKDIR

    def test_small_letters_and_blanks_deny_nothing(self) -> None:
        assert allowed("write_enable=YES\ncmds_denied=dele, RNFR") == FULL

    def test_without_a_data_connection_only_commands_are_left(self) -> None:
        found = allowed("write_enable=YES\npasv_enable=NO\nport_enable=NO")
        assert Rights.DOWNLOAD not in found
        assert Rights.DELETE in found
        assert Rights.LIST in found  # STAT needs none

    def test_anonymous_adds_only_what_is_switched_on(self) -> None:
        assert allowed("write_enable=YES", as_anonymous=True) == READ
        uploads = "write_enable=YES\nanon_upload_enable=YES"
        assert allowed(uploads, as_anonymous=True) == READ | Rights.UPLOAD
        everything = uploads + "\nanon_mkdir_write_enable=YES\nanon_other_write_enable=YES"
        assert allowed(everything, as_anonymous=True) == FULL & ~Rights.CHMOD


class TestVsftpdLog:
    def test_the_last_login_of_each_account(self) -> None:
        line = '%s [pid 2] [%s] OK LOGIN: Client "127.0.0.1"'
        lines = [
            line % ("Mon Nov 23 08:05:04 2026", "anna"),
            line % ("Mon Nov 23 07:05:04 2026", "anna"),
            line.replace("OK", "FAIL") % ("Mon Nov 23 09:05:04 2026", "ben"),
        ]
        found = log.last_logins(one.encode() for one in lines)
        wanted = datetime(2026, 11, 23, 8, 5, 4).astimezone()
        assert found == {"anna": wanted.astimezone(UTC)}

    def test_logs_follow_the_configuration(self) -> None:
        assert log.sources(Options()) == []
        both = parse(b"xferlog_enable=YES\ndual_log_enable=YES\n", "x")
        assert {one.format for one in log.sources(both)} == {"vsftpd", "xferlog"}


def sshd(tmp_path: Path, text: str, **more: str) -> syntax.Config:
    (tmp_path / "sshd_config").write_text(text.replace("DIR", str(tmp_path)))
    for name, content in more.items():
        (tmp_path / f"{name}.conf").write_text(content)
    with LocalHost() as host:
        return syntax.read(host, str(tmp_path / "sshd_config"))


def value(config: syntax.Config, keyword: str, *fitting: str) -> list[str]:
    found = syntax.values_for(config, lambda block: " ".join(block) in fitting)
    return [word for line in found.get(keyword, []) for word in line.values]


class TestSshdSyntax:
    def test_the_first_value_counts_and_a_fitting_match_beats_it(self, tmp_path: Path) -> None:
        config = sshd(
            tmp_path,
            "ChrootDirectory /a\nChrootDirectory /b\nMatch User anna\n ChrootDirectory /c\n"
            "Match Group g\n ChrootDirectory /d\n ForceCommand internal-sftp -R\n",
        )
        assert value(config, "chrootdirectory") == ["/a"]
        assert value(config, "chrootdirectory", "User anna") == ["/c"]
        both = ("User anna", "Group g")
        assert value(config, "chrootdirectory", *both) == ["/c"]
        assert value(config, "forcecommand", *both) == ["internal-sftp", "-R"]

    def test_lists_add_up_but_a_match_replaces_them(self, tmp_path: Path) -> None:
        config = sshd(
            tmp_path, "DenyUsers a\nDenyUsers b c\nMatch User a\n DenyUsers z\n DenyUsers y\n"
        )
        assert value(config, "denyusers") == ["a", "b", "c"]
        assert value(config, "denyusers", "User a") == ["z", "y"]

    def test_a_match_in_an_included_file_ends_with_it(self, tmp_path: Path) -> None:
        config = sshd(
            tmp_path,
            "Include DIR/*.conf\nForceCommand two\n",
            drop="Match User anna\nForceCommand one\n",
        )
        assert value(config, "forcecommand") == ["two"]
        assert value(config, "forcecommand", "User anna") == ["one"]

    def test_files_with_other_endings_are_not_read(self, tmp_path: Path) -> None:
        (tmp_path / "x.conf.disabled").write_text("DenyUsers *\n")
        config = sshd(tmp_path, "Include DIR/*.conf\n")
        assert value(config, "denyusers") == []

    def test_words_quotes_and_comments(self) -> None:
        assert syntax.split('a "b c" d\\ e # f', "x:1") == ["a", "b c", "d e"]
        assert syntax.keyword_of("\tAllowUsers=a b") == ("allowusers", "a b")
        with pytest.raises(ServerDataInvalid, match="x:1"):
            syntax.split('"open', "x:1")

    def test_pattern_lists(self) -> None:
        assert syntax.matches("u*,!u3", "u1")
        assert not syntax.matches("u*,!u3", "u3")
        assert not syntax.matches("!u3", "u1")
        assert syntax.matches("g?", "x", "g1")


class TestSftpServers:
    def test_read_only(self) -> None:
        assert request_filter.of_command("internal-sftp -R").rights == READ
        assert request_filter.of_command("internal-sftp").rights == FULL

    def test_a_denied_request_leaves_its_twins(self) -> None:
        assert Rights.RENAME in request_filter.of_command("internal-sftp -P rename").rights
        both = request_filter.of_command("internal-sftp -P rename,posix-rename").rights
        assert Rights.RENAME not in both
        no_write = request_filter.of_command("internal-sftp -P write").rights
        assert Rights.UPLOAD | Rights.OVERWRITE in no_write  # made empty, and emptied

    def test_only_what_is_permitted(self) -> None:
        server = request_filter.of_command("internal-sftp -p opendir,readdir,nonsense -l INFO")
        assert server.rights == Rights.LIST

    def test_an_unknown_flag_ends_the_login(self) -> None:
        assert "-Z" in request_filter.of_command("internal-sftp -Z").broken

    @pytest.mark.parametrize(
        "command",
        [
            *("/usr/bin/rsync --server", "umask 002; /usr/lib/openssh/sftp-server", "rbash -c x"),
            *('"internal-sftp"', "/bin/internal-sftp", "exec /usr/lib/openssh/sftp-server"),
        ],
    )
    def test_a_command_that_is_not_understood_may_be_a_server(self, command: str) -> None:
        server = request_filter.of_command(command)
        assert server.unknown
        assert server.rights == FULL & ~Rights.SHARE

    @pytest.mark.parametrize("command", ["/bin/false", "/usr/sbin/nologin", ""])
    def test_a_command_that_does_nothing_is_none(self, command: str) -> None:
        assert request_filter.of_command(command).not_sftp

    def test_words_behind_the_first_that_is_no_flag_mean_nothing(self) -> None:
        assert not request_filter.of_command("internal-sftp # only files -R").is_read_only
        assert request_filter.of_command("internal-sftp -R # only files").is_read_only


class TestAuthorizedKeys:
    def test_options_and_commands(self) -> None:
        text = (
            b"# comment\nssh-ed25519 AAAA anna\n"
            b'command="internal-sftp -R",restrict ssh-ed25519 AAAA\n'
            b'no-such-option ssh-ed25519 AAAA\nexpiry-time="20200101" ssh-rsa AAAA\n'
            b'from="10.0.0.0/8" ssh-rsa AAAA\nrubbish\n'
        )
        found = keys.keys_of(text)
        assert [key.command for key in found] == [None, "internal-sftp -R", None, None]
        assert found[2].expires == datetime(2020, 1, 1, tzinfo=UTC)
        assert found[3].from_somewhere


class TestPureFtpdOptions:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "conf").mkdir()
        (tmp_path / "auth").mkdir()
        return tmp_path / "conf"

    def read(self, folder: Path) -> pure_options.Options:
        with LocalHost() as host:
            return pure_options.read(host, str(folder))

    def test_the_first_yes_counts_even_after_a_no(self, folder: Path) -> None:
        (folder / "NoRename").write_text("# yes\n\n  no \nYES\nrubbish\n")
        assert self.read(folder).is_on("NoRename")

    def test_backups_are_skipped_and_unknown_names_stop_it(self, folder: Path) -> None:
        (folder / "NoRename.bak").write_text("yes\n")
        assert not self.read(folder).is_on("NoRename")
        (folder / "NoRenameOld").write_text("yes\n")
        with pytest.raises(ServerDataInvalid, match="NoRenameOld"):
            self.read(folder)

    def test_neither_yes_nor_no_stops_it(self, folder: Path) -> None:
        (folder / "NoRename").write_text("yes # note\n")
        with pytest.raises(ServerDataInvalid, match="neither"):
            self.read(folder)

    def test_only_links_are_ways_to_sign_in_in_the_order_of_their_names(self, folder: Path) -> None:
        (folder / "PureDB").write_text("/etc/x.pdb\n")
        (folder / "UnixAuthentication").write_text("yes\n")
        (folder.parent / "auth/70pure").symlink_to("../conf/PureDB")
        (folder.parent / "auth/65unix").symlink_to("../conf/UnixAuthentication")
        (folder.parent / "auth/80pam").write_text("yes\n")
        (folder / "PAMAuthentication").write_text("yes\n")
        methods = self.read(folder).methods
        assert [one.name for one in methods] == ["unix", "puredb"]
        assert methods[1].value == "/etc/x.pdb"


class TestPureDb:
    def test_records_the_server_would_not_take(self) -> None:
        for line in ("anna:$6$x:0:1::/srv", "anna:$6$x:1:1::srv", "anna:$6$x:1", "a:b:c:d:e:/f"):
            assert puredb.of_line(line) is None
        found = puredb.of_line("anna:*:1001:1002::/srv/./")
        assert found
        assert not found.has_password

    def test_something_else_is_refused(self) -> None:
        with pytest.raises(ServerDataInvalid, match="no PureDB"):
            puredb.records(b"nothing")
        with pytest.raises(ServerDataInvalid, match="breaks off"):
            puredb.records(b"PDB2" + b"\0\0\4\x08")


class TestSettings:
    @pytest.mark.parametrize("kind", ["vsftpd", "proftpd", "pureftpd", "openssh"])
    def test_all_daemons_take_the_same_words(self, kind: str) -> None:
        words = [setting.key for setting in registry.KINDS[kind].settings]
        assert words[:4] == ["config", "root", "prefix", "transport"]
        with pytest.raises(SettingsInvalid, match="config"):
            registry.check_settings(kind, {"root": "/srv"})


class TestForeignFilesForSshd:
    """The setting may name any file; what stands in it is nobody's business."""

    @pytest.mark.parametrize(
        "text", ["root:$6$topsecret:20000::\nbin:*:1::\n", "hunter2\n", "password = hunter2\n[x]\n"]
    )
    def test_no_message_repeats_a_line(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "secrets"
        file.write_text(text)
        settings = {"config": str(file), "prefix": str(DAEMONS / "openssh")}
        connector = registry.connect("openssh", settings)
        told = " ".join(one.cause for one in connector.checks())
        with pytest.raises(ServerDataInvalid) as raised:
            connector.read()
        told += str(raised.value)
        assert f"{file}:1" in told
        assert "hunter2" not in told
        assert "topsecret" not in told
