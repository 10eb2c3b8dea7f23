"""Servers are read and changed at the same time; one that hangs keeps nobody waiting."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from recert.activity import service as activity
from recert.changes import execution, requests
from recert.changes.models import OrderState
from recert.foundation import clock, failpoints
from recert.foundation.jobs.registration import JobContext
from recert.inventory import queries, service, snapshots
from recert.inventory.models import Account, Folder, Grant, Server, SnapshotState
from recert.jobs import scheduler
from recert.trail.act import Act
from tests.support.house import House

EXPORT = "folder,principal,rights\n/a,ann,read\n"


class Fleet:
    """Servers of the kind csv. Some hang: their disk does not answer when the file is opened."""

    def __init__(self, house: House, count: int) -> None:
        self.house, self.numbers = house, []
        self.answers = threading.Event()
        for at in range(count):
            file = house.folder / f"export{at}.csv"
            file.write_text(EXPORT)
            settings = {"file": str(file), "complete": "yes"}
            with house.db.transaction() as session:
                made = service.add_server(
                    Act(session, house.admin, house.now), f"s{at}", "csv", settings
                )
                self.numbers.append(made.id)

    def hang(self, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
        real, mine = os.open, str(self.house.folder / f"export{at}.csv")

        def slowly(path, *more, **others):  # type: ignore[no-untyped-def]
            if str(path) == mine:
                assert self.answers.wait(60)
            return real(path, *more, **others)

        monkeypatch.setattr(os, "open", slowly)

    def want_all(self) -> None:
        with self.house.db.transaction() as session:
            for number in self.numbers:
                server = session.get_one(Server, number)
                service.want_snapshot(Act(session, self.house.admin, self.house.now), server)

    def states(self) -> list[SnapshotState | None]:
        with self.house.db.reading() as session:
            newest = [queries.snapshots_of(session, number, 1) for number in self.numbers]
            return [each[0].state if each else None for each in newest]

    def read_all_but(self, hanging: int) -> None:
        """Until every other server was read."""
        for _ in range(600):
            states = self.states()
            others = [state for at, state in enumerate(states) if at != hanging]
            if set(others) == {SnapshotState.COMPLETE}:
                return
            time.sleep(0.05)
        raise AssertionError(states)


@pytest.fixture
def job_context(house: House) -> Iterator[JobContext]:
    made: JobContext = house.app(servers_at_once=2).extensions["recert.job_context"]
    yield made
    assert made.servers.wait(60)


class TestReading:
    def test_a_server_that_hangs_delays_no_other_and_no_tick(
        self, house: House, job_context: JobContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fleet = Fleet(house, 8)
        fleet.hang(3, monkeypatch)
        fleet.want_all()
        assert snapshots.take_wanted_snapshots(job_context) == 8  # returns although one hangs
        fleet.read_all_but(3)
        assert fleet.states()[3] is SnapshotState.READING
        fleet.want_all()
        assert (
            snapshots.take_wanted_snapshots(job_context) == 7
        )  # the next tick takes the others again
        fleet.answers.set()
        assert job_context.servers.wait(60)
        assert set(fleet.states()) == {SnapshotState.COMPLETE}

    def test_two_workers_read_a_server_once(self, house: House) -> None:
        fleet = Fleet(house, 6)
        fleet.want_all()
        started = threading.Barrier(4)
        outcomes: list[snapshots.Outcome | None] = []

        def worker() -> None:
            started.wait(30)
            for number in fleet.numbers:
                outcomes.append(
                    snapshots.take_wanted(house.db, number, actor=house.admin, now=clock.now)
                )

        threads = [threading.Thread(target=worker) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(60)
        assert len(outcomes) == 24
        assert sum(outcome is not None for outcome in outcomes) == 6

    def test_a_reading_that_a_stop_cuts_off_is_made_by_the_next_worker(
        self, house: House, job_context: JobContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fleet = Fleet(house, 1)
        fleet.hang(0, monkeypatch)
        fleet.want_all()
        monkeypatch.setattr(scheduler, "ENDS_IN", 0.2)
        worker = scheduler.start(job_context, seconds=0.05)
        while fleet.states() != [SnapshotState.READING]:
            time.sleep(0.01)
        worker.shutdown()
        assert fleet.states() == [SnapshotState.FAILED]
        fleet.answers.set()
        assert job_context.servers.wait(60)
        assert fleet.states() == [SnapshotState.FAILED]  # what was cut off publishes nothing
        following: JobContext = house.app().extensions["recert.job_context"]
        assert snapshots.take_wanted_snapshots(following) == 1
        assert following.servers.wait(60)
        assert fleet.states() == [SnapshotState.COMPLETE]

    def test_while_a_server_is_asked_nobody_waits_for_the_database(
        self, house: House, job_context: JobContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fleet = Fleet(house, 1)
        fleet.hang(0, monkeypatch)
        fleet.want_all()
        snapshots.take_wanted_snapshots(job_context)
        while fleet.states() != [SnapshotState.READING]:
            time.sleep(0.01)
        time.sleep(0.1)
        assert house.db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        fleet.answers.set()


class TestReadingLogs:
    def test_a_server_that_hangs_delays_no_other_and_no_tick(
        self, house: House, job_context: JobContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fleet = Fleet(house, 4)
        asked: list[int] = []
        real = activity.read_server

        def slowly(db, server_id, **more):  # type: ignore[no-untyped-def]
            if server_id == fleet.numbers[1]:
                assert fleet.answers.wait(60)
            asked.append(server_id)
            return real(db, server_id, **more)

        monkeypatch.setattr(activity, "read_server", slowly)
        activity.read_logs(job_context)
        others = {house.server_id, *fleet.numbers} - {fleet.numbers[1]}
        for _ in range(600):
            if set(asked) == others:
                break
            time.sleep(0.05)
        assert set(asked) == others
        fleet.answers.set()
        assert job_context.servers.wait(60)
        assert fleet.numbers[1] in asked


class Changes:
    """Permission files with one order each: Pia shall lose /finance/inbox."""

    def __init__(self, house: House, count: int) -> None:
        self.house = house
        self.files = [house.folder / f"permissions{at}.json" for at in range(count)]
        for file in self.files:
            file.write_bytes(house.permissions.read_bytes())
            self._order(file, self._server(file))

    def _server(self, file: Path) -> int:
        house = self.house
        with house.db.transaction() as session:
            made = service.add_server(
                Act(session, house.admin, house.now), file.stem, "embedded", {"file": str(file)}
            )
            service.enable_writes(Act(session, house.admin, house.now), made, True)
        snapshots.take(house.db, made.id, actor=house.admin, now=clock.now)
        return made.id

    def _order(self, file: Path, server_id: int) -> None:
        query = (
            select(Grant.account_id, Grant.folder_id, Grant.rights)
            .join(Account, Account.id == Grant.account_id)
            .join(Folder, Folder.id == Grant.folder_id)
            .where(Grant.server_id == server_id)
            .where(Account.name == "pia", Folder.path == "/finance/inbox")
        )
        with self.house.db.transaction() as session:
            row = session.execute(query).one()
            who, at = self.house.admin, self.house.now
            requests.propose(Act(session, who, at), f"test:{file.stem}", *row, 0)

    def states(self) -> list[OrderState]:
        return [order.state for order in self.house.orders()]


class TestChanging:
    def test_a_server_that_hangs_delays_no_other_and_no_tick(
        self, house: House, job_context: JobContext
    ) -> None:
        made = Changes(house, 6)
        inside, go_on = threading.Event(), threading.Event()

        def hang() -> None:
            if not inside.is_set():  # whoever comes first
                inside.set()
                assert go_on.wait(60)

        with failpoints.armed("before plan", hang):
            assert execution.carry_out_orders(job_context) == 6
            assert inside.wait(30)
            for _ in range(600):
                if made.states().count(OrderState.VERIFIED) == 5:
                    break
                time.sleep(0.05)
            assert made.states().count(OrderState.VERIFIED) == 5
            assert (
                execution.carry_out_orders(job_context) == 0
            )  # the one that hangs is not begun again
            go_on.set()
            assert job_context.servers.wait(60)
        assert made.states() == [OrderState.VERIFIED] * 6

    def test_a_server_that_fails_starves_no_other(self, house: House) -> None:
        made = Changes(house, 4)
        made.files[0].write_text("garbled")
        made.files[2].unlink()
        assert execution.run_due(house.db, now=clock.now, at_once=2).moved == 4
        assert made.states() == [
            OrderState.BLOCKED,
            OrderState.VERIFIED,
            OrderState.RETRY,
            OrderState.VERIFIED,
        ]

    def test_workers_in_many_threads_write_each_order_once(self, house: House) -> None:
        made = Changes(house, 5)
        threads = [
            threading.Thread(target=execution.run_due, args=(house.db,), kwargs={"now": clock.now})
            for _ in range(4)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join(60)
        execution.run_due(house.db, now=clock.now)
        assert made.states() == [OrderState.VERIFIED] * 5
        for order in house.orders():
            log = [state for state, _ in house.order_log(order.id)]
            assert log.count(OrderState.APPLYING) == log.count(OrderState.VERIFIED) == 1
