"""No kind of server is left out of the tests that all kinds must pass."""

from conformance import WORLDS

from recert.connectors.registry import KINDS
from tests.daemons.test_recordings import RIGS


def test_a_kind_has_a_world_of_conformance_or_a_real_daemon() -> None:
    tested = {world.kind for world in WORLDS} | {rig.kind for rig in RIGS}
    assert tested == set(KINDS)
