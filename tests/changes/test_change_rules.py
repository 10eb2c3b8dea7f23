"""Policy of orders, without a database."""

from datetime import timedelta

import pytest

from recert.changes import execution, rules
from recert.changes.models import OrderKind, OrderState
from recert.connectors import contract
from recert.connectors.contract import ConnectorError
from recert.connectors.hosts.contract import FileMissing
from recert.connectors.recording.file_format import RecordingBroken
from recert.connectors.recording.replay import NotRecorded
from tests.support.house import NOON

# Every error has its place on purpose; a new one must be put here and into rules.state_after.
WHERE = {
    contract.ServerUnreachable: OrderState.RETRY,
    FileMissing: OrderState.RETRY,
    contract.ServerBusy: OrderState.RETRY,
    contract.OutcomeUnknown: OrderState.UNKNOWN,
    contract.EditedByOthers: OrderState.CONFLICT,
    contract.CannotExpress: OrderState.MANUAL,
    contract.NameTaken: OrderState.BLOCKED,
    contract.ServerRefusedUs: OrderState.BLOCKED,
    contract.ServerDataInvalid: OrderState.BLOCKED,
    contract.NoSpace: OrderState.BLOCKED,
    contract.SettingsInvalid: OrderState.BLOCKED,
    execution.Unforeseen: OrderState.NEEDS_ATTENTION,
    # Only a replay raises these, and no order is carried out in one.
    NotRecorded: OrderState.NEEDS_ATTENTION,
    RecordingBroken: OrderState.NEEDS_ATTENTION,
}


def family(kind: type[ConnectorError]) -> set[type[ConnectorError]]:
    return {kind}.union(*(family(each) for each in kind.__subclasses__()))


def test_every_connector_error_leads_somewhere_on_purpose() -> None:
    known = {each for each in family(ConnectorError) if each.__module__.startswith("recert.")}
    assert known - {ConnectorError} == set(WHERE)
    assert {kind: rules.state_after(kind()) for kind in WHERE} == WHERE


def test_only_silence_does_not_use_up_the_ladder() -> None:
    assert [kind for kind in WHERE if not rules.counts_as_try(kind())] == [
        contract.ServerUnreachable,
        FileMissing,
    ]


class TestTheLadder:
    def wait(self, tries: int, spread: float = 1.0) -> float:
        at = rules.next_try(tries, created_at=NOON, now=NOON, spread=spread)
        assert at
        return (at - NOON).total_seconds()

    def test_it_doubles_six_times_from_ten_seconds(self) -> None:
        assert [self.wait(tries) for tries in range(1, 7)] == [10, 20, 40, 80, 160, 320]

    def test_then_it_waits_half_an_hour(self) -> None:
        assert self.wait(7) == self.wait(40) == 1800

    def test_it_spreads_by_half(self) -> None:
        assert (self.wait(3, 0.5), self.wait(3, 1.5)) == (20, 60)
        drawn = rules.next_try(1, created_at=NOON, now=NOON)
        assert drawn
        assert 5 <= (drawn - NOON).total_seconds() <= 15

    def test_after_a_day_a_person_is_needed(self) -> None:
        long_ago = NOON - timedelta(hours=24)
        assert rules.next_try(7, created_at=long_ago, now=NOON) is None
        assert rules.next_try(6, created_at=long_ago, now=NOON)

    def test_a_silent_server_is_left_alone_for_five_minutes_in_the_end(self) -> None:
        waits = [rules.wait_for_unreachable(misses, 1.0).total_seconds() for misses in range(1, 6)]
        assert waits == [10, 20, 40, 300, 300]


class TestWhatIsReached:
    def test_a_revocation_needs_nothing_left(self) -> None:
        assert rules.is_reached(OrderKind.REVOKE, 0, 0)
        assert not rules.is_reached(OrderKind.REVOKE, 1, 0)

    def test_a_reduction_may_leave_less_but_not_more(self) -> None:
        assert rules.is_reached(OrderKind.REDUCE, 1, 3)
        assert not rules.is_reached(OrderKind.REDUCE, 7, 3)

    def test_an_undo_needs_all_of_it_back(self) -> None:
        assert not rules.is_reached(OrderKind.UNDO, 1, 3)
        assert rules.is_reached(OrderKind.UNDO, 3, 3)


class TestTheUndoWindow:
    def test_it_is_open_for_thirty_days(self) -> None:
        verified = NOON - timedelta(days=30)
        rules.check_undo(OrderState.VERIFIED, verified, now=NOON)
        with pytest.raises(rules.UndoRefused):
            rules.check_undo(OrderState.VERIFIED, verified, now=NOON + timedelta(seconds=1))
