"""Jobs in threads: one that hangs keeps no other from its turn."""

import logging
import threading
import time

import pytest

from recert.foundation.jobs.threads import Threads


class Gate:
    """Jobs that wait until they are let through, and note that they began."""

    def __init__(self) -> None:
        self.open, self.began = threading.Event(), threading.Semaphore(0)

    def job(self) -> None:
        self.began.release()
        assert self.open.wait(30)


def test_several_run_at_once_and_no_more_than_allowed() -> None:
    jobs, gate = Threads(most=3), Gate()
    for number in range(5):
        jobs.add(("read", number), gate.job)
    for _ in range(3):
        assert gate.began.acquire(timeout=30)
    assert not gate.began.acquire(timeout=0.1)
    gate.open.set()
    assert jobs.wait(30)
    assert gate.began.acquire(timeout=1)


def test_a_key_that_is_under_way_is_not_begun_twice() -> None:
    jobs, gate = Threads(most=3), Gate()
    assert jobs.add(("read", 1), gate.job)
    assert not jobs.add(("read", 1), gate.job)
    assert jobs.add(("carry out", 1), gate.job)
    gate.open.set()
    assert jobs.wait(30)
    assert jobs.add(("read", 1), gate.job)
    assert jobs.wait(30)


def test_one_that_hangs_keeps_only_its_own_place() -> None:
    jobs, gate, done = Threads(most=2), Gate(), []
    jobs.add(("read", 0), gate.job)
    for number in range(1, 20):
        jobs.add(("read", number), lambda number=number: done.append(number))
    assert not jobs.wait(0.3)
    assert sorted(done) == list(range(1, 20))
    gate.open.set()
    assert jobs.wait(30)


def test_others_get_the_places_of_those_that_hang() -> None:
    jobs, gate, done = Threads(most=2, patience=0.05), Gate(), threading.Event()
    for number in range(2):
        jobs.add(("read", number), gate.job)
        assert gate.began.acquire(timeout=30)
    time.sleep(0.06)
    jobs.add(("read", 2), done.set)
    assert done.wait(30)
    gate.open.set()
    assert jobs.wait(30)


def test_an_error_ends_its_own_job_only(caplog: pytest.LogCaptureFixture) -> None:
    jobs, done = Threads(most=1), threading.Event()

    def broken() -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        jobs.add(("read", 1), broken)
        jobs.add(("read", 2), done.set)
        assert jobs.wait(30)
    assert done.is_set()
    assert "read 1 failed; it is tried again" in caplog.text


def test_the_end_drops_what_waits_and_does_not_wait_for_ever() -> None:
    jobs, gate, done = Threads(most=1), Gate(), []
    jobs.add(("read", 1), gate.job)
    jobs.add(("read", 2), lambda: done.append(2))
    assert jobs.end(0.1) == [("read", 1)]
    gate.open.set()
    assert jobs.wait(30)
    assert done == []
