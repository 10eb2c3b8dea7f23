"""What happens by itself."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign, ItemState
from recert.foundation.errors import MovedMeanwhile
from recert.inventory import service as inventory
from recert.inventory.models import Server
from recert.jobs import scheduler, ticks
from recert.jobs.ticks import Works
from recert.trail.act import Act
from tests.support.house import House

INBOX = "/finance/inbox"


@pytest.fixture
def works(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Works]:
    """Everything but a mail server: the outbox is somebody else's."""
    rest = tuple(tick for tick in ticks.TICKS if tick is not ticks.send_mails)
    monkeypatch.setattr(ticks, "TICKS", rest)
    monkeypatch.setattr(scheduler, "TICKS", rest)
    return house.app().extensions["recert.works"]  # type: ignore[no-any-return]


def want_snapshot(house: House) -> None:
    with house.db.transaction() as session:
        server = session.get_one(Server, house.server_id)
        inventory.want_snapshot(Act(session, house.officer, house.now), server)


class TestAllTicks:
    def test_they_carry_a_decision_to_its_end(self, house: House, works: Works) -> None:
        house.launched()
        house.decide("pia", INBOX, Reply(Answer.REVOKE))
        with house.later(hours=2):
            ticks.run_all(works)
        assert house.item("pia", INBOX).state is ItemState.VERIFIED

    def test_the_second_time_they_do_nothing(self, house: House, works: Works) -> None:
        house.launched()
        house.decide("pia", INBOX, Reply(Answer.REVOKE))
        want_snapshot(house)
        with house.later(hours=2):
            assert ticks.run_all(works) > 0
            entries = house.trail_actions()
            assert ticks.run_all(works) == 0
        assert house.trail_actions() == entries

    def test_a_wanted_snapshot_is_taken_and_asks_again(self, house: House, works: Works) -> None:
        house.launched()
        house.decide("pia", INBOX, Reply(Answer.KEEP))
        house.give("pia", INBOX, "delete")
        want_snapshot(house)
        ticks.run_all(works)
        assert house.item("pia", INBOX).state is ItemState.OPEN

    def test_a_snapshot_from_another_door_asks_again_too(self, house: House, works: Works) -> None:
        house.launched()
        house.decide("pia", INBOX, Reply(Answer.KEEP))
        house.give("pia", INBOX, "delete")
        house.snapshot()
        ticks.run_all(works)
        assert house.item("pia", INBOX).state is ItemState.OPEN


class TestWhatChangedOutsideOfRecert:
    def change(self, house: House, works: Works) -> list[str]:
        """Somebody edits the server between two ticks; the kinds of all campaigns after it."""
        house.snapshot()
        ticks.run_all(works)
        house.give("seller", INBOX, "list")
        want_snapshot(house)
        with house.later(hours=1):
            ticks.run_all(works)
        with house.db.reading() as session:
            return [kind.value for kind in session.scalars(select(Campaign.kind))]

    def test_it_is_asked_about_and_mailed_in_the_same_round(
        self, house: House, works: Works
    ) -> None:
        assert self.change(house, works) == ["micro"]
        assert "mail.queued" in house.trail_actions()

    def test_not_when_micro_reviews_are_switched_off(self, house: House, works: Works) -> None:
        assert self.change(house, replace(works, desk=None)) == []


class TestATickThatFails:
    def test_it_is_written_to_the_log(self, works: Works, caplog: pytest.LogCaptureFixture) -> None:
        def broken(_works: Works) -> int:
            raise ZeroDivisionError

        assert ticks.guarded(broken, works) == 0
        assert "broken failed; it is tried again" in caplog.text

    def test_a_faster_worker_is_no_failure(
        self, works: Works, caplog: pytest.LogCaptureFixture
    ) -> None:
        def late(_works: Works) -> int:
            raise MovedMeanwhile

        with caplog.at_level(logging.WARNING):
            assert ticks.guarded(late, works) == 0
        assert caplog.text == ""


class TestTheScheduler:
    def test_it_ticks_until_it_is_stopped(
        self, works: Works, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ticked, failed = threading.Event(), threading.Event()

        def good(_works: Works) -> int:
            ticked.set()
            return 0

        def bad(_works: Works) -> int:
            failed.set()
            raise ZeroDivisionError

        monkeypatch.setattr(scheduler, "TICKS", (bad, good))
        running = scheduler.start(works, seconds=0.05)
        assert failed.wait(30)
        ticked.clear()
        assert ticked.wait(30)  # the other one goes on
        running.shutdown()
        assert not running.running

    def test_every_tick_has_its_job_and_ends_cleanly(self, works: Works) -> None:
        before = threading.active_count()
        running = scheduler.start(works, seconds=60)
        assert {job.id for job in running.get_jobs()} == {tick.__name__ for tick in ticks.TICKS}
        running.shutdown()
        assert threading.active_count() <= before
