"""Both machines, this one and one over a real SSH connection, answer alike."""

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest

from recert.connectors import registry
from recert.connectors.contract import (
    ConnectorError,
    EditedByOthers,
    ServerRefusedUs,
    ServerUnreachable,
    SettingsInvalid,
)
from recert.connectors.environment import REAL
from recert.connectors.hosts import FileMissing, Host, LocalHost, commands
from recert.connectors.hosts.ssh import SshHost
from recert.connectors.posix.permissions.scan import scan
from recert.connectors.recording import Recorder, RecordingFile, Replay
from recert.foundation import failpoints
from tests.daemons.rig_openssh import OpensshRig, settle_privilege_separation
from tests.daemons.rigs import DAEMONS
from tests.daemons.running import LOOPBACK, Daemon, free_port
from tests.daemons.worlds import Ground

pytestmark = pytest.mark.daemon
Settings = dict[str, str]


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """An sshd that lets root in by a key, and the settings that reach it."""
    place = tmp_path_factory.mktemp("far")
    for name in ("host", "client"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(str(place / name))
        key.write_public_key(str(place / f"{name}.pub"))
        (place / name).chmod(0o600)
    settle_privilege_separation()
    port = free_port()
    lines = [
        *(f"Port {port}", f"ListenAddress {LOOPBACK}", f"HostKey {place}/host"),
        *(f"AuthorizedKeysFile {place}/client.pub", "StrictModes no", "PidFile none"),
        *("UsePAM yes", "PermitRootLogin yes", "Subsystem sftp internal-sftp", "UseDNS no"),
    ]
    config = place / "sshd_config"
    config.write_text("\n".join(lines) + "\n")
    sshd = DAEMONS / "openssh/usr/sbin/sshd"
    daemon = Daemon([str(sshd), "-D", "-e", "-f", str(config)], [port], place / "log")
    daemon.start()
    yield {
        "transport": "ssh",
        "host": LOOPBACK,
        "port": str(port),
        "user": "root",
        "host_key": (place / "host.pub").read_text(),
        "key": str(place / "client"),
    }
    daemon.stop()


@pytest.fixture(params=["local", "ssh"])
def host(request: pytest.FixtureRequest, far: Settings) -> Iterator[Host]:
    machine: Host = LocalHost() if request.param == "local" else SshHost(far)
    with machine as entered:
        yield entered


def acl(path: Path) -> str:
    return subprocess.run(
        ["getfacl", "-nEp", str(path)], capture_output=True, text=True, check=True
    ).stdout.partition("\n")[2]


class TestReading:
    def test_files_with_any_name_and_content(self, host: Host, tmp_path: Path) -> None:
        for name in ("plain", "two  blanks", "Größe", "it's", 'the "best"', "$HOME", "a\nb"):
            (tmp_path / name).write_bytes(b"\0\xff" + name.encode())
            assert host.read(f"{tmp_path}/{name}") == b"\0\xff" + name.encode()

    def test_names_that_are_no_text(self, host: Host, tmp_path: Path) -> None:
        odd = os.fsencode(tmp_path) + b"/latin-\xe9"
        Path(os.fsdecode(odd)).write_bytes(b"here")
        assert host.names(str(tmp_path)) == [os.fsdecode(b"latin-\xe9")]
        assert host.read(os.fsdecode(odd)) == b"here"

    def test_what_is_missing_is_said_so(self, host: Host, tmp_path: Path) -> None:
        missing = f"{tmp_path}/nothing"
        with pytest.raises(FileMissing, match="nothing"):
            host.read(missing)
        with pytest.raises(FileMissing):
            host.names(missing)
        assert host.stat(missing) is None
        assert host.stat_many([missing, str(tmp_path)])[missing] is None
        assert isinstance(host.read_many([missing])[missing], ConnectorError)

    def test_facts_of_a_file(self, host: Host, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.write_bytes(b"12345")
        file.chmod(0o2641)
        os.chown(file, 1234, 2345)
        file.chmod(0o2641)
        link = tmp_path / "link"
        link.symlink_to(file)
        found = host.stat(str(link))
        assert found
        assert (found.uid, found.gid, found.size, found.mode) == (1234, 2345, 5, 0o2641)
        assert found.is_file
        assert host.resolve(str(link)) == str(file)
        folder = host.stat(str(tmp_path))
        assert folder
        assert folder.is_folder

    def test_commands_take_their_data_on_standard_input(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "a; touch b").mkdir()
        answer = host.run(commands.FIND_ALL, os.fsencode(tmp_path) + b"\0")
        assert answer.ok
        assert answer.out.count(b"\0") == 2
        assert b"a; touch b" in answer.out
        streamed = host.stream(commands.FIND_ALL, os.fsencode(tmp_path) + b"\0")
        assert b"".join(streamed) == answer.out
        assert streamed.code == 0

    def test_a_missing_program_is_code_127(self, host: Host) -> None:
        command = commands.program("/no/such/prefix", "/bin/thing")
        assert host.run(command).code == 127

    def test_words_that_a_shell_would_read_are_refused(self) -> None:
        with pytest.raises(SettingsInvalid, match="rm"):
            commands.program("", "/bin/true", "; rm -r /")


class TestReplacing:
    def write(self, place: Path) -> Path:
        file = place / "list"
        file.write_bytes(b"old\n")
        os.chown(file, 1234, 2345)
        file.chmod(0o640)
        subprocess.run(["setfacl", "-m", "u:4711:rw-,g:815:r--", str(file)], check=True)
        return file

    def test_owner_mode_and_acl_stay(self, host: Host, tmp_path: Path) -> None:
        file = self.write(tmp_path)
        before = (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode, acl(file))
        host.replace(str(file), b"new\n", was=b"old\n")
        assert file.read_bytes() == b"new\n"
        assert (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode, acl(file)) == before
        assert os.listdir(tmp_path) == ["list"]

    def test_a_link_stays_a_link(self, host: Host, tmp_path: Path) -> None:
        file = self.write(tmp_path)
        link = tmp_path / "link"
        link.symlink_to("list")
        host.replace(str(link), b"new\n", was=b"old\n")
        assert link.is_symlink()
        assert file.read_bytes() == b"new\n"

    def test_somebody_elses_edit_wins(self, host: Host, tmp_path: Path) -> None:
        file = self.write(tmp_path)
        with pytest.raises(EditedByOthers):
            host.replace(str(file), b"new\n", was=b"what we saw\n")
        assert file.read_bytes() == b"old\n"
        assert os.listdir(tmp_path) == ["list"]

    def test_an_edit_in_the_last_moment_wins_too(self, host: Host, tmp_path: Path) -> None:
        file = self.write(tmp_path)

        def edit() -> None:
            file.write_bytes(b"theirs\n")

        with (
            failpoints.armed("temporary file written", edit),
            pytest.raises(EditedByOthers),
        ):
            host.replace(str(file), b"new\n", was=b"old\n")
        assert file.read_bytes() == b"theirs\n"
        assert os.listdir(tmp_path) == ["list"]

    def test_the_temporary_file_can_lie_elsewhere(self, host: Host, tmp_path: Path) -> None:
        """For folders of which the daemon reads every file."""
        folder = tmp_path / "conf.d"
        folder.mkdir()
        file = self.write(folder)
        seen: list[list[str]] = []
        with failpoints.armed("temporary file written", lambda: seen.append(os.listdir(folder))):
            host.replace(str(file), b"new\n", was=b"old\n", beside=str(tmp_path))
        assert seen == [["list"]]
        assert file.read_bytes() == b"new\n"

    def test_what_a_killed_run_left_goes_away(self, host: Host, tmp_path: Path) -> None:
        file = self.write(tmp_path)
        left = tmp_path / f".list.{'0' * 16}.tmp"
        others = [tmp_path / f".lists.{'0' * 16}.tmp", tmp_path / ".list.tmp"]
        for path in (left, *others):
            path.write_bytes(b"half")
            os.utime(path, (1, 1))
        host.replace(str(file), b"new\n", was=b"old\n")
        assert sorted(tmp_path.iterdir()) == sorted((file, *others))

    def test_what_another_run_writes_just_now_stays(self, far: Settings, tmp_path: Path) -> None:
        file = self.write(tmp_path)
        theirs = tmp_path / f".list.{'1' * 16}.tmp"
        theirs.write_bytes(b"half")
        with SshHost(far) as machine:
            machine.replace(str(file), b"new\n", was=b"old\n")
        assert theirs.read_bytes() == b"half"

    def test_a_full_or_read_only_disk_leaves_the_old_file(self, host: Host, tmp_path: Path) -> None:
        place = tmp_path / "small"
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], check=True)
        try:
            file = self.write(place)
            with pytest.raises(ConnectorError):
                host.replace(str(file), b"x" * 200_000, was=b"old\n")
            assert file.read_bytes() == b"old\n"
            assert os.listdir(place) == ["list"]
            subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
            with pytest.raises(ConnectorError):
                host.replace(str(file), b"new\n", was=b"old\n")
            assert file.read_bytes() == b"old\n"
        finally:
            subprocess.run(["umount", str(place)], check=True)

    def test_a_new_file_and_its_end(self, host: Host, tmp_path: Path) -> None:
        path = str(tmp_path / "drop-in")
        host.replace(path, b"made\n", was=None)
        assert stat.S_IMODE(os.stat(path).st_mode) in (0o600, 0o644)
        host.remove(path, was=b"made\n")
        host.remove(path, was=b"made\n")
        assert os.listdir(tmp_path) == []


class TestOpening:
    def test_another_host_key_is_never_accepted(self, far: Settings) -> None:
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
        with (
            pytest.raises(ServerRefusedUs, match="another host key"),
            SshHost({**far, "host_key": other}),
        ):
            pass

    def test_a_wrong_key_is_refused(self, far: Settings, tmp_path: Path) -> None:
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(tmp_path / "key"))
        with (
            pytest.raises(ServerRefusedUs, match="refuses root"),
            SshHost({**far, "key": str(tmp_path / "key")}),
        ):
            pass

    def test_a_silent_machine_is_unreachable(self, far: Settings) -> None:
        with pytest.raises(ServerUnreachable), SshHost({**far, "port": str(free_port())}):
            pass

    @pytest.mark.parametrize("missing", ["host", "user", "host_key"])
    def test_what_is_missing_is_named(self, far: Settings, missing: str) -> None:
        with pytest.raises(SettingsInvalid, match=missing):
            SshHost({**far, missing: ""})


class TestReadingAWholeServer:
    def test_over_ssh_it_is_the_same(self, far: Settings, world_seed: int) -> None:
        with Ground.of("openssh", world_seed) as ground, OpensshRig(ground) as rig:
            # Other worlds come and go on the same machine; ours must look the same.
            ours = {login.account for login in rig.logins}
            readings = [
                registry.connect("openssh", {**rig.settings(), **way}).read(ours)
                for way in ({}, far)
            ]
            here, there = (
                [grant for grant in reading.grants if grant.account in ours] for reading in readings
            )
            assert here == there
            accounts = [
                [one for one in reading.accounts if one.name in ours] for reading in readings
            ]
            assert accounts[0] == accounts[1]
            assert len(accounts[0]) == len(ours)

    def test_from_its_recording_it_is_the_same_again(
        self, far: Settings, world_seed: int, tmp_path: Path
    ) -> None:
        with Ground.of("openssh", world_seed) as ground, OpensshRig(ground) as rig:
            settings = {**rig.settings(), **far}
            header = {"collector": "recert test", "kind": "openssh", "settings": settings}
            recording_file = RecordingFile(tmp_path / "1.gz", header)
            reading = registry.connect("openssh", settings, Recorder(recording_file, REAL)).read()
            grants = list(reading.grants)
        recording_file.close()
        assert reading.accounts
        with Replay(recording_file.path) as replay:
            again = registry.connect("openssh", settings, replay).read()
            assert list(again.grants) == grants
            assert again.fingerprint == reading.fingerprint

    def test_requests_do_not_grow_with_folders(
        self, far: Settings, tmp_path: Path, make_folders: Callable[[int], Path]
    ) -> None:
        counted = []
        for number in (10, 1000):
            root = make_folders(number)
            with SshHost(far) as machine:
                tree = scan(machine, [str(root)])
                counted.append(machine.requests)
            assert len([one for one in tree.folders if one.is_reported]) == number + 1
        assert counted[0] == counted[1]
        assert counted[0] < 10


@pytest.fixture
def make_folders(tmp_path: Path) -> Callable[[int], Path]:
    def make(number: int) -> Path:
        root = tmp_path / f"tree-{number}"
        for one in range(number):
            (root / str(one)).mkdir(parents=True)
        return root

    return make
