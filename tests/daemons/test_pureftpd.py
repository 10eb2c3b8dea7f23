"""What Recert says about pureftpd, beside what real clients can do on a real one."""

import pytest

from tests.daemons.differential import Differential, Tally
from tests.daemons.rig_pureftpd import PureftpdRig
from tests.daemons.worlds import Ground

KIND = PureftpdRig.kind

pytestmark = pytest.mark.daemon


def test_every_cell_and_every_change_agrees_with_real_clients(
    world_seed: int, tally: Tally
) -> None:
    with Ground.of(KIND, world_seed) as ground, PureftpdRig(ground) as rig:
        world = Differential(rig, tally, world_seed)
        world.compare()
        world.revoke_and_undo()
