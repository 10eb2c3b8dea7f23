"""One writer per server, whoever wakes up late."""

import threading

from sqlalchemy import update

from recert.campaigns.models import Answer
from recert.changes import execution
from recert.changes.models import OrderState, ServerLease
from recert.decisions.rules import Reply
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
        assert execution.run_server(house.db, house.server_id, now=clock.now) == 0
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
