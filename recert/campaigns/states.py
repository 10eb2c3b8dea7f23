"""Policy of campaigns, pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from recert.campaigns.models import CampaignState, ItemState
from recert.foundation.errors import RefusedByPolicy
from recert.inventory.models import Snapshot

MAX_SNAPSHOT_AGE = timedelta(hours=48)
MANY_ITEMS = 300  # more than that for one person is seldom answered with care
REMIND_BEFORE = (timedelta(days=7), timedelta(days=3), timedelta(days=1))
LAST_REMINDER = "reminder 1 days before"
LINK_GRACE = timedelta(days=14)  # a link outlives the due date: late answers count until the close
MIN_NAME, MAX_NAME = 2, 120

CAMPAIGN_STEPS = {
    CampaignState.DRAFT: {CampaignState.ACTIVE, CampaignState.VOID},
    CampaignState.ACTIVE: {CampaignState.CLOSING, CampaignState.VOID},
    CampaignState.CLOSING: {CampaignState.SIGNED_OFF, CampaignState.VOID},
    CampaignState.SIGNED_OFF: set[CampaignState](),
    CampaignState.VOID: set[CampaignState](),
}

ANSWERABLE = frozenset({ItemState.OPEN, ItemState.DECIDED})
DONE = frozenset({ItemState.VERIFIED, ItemState.CLOSED, ItemState.GONE, ItemState.SUPERSEDED})

ITEM_STEPS = {
    # From open to final only by policy, at the close; between stages when a stage's days are over.
    ItemState.OPEN: {
        ItemState.DECIDED,
        ItemState.BETWEEN_STAGES,
        ItemState.FINAL,
        ItemState.CLOSED,
        ItemState.GONE,
    },
    ItemState.BETWEEN_STAGES: {ItemState.OPEN, ItemState.CLOSED, ItemState.FINAL},
    ItemState.DECIDED: {
        ItemState.DECIDED,
        ItemState.BETWEEN_STAGES,
        ItemState.OPEN,
        ItemState.FINAL,
        ItemState.CLOSED,
        ItemState.GONE,
    },
    # Open again or closed only by an objection in time.
    ItemState.FINAL: {
        ItemState.ORDERED,
        ItemState.OPEN,
        ItemState.CLOSED,
        ItemState.SUPERSEDED,
    },
    ItemState.ORDERED: {
        ItemState.VERIFIED,
        ItemState.STILL_REACHABLE,
        ItemState.NEEDS_ATTENTION,
        ItemState.SUPERSEDED,
    },
    ItemState.STILL_REACHABLE: {ItemState.ORDERED, ItemState.VERIFIED, ItemState.NEEDS_ATTENTION},
    ItemState.NEEDS_ATTENTION: {
        ItemState.ORDERED,
        ItemState.VERIFIED,
        ItemState.STILL_REACHABLE,
        ItemState.SUPERSEDED,
    },
    ItemState.VERIFIED: {ItemState.CLOSED},  # the change was taken back
    ItemState.CLOSED: set[ItemState](),
    ItemState.GONE: {ItemState.OPEN},  # it is there again while the campaign runs
    # When the review with the newer answer becomes void.
    ItemState.SUPERSEDED: {ItemState.FINAL, ItemState.ORDERED},
}


class StepRefused(RefusedByPolicy):
    """This step is not possible in the present state."""


class LaunchRefused(RefusedByPolicy):
    """The campaign cannot be launched yet."""


def check_campaign_step(now: CampaignState, new: CampaignState) -> None:
    """Raises StepRefused naming both states."""
    if new not in CAMPAIGN_STEPS[now]:
        raise StepRefused(f"The campaign is {now.value}; it cannot become {new.value}.")


def check_running(now: CampaignState) -> None:
    """Raises StepRefused unless the campaign asks at present."""
    if now is not CampaignState.ACTIVE:
        raise StepRefused(f"The campaign is {now.value}: nothing can be answered any more.")


def check_item_step(now: ItemState, new: ItemState) -> None:
    """Raises StepRefused naming both states."""
    if new not in ITEM_STEPS[now]:
        raise StepRefused(f"The item is {now.value}; it cannot become {new.value}.")


def snapshot_problem(server: str, snapshot: Snapshot | None, *, now: datetime) -> str:
    """Why a server's snapshot cannot be asked about; "" when it can."""
    if snapshot is None or snapshot.finished_at is None:
        return f"{server} has no complete snapshot. Take one first."
    if now - snapshot.finished_at > MAX_SNAPSHOT_AGE:
        hours = int((now - snapshot.finished_at).total_seconds() // 3600)
        return f"The snapshot of {server} is {hours} hours old; 48 are allowed. Take a new one."
    return ""


def reminder_slots(
    launched_at: datetime, due_at: datetime, *, now: datetime, extensions: int = 0
) -> Iterable[str]:
    """The reminders whose time has come, oldest first. Slots before the launch never come; each
    extension of the due date has slots of its own."""
    for before in REMIND_BEFORE:
        at = due_at - before
        if launched_at < at <= now < due_at:
            yield slot_after(extensions, f"reminder {before.days} days before")
    if now >= due_at:
        yield slot_after(extensions, "reminder overdue")


def slot_after(extensions: int, slot: str) -> str:
    """What happens once for each due date: the slot, a new one after an extension."""
    return f"{slot}, extension {extensions}" if extensions else slot


def change_until(decided_at: datetime, undo_minutes: int) -> datetime:
    """Until when a reduce or revoke can be changed. A keep can be changed until the close."""
    return decided_at + timedelta(minutes=undo_minutes)


RUNNING = (CampaignState.ACTIVE, CampaignState.CLOSING)
