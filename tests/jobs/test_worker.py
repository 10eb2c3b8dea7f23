"""What the worker does by itself."""

import ast
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign, ItemState
from recert.changes import requests
from recert.changes.models import OrderState
from recert.connectors.changes import JoinGroup, OpenAccount
from recert.foundation import clock
from recert.foundation.errors import MovedMeanwhile
from recert.foundation.jobs.registration import Job, JobContext, Phase, Run, job
from recert.inventory import service as inventory
from recert.inventory.models import Server
from recert.jobs import registry, runner, scheduler
from recert.mail import delivery
from recert.trail.act import Act
from tests.support.house import House

INBOX = "/finance/inbox"


@pytest.fixture
def job_context(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobContext]:
    """Everything but a mail server: the outbox is somebody else's."""
    monkeypatch.setattr(delivery, "deliver_due", lambda *_, **__: 0)
    return house.app().extensions["recert.job_context"]  # type: ignore[no-any-return]


def want_snapshot(house: House) -> None:
    with house.db.transaction() as session:
        server = session.get_one(Server, house.server_id)
        inventory.want_snapshot(Act(session, house.officer, house.now), server)


def without_micro_reviews(context: JobContext) -> JobContext:
    return replace(context, settings=replace(context.settings, micro_reviews=False))


def job_of(run: Run, *, lock: str = "one", after: str = "") -> Job:
    """A job that only this test knows."""
    return Job(run.__name__, "", run, Phase.CHECKS, 1, lock, after)


class TestAllJobs:
    def test_they_carry_a_decision_to_its_end(self, house: House, job_context: JobContext) -> None:
        house.launched()
        house.decide("pia", INBOX, Reply(Answer.REVOKE))
        with house.later(hours=2):
            runner.run_all(job_context)
        assert house.item("pia", INBOX).state is ItemState.VERIFIED

    def test_the_second_time_they_do_nothing(self, house: House, job_context: JobContext) -> None:
        house.launched()
        house.decide("pia", INBOX, Reply(Answer.REVOKE))
        want_snapshot(house)
        with house.later(hours=2):
            assert runner.run_all(job_context) > 0
            entries = house.trail_actions()
            assert runner.run_all(job_context) == 0
        assert house.trail_actions() == entries

    def test_a_wanted_snapshot_is_taken_and_asks_again(
        self, house: House, job_context: JobContext
    ) -> None:
        house.launched()
        house.decide("pia", INBOX, Reply(Answer.KEEP))
        house.give("pia", INBOX, "delete")
        want_snapshot(house)
        runner.run_all(job_context)
        assert house.item("pia", INBOX).state is ItemState.OPEN

    def test_a_snapshot_by_another_command_asks_again_too(
        self, house: House, job_context: JobContext
    ) -> None:
        house.launched()
        house.decide("pia", INBOX, Reply(Answer.KEEP))
        house.give("pia", INBOX, "delete")
        house.snapshot()
        runner.run_all(job_context)
        assert house.item("pia", INBOX).state is ItemState.OPEN


class TestWhatChangedOutsideOfRecert:
    def change(self, house: House, job_context: JobContext) -> list[str]:
        """Somebody edits the server between two ticks; the kinds of all campaigns after it."""
        house.snapshot()
        runner.run_all(job_context)
        house.give("seller", INBOX, "list")
        want_snapshot(house)
        with house.later(hours=1):
            runner.run_all(job_context)
        with house.db.reading() as session:
            return [kind.value for kind in session.scalars(select(Campaign.kind))]

    def test_it_is_asked_about_and_mailed_in_the_same_round(
        self, house: House, job_context: JobContext
    ) -> None:
        assert self.change(house, job_context) == ["micro"]
        assert "mail.queued" in house.trail_actions()

    def test_not_what_an_identity_system_ordered_through_recert(
        self, house: House, job_context: JobContext
    ) -> None:
        house.snapshot()
        runner.run_all(job_context)
        with house.db.transaction() as session:
            act, server = Act(session, house.admin, clock.now()), house.server()
            requests.request(act, "provision:1", server, JoinGroup("seller", "finance"))
            requests.request(act, "provision:2", server, OpenAccount("nina", groups=("finance",)))
        runner.run_all(job_context)
        assert {order.state for order in house.orders()} == {OrderState.VERIFIED}
        want_snapshot(house)
        with house.later(hours=1):
            runner.run_all(job_context)
        with house.db.reading() as session:
            assert session.scalars(select(Campaign.kind)).all() == []

    def test_not_when_micro_reviews_are_switched_off(
        self, house: House, job_context: JobContext
    ) -> None:
        assert self.change(house, without_micro_reviews(job_context)) == []


class TestAJobThatFails:
    def test_it_is_written_to_the_log(
        self, job_context: JobContext, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(_context: JobContext) -> int:
            raise ZeroDivisionError

        assert runner.guarded(job_of(broken), job_context) == 0
        assert "broken failed; it is tried again" in caplog.text

    def test_a_faster_worker_is_no_failure(
        self, job_context: JobContext, caplog: pytest.LogCaptureFixture
    ) -> None:
        def late(_context: JobContext) -> int:
            raise MovedMeanwhile

        with caplog.at_level(logging.WARNING):
            assert runner.guarded(job_of(late), job_context) == 0
        assert caplog.text == ""


class TestTheScheduler:
    def test_it_ticks_until_it_is_stopped(
        self, job_context: JobContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ticked, failed = threading.Event(), threading.Event()

        def good(_context: JobContext) -> int:
            ticked.set()
            return 0

        def bad(_context: JobContext) -> int:
            failed.set()
            raise ZeroDivisionError

        locks = {"bad": [job_of(bad)], "good": [job_of(good)]}
        monkeypatch.setattr(scheduler, "jobs_by_lock", lambda: locks)
        running = scheduler.start(job_context, seconds=0.05)
        assert failed.wait(30)
        ticked.clear()
        assert ticked.wait(30)  # the other one goes on
        running.shutdown()
        assert not running.running

    def test_every_lock_has_its_tick_and_ends_cleanly(self, job_context: JobContext) -> None:
        before = threading.active_count()
        running = scheduler.start(job_context, seconds=60)
        assert {tick.id for tick in running.get_jobs()} == set(registry.jobs_by_lock())
        running.shutdown()
        assert threading.active_count() <= before


class TestTheRegistry:
    def test_the_jobs_run_in_this_order(self) -> None:
        assert [each.name for each in registry.all_jobs()] == [
            "note_due_leavers",
            "synchronise_people",
            "answer_source_requests",
            "check_connections",
            "check_trail",
            "take_wanted_snapshots",
            "prune_recordings",
            "refresh_items",
            "read_logs",
            "launch_scheduled",
            "ask_about_changes",
            "reroute_items",
            "withdraw_own_access",
            "finalise_decisions",
            "end_stages",
            "open_challenges",
            "order_decisions",
            "order_expirations",
            "update_registers",
            "carry_out_orders",
            "follow_changes",
            "read_replies",
            "write_reviewer_mails",
            "write_removal_mails",
            "write_update_mails",
            "report_undeliverable",
            "renew_stale_mails",
            "send_checkpoints",
            "send_mails",
            "send_events",
        ]

    def test_no_two_jobs_have_one_place(self) -> None:
        places = [(each.phase, each.place) for each in registry.all_jobs()]
        assert len(set(places)) == len(places)

    def test_each_has_a_sentence(self) -> None:
        assert [each.name for each in registry.all_jobs() if not each.summary.endswith(".")] == []

    def test_each_module_that_registers_is_imported(self) -> None:
        root = Path(registry.__file__).parents[2]
        register = {
            ".".join(file.relative_to(root).with_suffix("").parts)
            for file in (root / "recert").rglob("*.py")
            if any(_registers(node) for node in ast.walk(ast.parse(file.read_text("utf-8"))))
        }
        assert {module.__name__ for module in registry.MODULES} == register

    def test_a_name_is_taken_once(self) -> None:
        def check_trail(_context: JobContext) -> int:
            return 0

        with pytest.raises(ValueError, match=r"registered by recert\.trail\.checks"):
            job(Phase.CHECKS, 9)(check_trail)

    def test_a_job_that_follows_another_has_its_lock_and_a_later_place(self) -> None:
        jobs = {each.name: each for each in registry.all_jobs()}
        for each in filter(lambda each: each.after, jobs.values()):
            before = jobs[each.after]
            assert before.lock == each.lock
            assert (before.phase, before.place) < (each.phase, each.place)


def _registers(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        isinstance(each, ast.Call) and getattr(each.func, "id", "") == "job"
        for each in node.decorator_list
    )


class TestJobsOfOneLock:
    @pytest.mark.parametrize(("done", "ran"), [(0, ["first"]), (3, ["first", "second"])])
    def test_one_that_follows_runs_when_the_other_did_something(
        self, job_context: JobContext, done: int, ran: list[str]
    ) -> None:
        runs = []

        def first(_context: JobContext) -> int:
            runs.append("first")
            return done

        def second(_context: JobContext) -> int:
            runs.append("second")
            return 1

        jobs = [job_of(first), job_of(second, after="first")]
        assert runner.run_in_order(jobs, job_context) == done + len(ran) - 1
        assert runs == ran

    def test_one_that_fails_keeps_no_other_from_its_turn(self, job_context: JobContext) -> None:
        def broken(_context: JobContext) -> int:
            raise ZeroDivisionError

        def whole(_context: JobContext) -> int:
            return 1

        assert runner.run_in_order([job_of(broken), job_of(whole)], job_context) == 1
