"""A closed account is out at once: its live session ends, and nobody else's."""

import time
from collections.abc import Callable

import pytest

from recert.connectors import registry
from recert.connectors.changes import CloseAccount
from recert.connectors.contract import CannotExpress, Standing
from tests.daemons.clients import Client
from tests.daemons.rig_openssh import OpensshRig
from tests.daemons.rig_proftpd import ProftpdRig
from tests.daemons.rig_pureftpd import PureftpdRig
from tests.daemons.rig_vsftpd import VsftpdRig
from tests.daemons.rigs import Login, Rig
from tests.daemons.running import root_of_session
from tests.daemons.test_robustness import cut_off_at
from tests.daemons.worlds import Ground

pytestmark = pytest.mark.daemon
RIGS: tuple[Callable[[Ground], Rig], ...] = (VsftpdRig, ProftpdRig, PureftpdRig, OpensshRig)


def lives(login: Login, port: int) -> bool:
    """Whether a process of the account still serves the connection."""
    try:
        root_of_session(port, login.uid)
    except AssertionError:
        return False
    return True


def ends(login: Login, port: int) -> bool:
    """A process that was told to end may take a moment to do so."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not lives(login, port):
            return True
    return False


@pytest.mark.parametrize("make", RIGS, ids=lambda rig: rig.kind)
def test_closing_an_account_ends_its_session_only(make: Callable[[Ground], Rig]) -> None:
    for seed in range(1, 30):
        with Ground.of(make.kind, seed) as ground, make(ground) as rig:  # type: ignore[attr-defined]
            found = _two_with_sessions(rig)
            if found is None:
                continue
            (one, mine), (other, theirs) = found
            ports = (mine.port, theirs.port)
            connector = registry.connect(rig.kind, rig.settings())
            try:
                plan = connector.plan(CloseAccount(one.account))
            except CannotExpress:
                continue
            if "same uid" in plan.note:
                continue  # guests: their sessions cannot be told apart, and the plan says so
            assert connector.apply(plan) is True
            rig.daemon.wait()
            assert rig.sign_in(one, rig.listeners[0]) is None
            assert ends(one, ports[0])
            assert lives(other, ports[1])
            connector.apply(connector.undo_plan(plan))
            rig.daemon.wait()
            again = rig.sign_in(one, rig.listeners[0])
            assert again is not None
            again.close()
            theirs.close()
            return
    pytest.fail("no world with two accounts that can log in and be closed")


def _two_with_sessions(rig: Rig) -> list[tuple[Login, Client]] | None:
    """Two accounts of different uids with a session each."""
    found: list[tuple[Login, Client]] = []
    uids = [login.uid for login in rig.logins]
    for login in rig.logins:
        if uids.count(login.uid) > 1 or login.account == "anonymous":
            continue
        client = rig.sign_in(login, rig.listeners[0])
        if client is not None:
            found.append((login, client))
        if len(found) == 2:
            return found
    for _login, client in found:
        client.close()
    return None


@pytest.mark.parametrize("make", [ProftpdRig, OpensshRig], ids=lambda rig: rig.kind)
def test_a_run_that_died_before_the_reload_is_finished_by_the_next(
    make: Callable[[Ground], Rig],
) -> None:
    """The file is new already, and the daemon still goes by the old one."""
    for seed in range(1, 30):
        with Ground.of(make.kind, seed) as ground, make(ground) as rig:  # type: ignore[attr-defined]
            found = _two_with_sessions(rig)
            if found is None:
                continue
            (one, mine), (_other, theirs) = found
            mine.close()
            theirs.close()
            connector = registry.connect(rig.kind, rig.settings())
            try:
                plan = connector.plan(CloseAccount(one.account))
            except CannotExpress:
                continue
            assert cut_off_at("before reload", 1, lambda: connector.apply(plan))  # noqa: B023
            assert connector.standing(plan) is Standing.AFTER
            still = rig.sign_in(one, rig.listeners[0])
            assert still is not None, "the daemon should not know yet"
            port = still.port
            connector.apply(plan)
            rig.daemon.wait()
            assert ends(one, port)
            assert rig.sign_in(one, rig.listeners[0]) is None
            return
    pytest.fail("no world with an account that can be closed")
