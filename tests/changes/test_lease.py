"""One writer per server, whoever wakes up late."""

import threading
import time

import pytest
from sqlalchemy import update

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.changes import execution, rules
from recert.changes.lease import ServerHeld
from recert.changes.models import OrderState, ServerLease
from recert.foundation import clock, failpoints
from tests.support.house import House

INBOX = "/finance/inbox"


def test_while_one_worker_is_at_a_server_another_leaves_it_alone(house: House) -> None:
    order = house.ordered("pia", INBOX, Reply(Answer.REVOKE))
    inside, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        inside.set()
        assert go_on.wait(30)

    with failpoints.armed("plan written", wait):
        first = threading.Thread(target=house.run)
        first.start()
        assert inside.wait(30)
        with pytest.raises(
            ServerHeld, match=r"Another run holds this server. main, since 2026-11-23 12:00:00"
        ):
            execution.run_server(house.db, house.server_id, now=clock.now)
        go_on.set()
        first.join(30)
    log = [state for state, _ in house.order_log(order.id)]
    assert log.count(OrderState.APPLYING) == log.count(OrderState.VERIFIED) == 1


def test_a_worker_who_slept_through_the_end_of_his_lease_writes_nothing(house: House) -> None:
    house.ordered("pia", INBOX, Reply(Answer.REVOKE))
    before = house.permissions.read_bytes()

    def somebody_takes_over() -> None:
        with house.db.transaction() as session:
            session.execute(update(ServerLease).values(fencing=ServerLease.fencing + 1))

    with failpoints.armed("before plan", somebody_takes_over):
        order = house.run()
    assert order.state is OrderState.QUEUED
    assert house.permissions.read_bytes() == before


def test_he_does_not_end_the_lease_of_his_successor(house: House) -> None:
    house.ordered("pia", INBOX, Reply(Answer.REVOKE))
    later = house.now + execution.rules.LEASE * 2

    def somebody_takes_over() -> None:
        with house.db.transaction() as session:
            values = {"fencing": ServerLease.fencing + 1, "until": later}
            session.execute(update(ServerLease).values(**values))

    with failpoints.armed("before plan", somebody_takes_over):
        house.run()
    with house.db.reading() as session:
        assert session.get_one(ServerLease, house.server_id).until == later


def test_a_long_change_keeps_its_lease(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is renewed while the server is slow, so nobody else begins in the middle of it."""
    monkeypatch.setattr(rules, "HEARTBEAT", 0.02)
    order = house.ordered("pia", INBOX, Reply(Answer.REVOKE))
    refused: list[str] = []

    def take_long() -> None:
        for minutes in range(1, 10):
            with house.later(minutes=minutes):
                wait_for_a_beat(house)
                with pytest.raises(ServerHeld) as error:
                    execution.run_server(house.db, house.server_id, now=clock.now)
                refused.append(str(error.value))

    with failpoints.armed("plan written", take_long):
        house.run()
    assert len(refused) == 9
    assert "the hold ends at 2026-11-23 12:11:00 UTC" in refused[-1]
    log = [state for state, _ in house.order_log(order.id)]
    assert log.count(OrderState.APPLYING) == log.count(OrderState.VERIFIED) == 1


def wait_for_a_beat(house: House) -> None:
    """Until the lease was renewed at the moment at which the clock stands."""
    for _ in range(500):
        with house.db.reading() as session:
            if session.get_one(ServerLease, house.server_id).until == house.now + rules.LEASE:
                return
        time.sleep(0.02)
    raise AssertionError("the lease was not renewed")


@pytest.mark.parametrize("label", ["applied", "apply noted", "before verify"])
def test_who_lost_the_lease_writes_nothing_down_any_more(house: House, label: str) -> None:
    order = house.ordered("pia", INBOX, Reply(Answer.REVOKE))
    seen: list[OrderState] = []

    def somebody_takes_over() -> None:
        with house.db.transaction() as session:
            session.execute(update(ServerLease).values(fencing=ServerLease.fencing + 1))
        seen.extend(each.state for each in house.orders())

    with failpoints.armed(label, somebody_takes_over):
        house.run()
    assert [each.state for each in house.orders()] == seen
    with house.later(minutes=3):
        assert house.run().state is OrderState.VERIFIED
    log = [state for state, _ in house.order_log(order.id)]
    assert log.count(OrderState.APPLIED) == log.count(OrderState.VERIFIED) == 1
