"""Edits that are cut off, edited by others, or meet a broken server: nothing is lost, and nothing
is written that was not planned."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recert.connectors import environment, registry
from recert.connectors.changes import CloseAccount, SetRights
from recert.connectors.contract import (
    CannotExpress,
    Connector,
    EditedByOthers,
    OutcomeUnknown,
    Plan,
    ServerDataInvalid,
    Standing,
)
from recert.connectors.hosts import LocalHost, Output, commands
from recert.connectors.posix.permissions.scan import scan
from recert.connectors.rights import READ, Rights
from recert.foundation import failpoints
from tests.daemons.residents import HASH, User
from tests.daemons.rig_openssh import settle_privilege_separation
from tests.daemons.rigs import DAEMONS
from tests.daemons.worlds import Ground

pytestmark = pytest.mark.daemon
Apply = Callable[[Plan], None]


class Site:
    """A small sshd world whose every file is stated here: Anna shares /in with her group."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.anna: User = ground.new_user("anna", ground.root, password=HASH)
        self.ben: User = ground.new_user("ben", ground.root, password=HASH)
        self.widest = ground.root
        os.chown(ground.root, 0, 0)
        ground.root.chmod(0o755)
        self.inbox = ground.root / "in"
        self.below = self.inbox / "kept"
        for folder in (self.inbox, self.below, self.inbox / "same"):
            folder.mkdir()
            folder.chmod(0o777)
        for number in range(3):
            file = self.inbox / f"file {number}"
            file.write_text("theirs")
            file.chmod(0o666)
        self.below.chmod(0o755)
        self.config = ground.place / "sshd_config"
        host_key = ground.place / "host_key"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(host_key)], check=True
        )
        lines = [
            *("# kept as it is", "Port 2", f"HostKey {host_key}", "UsePAM yes", "PidFile none"),
            *("Subsystem sftp internal-sftp", f"Match User {self.anna.name}"),
            f"    ChrootDirectory {ground.root}",
        ]
        self.config.write_text("\n".join(lines) + "\n")
        settle_privilege_separation()

    def connector(self) -> Connector:
        settings = {
            "config": str(self.config),
            "root": str(self.widest),
            "prefix": str(DAEMONS / "openssh"),
        }
        return registry.connect("openssh", settings)

    def rights(self, user: User, folder: Path) -> Rights:
        """By the nearest boundary at or above the folder."""
        reading = self.connector().read({user.name})
        known = {one.folder: one.rights for one in reading.grants}
        place = next(p for p in (folder, *folder.parents) if str(p) in reading.folders)
        return known.get(str(place), Rights.NONE)

    def acls(self) -> str:
        return subprocess.run(
            ["getfacl", "-nRpE", str(self.ground.root)], capture_output=True, text=True, check=True
        ).stdout


@pytest.fixture
def site() -> Iterator[Site]:
    with Ground.of("openssh", 1) as ground:
        yield Site(ground)


def cut_off_at(label: str, nth: int, apply: Callable[[], None]) -> bool:
    """Runs an edit in another process that dies at the n-th passing of a place; whether it died."""
    child = os.fork()
    if child == 0:
        passed = 0

        def die() -> None:
            nonlocal passed
            passed += 1
            if passed == nth:
                os._exit(77)

        try:
            with failpoints.armed(label, die):
                apply()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 77


PLACES = ("before part", "part written", "temporary file written", "file replaced")


class TestBeingCutOff:
    @pytest.mark.parametrize("label", PLACES[:2])
    @pytest.mark.parametrize("nth", [1, 2, 3])
    def test_an_edit_of_many_parts_is_finished_by_the_next_run(
        self, site: Site, label: str, nth: int
    ) -> None:
        before = site.acls()
        connector = site.connector()
        plan = connector.plan(SetRights(site.anna.name, str(site.inbox), READ))
        assert plan.before.count("# file") > 3
        assert cut_off_at(label, nth, lambda: connector.apply(plan))
        assert connector.standing(plan) in (Standing.BEFORE, Standing.PARTLY)
        connector.apply(plan)
        assert connector.standing(plan) is Standing.AFTER
        assert site.rights(site.anna, site.inbox) == READ
        connector.apply(connector.undo_plan(plan))
        assert site.acls() == before

    def test_entries_without_the_new_owner_are_half_of_the_edit(self, site: Site) -> None:
        os.chown(site.inbox, site.anna.uid, -1)
        before = site.acls()
        connector = site.connector()
        plan = connector.plan(SetRights(site.anna.name, str(site.inbox), READ))
        assert cut_off_at("entries written", 1, lambda: connector.apply(plan))
        assert connector.standing(plan) is Standing.PARTLY
        connector.apply(plan)
        assert connector.standing(plan) is Standing.AFTER
        assert site.rights(site.anna, site.inbox) == READ
        connector.apply(connector.undo_plan(plan))
        assert site.acls() == before

    @pytest.mark.parametrize("label", PLACES)
    def test_a_file_is_wholly_old_or_wholly_new(self, site: Site, label: str) -> None:
        connector = site.connector()
        plan = connector.plan(CloseAccount(site.anna.name))
        old = site.config.read_bytes()
        assert cut_off_at(label, 1, lambda: connector.apply(plan))
        now = site.config.read_bytes()
        assert now == old or b"DenyUsers" in now
        assert now.endswith(f"    ChrootDirectory {site.ground.root}\n".encode())
        connector.apply(plan)
        assert not account(connector, site.anna).enabled
        connector.apply(connector.undo_plan(plan))
        assert site.config.read_bytes() == old


def account(connector: Connector, user: User):  # type: ignore[no-untyped-def]
    return next(one for one in connector.read({user.name}).accounts if one.name == user.name)


class TestSomebodyElse:
    def test_changes_the_acl_between_plan_and_apply(self, site: Site) -> None:
        connector = site.connector()
        plan = connector.plan(SetRights(site.anna.name, str(site.inbox), Rights.NONE))
        subprocess.run(["setfacl", "-m", "u:4711:rwx", str(site.inbox)], check=True)
        seen = site.acls()
        assert connector.standing(plan) is Standing.OTHER
        with pytest.raises(EditedByOthers):
            connector.apply(plan)
        assert site.acls() == seen

    def test_changes_the_file_between_plan_and_apply(self, site: Site) -> None:
        connector = site.connector()
        plan = connector.plan(CloseAccount(site.anna.name))
        site.config.write_text(site.config.read_text().replace("Match User", "Match  User"))
        seen = site.config.read_bytes()
        with pytest.raises(EditedByOthers):
            connector.apply(plan)
        assert site.config.read_bytes() == seen

    def test_adds_an_entry_that_an_undo_keeps(self, site: Site) -> None:
        connector = site.connector()
        plan = connector.plan(SetRights(site.anna.name, str(site.inbox), Rights.NONE))
        connector.apply(plan)
        subprocess.run(["setfacl", "-n", "-m", "u:4711:rwx", str(site.inbox)], check=True)
        connector.apply(connector.undo_plan(plan))
        assert "user:4711:rwx" in site.acls()
        assert f"user:{site.anna.uid}:" not in site.acls()

    def test_two_changes_are_undone_in_either_order(self, site: Site) -> None:
        before = site.acls()
        connector = site.connector()
        for order in ((0, 1), (1, 0)):
            plans = []
            for user in (site.anna, site.ben):
                plans.append(connector.plan(SetRights(user.name, str(site.inbox), Rights.NONE)))
                connector.apply(plans[-1])
            for number in order:
                connector.apply(connector.undo_plan(plans[number]))
            assert site.acls() == before

    def test_took_our_entry_away_so_there_is_nothing_to_undo(self, site: Site) -> None:
        connector = site.connector()
        plan = connector.plan(SetRights(site.anna.name, str(site.inbox), Rights.NONE))
        connector.apply(plan)
        subprocess.run(["setfacl", "-b", str(site.inbox)], check=True)
        with pytest.raises(EditedByOthers):
            connector.undo_plan(plan)


class TestABrokenServer:
    def test_a_configuration_that_was_broken_before_is_not_touched(self, site: Site) -> None:
        connector = site.connector()
        plan = connector.plan(CloseAccount(site.anna.name))
        site.config.write_text(site.config.read_text() + "NoSuchKeyword yes\n")
        seen = site.config.read_bytes()
        with pytest.raises(ServerDataInvalid, match="NoSuchKeyword"):
            connector.apply(plan)
        assert site.config.read_bytes() == seen
        checks = {one.name: one for one in connector.checks()}
        assert not checks["sshd -t"].passed
        assert "NoSuchKeyword" in checks["sshd -t"].cause

    def test_without_getfacl_the_reading_is_partial(self, site: Site) -> None:
        class WithoutAcl(LocalHost):
            def stream(self, command, data=b""):  # type: ignore[no-untyped-def]
                if "getfacl" in command.arguments:
                    command = commands.program("/no/such", "/getfacl")
                return super().stream(command, data)

        with WithoutAcl() as host:
            tree = scan(host, [str(site.ground.root)])
        assert any("getfacl is missing" in problem for problem in tree.problems)

    def test_without_the_state_of_passwords_every_grant_is_doubtful(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class WithoutShadow(LocalHost):
            def run(self, command, data=b""):  # type: ignore[no-untyped-def]
                if command == commands.GETENT_SHADOW:
                    return Output(2, b"", "")
                return super().run(command, data)

        monkeypatch.setattr(environment, "host_of", lambda settings: WithoutShadow())
        reading = site.connector().read({site.anna.name})
        assert all(grant.widened for grant in reading.grants)
        assert any("state of passwords is not known" in one for one in reading.warnings)

    def test_a_folder_that_we_may_not_read_makes_it_partial(self, site: Site) -> None:
        def problems() -> list[str]:
            with LocalHost() as host:
                return scan(host, [str(site.ground.root)]).problems

        site.below.chmod(0o700)
        assert str(site.below) in _without_privileges(problems)
        site.below.chmod(0o755)
        assert not _without_privileges(problems)

    def test_keys_behind_a_folder_that_we_may_not_read_make_it_partial(self, site: Site) -> None:
        def problems() -> list[str]:
            reading = site.connector().read()
            assert any(one.account == site.ben.name for one in reading.grants)
            return reading.problems

        keys = Path(site.anna.home) / ".ssh"
        assert str(keys) not in _without_privileges(problems)
        keys.mkdir(mode=0o700)
        (keys / "authorized_keys").write_text("")
        said = _without_privileges(problems)
        assert f"{keys}/authorized_keys: " in said
        assert "raised" not in said

    def test_names_with_line_breaks_are_shown_and_changed_only_by_hand(self, site: Site) -> None:
        odd = site.inbox / "two\nlines"
        odd.mkdir()
        odd.chmod(0o777)
        (odd / "file").write_text("theirs")
        connector = site.connector()
        shown = [one.folder for one in connector.read().grants if "two" in one.folder]
        assert set(shown) <= {f"{site.inbox}/two\\012lines"}
        assert f"{site.inbox}/two\\012lines" in list(connector.every_folder())
        with pytest.raises(CannotExpress):
            connector.plan(SetRights(site.anna.name, f"{site.inbox}/two\\012lines", Rights.NONE))


def _without_privileges(look: Callable[[], list[str]]) -> str:
    """The problems that an account without privileges meets, in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            os.write(writing, "\n".join(look()).encode())
        except Exception as error:
            os.write(writing, f"raised {error!r}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as said:
        return said.read()


class TestMounts:
    def test_a_folder_that_is_mounted_twice_is_one_folder(self, site: Site) -> None:
        """Anna is jailed in the tree; the folder lies outside of it as well."""
        outside = site.ground.place / "outside"
        outside.mkdir()
        outside.chmod(0o777)
        alias = site.inbox / "alias"
        alias.mkdir()
        subprocess.run(["mount", "--bind", str(outside), str(alias)], check=True)
        try:
            site.widest = site.ground.place
            reached = site.rights(site.anna, alias)
            assert Rights.UPLOAD in reached
            assert site.rights(site.anna, outside) == reached
        finally:
            subprocess.run(["umount", str(alias)], check=True)

    def test_nothing_is_written_below_a_read_only_mount(self, site: Site) -> None:
        assert Rights.UPLOAD in site.rights(site.anna, site.inbox / "same")
        place = site.inbox / "same"
        subprocess.run(["mount", "--bind", str(place), str(place)], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,ro,bind", str(place)], check=True)
            assert site.rights(site.anna, place) == READ
        finally:
            subprocess.run(["umount", str(place)], check=True)


def test_a_missing_program_is_told_apart() -> None:
    with LocalHost() as host:
        assert host.run(commands.program("/no/such", "/bin/x")) == Output(
            127, b"", "/no/such/bin/x: command not found"
        )


def entries_of(place: str) -> str:
    command = ["getfacl", "-pn", "--", place]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class TestEntriesOfOthers:
    """Between our last look and the write somebody else may change the same ACL."""

    def test_an_entry_that_is_added_in_this_moment_stays(self, site: Site) -> None:
        connector = site.connector()
        plan = connector.plan(SetRights(site.anna.name, str(site.inbox), Rights.NONE))

        def meanwhile() -> None:
            subprocess.run(["setfacl", "-n", "-m", "u:4711:rwx", str(site.inbox)], check=True)

        place = str(site.inbox)
        subprocess.run(["setfacl", "-m", "u:4712:r-x", place], check=True)
        plan = connector.plan(SetRights(site.anna.name, place, Rights.NONE))
        with failpoints.armed("before part", meanwhile), pytest.raises(OutcomeUnknown):
            connector.apply(plan)
        listed = subprocess.run(
            ["getfacl", "-pn", place], capture_output=True, text=True, check=True
        ).stdout
        assert "user:4711:rwx" in listed
        assert "user:4712:r-x" in listed
        assert f"user:{site.anna.uid}:--x" in listed  # the way to /in/kept
        assert connector.standing(plan) is Standing.OTHER
        assert Rights.LIST not in site.rights(site.anna, site.inbox)

    def test_an_undo_leaves_what_was_added_since(self, site: Site) -> None:
        connector = site.connector()
        place = str(site.inbox)
        plan = connector.plan(SetRights(site.anna.name, place, Rights.NONE))
        connector.apply(plan)
        subprocess.run(["setfacl", "-n", "-m", "u:4711:rwx", place], check=True)
        connector.apply(connector.undo_plan(plan))
        listed = subprocess.run(
            ["getfacl", "-pn", place], capture_output=True, text=True, check=True
        ).stdout
        assert "user:4711:rwx" in listed
        assert f"user:{site.anna.uid}" not in listed
