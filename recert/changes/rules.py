"""Policy of orders, pure: which error leads where, and when to try again."""

import hashlib
import json
from datetime import datetime, timedelta

from recert.changes.models import GIVING, OrderKind, OrderState
from recert.connectors import contract
from recert.foundation import backoff
from recert.foundation.errors import RefusedByPolicy

LEASE = timedelta(seconds=120)
HEARTBEAT = 20.0  # seconds after which a holder renews its lease
UNREACHABLE_WAIT = timedelta(minutes=5)
UNREACHABLE_QUICK = 3  # tries before a server that does not answer is asked less often
GIVE_UP_AFTER = timedelta(hours=24)

DUE = (
    OrderState.QUEUED,
    OrderState.RETRY,
    OrderState.APPLYING,
    OrderState.UNKNOWN,
    OrderState.APPLIED,
)
# A person carries these out or decides on them; a later snapshot may show that it is done.
FOR_A_PERSON = (OrderState.MANUAL, OrderState.NEEDS_APPROVAL)
# What a person may put back into the queue.
RETRYABLE = (
    OrderState.CONFLICT,
    OrderState.BLOCKED,
    OrderState.NEEDS_ATTENTION,
    OrderState.STILL_REACHABLE,
    OrderState.NEEDS_APPROVAL,
    OrderState.RETRY,
)
UNDOABLE = (OrderState.VERIFIED,)
MAX_UNDO_AGE = timedelta(days=30)


class UndoRefused(RefusedByPolicy):
    """This change cannot be undone."""


class RetryRefused(RefusedByPolicy):
    """This order is not waiting for anybody."""


class ApprovalRefused(RefusedByPolicy):
    """This change cannot be approved."""


def seal(plan: contract.Plan) -> str:
    """Stands for a plan with everything that it touches; another plan needs another approval."""
    cells = [
        (c.account, c.folder, int(c.before), int(c.after), *filter(None, (c.protocol,)))
        for c in plan.side_effects
    ]
    content = json.dumps([plan.before, plan.after, cells])
    return hashlib.sha256(content.encode()).hexdigest()


def state_after(error: contract.ConnectorError) -> OrderState:
    """Where an order goes when the server answered with this error."""
    match error:
        case contract.EditedByOthers():
            return OrderState.CONFLICT
        case contract.NameTaken():
            return (
                OrderState.BLOCKED
            )  # no later reading can show that this account is the wanted one
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


def counts_as_try(error: contract.ConnectorError) -> bool:
    """Whether a failure counts as a try. A server that is down proves nothing about the order; it
    is asked again without end."""
    return not isinstance(error, contract.ServerUnreachable)


def next_try(
    tries: int, *, created_at: datetime, now: datetime, spread: float | None = None
) -> datetime | None:
    """When to try again by the backoff; None after a day, when a person is needed."""
    if tries > backoff.QUICK_TRIES and now - created_at >= GIVE_UP_AFTER:
        return None
    return now + backoff.wait(tries, spread)


def wait_for_unreachable(misses: int, spread: float | None = None) -> timedelta:
    """How long a server that did not answer is left alone: the first steps of the backoff, then
    five minutes each, without end."""
    if misses > UNREACHABLE_QUICK:
        return UNREACHABLE_WAIT
    return backoff.wait(misses, spread)


def is_reached(kind: OrderKind, found: int, wanted: int) -> bool:
    """A revocation is reached when nothing is left that was not wanted; what gives rights only
    when exactly these are there."""
    return found == wanted if kind in GIVING else found & ~wanted == 0


def check_undo(state: OrderState, verified_at: datetime | None, *, now: datetime) -> None:
    """Raises UndoRefused saying why."""
    if state not in UNDOABLE or verified_at is None:
        raise UndoRefused("Only a change that was verified can be undone.")
    if now - verified_at > MAX_UNDO_AGE:
        raise UndoRefused("It is more than 30 days old. Grant the access anew instead.")
