"""A whole server on disk: read, planned, carried out, taken back. The daemon's own program is a
script that says what the real one would say."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from recert.connectors.changes import CloseAccount, SetRights
from recert.connectors.contract import EditedByOthers, Plan, ServerDataInvalid, Standing
from recert.connectors.environment import RealWorld
from recert.connectors.hosts import Host, LocalHost, Output, commands
from recert.connectors.hosts.commands import Command
from recert.connectors.hosts.contract import Stream
from recert.connectors.proftpd import connect, logs
from recert.connectors.proftpd.connector import ProftpdConnector
from recert.connectors.rights import Rights
from recert.foundation import failpoints
from tests.daemons.rigs import DAEMONS

HASH = "$6$salt$hash"
SAYS_NOTHING = "#!/bin/sh\necho Checking syntax of configuration file\n"
COMPLAINS = (
    "#!/bin/sh\n"
    'for file; do last=$file; done\nif grep -q DenyUser "$last"; then\n'
    "  echo fatal: something on line 1 >&2\nfi\n"
)


class Server:
    """Alice, Bob and Charlie share one uid, so no ACL can tell them apart."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.config = place / "etc" / "proftpd.conf"
        self.tree = place / "tree"
        for folder in ("etc/conf.d", "tree/in/deep", "tree/out", "usr/sbin"):
            (place / folder).mkdir(parents=True)
        for folder in (place, *place.rglob("*")):
            folder.chmod(0o755)
        for folder in (self.tree, *self.tree.rglob("*")):
            folder.chmod(0o777)
        (self.tree / "in" / "report.pdf").write_text("x")
        (self.tree / "in" / "report.pdf").chmod(0o666)
        users = "".join(
            f"{name}:{HASH}:7001:7001::{self.tree}:/bin/sh\n"
            for name in ("alice", "bob", "charlie")
        )
        self.write("users", f"{users}dora:!{HASH}:7001:7001::{self.tree}:/bin/sh\n")
        self.write("groups", "finance:x:7100:alice,bob\n")
        for name in ("users", "groups"):
            (place / "etc" / name).chmod(0o640)
        self.program(SAYS_NOTHING)
        self.configure("")

    def write(self, name: str, text: str) -> None:
        (self.place / "etc" / name).write_text(text)

    def program(self, script: str) -> None:
        file = self.place / "usr/sbin/proftpd"
        file.write_text(script)
        file.chmod(0o755)

    def configure(self, text: str) -> None:
        etc = self.place / "etc"
        self.write(
            "proftpd.conf",
            f"PidFile {self.place}/pid\nAllowOverwrite on\nDefaultRoot ~\n"
            f"AuthOrder mod_auth_file.c\nAuthUserFile {etc}/users\nAuthGroupFile {etc}/groups\n"
            f"RequireValidShell off\nUseFtpUsers off\n{text}",
        )

    def settings(self) -> dict[str, str]:
        return {"config": str(self.config), "prefix": str(self.place)}

    def connector(self) -> ProftpdConnector:
        found = connect(self.settings())
        assert isinstance(found, ProftpdConnector)
        return found

    def rights(self) -> dict[tuple[str, str], Rights]:
        found = self.connector().read().grants
        return {(one.account, one.folder.removeprefix(str(self.tree))): one.rights for one in found}

    def plan(self, account: str, folder: str, rights: Rights = Rights.NONE) -> Plan:
        if not folder:
            return self.connector().plan(CloseAccount(account))
        return self.connector().plan(SetRights(account, f"{self.tree}{folder}", rights))

    def limits_refused(self, account: str, folder: str) -> bool:
        """True when no <Limit> is proposed for the change."""
        with LocalHost() as host:
            survey = self.connector().survey(host)
            change = SetRights(account, f"{self.tree}{folder}", Rights.LIST)
            return not list(self.connector().candidates(host, survey, change))

    def texts(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.place.rglob("*.conf")}


@pytest.fixture
def server() -> Iterator[Server]:
    """In a place to which every account can walk: pytest's own folders are closed."""
    with tempfile.TemporaryDirectory(prefix="recert-proftpd-") as name:
        place = Path(name)
        place.chmod(0o755)
        yield Server(place)


def section(path: str, words: str, text: str) -> str:
    return f"<Directory {path}>\n<Limit {words}>\n{text}\n</Limit>\n</Directory>\n"


ALL = Rights(255)


class TestReading:
    def test_limits_and_the_kernel_must_agree(self, server: Server) -> None:
        (server.tree / "out").chmod(0o755)
        server.configure(section(f"{server.tree}/in", "WRITE", "AllowUser alice\nDenyAll"))
        found = server.rights()
        assert found["alice", ""] == ALL
        assert found["bob", "/in"] == Rights.LIST | Rights.DOWNLOAD
        assert found["alice", "/out"] == Rights.LIST | Rights.DOWNLOAD
        assert ("alice", "/in") in found

    def test_every_grant_says_why(self, server: Server) -> None:
        server.write(
            "conf.d/in.conf", section(f"{server.tree}/in", "WRITE", "AllowUser alice\nDenyAll")
        )
        server.configure(f"Include {server.place}/etc/conf.d/\n")
        grants = {(one.account, one.folder): one.via for one in server.connector().read().grants}
        assert grants["bob", f"{server.tree}/in"][1].endswith(
            "denied by <Limit WRITE> at conf.d/in.conf:2"
        )

    def test_those_who_cannot_log_in_have_no_grants(self, server: Server) -> None:
        server.configure("<Limit LOGIN>\nDenyUser bob\n</Limit>\n")
        reading = server.connector().read()
        facts = {one.name: (one.enabled, one.note) for one in reading.accounts}
        assert facts["dora"] == (False, "password locked")
        assert facts["bob"] == (False, "denied by <Limit LOGIN> at proftpd.conf:9")
        assert facts["alice"] == (True, "")
        assert {one.account for one in reading.grants} == {"alice", "charlie"}

    def test_protocols_that_differ_are_told_apart(self, server: Server) -> None:
        server.configure(
            section(f"{server.tree}/in", "READ", "DenyAll") + "<VirtualHost 10.0.0.1>\n"
            "SFTPEngine on\nAuthOrder mod_auth_file.c\nRequireValidShell off\nUseFtpUsers off\n"
            f"AuthUserFile {server.place}/etc/users\nDefaultRoot ~\n</VirtualHost>\n"
        )
        grant = next(
            one
            for one in server.connector().read().grants
            if (one.account, one.folder) == ("alice", f"{server.tree}/in")
        )
        rights = dict(grant.protocols)
        assert Rights.DOWNLOAD not in rights["ftp"]
        assert Rights.DOWNLOAD in rights["sftp"]
        assert Rights.DOWNLOAD in grant.rights

    def test_a_missing_root_ends_the_login(self, server: Server) -> None:
        server.configure("")
        text = server.config.read_text().replace("DefaultRoot ~", f"DefaultRoot {server.place}/no")
        server.config.write_text(text)
        reading = server.connector().read()
        assert {one.note for one in reading.accounts} >= {
            f"its root {server.place}/no does not exist"
        }

    def test_what_is_not_understood_is_told_and_marks_the_grants(self, server: Server) -> None:
        server.configure("BanOnEvent MaxLoginAttempts 2/00:10:00\n")
        reading = server.connector().read()
        assert "not understood: BanOnEvent at proftpd.conf:9" in reading.warnings
        assert all(one.widened for one in reading.grants)

    def test_an_ftpaccess_file_counts_for_those_who_can_read_it(self, server: Server) -> None:
        file = server.tree / "in" / ".ftpaccess"
        file.write_text("<Limit ALL>\nDenyAll\n</Limit>\n")
        file.chmod(0o644)
        assert ("alice", "/in") not in server.rights()
        file.chmod(0o600)
        if file.owner() == "root":
            assert server.rights()["alice", ""] == ALL

    def test_a_source_that_is_missing_makes_the_reading_partial(self, server: Server) -> None:
        (server.place / "etc/groups").unlink()
        assert server.connector().read().problems


class TestChecks:
    def test_they_have_names_and_stop_at_the_first_failure(self, server: Server) -> None:
        names = [one.name for one in server.connector().checks() if one.passed]
        assert names == [
            *("settings", "connection", "config", "includes", "proftpd -t", "account sources"),
            *("getfacl", "read"),
        ]
        server.program("#!/bin/sh\necho 'fatal: unknown configuration directive' >&2\n")
        last = list(server.connector().checks())[-1]
        assert (last.name, last.passed) == ("proftpd -t", False)
        assert str(server.config) in last.cause


class TestPlanning:
    def test_a_folder_without_section_gets_one(self, server: Server) -> None:
        plan = server.plan("alice", "/in")
        assert f'+<Directory "{server.tree}/in">' in plan.diff
        assert '+    DenyUser "alice"' in plan.diff
        assert not plan.side_effects

    def test_a_section_that_is_there_gets_a_last_block(self, server: Server) -> None:
        server.write("conf.d/in.conf", section(f"{server.tree}/in", "ALL", "AllowGroup finance"))
        server.configure(f"Include {server.place}/etc/conf.d/\n")
        plan = server.plan("alice", "/in")
        assert f"+++ {server.place}/etc/conf.d/in.conf" in plan.diff
        assert plan.diff.count("Directory") == 0

    def test_some_rights_go_and_others_stay(self, server: Server) -> None:
        plan = server.plan("alice", "/in", ALL & ~Rights.DELETE)
        assert "+  <Limit DELE>" in plan.diff
        server.connector().apply(plan)
        assert server.rights()["alice", "/in"] == ALL & ~Rights.DELETE

    def test_what_one_command_does_goes_together(self, server: Server) -> None:
        plan = server.plan("alice", "/in", ALL & ~Rights.UPLOAD)
        wanted = ALL & ~Rights.UPLOAD
        assert {(cell.before, cell.after) for cell in plan.side_effects} == {
            (wanted, wanted & ~Rights.OVERWRITE)
        }

    def test_folders_below_with_rules_of_their_own_keep_them(self, server: Server) -> None:
        server.configure(section(f"{server.tree}/in/deep", "DELE", "DenyUser bob"))
        server.connector().apply(server.plan("bob", "/in"))
        found = server.rights()
        assert ("bob", "/in") not in found
        assert found["bob", "/in/deep"] == ALL & ~Rights.DELETE
        assert found["alice", ""] == ALL

    def test_an_exclusion_is_left_to_an_administrator(self, server: Server) -> None:
        server.configure(section(f"{server.tree}/in", "ALL", "AllowUser !bob\nDenyAll"))
        assert server.limits_refused("alice", "/in")

    def test_so_is_a_section_for_some_users(self, server: Server) -> None:
        inner = section(f"{server.tree}/in", "ALL", "AllowAll")
        server.configure(f"<IfUser alice>\n{inner}</IfUser>\n")
        assert server.limits_refused("alice", "/in")

    def test_so_is_a_generated_file(self, server: Server) -> None:
        server.config.write_text("# Generated by a tool\n" + server.config.read_text())
        assert server.limits_refused("alice", "/in")

    def test_a_configuration_that_is_broken_already_is_not_touched(self, server: Server) -> None:
        server.program("#!/bin/sh\necho 'fatal: bad' >&2\n")
        with pytest.raises(ServerDataInvalid):
            server.plan("alice", "/in")

    def test_no_hash_gets_into_a_plan(self, server: Server) -> None:
        server.configure(f"UserPassword alice {HASH}\n")
        plan = server.plan("alice", "/in")
        assert HASH not in plan.before + plan.after + plan.diff


class TestCarryingOut:
    def test_it_can_be_taken_back_to_the_last_byte(self, server: Server) -> None:
        before = server.texts()
        connector, plan = server.connector(), server.plan("alice", "/in")
        assert connector.standing(plan) is Standing.BEFORE
        connector.apply(plan)
        connector.apply(plan)
        assert connector.standing(plan) is Standing.AFTER
        assert ("alice", "/in") not in server.rights()
        connector.apply(connector.undo_plan(plan))
        assert server.texts() == before

    def test_the_whole_account_is_closed_at_every_server(self, server: Server) -> None:
        plan = server.plan("alice", "")
        assert not plan.side_effects
        server.connector().apply(plan)
        assert {account for account, _ in server.rights()} == {"bob", "charlie"}

    def test_somebody_elses_edit_wins(self, server: Server) -> None:
        plan = server.plan("alice", "/in")
        server.configure(section(f"{server.tree}/out", "ALL", "DenyAll") + "# end\n")
        before = server.texts()
        with pytest.raises(EditedByOthers):
            server.connector().apply(plan)
        assert server.texts() == before

    @pytest.mark.parametrize("included", [False, True])
    def test_what_the_daemon_does_not_accept_does_not_stay(
        self, server: Server, included: bool
    ) -> None:
        if included:
            server.write("conf.d/in.conf", section(f"{server.tree}/in", "ALL", "AllowAll"))
            server.configure(f"Include {server.place}/etc/conf.d/\n")
            server.program(COMPLAINS.replace('"$last"', '-r "$(dirname $last)"'))
        else:
            server.program(COMPLAINS)
        before, plan = server.texts(), server.plan("alice", "/in")
        with pytest.raises(ServerDataInvalid):
            server.connector().apply(plan)
        assert server.texts() == before

    @pytest.mark.parametrize(
        "label",
        ["candidate checked", "before part", "temporary file written", "file replaced"],
    )
    def test_a_run_that_was_cut_off_is_finished_by_the_next(
        self, server: Server, label: str
    ) -> None:
        connector, plan = server.connector(), server.plan("alice", "/in")
        with failpoints.armed(label, _die), pytest.raises(KeyboardInterrupt):
            connector.apply(plan)
        assert connector.standing(plan) in (Standing.BEFORE, Standing.AFTER)
        connector.apply(plan)
        assert connector.standing(plan) is Standing.AFTER
        assert not [path for path in server.place.rglob("*") if ".recert-" in path.name]


def _die() -> None:
    raise KeyboardInterrupt


class TestLogs:
    def test_every_log_of_every_server_is_named(self, server: Server) -> None:
        server.configure(
            "TransferLog /var/log/x\nExtendedLog /var/log/auth.log AUTH\nSystemLog /var/log/s\n"
        )
        found = {(one.kind, one.path, one.format) for one in server.connector().log_sources()}
        assert found == {
            ("transfers", "/var/log/x", "xferlog"),
            ("commands", "/var/log/auth.log", "clf"),
            ("sign-ins", "/var/log/s", "proftpd"),
        }

    @pytest.mark.parametrize(
        "line",
        [
            b"2026-11-23 08:53:01,123 ftp1 proftpd[17] 10.0.0.9: USER max m: Login successful.",
            b"2026-11-23 08:53:01,123 mod_sftp/1.1.1[17]: user 'max m' authenticated via "
            b"'publickey' method",
            b'10.0.0.9 UNKNOWN max m [23/Nov/2026:08:53:01 +0000] "PASS (hidden)" 230 -',
        ],
    )
    def test_last_logins_are_found(self, line: bytes) -> None:
        found = logs.last_logins([b"nothing", line])
        assert found["max m"].date().isoformat() == "2026-11-23"

    def test_a_last_login_stands_with_the_account(self, server: Server) -> None:
        log = server.place / "auth.log"
        log.write_text(
            '10.0.0.9 UNKNOWN alice [23/Nov/2026:08:53:01 +0000] "PASS (hidden)" 230 -\n'
        )
        server.configure(f"ExtendedLog {log} AUTH\n")
        facts = {one.name: one.last_login for one in server.connector().read().accounts}
        assert facts["alice"] is not None
        assert facts["bob"] is None


class WithoutGetfacl(RealWorld):
    """A machine on which the package acl is missing."""

    def host(self, settings: Mapping[str, str]) -> Host:
        class Bare(LocalHost):
            def run(self, command: Command, data: bytes = b"") -> Output:
                if "getfacl" in command.arguments:
                    return Output(127, b"", "xargs: getfacl: No such file or directory")
                return super().run(command, data)

            def stream(self, command: Command, data: bytes = b"") -> Stream:
                if "getfacl" in command.arguments:
                    command = commands.program("/no/such", "/getfacl")
                return super().stream(command, data)

        return Bare()


class TestWithoutGetfacl:
    def test_a_change_is_blocked_and_not_left_to_a_person(self, server: Server) -> None:
        """The package can be installed, and then the order goes on by itself."""
        (server.tree / "in" / ".ftpaccess").write_text("<Limit DELE>\nDenyAll\n</Limit>\n")
        connector = connect(server.settings(), WithoutGetfacl())
        reading = connector.read()
        list(reading.grants)
        assert any("getfacl" in problem for problem in reading.problems)
        with pytest.raises(ServerDataInvalid, match="getfacl"):
            connector.plan(SetRights("alice", str(server.tree / "in"), Rights.NONE))


class TestForeignFiles:
    """The setting may name any file; what stands in it is nobody's business."""

    SECRETS = ("root:$6$topsecret:20000::", "hunter2", "[db]\npassword = hunter2", "<hunter2>")

    @pytest.mark.parametrize("text", SECRETS)
    @pytest.mark.parametrize("has_program", [True, False])
    def test_no_message_repeats_a_line(self, server: Server, text: str, has_program: bool) -> None:
        if has_program:
            shutil.copy(DAEMONS / "proftpd/usr/sbin/proftpd", server.place / "usr/sbin/proftpd")
        else:
            (server.place / "usr/sbin/proftpd").unlink()
        server.config.write_text(f"{text}\n{text}\n")
        told = " ".join(f"{one.cause} {one.remedy}" for one in server.connector().checks())
        try:
            reading = server.connector().read()
            told += " ".join([*reading.problems, *reading.warnings])
            assert reading.problems
        except ServerDataInvalid as error:
            told += str(error)
        assert "hunter2" not in told
        assert "topsecret" not in told

    def test_a_line_of_the_daemons_own_file_is_named(self, server: Server) -> None:
        shutil.copy(DAEMONS / "proftpd/usr/sbin/proftpd", server.place / "usr/sbin/proftpd")
        server.configure("MaxLoginAttempts many\n")
        with pytest.raises(ServerDataInvalid, match=r"proftpd.conf:9: .*MaxLoginAttempts"):
            server.connector().read()


class TestTwoServersWithOneFile:
    """FTP and SFTP include the same rules, and read some of their words differently."""

    def _configure(self, server: Server, rules: str) -> None:
        etc = server.place / "etc"
        server.write("rules.conf", rules.format(tree=server.tree))
        server.configure(
            f"Include {etc}/rules.conf\n"
            "<VirtualHost 127.0.0.1>\nPort 2222\nSFTPEngine on\nDefaultRoot ~\nAllowOverwrite on\n"
            f"AuthOrder mod_auth_file.c\nAuthUserFile {etc}/users\nAuthGroupFile {etc}/groups\n"
            f"RequireValidShell off\nUseFtpUsers off\nInclude {etc}/rules.conf\n</VirtualHost>\n"
        )

    def _cells(self, server: Server) -> dict[tuple[str, str, str], Rights]:
        """(account, protocol, folder) -> rights, by the nearest boundary."""
        reading = server.connector().read()
        grants = {(one.account, one.folder): one for one in reading.grants}
        found = {}
        for folder in (server.tree, *server.tree.rglob("*/")):
            near = next(str(p) for p in (folder, *folder.parents) if str(p) in reading.folders)
            for account in ("alice", "bob", "charlie"):
                grant = grants.get((account, near))
                for protocol in ("ftp", "sftp"):
                    rights = dict(grant.protocols).get(protocol, grant.rights) if grant else None
                    found[account, protocol, str(folder)] = rights or Rights.NONE
        return found

    RULES = (
        "<Directory {tree}/in>\n<Limit WRITE>\nAllowAll\n</Limit>\n</Directory>\n"
        "<Directory {tree}/in/deep>\n<Limit {words}>\nDenyAll\n</Limit>\n</Directory>\n"
    )

    @pytest.mark.parametrize("words", ["DIRS", "RNFR", "LIST", "STOR APPE", "READ", "ALL"])
    def test_the_file_is_edited_once_and_nobody_wins_by_any_protocol(
        self, server: Server, words: str
    ) -> None:
        self._configure(server, self.RULES.replace("{words}", words))
        before = self._cells(server)
        plan = server.connector().plan(SetRights("alice", str(server.tree / "in"), Rights.NONE))
        server.connector().apply(plan)
        after = self._cells(server)
        text = (server.place / "etc/rules.conf").read_text()
        assert text.count("DenyUser") == 1
        planned = {(cell.account, cell.folder) for cell in plan.side_effects}
        for (account, protocol, folder), had in before.items():
            has = after[account, protocol, folder]
            assert not has & ~had, f"{account} won {has & ~had!r} in {folder} by {protocol}"
            is_wanted = account == "alice" and folder == str(server.tree / "in")
            if not is_wanted and (account, folder) not in planned:
                assert has == had, (account, protocol, folder)


class TestHomesThatAreMadeLater:
    """CreateHome makes a home at the first sign-in: whoever has none yet can come in all the
    same."""

    @pytest.fixture
    def newcomer(self, server: Server) -> Server:
        users = (server.place / "etc" / "users").read_text()
        home = f"{server.tree}/new/erin"
        server.write("users", f"{users}erin:{HASH}:7005:7001::{home}:/bin/sh\n")
        server.configure("CreateHome on 750 dirmode 711\n")
        return server

    def test_the_home_is_shown_as_it_will_be(self, newcomer: Server) -> None:
        reading = newcomer.connector().read()
        grants = [one for one in reading.grants if one.account == "erin"]
        assert next(one for one in reading.accounts if one.name == "erin").enabled
        (grant,) = grants
        assert grant.folder == f"{newcomer.tree}/new/erin"
        assert Rights.UPLOAD in grant.rights
        assert grant.widened
        assert "made at the first sign-in (CreateHome)" in grant.via

    def test_taking_it_away_closes_the_account(self, newcomer: Server) -> None:
        """There is no folder yet that could be changed."""
        folder = f"{newcomer.tree}/new/erin"
        plan = newcomer.connector().plan(SetRights("erin", folder, Rights.NONE))
        newcomer.connector().apply(plan)
        reading = newcomer.connector().read()
        assert not [one for one in reading.grants if one.account == "erin"]

    def test_without_the_directive_the_account_stays_out(self, newcomer: Server) -> None:
        newcomer.configure("CreateHome off\n")
        fact = next(one for one in newcomer.connector().read().accounts if one.name == "erin")
        assert not fact.enabled
        assert "does not exist" in fact.note
