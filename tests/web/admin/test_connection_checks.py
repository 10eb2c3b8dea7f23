"""Checks of connections: the page asks, the worker looks, the page shows what it found."""

import os
import threading
from datetime import timedelta

import pytest

from recert.foundation import clock
from recert.foundation.errors import NotAllowed
from recert.foundation.jobs.registration import WORKER, JobContext
from recert.inventory import connection_checks
from recert.inventory.models import ConnectionCheck, Server
from recert.jobs import runner
from recert.trail.act import Act
from tests.support.browser import Visitor, visible
from tests.support.house import House

PAGE = "/servers/1/test"


@pytest.fixture
def job_context(house: House) -> JobContext:
    return house.app().extensions["recert.job_context"]  # type: ignore[no-any-return]


def check_of(house: House) -> ConnectionCheck | None:
    with house.db.reading() as session:
        return connection_checks.newest(session, house.server_id)


def make(house: House) -> bool:
    return connection_checks.make(house.db, house.server_id, actor=WORKER, now=clock.now)


class TestThePage:
    def test_it_shows_that_a_check_is_under_way_and_then_what_it_found(
        self, house: House, admin: Visitor, job_context: JobContext
    ) -> None:
        assert "has not been checked yet" in visible(admin.get(PAGE))
        assert admin.post(PAGE) == PAGE
        assert "The check is queued, requested" in visible(admin.get(PAGE))
        assert connection_checks.check_connections(job_context) == 1
        assert job_context.servers.wait(30)
        page = visible(admin.get(PAGE))
        assert "ok settings ok file ok format ok folders ok read" in page
        assert "requested by adam@house.example" in page

    def test_opening_it_asks_for_nothing(self, house: House, admin: Visitor) -> None:
        admin.get(PAGE)
        assert check_of(house) is None

    def test_it_answers_at_once_although_the_server_hangs(
        self, house: House, admin: Visitor, job_context: JobContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers, real = threading.Event(), os.open

        def slowly(path, *more, **others):  # type: ignore[no-untyped-def]
            if str(path) == str(house.permissions):
                assert answers.wait(60)
            return real(path, *more, **others)

        monkeypatch.setattr(os, "open", slowly)
        admin.get(PAGE)
        admin.post(PAGE)
        assert connection_checks.check_connections(job_context) == 1
        assert "The check is " in visible(admin.get(PAGE))
        assert connection_checks.check_connections(job_context) == 0
        answers.set()
        assert job_context.servers.wait(60)
        assert "ok read" in visible(admin.get(PAGE))

    def test_a_failed_check_names_cause_and_remedy(
        self, house: House, admin: Visitor, job_context: JobContext
    ) -> None:
        house.permissions.write_text("garbled")
        admin.get(PAGE)
        admin.post(PAGE)
        runner.run_all(job_context)
        assert "Correct the place that is named." in visible(admin.get(PAGE))


class TestAsking:
    def want(self, house: House) -> None:
        with house.db.transaction() as session:
            server = session.get_one(Server, house.server_id)
            connection_checks.want(Act(session, house.admin, house.now), server)

    def test_twice_is_asking_once(self, house: House) -> None:
        self.want(house)
        self.want(house)
        assert make(house)
        assert not make(house)
        assert house.trail_actions().count("connection.asked") == 1
        assert house.trail_actions().count("connection.checked") == 1

    def test_again_forgets_the_old_results(self, house: House) -> None:
        self.want(house)
        make(house)
        with house.later(hours=1):
            self.want(house)
            found = check_of(house)
        assert found is not None
        assert (found.is_under_way, found.results) == (True, [])

    def test_one_whose_worker_died_is_made_by_another(self, house: House) -> None:
        self.want(house)
        with house.db.transaction() as session:
            session.get_one(ConnectionCheck, house.server_id).begun_at = house.now
        assert not make(house)
        with clock.frozen(house.now + timedelta(minutes=16)):
            assert make(house)

    def test_only_an_administrator_may(self, house: House, officer: Visitor) -> None:
        officer.get("/servers/1")
        officer.post(PAGE, 404)
        with house.db.transaction() as session:
            server, who, at = session.get_one(Server, house.server_id), house.officer, house.now
            with pytest.raises(NotAllowed):
                connection_checks.want(Act(session, who, at), server)
