"""A worker that dies at any labelled place: the next one finishes, and the log tells it."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.changes import execution
from recert.changes.models import OrderState
from tests.support.house import House

pytestmark = pytest.mark.slow
INBOX = "/finance/inbox"
ROOM = sorted(Path(execution.__file__).parent.glob("*.py"))
LABELS = [
    label
    for file in ROOM
    for label in re.findall(r'reach\("([^"]+)"\)', file.read_text(encoding="utf-8"))
]
DYING = """
import os, signal, sys
from datetime import datetime
from recert.changes import execution
from recert.foundation import clock, failpoints
from recert.foundation.db import Database

url, label, at = sys.argv[1:]
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
with clock.frozen(datetime.fromisoformat(at)), failpoints.armed(label, die):
    execution.run_due(Database(url), now=clock.now)
"""


def die_at(house: House, label: str) -> None:
    """Another process carries the orders out and is killed on the way."""
    url = house.db.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", DYING, url, label, house.now.isoformat()]
    done = subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def test_the_labels_are_found() -> None:
    assert len(LABELS) == 5


@pytest.mark.parametrize("label", LABELS)
def test_the_next_worker_finishes_what_a_dead_one_began(house: House, label: str) -> None:
    order = house.ordered("pia", INBOX, Reply(Answer.REVOKE))
    old = house.permissions.read_bytes()
    die_at(house, label)
    was_written = house.permissions.read_bytes() != old
    assert was_written is (label not in ("before plan", "plan written"))
    assert house.run().state is not OrderState.VERIFIED  # the dead one still holds the server
    with house.later(minutes=3):
        assert house.run().state is OrderState.VERIFIED
    assert house.entries("pia") == {INBOX: ""} or INBOX not in house.entries("pia")
    assert [state for state, _ in house.order_log(order.id)].count(OrderState.VERIFIED) == 1


@pytest.mark.parametrize("label", ["applied", "apply noted", "before verify"])
def test_nothing_is_written_twice(house: House, label: str) -> None:
    order = house.ordered("pia", INBOX, Reply(Answer.REVOKE))
    die_at(house, label)
    written = house.permissions.stat()
    with house.later(minutes=3):
        house.run()
    assert house.permissions.stat().st_ino == written.st_ino
    log = [state for state, _ in house.order_log(order.id)]
    assert log.count(OrderState.APPLYING) == log.count(OrderState.APPLIED) == 1


def test_a_cut_off_change_is_not_called_somebody_elses(house: House) -> None:
    order = house.ordered("pia", INBOX, Reply(Answer.REVOKE))
    die_at(house, "applied")
    away = house.permissions.rename(house.folder / "away")
    with house.later(minutes=3):
        assert house.run().state is OrderState.UNKNOWN
    away.rename(house.permissions)
    with house.later(minutes=4):
        assert house.run().state is OrderState.VERIFIED
    why = [detail for _, detail in house.order_log(order.id)]
    assert "Read back: the server has the change." in why


def test_even_after_a_person_put_it_back_into_the_queue(house: House) -> None:
    order = house.ordered("pia", INBOX, Reply(Answer.REVOKE))
    die_at(house, "applied")
    good = house.permissions.read_bytes()
    house.permissions.write_text("garbled")
    with house.later(minutes=3):
        assert house.run().state is OrderState.BLOCKED
        house.permissions.write_bytes(good)
        house.retry(order.id)
        finished = house.run()
    assert (finished.state, finished.plan is None) == (OrderState.VERIFIED, False)
    why = [detail for _, detail in house.order_log(order.id)]
    assert "Read back: the server has the change." in why
