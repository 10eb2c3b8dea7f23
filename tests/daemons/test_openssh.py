"""What Recert says about openssh, beside what real clients can do on a real one."""

import pytest

from recert.connectors import registry
from recert.connectors.changes import CloseAccount
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


def test_the_keys_of_a_closed_account_open_nothing(world_seed: int) -> None:
    """Who lost his last folder still gets in with his key; closing the account is the end."""
    with Ground.of(KIND, world_seed) as ground, OpensshRig(ground) as rig:
        opened = {login.account: rig.sign_in(login, "sftp") for login in rig.logins}
        let_in = [client for client in opened.values() if client]
        assert let_in
        for client in let_in:
            client.close()
        connector = registry.connect(KIND, rig.settings())
        for login in rig.logins:
            if not opened[login.account]:
                continue
            plan = connector.plan(CloseAccount(login.account))
            connector.apply(plan)
            rig.settle()
            assert rig.sign_in(login, "sftp") is None
            (fact,) = (one for one in connector.read().accounts if one.name == login.account)
            assert fact.keys  # they lie there as before
            assert not fact.enabled
            return
