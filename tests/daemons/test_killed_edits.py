"""Edits of configuration files that are killed at any moment, or meet a full disk: the file is
wholly old or wholly new, the next run finishes, and nothing is left beside it."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from recert.connectors import registry
from recert.connectors.changes import CloseAccount, SetRights
from recert.connectors.contract import Connector, NoSpace, Plan, Standing
from recert.connectors.rights import Rights
from tests.daemons.residents import HASH
from tests.daemons.rig_openssh import key, settle_privilege_separation
from tests.daemons.rigs import DAEMONS
from tests.daemons.worlds import Ground

pytestmark = pytest.mark.daemon
UID, GID = 7_300_001, 7_300_900


class Edited:
    """A server of which one change is an edit of its configuration file."""

    def __init__(self, kind: str, ground: Ground) -> None:
        self.kind, self.ground = kind, ground
        self.etc = ground.place / "etc"
        self.etc.mkdir(mode=0o755)
        self.folder = ground.root / "in"
        self.folder.mkdir()
        self.folder.chmod(0o777)
        getattr(self, f"_write_{kind}")()
        self.old = self.config.read_bytes()

    def _write_proftpd(self) -> None:
        """Two accounts with one uid: only a <Limit> can tell them apart."""
        self.config = self.etc / "proftpd.conf"
        users = "".join(
            f"{name}:{HASH}:{UID}:{GID}::{self.ground.root}:/bin/sh\n" for name in ("anna", "ben")
        )
        for name, text in (("users", users), ("groups", f"staff:x:{GID}:\n")):
            (self.etc / name).write_text(text)
            (self.etc / name).chmod(0o640)
        self.config.write_text(
            f"PidFile {self.etc}/pid\nAuthOrder mod_auth_file.c\nAuthUserFile {self.etc}/users\n"
            f"AuthGroupFile {self.etc}/groups\nRequireValidShell off\nAuthPAM off\n"
            f"DefaultRoot ~\nAllowOverwrite on\n" + "# a remark\n" * 2000
        )
        self.change = SetRights("anna", str(self.folder), Rights.NONE)

    def _write_openssh(self) -> None:
        self.config = self.etc / "sshd_config"
        settle_privilege_separation()
        host = self.etc / "host_key"
        key().write_private_key(str(host))
        host.chmod(0o600)
        user = self.ground.new_user("anna", self.ground.root, password=HASH)
        self.config.write_text(
            f"HostKey {host}\nPidFile none\nUsePAM no\nSubsystem sftp internal-sftp\n"
            + "# a remark\n" * 2000
        )
        self.change = CloseAccount(user.name)

    def connector(self) -> Connector:
        return registry.connect(
            self.kind,
            {
                "config": str(self.config),
                "root": str(self.ground.root),
                "prefix": str(DAEMONS / self.kind),
            },
        )

    def names(self) -> set[str]:
        return {path.name for path in self.etc.iterdir()}


@pytest.fixture(params=["proftpd", "openssh"])
def server(request: pytest.FixtureRequest) -> Iterator[Edited]:
    with Ground.of("killed", 1) as ground:
        yield Edited(request.param, ground)


def killed_after(seconds: float, connector: Connector, plan: Plan) -> None:
    """Applies in a process of its own, which the kernel ends at this moment."""
    child = os.fork()
    if child == 0:
        try:
            connector.apply(plan)
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_killed_edit_is_whole_and_is_finished_by_the_next_run(
    server: Edited, world_seed: int
) -> None:
    dice = random.Random(f"kills {world_seed}")
    connector = server.connector()
    plan = connector.plan(server.change)
    before = server.names()
    began = time.monotonic()
    connector.apply(plan)
    lasts = time.monotonic() - began
    new = server.config.read_bytes()
    assert new != server.old
    connector.apply(connector.undo_plan(plan))
    assert server.config.read_bytes() == server.old
    killed_after(dice.uniform(0, lasts), connector, plan)
    assert server.config.read_bytes() in (server.old, new)
    assert connector.standing(plan) in (Standing.BEFORE, Standing.AFTER)
    connector.apply(plan)
    assert server.config.read_bytes() == new
    assert server.names() == before
    connector.apply(connector.undo_plan(plan))
    assert server.config.read_bytes() == server.old


def test_a_full_disk_leaves_the_old_file(server: Edited) -> None:
    content = {path.name: path.read_bytes() for path in server.etc.iterdir()}
    modes = {path.name: path.stat().st_mode & 0o7777 for path in server.etc.iterdir()}
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k,mode=755", "tmpfs", str(server.etc)]
    subprocess.run(mount, check=True)
    try:
        for name, raw in content.items():
            (server.etc / name).write_bytes(raw)
            (server.etc / name).chmod(modes[name])
        connector = server.connector()
        plan = connector.plan(server.change)
        ballast = server.etc / "ballast"
        _fill(ballast)
        with pytest.raises(NoSpace):
            connector.apply(plan)
        assert server.config.read_bytes() == server.old
        assert server.names() == {*content, "ballast"}
        ballast.unlink()
        connector.apply(plan)
        assert connector.standing(plan) is Standing.AFTER
    finally:
        subprocess.run(["umount", str(server.etc)], check=True)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return
