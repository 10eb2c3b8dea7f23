"""What Recert says about openssh, beside what real clients can do on a real one."""

import pytest

from tests.daemons.differential import Differential, Tally
from tests.daemons.rig_openssh import OpensshRig
from tests.daemons.worlds import Ground

KIND = OpensshRig.kind

pytestmark = pytest.mark.daemon


def test_every_cell_and_every_change_agrees_with_real_clients(
    world_seed: int, tally: Tally
) -> None:
    with Ground.of(KIND, world_seed) as ground, OpensshRig(ground) as rig:
        world = Differential(rig, tally, world_seed)
        world.compare()
        world.revoke_and_undo()
