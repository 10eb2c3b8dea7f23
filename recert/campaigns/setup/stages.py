"""Stages of a review, pure: up to three reviewers of one item, what each sees of the answers
before, and whose answer counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from recert.foundation.errors import BadInput

MOST = 3
LONGEST = 90  # days of one stage


class StagesRejected(BadInput):
    """These stages cannot be used. Write WHO:WHAT:DAYS, such as "manager:kept:7"."""


class Who(StrEnum):
    """Who reviews next, unless it is a mail address."""

    MANAGER = "manager"  # of whoever answered before
    SERVER_OWNER = "server owner"


class Sees(StrEnum):
    """Which answers of the stage before go on to the next."""

    ALL = "all"
    KEPT = "kept"
    REMOVED = "removed"  # or reduced


class Vote(StrEnum):
    """Whose answer counts when stages differ."""

    REMOVAL = "any removal"
    LAST = "the last"
    KEEP = "any keep"


@dataclass(frozen=True)
class Stage:
    """One later stage. It takes the last `days` before the stages after it."""

    who: str
    sees: Sees = Sees.ALL
    days: int = 7

    def __post_init__(self) -> None:
        if self.who not in set(Who) and "@" not in self.who:
            raise StagesRejected(f"{self.who!r} is nobody: manager, server owner or an address.")
        if not 1 <= self.days <= LONGEST:
            raise StagesRejected(f"A stage takes 1 to {LONGEST} days, not {self.days}.")

    @classmethod
    def of(cls, text: str) -> Self:
        """Parses WHO:WHAT:DAYS; the last two are optional."""
        who, _, rest = text.strip().partition(":")
        what, _, days = rest.partition(":")
        try:
            return cls(who.strip().lower(), Sees(what.strip() or "all"), int(days or 7))
        except ValueError as error:
            raise StagesRejected(f"Not understood: {text!r}.") from error


@dataclass(frozen=True)
class Stages:
    """The stages after the first, and the rule that combines their answers."""

    later: Sequence[Stage] = ()
    vote: Vote = Vote.REMOVAL

    def __post_init__(self) -> None:
        if len(self.later) >= MOST:
            raise StagesRejected(f"A question is looked at {MOST} times at most.")

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """From the stored JSON; an empty one is a single stage."""
        later = [Stage(one["who"], Sees(one["sees"]), one["days"]) for one in kept.get("later", ())]
        return cls(tuple(later), Vote(kept.get("vote", Vote.REMOVAL)))

    def as_json(self) -> dict[str, Any]:
        """The stored JSON."""
        later = [{"who": one.who, "sees": one.sees.value, "days": one.days} for one in self.later]
        return {"later": later, "vote": self.vote.value} if later else {}

    @property
    def count(self) -> int:
        """The number of stages, the first included."""
        return 1 + len(self.later)

    def ends(self, stage: int, due_at: datetime) -> datetime:
        """When a stage must be done, so that those after it have their days."""
        return due_at - timedelta(days=sum(one.days for one in self.later[stage - 1 :]))

    def check_capacity(self, due_at: datetime, now: datetime) -> None:
        """Raises StagesRejected when the first stage has no day left."""
        if self.later and self.ends(1, due_at) < now + timedelta(days=1):
            raise StagesRejected(
                "The later stages take all the time until the due date. Choose a later one."
            )

    @property
    def description(self) -> list[str]:
        """One line for each later stage, and the vote."""
        lines = [
            f"Stage {number}: {one.who} sees {_WHAT[one.sees]}, {one.days} days"
            for number, one in enumerate(self.later, start=2)
        ]
        return [*lines, f"Where stages differ, {_VOTES[self.vote]} counts"] if lines else []


_WHAT = {
    Sees.ALL: "every answer",
    Sees.KEPT: "what was kept",
    Sees.REMOVED: "what was removed or reduced",
}
_VOTES = {
    Vote.REMOVAL: "any removal",
    Vote.LAST: "the last word",
    Vote.KEEP: "any keep",
}
ONE_STAGE = Stages()
