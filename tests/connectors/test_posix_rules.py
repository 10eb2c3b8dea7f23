"""The kernel's rule for folders, trap by trap. tests/daemons asks the real kernel."""

from datetime import date

import pytest

from recert.connectors.contract import EditedByOthers, ServerDataInvalid
from recert.connectors.posix.changes import text_patch
from recert.connectors.posix.pam.stack import Lists, Login, Pam, Rule, refusal
from recert.connectors.posix.permissions.acl import Acl, Listed, Node, of_mode, parse_listing
from recert.connectors.posix.permissions.evaluate import FolderRights, evaluate
from recert.connectors.posix.permissions.explain import reason
from recert.connectors.posix.permissions.identities import Identities, Identity
from recert.connectors.posix.permissions.scan import Tree
from recert.connectors.posix.to_reading import boundaries
from recert.connectors.rights import EDIT, READ, Rights

ANNA, BEN, ROOT = 1001, 1002, 0
SALES, HR = 2001, 2002
WRITES = EDIT & ~Rights.LIST & ~Rights.DOWNLOAD & ~Rights.OVERWRITE


def who(*known: Identity) -> Identities:
    return Identities(
        known
        or (
            Identity("anna", ANNA, SALES, frozenset({SALES})),
            Identity("ben", BEN, HR, frozenset({SALES, HR})),
        )
    )


def node(mode: int, uid: int = ROOT, gid: int = ROOT, acl: Acl | None = None, **more) -> Node:
    return Node(uid, gid, mode, acl or of_mode(mode), more.get("default"))


def tree(*folders: tuple[str, Node, list[Node]]) -> Tree:
    made = Tree()
    made.add("/", node(0o755), b"0:0", reported=False)
    for number, (path, its, files) in enumerate(folders):
        folder = made.add(path, its, b"0:%d" % (number + 1), reported=True)
        folder.files = set(files) or None
    return made


def rights(made: Tree, path: str, account: str = "anna", known: Identities | None = None) -> Rights:
    identities = known or who()
    jails = dict.fromkeys(("anna", "ben"), "/")
    found: dict[str, FolderRights] = {one.path: one for one in evaluate(made, identities, jails)}
    return found[path].rights(identities.of(account))


def one(its: Node, *files: Node, account: str = "anna") -> Rights:
    return rights(tree(("/in", its, list(files))), "/in", account)


class TestTheKernelsRule:
    def test_the_owner_class_decides_alone_even_against_its_group(self) -> None:
        assert one(node(0o077, uid=ANNA, gid=SALES)) == Rights.NONE

    def test_a_group_that_holds_nothing_shuts_out_although_others_may(self) -> None:
        assert one(node(0o707, gid=SALES)) == Rights.NONE

    def test_rights_of_two_groups_are_not_added_in_one_request(self) -> None:
        acl = Acl(7, 0, 0, 7, groups=((SALES, 2), (HR, 1)))
        assert Rights.UPLOAD not in one(node(0o770, acl=acl), account="ben")
        both = Acl(7, 0, 0, 7, groups=((SALES, 3), (HR, 0)))
        assert Rights.UPLOAD in one(node(0o770, acl=both), account="ben")

    def test_a_named_user_beats_every_group(self) -> None:
        acl = Acl(7, 7, 7, 7, users=((ANNA, 0),))
        assert one(node(0o777, gid=SALES, acl=acl)) == Rights.NONE

    def test_the_mask_limits_named_entries_and_the_owning_group(self) -> None:
        acl = Acl(7, 7, 0, 5, users=((ANNA, 7),))
        assert one(node(0o750, gid=SALES, acl=acl)) == READ

    def test_an_empty_mask_switches_the_whole_acl_off(self) -> None:
        """Linux does not look at an ACL when the group digit of the mode is 0."""
        acl = Acl(7, 0, 7, 0, users=((ANNA, 0),))
        assert one(node(0o707, acl=acl)) == EDIT
        assert one(node(0o707, gid=SALES, acl=acl)) == Rights.NONE

    def test_an_entry_for_the_owner_means_nothing(self) -> None:
        acl = Acl(5, 0, 0, 7, users=((ANNA, 7),))
        assert one(node(0o570, uid=ANNA, acl=acl)) == READ


class TestFoldersAndFiles:
    def test_files_decide_on_download_and_overwrite(self) -> None:
        assert one(node(0o551), node(0o666)) == Rights.DOWNLOAD | Rights.OVERWRITE
        assert one(node(0o555), node(0o600), node(0o606)) == READ | Rights.OVERWRITE

    def test_an_empty_folder_stands_for_a_file(self) -> None:
        assert one(node(0o777)) == EDIT
        assert one(node(0o733)) == WRITES | Rights.OVERWRITE

    def test_an_empty_folder_with_a_default_acl_is_judged_by_it(self) -> None:
        default = Acl(7, 0, 0, 7, users=((ANNA, 4),))
        assert one(node(0o777, default=default)) == WRITES | READ

    def test_ones_own_files_do_not_count(self) -> None:
        mine = node(0o644, uid=ANNA)
        assert one(node(0o711), mine) == Rights.NONE
        assert one(node(0o755), mine, node(0o600)) == Rights.LIST

    def test_in_a_sticky_folder_others_files_stay(self) -> None:
        gone = Rights.DELETE | Rights.RENAME | Rights.RMDIR
        assert one(node(0o1777)) == EDIT & ~gone
        assert one(node(0o1777, uid=ANNA)) == EDIT

    def test_a_closed_folder_closes_what_lies_below(self) -> None:
        made = tree(("/a", node(0o700), []), ("/a/b", node(0o777), []))
        assert rights(made, "/a/b") == Rights.NONE

    def test_the_superuser_may_everything(self) -> None:
        known = who(Identity("anna", 0, 0, frozenset({0})), Identity("ben", 2, 2, frozenset({2})))
        made = tree(("/a", node(0o000, uid=5), []))
        assert rights(made, "/a", known=known) == EDIT | Rights.CHMOD

    def test_folders_that_behave_alike_are_one_boundary(self) -> None:
        made = tree(
            ("/a", node(0o755), []),
            ("/a/b", node(0o755), []),
            ("/a/b/c", node(0o700), []),
            ("/a/b/c/d", node(0o755), []),
        )
        found = evaluate(made, who(), {"anna": "/", "ben": "/"})
        assert [kept.path for kept in boundaries(found)] == ["/a", "/a/b/c"]


class TestWords:
    names = {SALES: "sales", HR: "hr"}.get

    def why(self, its: Node, groups: tuple[int, ...] = (SALES,)) -> str:
        identity = Identity("anna", ANNA, SALES, frozenset(groups))
        return reason(identity, its, lambda gid: self.names(gid) or str(gid))

    def test_the_class_that_decides_is_named(self) -> None:
        assert self.why(node(0o2770, gid=SALES)) == "member of group sales, folder mode 2770"
        assert self.why(node(0o755)) == "everybody, folder mode 0755"
        assert self.why(node(0o700, uid=ANNA)) == "owner of the folder, folder mode 0700"

    def test_of_an_acl_the_entry_and_the_mask(self) -> None:
        acl = Acl(7, 7, 0, 5, users=((ANNA, 7),))
        assert self.why(node(0o750, acl=acl)) == "own entry rwx in the folder ACL (mask r-x)"
        dormant = Acl(7, 7, 5, 0, users=((ANNA, 7),))
        assert self.why(node(0o705, acl=dormant)).endswith("(empty mask: no entry counts)")


class TestGetfaclsText:
    TEXT = (
        b"# file: /srv/a\\012b\\\\c\n# owner: 0\n# group: 2001\n# flags: -s-\nuser::rwx\n"
        b"user:1001:r-x\ngroup::rwx\nmask::rwx\nother::---\ndefault:user::rwx\n"
        b"default:group::r-x\ndefault:other::---\n\n"
    )

    def test_it_is_read_and_written_alike(self) -> None:
        found = list(parse_listing(iter([self.TEXT])))
        assert found == [
            Listed(
                b"/srv/a\nb\\c",
                0,
                2001,
                Acl(7, 7, 0, 7, users=((1001, 5),)),
                Acl(7, 5, 0),
                "-s-",
            )
        ]
        assert found[0].text.encode() + b"\n" == self.TEXT

    def test_pieces_may_end_anywhere(self) -> None:
        whole = list(parse_listing(iter([self.TEXT * 3])))
        for size in (1, 7, 50):
            raw = self.TEXT * 3
            pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
            assert list(parse_listing(iter(pieces))) == whole

    def test_something_else_is_refused(self) -> None:
        with pytest.raises(ServerDataInvalid, match="unexpected"):
            list(parse_listing(iter([b"# file: /x\nuser::rwx\n\n"])))


class TestHunks:
    OLD = b"one\ntwo\nthree\n"
    NEW = b"one\n2\nthree\nfour\n"

    def test_both_directions_give_the_exact_bytes(self) -> None:
        before, after = text_patch.make(self.OLD, self.NEW)
        assert text_patch.turn(self.OLD, before, after) == self.NEW
        assert text_patch.turn(self.NEW, after, before) == self.OLD

    def test_bytes_that_are_no_text_and_a_missing_line_end(self) -> None:
        old, new = b"\xe9\r\nlast", b"\xe9\r\nlast\nmore\n"
        before, after = text_patch.make(old, new)
        assert text_patch.turn(text_patch.turn(old, before, after), after, before) == old

    def test_an_edit_elsewhere_is_kept(self) -> None:
        before, after = text_patch.make(self.OLD, b"one\ntwo\nours\nthree\n")
        edited = b"zero\none\ntwo\nours\nthree\n"
        assert text_patch.stands(edited, after)
        assert text_patch.turn(edited, after, before) == b"zero\none\ntwo\nthree\n"

    def test_what_is_there_twice_or_not_at_all_is_refused(self) -> None:
        before, after = text_patch.make(b"a\nb\n", b"a\nours\nb\n")
        for now in (b"a\nours\nb\na\nours\nb\n", b"nothing\n"):
            with pytest.raises(EditedByOthers):
                text_patch.turn(now, after, before)

    def test_only_the_lines_that_change_are_kept(self) -> None:
        before, after = text_patch.make(b"password=secret\nx\n", b"password=secret\ny\n")
        assert "secret" not in before + after


PERMIT = Rule({"success": "ok", "default": "bad"}, "pam_permit.so", (), "/etc/pam.d/x:9")


class TestPam:
    def login(self, name: str = "anna") -> Login:
        return Login(name, None, None, frozenset(), date(2026, 11, 23))

    def stack(self, *rules: tuple[dict[str, str], str, str]) -> Pam:
        made = [
            Rule(control, module, tuple(arguments.split()), "/etc/pam.d/x:1")
            for control, module, arguments in rules
        ]
        return Pam("x", {"auth": made, "account": [PERMIT]}, Lists({"/list": ["anna"]}))

    REQUIRED = {"success": "ok", "default": "bad"}

    def test_a_list_refuses_whom_it_names(self) -> None:
        pam = self.stack((self.REQUIRED, "pam_listfile.so", "item=user sense=deny file=/list"))
        assert refusal(pam, self.login()) == "listed in /list"
        assert refusal(pam, self.login("ben")) == ""

    def test_a_jump_skips_the_refusal_behind_it(self) -> None:
        jump = {"success": "1", "default": "ignore"}
        die = {"success": "ok", "default": "die"}
        last = (self.REQUIRED, "pam_permit.so", "")
        allow = self.stack((jump, "pam_other.so", ""), (die, "pam_deny.so", ""), last)
        assert refusal(allow, self.login()) == ""
        deny = self.stack((jump, "pam_listfile.so", "item=user sense=deny file=/list"),
                          (die, "pam_deny.so", ""), last)  # fmt: skip
        assert refusal(deny, self.login()).startswith("refused by pam_deny")

    def test_sufficient_ends_the_stack(self) -> None:
        enough = {"success": "done", "default": "ignore"}
        pam = self.stack((enough, "pam_permit.so", ""), (self.REQUIRED, "pam_deny.so", ""))
        assert refusal(pam, self.login()) == ""
