"""Which <Limit> decides: every trap that a real daemon was seen to set."""

import pytest

from recert.connectors.posix.permissions.acl import Node, of_mode
from recert.connectors.posix.permissions.evaluate import ORDER, rights_of
from recert.connectors.posix.permissions.identities import Identities, Identity
from recert.connectors.posix.permissions.scan import Folder
from recert.connectors.proftpd.access.command_filter import Screen
from recert.connectors.proftpd.access.config_views import overrides, views
from recert.connectors.proftpd.access.explain import reasons
from recert.connectors.proftpd.access.limits import Judge
from recert.connectors.proftpd.access.login_rules import Session, login_limits
from recert.connectors.proftpd.authentication.account_files import FILE, Entry
from recert.connectors.proftpd.authentication.user_expressions import Roster
from recert.connectors.proftpd.configuration.files import Configuration, Source, load
from recert.connectors.proftpd.configuration.listeners import Layout, lay_out
from recert.connectors.rights import FULL, Rights

GROUPS = {"alice": {"finance"}, "bob": {"finance", "audit"}, "charlie": {"sales"}}
FILES = Rights.OVERWRITE | Rights.DELETE | Rights.RENAME | Rights.CHMOD
OPEN = FULL & ~Rights.OVERWRITE  # without AllowOverwrite


class World:
    """One configuration and the cast: Alice and Bob of finance (Bob audits too), Charlie of sales.
    The kernel lets everybody do everything."""

    def __init__(self, text: str, files: dict[str, str] | None = None, **names: list[str]) -> None:
        source = Source(lambda path: text.encode(), lambda path: None)
        self.configuration: Configuration = load("/etc/proftpd.conf", source)
        self.layout: Layout = lay_out(self.configuration)
        self._dynamic, _ = overrides(
            {path: said.encode() for path, said in (files or {}).items()}, lambda path: -1
        )
        self._names = {"/in": names.get("names", [])}
        self._closed = names.get("closed", [])  # of those, files of mode 0600

    def listener(self, protocol: str = "ftp", server: int = 0) -> tuple[Screen, Judge]:
        found = [
            Session(
                Entry(name, 2000 + number, 100, f"/home/{name}", "/bin/sh", FILE),
                frozenset(groups),
                frozenset({100}),
            )
            for number, (name, groups) in enumerate(GROUPS.items())
        ]
        roster = Roster()
        for number, session in enumerate(found):
            roster.add(1 << number, session.entry.name, session.groups)
        judge = Judge(roster)
        shown = views(self.layout.servers[server], found, roster, self._dynamic, {})
        screen = Screen(
            protocol,
            judge,
            shown,
            self.configuration.modules,
            self.layout.doubts,
            who=Identities(
                [
                    Identity(name, 2000 + number, 100, frozenset({100}))
                    for number, name in enumerate(GROUPS)
                ]
            ),
        )
        return screen, judge

    def rights(self, who: str, folder: str, protocol: str = "ftp", server: int = 0) -> Rights:
        screen, _ = self.listener(protocol, server)
        node = Node(0, 0, 0o777, of_mode(0o777))
        place = Folder(folder, node, -1, b"", True)
        place.named = [
            (name, Node(0, 0, mode, of_mode(mode)))
            for name in self._names.get(folder, ())
            for mode in ((0o600,) if name in self._closed else (0o666,))
        ]
        place.files = {file for _, file in place.named} or None
        masks = screen(place, (7,) * len(ORDER))
        return rights_of(masks, 1 << list(GROUPS).index(who))

    def may_log_in(self, who: str) -> bool:
        screen, judge = self.listener()
        bit = 1 << list(GROUPS).index(who)
        view = screen.view_of(bit)
        assert view is not None
        return bool(login_limits(judge, view.level, view.level) & bit)

    def why(self, who: str, folder: str) -> tuple[str, ...]:
        screen, _ = self.listener()
        bit = 1 << list(GROUPS).index(who)
        view = screen.view_of(bit)
        assert view is not None
        return reasons(screen, view, folder, bit)

    def doubtful(self, who: str, folder: str) -> bool:
        screen, _ = self.listener()
        rights = self.rights(who, folder)
        return screen.is_doubtful(folder, 1 << list(GROUPS).index(who), rights)


def section(path: str, *limits: tuple[str, str]) -> str:
    blocks = "".join(f"<Limit {words}>\n{text}\n</Limit>\n" for words, text in limits)
    return f"<Directory {path}>\n{blocks}</Directory>\n"


class TestOneBlock:
    @pytest.mark.parametrize(
        ("lines", "let_in"),
        [
            ("DenyAll", set()),
            ("AllowUser alice\nDenyAll", {"alice"}),
            ("DenyUser alice\nAllowAll", {"alice", "bob", "charlie"}),  # void without Order
            ("Order deny,allow\nDenyUser alice\nAllowAll", {"bob", "charlie"}),
            ("Order deny,allow\nAllowUser alice", {"alice"}),
            ("DenyUser alice", {"bob", "charlie"}),
            ("AllowUser alice,bob\nDenyAll", {"alice", "bob"}),  # users: one of them
            ("AllowGroup finance,audit\nDenyAll", {"bob"}),  # groups: all of them
            ("AllowGroup finance audit\nDenyAll", {"bob"}),
            ("AllowGroup OR finance,sales\nDenyAll", {"alice", "bob", "charlie"}),
            ("AllowGroup AND finance,audit\nDenyAll", set()),  # the word counts as a name
            ("AllowUser AND alice\nDenyAll", set()),
            ("AllowGroup audit\nAllowUser charlie\nDenyAll", {"bob", "charlie"}),
            ("AllowUser !alice\nDenyAll", {"bob", "charlie"}),
            ("AllowGroup finance,!audit\nDenyAll", {"alice"}),
            ("AllowUser Alice\nDenyAll", set()),  # case counts
            ("AllowUser *\nDenyAll", set()),
            ("AllowUser regex ^a\nDenyAll", {"alice"}),
            ("Order Deny, Allow\nDenyGroup audit\nAllowGroup finance", {"alice"}),
            ("Allow from all\nDenyAll", {"alice", "bob", "charlie"}),
            ("Allow from none\nDenyAll", set()),
        ],
    )
    def test_it_lets_in(self, lines: str, let_in: set[str]) -> None:
        world = World(section("/in", ("ALL", lines)))
        assert {who for who in GROUPS if world.rights(who, "/in")} == let_in

    def test_an_address_may_be_anywhere_so_more_is_said_and_marked(self) -> None:
        world = World(section("/in", ("READ", "Allow from 10.0.0.0/8\nDenyAll")))
        assert Rights.DOWNLOAD in world.rights("alice", "/in")
        assert world.doubtful("alice", "/in")
        assert world.layout.remarks == ["not understood: Allow from 10.0.0.0/8 at proftpd.conf:3"]

    def test_unknown_commands_mean_nothing(self) -> None:
        assert World(section("/in", ("BOGUS", "DenyAll"))).rights("alice", "/in") == OPEN

    def test_commas_separate_commands_and_twins_belong_together(self) -> None:
        found = World(section("/in", ("XMKD,RETR", "DenyAll"))).rights("alice", "/in")
        assert found == OPEN & ~Rights.MKDIR & ~Rights.DOWNLOAD


class TestWhichBlockDecides:
    def test_a_group_word_far_up_beats_all_in_the_folder(self) -> None:
        world = World(
            section("/in", ("WRITE", "DenyAll")) + section("/in/deep", ("ALL", "AllowAll"))
        )
        assert Rights.UPLOAD not in world.rights("alice", "/in/deep")
        assert Rights.LIST in world.rights("alice", "/in/deep")

    def test_and_the_other_way_round(self) -> None:
        world = World(
            section("/in", ("WRITE", "AllowAll")) + section("/in/deep", ("ALL", "DenyAll"))
        )
        assert Rights.DELETE in world.rights("alice", "/in/deep")
        assert Rights.DOWNLOAD not in world.rights("alice", "/in/deep")

    def test_a_command_far_up_beats_a_group_word_in_the_folder(self) -> None:
        world = World(
            section("/in", ("DELE", "AllowAll")) + section("/in/deep", ("WRITE", "DenyAll"))
        )
        assert Rights.DELETE in world.rights("alice", "/in/deep")

    def test_of_two_blocks_the_last_is_looked_at_first(self) -> None:
        blocks = (("ALL", "AllowAll"), ("ALL", "DenyUser alice"))
        assert not World(section("/in", *blocks)).rights("alice", "/in")
        assert World(section("/in", *reversed(blocks))).rights("alice", "/in")

    def test_a_user_added_to_a_block_that_lets_his_group_in_is_void(self) -> None:
        world = World(section("/in", ("ALL", "DenyUser alice\nAllowGroup finance\nDenyAll")))
        assert world.rights("alice", "/in")

    def test_nothing_said_means_allowed(self) -> None:
        assert World("Umask 022\n").rights("charlie", "/in") == OPEN


class TestWhichSection:
    def test_the_deepest_holds_and_names_alike_do_not(self) -> None:
        world = World(section("/in", ("READ", "DenyAll")))
        assert Rights.DOWNLOAD in world.rights("alice", "/inside")
        assert Rights.DOWNLOAD not in world.rights("alice", "/in/a/b")

    def test_stars_cross_slashes(self) -> None:
        world = World(section("/x/*/in", ("READ", "DenyAll")))
        assert Rights.DOWNLOAD not in world.rights("alice", "/x/y/z/in")

    def test_braces_are_no_pattern(self) -> None:
        assert World(section("/x/{a,b}", ("ALL", "DenyAll"))).rights("alice", "/x/a")

    def test_a_star_at_the_end_speaks_of_what_lies_inside(self) -> None:
        world = World(section("/in/*", ("WRITE", "DenyAll"), ("CWD", "DenyAll")))
        assert world.rights("alice", "/in") == Rights.LIST | Rights.DOWNLOAD

    def test_a_listing_leaves_out_what_is_closed(self) -> None:
        assert Rights.LIST not in World(section("/in/*", ("DIRS", "DenyAll"))).rights(
            "alice", "/in"
        )

    def test_a_slash_at_the_end_makes_it_the_inner_one(self) -> None:
        first, second = section("/in", ("RETR", "DenyAll")), section("/in/", ("RETR", "AllowAll"))
        assert Rights.DOWNLOAD in World(first + second).rights("alice", "/in")
        assert Rights.DOWNLOAD in World(second + first).rights("alice", "/in")

    def test_a_path_with_dots_fits_nothing(self) -> None:
        assert World(section("/a/../in", ("ALL", "DenyAll"))).rights("alice", "/in") == OPEN

    def test_a_home_is_known_at_the_login(self) -> None:
        world = World(section("~/out", ("WRITE", "DenyAll")))
        assert Rights.UPLOAD not in world.rights("alice", "/home/alice/out")
        assert Rights.UPLOAD in world.rights("alice", "/home/bob/out")

    def test_empty_sections_are_forgotten(self) -> None:
        world = World("<Directory /in>\n</Directory>\n" + section("/", ("READ", "DenyAll")))
        assert Rights.DOWNLOAD not in world.rights("alice", "/in")


class TestServers:
    TEXT = (
        section("/in", ("WRITE", "DenyAll"))
        + "<VirtualHost 10.0.0.1>\nPort 2222\nSFTPEngine on\n</VirtualHost>\n"
    )

    def test_a_virtual_host_knows_nothing_of_the_main_server(self) -> None:
        world = World(self.TEXT)
        assert Rights.UPLOAD not in world.rights("alice", "/in")
        assert Rights.UPLOAD in world.rights("alice", "/in", "sftp", server=1)
        assert [protocol for _, protocol in world.layout.open_servers()] == ["ftp", "sftp"]

    def test_global_reaches_all_of_them(self) -> None:
        world = World(
            self.TEXT + "<Global>\n" + section("/in", ("READ", "DenyAll")) + "</Global>\n"
        )
        assert Rights.DOWNLOAD not in world.rights("alice", "/in", "sftp", server=1)

    def test_port_0_is_switched_off(self) -> None:
        assert not list(World("Port 0\n").layout.open_servers())

    def test_sftp_asks_for_other_commands(self) -> None:
        world = World(section("/in", ("DIRS", "DenyAll")))
        assert Rights.RENAME in world.rights("alice", "/in")
        assert Rights.RENAME not in world.rights("alice", "/in", "sftp")

    def test_a_list_by_sftp_needs_them_all(self) -> None:
        world = World(section("/in", ("NLST", "DenyAll")))
        assert Rights.LIST in world.rights("alice", "/in")
        assert Rights.LIST not in world.rights("alice", "/in", "sftp")
        spoken = World(section("/in", ("NLST", "DenyAll"), ("READDIR", "AllowAll")))
        assert Rights.LIST in spoken.rights("alice", "/in", "sftp")


class TestSwitches:
    def test_overwriting_is_off_unless_it_is_on(self) -> None:
        assert Rights.OVERWRITE not in World("Umask 2\n").rights("alice", "/in")
        assert World("AllowOverwrite on\n").rights("alice", "/in") == FULL

    def test_appending_is_a_way_around_it(self) -> None:
        assert Rights.OVERWRITE in World("AllowStoreRestart on\n").rights("alice", "/in")
        assert Rights.OVERWRITE in World("Umask 2\n").rights("alice", "/in", "sftp")

    def test_stor_alone_leaves_other_ways_to_store(self) -> None:
        assert Rights.UPLOAD in World(section("/in", ("STOR", "DenyAll"))).rights("alice", "/in")
        closed = section("/in", ("STOR APPE STOU", "DenyAll"))
        assert Rights.UPLOAD not in World(closed).rights("alice", "/in")
        assert Rights.UPLOAD in World(f"LoadModule mod_copy.c\n{closed}").rights("alice", "/in")

    def test_a_name_by_the_server_needs_the_folder(self) -> None:
        """Without AllowOverwrite the daemon refuses to go on, but an empty new file stays."""
        closed = section("/in", ("STOR APPE", "DenyAll"))
        assert Rights.UPLOAD in World(f"AllowOverwrite on\n{closed}").rights("alice", "/in")
        assert Rights.UPLOAD in World(closed).rights("alice", "/in")
        no_way = section("/in", ("STOR APPE CWD", "DenyAll"))
        assert Rights.UPLOAD not in World(no_way).rights("alice", "/in")

    def test_site_commands_make_and_remove_folders(self) -> None:
        closed = section("/in", ("MKD RMD DELE", "DenyAll"))
        found = World(f"LoadModule mod_site_misc.c\n{closed}").rights("alice", "/in")
        assert Rights.MKDIR | Rights.RMDIR in found
        assert Rights.DELETE not in found

    def test_a_bare_deny_all_lets_new_files_in(self) -> None:
        world = World("<Directory /in>\nDenyAll\n</Directory>\n")
        assert world.rights("alice", "/in") == Rights.UPLOAD | Rights.MKDIR

    def test_a_filter_on_names_closes_where_all_names_fit(self) -> None:
        text = 'AllowOverwrite on\nPathDenyFilter "\\\\.pdf$"\n'
        assert World(text, names=["a.pdf"]).rights("alice", "/in") == FULL & ~FILES
        assert World(text, names=["a.pdf", "b"]).rights("alice", "/in") == FULL
        assert World(text).rights("alice", "/in") == FULL

    def test_a_name_that_passes_must_be_of_a_file_that_may_be_changed(self) -> None:
        """The filter and the mode are asked of the same file."""
        text = 'AllowOverwrite on\nPathDenyFilter "\\\\.pdf$"\n'
        world = World(text, names=["a.pdf", "b"], closed=["b"])
        assert Rights.OVERWRITE not in world.rights("alice", "/in")
        assert Rights.DELETE in world.rights("alice", "/in")

    def test_a_filter_for_every_name_lets_nothing_be_stored(self) -> None:
        found = World("PathDenyFilter .*\n").rights("alice", "/in")
        assert not found & (Rights.UPLOAD | Rights.MKDIR)

    def test_hidden_and_ignored_is_missing(self) -> None:
        text = "<Directory /in>\nHideNoAccess on\n<Limit DELE>\nIgnoreHidden on\n</Limit>\n"
        screen, _ = World(f"{text}</Directory>\n").listener()
        folder = Folder("/in", Node(0, 0, 0o777, of_mode(0o777)), -1, b"", True)
        masks = [7] * len(ORDER)
        masks[ORDER.index(Rights.DOWNLOAD)] = 2  # the kernel lets only Bob read
        assert screen(folder, tuple(masks))[ORDER.index(Rights.DELETE)] == 2


class TestSessions:
    def test_a_section_for_one_user_replaces_the_general_one_and_those_below(self) -> None:
        world = World(
            f"<IfUser alice>\n{section('/in', ('RETR', 'AllowAll'))}</IfUser>\n"
            + section("/in", ("WRITE", "DenyAll"))
            + section("/in/deep", ("READ", "DenyAll"))
        )
        assert Rights.UPLOAD in world.rights("alice", "/in")
        assert Rights.DOWNLOAD in world.rights("alice", "/in/deep")
        assert Rights.UPLOAD not in world.rights("bob", "/in")

    def test_the_group_beats_the_user(self) -> None:
        world = World(
            f"<IfGroup finance>\n{section('/in', ('READ', 'DenyAll'))}</IfGroup>\n"
            f"<IfUser alice>\n{section('/in', ('WRITE', 'DenyAll'))}</IfUser>\n"
        )
        found = world.rights("alice", "/in")
        assert Rights.UPLOAD in found
        assert Rights.DOWNLOAD not in found

    def test_of_two_for_one_path_the_last_in_the_file_wins(self) -> None:
        world = World(
            f"<IfUser alice>\n{section('/in', ('READ', 'DenyAll'))}</IfUser>\n"
            f"<IfUser alice>\n{section('/in', ('WRITE', 'DenyAll'))}</IfUser>\n"
        )
        assert Rights.DOWNLOAD in world.rights("alice", "/in")

    def test_its_blocks_are_looked_at_in_their_order(self) -> None:
        blocks = (("ALL", "AllowAll"), ("ALL", "DenyAll"))
        world = World(f"<IfUser alice>\n{section('/in', *blocks)}</IfUser>\n")
        assert world.rights("alice", "/in")

    def test_a_block_of_its_own_comes_before_those_of_the_server(self) -> None:
        world = World(
            "<Limit READ>\nDenyAll\n</Limit>\n"
            "<IfGroup audit>\n<Limit READ>\nAllowAll\n</Limit>\n</IfGroup>\n"
        )
        assert Rights.DOWNLOAD in world.rights("bob", "/in")
        assert Rights.DOWNLOAD not in world.rights("alice", "/in")

    def test_a_bare_deny_all_of_it_empties_its_own_blocks(self) -> None:
        inner = "<Directory /in>\n<Limit READ>\nDenyAll\n</Limit>\nDenyAll\n</Directory>\n"
        world = World(
            f"<IfUser alice>\n{inner}</IfUser>\n" + section("/in/deep", ("DELE", "DenyAll"))
        )
        assert Rights.DOWNLOAD in world.rights("alice", "/in/deep")

    def test_and_works_there(self) -> None:
        world = World("<IfGroup AND finance audit>\nAllowOverwrite on\n</IfGroup>\n")
        assert Rights.OVERWRITE in world.rights("bob", "/in")
        assert Rights.OVERWRITE not in world.rights("alice", "/in")


class TestLogins:
    def test_all_blocks_must_agree(self) -> None:
        world = World(
            "<Limit LOGIN>\nDenyUser alice\n</Limit>\n<Limit LOGIN>\nAllowAll\n</Limit>\n"
        )
        assert not world.may_log_in("alice")
        assert world.may_log_in("bob")

    def test_all_does_not_mean_the_login(self) -> None:
        assert World("<Limit ALL>\nDenyAll\n</Limit>\n").may_log_in("alice")

    def test_a_block_for_one_user_counts_after_the_login(self) -> None:
        world = World("<IfUser alice>\n<Limit LOGIN>\nDenyAll\n</Limit>\n</IfUser>\n")
        assert not world.may_log_in("alice")


class TestFtpaccess:
    DENIED = section("/in", ("ALL", "DenyAll"))
    FILE = {"/in/.ftpaccess": "<Limit ALL>\nAllowUser alice\n</Limit>\n"}

    def test_it_beats_the_sections_of_the_server(self) -> None:
        world = World(self.DENIED, self.FILE)
        assert world.rights("alice", "/in/deep") == OPEN
        assert not world.rights("bob", "/in")

    def test_it_counts_where_no_section_is(self) -> None:
        files = {"/out/.ftpaccess": "<Limit WRITE>\nDenyAll\n</Limit>\n"}
        assert World("Umask 2\n", files).rights("bob", "/out") == Rights.LIST | Rights.DOWNLOAD

    def test_it_is_switched_off_above_its_folder_only(self) -> None:
        assert not World(f"AllowOverride off\n{self.DENIED}", self.FILE).rights("alice", "/in")
        late = "<Directory /in>\nAllowOverride off\n<Limit ALL>\nDenyAll\n</Limit>\n</Directory>\n"
        assert World(late, self.FILE).rights("alice", "/in")


class TestExplanations:
    def test_every_decision_names_its_block_and_line(self) -> None:
        world = World(
            "AllowOverwrite on\n"
            + section("/in", ("READ DIRS", "AllowUser alice"), ("WRITE", "DenyAll"))
        )
        assert world.why("alice", "/in") == (
            "list, download allowed by <Limit READ DIRS> at proftpd.conf:3",
            "upload, overwrite, delete, rename, mkdir, rmdir, chmod denied by <Limit WRITE> at "
            "proftpd.conf:6",
        )

    def test_a_switch_is_named_too(self) -> None:
        assert World("Umask 2\nAllowOverwrite off\n").why("alice", "/in") == (
            "overwrite denied: AllowOverwrite is off at proftpd.conf:2",
        )

    def test_what_is_not_understood_is_told_and_widens_its_section(self) -> None:
        world = World("<Directory /in>\nStrangeRule on\n</Directory>\n")
        assert list(world.layout.doubts.values()) == [
            ["not understood: StrangeRule at proftpd.conf:2"]
        ]
        assert world.doubtful("alice", "/in/deep")
        assert not world.doubtful("alice", "/out")

    @pytest.mark.parametrize("line", ["BanOnEvent MaxLoginAttempts 2/00:10:00", "QuotaEngine on"])
    def test_modules_that_may_decide_are_told(self, line: str) -> None:
        texts = [text for found in World(f"{line}\n").layout.doubts.values() for text in found]
        assert texts == [f"not understood: {line.split(maxsplit=1)[0]} at proftpd.conf:1"]

    @pytest.mark.parametrize("line", ["QuotaEngine off", "MaxClients 30", 'ServerName "x"'])
    def test_others_are_not(self, line: str) -> None:
        assert not World(f"{line}\n").layout.doubts
