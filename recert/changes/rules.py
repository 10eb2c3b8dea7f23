"""Policy of orders, pure: which error leads where, and when to try again."""

import random
from datetime import datetime, timedelta

from recert.changes.models import OrderKind, OrderState
from recert.connectors import contract
from recert.foundation.errors import RefusedByPolicy

LEASE = timedelta(seconds=120)
QUICK_TRIES = 6
FIRST_WAIT = timedelta(seconds=10)
SLOW_WAIT = timedelta(minutes=30)
UNREACHABLE_WAIT = timedelta(minutes=5)
UNREACHABLE_QUICK = 3  # tries before a silent server is asked only now and then
GIVE_UP_AFTER = timedelta(hours=24)

DUE = (
    OrderState.QUEUED,
    OrderState.RETRY,
    OrderState.APPLYING,
    OrderState.UNKNOWN,
    OrderState.APPLIED,
)
# What a person may put back into the queue.
RETRYABLE = (
    OrderState.CONFLICT,
    OrderState.BLOCKED,
    OrderState.NEEDS_ATTENTION,
    OrderState.STILL_REACHABLE,
    OrderState.RETRY,
)
UNDOABLE = (OrderState.VERIFIED,)
MAX_UNDO_AGE = timedelta(days=30)


class UndoRefused(RefusedByPolicy):
    """This change cannot be undone."""


class RetryRefused(RefusedByPolicy):
    """This order is not waiting for anybody."""


def state_after(error: contract.ConnectorError) -> OrderState:
    """Where an order goes when the server answered with this error."""
    match error:
        case contract.EditedByOthers():
            return OrderState.CONFLICT
        case contract.CannotExpress():
            return OrderState.MANUAL
        case contract.OutcomeUnknown():
            return OrderState.UNKNOWN
        case contract.ServerUnreachable() | contract.ServerBusy():
            return OrderState.RETRY
        case contract.ServerRefusedUs() | contract.ServerDataInvalid() | contract.NoSpace():
            return OrderState.BLOCKED
        case contract.SettingsInvalid():
            return OrderState.BLOCKED
        case _:
            return OrderState.NEEDS_ATTENTION


def uses_up_ladder(error: contract.ConnectorError) -> bool:
    """A server that is down says nothing about the order; it is asked again for ever."""
    return not isinstance(error, contract.ServerUnreachable)


def next_try(
    tries: int, *, created_at: datetime, now: datetime, spread: float | None = None
) -> datetime | None:
    """When to try again: 10 s doubling with a spread of half, six times (about ten minutes), then
    every 30 minutes for a day; then None, and a person is needed."""
    if tries > QUICK_TRIES:
        return now + SLOW_WAIT if now - created_at < GIVE_UP_AFTER else None
    factor = random.uniform(0.5, 1.5) if spread is None else spread  # noqa: S311  not a secret
    return now + FIRST_WAIT * (float(2 ** max(tries - 1, 0)) * factor)


def wait_for_silent(misses: int, spread: float | None = None) -> timedelta:
    """How long a server that did not answer is left alone: the first steps of the ladder, then
    five minutes each, for ever."""
    if misses > UNREACHABLE_QUICK:
        return UNREACHABLE_WAIT
    factor = random.uniform(0.5, 1.5) if spread is None else spread  # noqa: S311  not a secret
    return FIRST_WAIT * (float(2 ** max(misses - 1, 0)) * factor)


def is_reached(kind: OrderKind, found: int, wanted: int) -> bool:
    """A revocation is reached when nothing is left that was not wanted; an undo only when all of
    it is back."""
    return found == wanted if kind is OrderKind.UNDO else found & ~wanted == 0


def check_undo(state: OrderState, verified_at: datetime | None, *, now: datetime) -> None:
    """Raises UndoRefused saying why."""
    if state not in UNDOABLE or verified_at is None:
        raise UndoRefused("Only a change that was verified can be undone.")
    if now - verified_at > MAX_UNDO_AGE:
        raise UndoRefused("It is more than 30 days old. Grant the access anew instead.")
