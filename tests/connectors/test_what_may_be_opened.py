"""Only regular files are read, and only programs are run that nobody else can have put there."""

import os
from pathlib import Path

import pytest

from recert.connectors import file_store, registry
from recert.connectors.contract import ServerDataInvalid, ServerUnreachable, SettingsInvalid
from recert.connectors.hosts import LocalHost, commands
from recert.connectors.hosts.commands import Command


class TestFiles:
    def test_a_device_is_refused(self) -> None:
        with pytest.raises(ServerDataInvalid, match="/dev/zero is not a regular file"):
            LocalHost().read("/dev/zero")

    def test_a_pipe_is_refused_and_hangs_nobody(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        with pytest.raises(ServerDataInvalid, match="is not a regular file"):
            LocalHost().read(str(pipe))
        for kind in ("embedded", "csv"):
            given = {"file": str(pipe)} | ({"complete": "yes"} if kind == "csv" else {})
            with pytest.raises(ServerDataInvalid):
                registry.connect(kind, given).read()

    def test_a_folder_is_named_as_such(self, tmp_path: Path) -> None:
        with pytest.raises(ServerUnreachable, match="Is a directory"):
            LocalHost().read(str(tmp_path))

    def test_one_that_is_too_large_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(file_store, "LARGEST", 10)
        (tmp_path / "large").write_bytes(b"x" * 11)
        with pytest.raises(ServerDataInvalid, match="larger than"):
            file_store.read_bytes(tmp_path / "large")

    def test_files_of_the_kernel_are_read(self) -> None:
        assert LocalHost().read("/proc/self/mounts")


class TestPrograms:
    @pytest.fixture
    def prefix(self, tmp_path: Path) -> Path:
        """A folder that somebody else prepared, with a program of the daemon's name."""
        program = tmp_path / "usr/sbin/proftpd"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\ntouch " + str(tmp_path / "was-run") + "\n")
        program.chmod(0o755)
        return tmp_path

    @pytest.mark.parametrize("part", ["usr/sbin/proftpd", "usr/sbin", "usr"])
    def test_one_that_others_can_change_is_not_run(self, prefix: Path, part: str) -> None:
        (prefix / part).chmod(0o777)
        with pytest.raises(SettingsInvalid, match="can be changed by others"):
            LocalHost().run(commands.program(str(prefix), "/usr/sbin/proftpd", "-t"))
        with pytest.raises(SettingsInvalid):
            list(LocalHost().stream(Command((str(prefix / "usr/sbin/proftpd"),))))
        assert not (prefix / "was-run").exists()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_one_of_somebody_else_is_not_run(self, prefix: Path) -> None:
        os.chown(prefix / "usr/sbin/proftpd", 65534, 65534)
        with pytest.raises(SettingsInvalid, match="belongs to uid 65534"):
            LocalHost().run(commands.program(str(prefix), "/usr/sbin/proftpd", "-t"))
        assert not (prefix / "was-run").exists()


class TestWhatThePagesMayName:
    SETTINGS = ("prefix", "config", "key", "password_file")

    @pytest.mark.parametrize("kind", ["vsftpd", "proftpd", "pureftpd", "openssh"])
    @pytest.mark.parametrize("key", SETTINGS)
    def test_paths_of_programs_and_secrets_are_the_operators(self, kind: str, key: str) -> None:
        given = {"config": "/etc/vsftpd.conf", key: "/tmp/of-somebody"}
        with pytest.raises(SettingsInvalid, match="on Recert's machine only"):
            registry.check_from_pages(kind, given, ())
        registry.check_from_pages(kind, given, ("/tmp",))

    @pytest.mark.parametrize(
        "path", ["/etc/shadow", "/etc/proftpd/../shadow", "/etc/proftpd.conf.evil", "etc/proftpd"]
    )
    def test_a_path_is_looked_at_as_the_system_would(self, path: str) -> None:
        with pytest.raises(SettingsInvalid):
            registry.check_from_pages("proftpd", {"config": path}, ())

    def test_the_places_of_the_packages_can_be_named(self) -> None:
        registry.check_from_pages("proftpd", {"config": "/etc/proftpd/proftpd.conf"}, ())
