"""Real servers, read over the local transport, come out the same from their recordings."""

import gzip
from pathlib import Path

import pytest

from recert.connectors import registry
from recert.connectors.environment import REAL
from recert.connectors.recording import Recorder, RecordingFile, Replay
from tests.daemons.rig_openssh import OpensshRig
from tests.daemons.rig_proftpd import ProftpdRig
from tests.daemons.rig_pureftpd import PureftpdRig
from tests.daemons.rig_vsftpd import VsftpdRig
from tests.daemons.rigs import Rig
from tests.daemons.worlds import Ground

pytestmark = pytest.mark.daemon
RIGS: tuple[type[Rig], ...] = (OpensshRig, VsftpdRig, ProftpdRig, PureftpdRig)


@pytest.mark.parametrize("rig", RIGS, ids=lambda one: one.kind)
def test_the_same_comes_out_offline_and_no_hash_is_kept(
    rig: type[Rig], world_seed: int, tmp_path: Path
) -> None:
    with Ground.of(rig.kind, world_seed) as ground, rig(ground) as server:
        settings = server.settings()
        header = {"collector": "recert test", "kind": rig.kind, "settings": settings}
        recording_file = RecordingFile(tmp_path / "1.gz", header)
        reading = registry.connect(rig.kind, settings, Recorder(recording_file, REAL)).read()
        grants = list(reading.grants)
        hashes = {
            field
            for path in (Path("/etc/shadow"), *server.stated())
            for line in path.read_bytes().split(b"\n")
            for field in line.split(b":")[1:2]
            if field.count(b"$") >= 3
        }
    recording_file.close()
    assert not recording_file.failed
    text = gzip.decompress(recording_file.path.read_bytes())
    assert hashes
    assert not [one for one in hashes if one.lstrip(b"!*") in text]
    with Replay(recording_file.path) as replay:
        again = registry.connect(rig.kind, settings, replay).read()
        assert list(again.grants) == grants
        assert again.accounts == reading.accounts
        assert again.groups == reading.groups
        assert again.fingerprint == reading.fingerprint
        assert again.problems == reading.problems


def test_the_keys_of_accounts_are_counted(world_seed: int) -> None:
    with Ground.of("openssh", world_seed) as ground, OpensshRig(ground) as server:
        ours = {login.account for login in server.logins}
        reading = registry.connect("openssh", server.settings()).read()
        counted = {one.name: one.keys for one in reading.accounts if one.name in ours}
        assert any(counted.values())
        assert all(counted[name] for name in server.signed_in)
