"""The numbers of a campaign's policy in one table: label, help, limits, and when a value protects
less than the usual one. The form, the options of commands and the documentation come from it.

A policy is JSON in the database and in evidence; `stored` is its key where that is a name of the
first version. Form fields keep that name, and commands accept it as a second option."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

MOST = 1_000_000


def _more(mine: int, usual: int) -> bool:
    return mine > usual


def _less(mine: int, usual: int) -> bool:
    return mine < usual


def _less_or_off(mine: int, usual: int) -> bool:
    """Of a number of days in which something counts: 0 is never."""
    return usual != 0 and mine < usual


def _more_or_off(mine: int, usual: int) -> bool:
    """Of a number of days that something may be old: 0 is any age."""
    return usual != 0 and (mine == 0 or mine > usual)


@dataclass(frozen=True)
class NumberRule:
    """One number of a policy. `weaker` compares a value with the usual one; None: neither protects
    more. `group` is the section of the form in which it stands."""

    name: str
    label: str
    help: str
    usual: int
    group: str
    low: int = 0
    high: int = MOST
    weaker: Callable[[int, int], bool] | None = None
    stored_as: str = ""  # the stored key, where it differs from the name

    @property
    def options(self) -> tuple[str, ...]:
        """The options of commands, the field's name first."""
        names = dict.fromkeys((self.name, self.stored))
        return tuple(f"--{name.replace('_', '-')}" for name in names)

    @property
    def stored(self) -> str:
        """Its key in the stored policy, which is also the name of its form field."""
        return self.stored_as or self.name

    @property
    def limits(self) -> str:
        """The allowed numbers as a text."""
        if self.high == MOST:
            return f"a number from {self.low}" if self.low else "a number from 0"
        return f"a number from {self.low} to {self.high}"


def _days(risk: str, usual: int) -> NumberRule:
    return NumberRule(
        f"days_{risk}",
        f"Days for {risk}-risk changes",
        f"A {risk}-risk change must be verified within this many days after the decision.",
        usual,
        "time",
        low=1,
        high=366,
        weaker=_more,
    )


NUMBERS: dict[str, NumberRule] = {
    rule.name: rule
    for rule in (
        NumberRule(
            "challenge_days",
            "Challenge period (days)",
            "People who lose access can object within this time; 0 for no wait.",
            0,
            "removal",
            high=30,
            weaker=_less,
            stored_as="contest_days",
        ),
        NumberRule(
            "batch_size",
            "Batch size",
            "The next batch starts when this one is done; 0 for all at once.",
            0,
            "removal",
            stored_as="wave_size",
        ),
        NumberRule(
            "stop_after_failures",
            "Failures that halt a batch",
            "When so many changes of one batch fail, the rest waits for an officer.",
            3,
            "removal",
            low=1,
            weaker=_more,
        ),
        NumberRule(
            "removal_threshold",
            "Removal threshold",
            "More changes of one campaign within 30 days need a second person's approval.",
            50,
            "approval",
            weaker=_more,
            stored_as="brake_items",
        ),
        NumberRule(
            "removal_threshold_percent",
            "Removal threshold in percent of a server",
            "More of one server's access needs a second person's approval.",
            20,
            "approval",
            high=100,
            weaker=_more,
            stored_as="brake_percent",
        ),
        NumberRule(
            "removal_threshold_from",
            "Changes that a small server always allows",
            "Fewer changes than this never need approval, whatever their share of the server.",
            5,
            "approval",
            weaker=_more,
            stored_as="brake_from",
        ),
        NumberRule(
            "recent_use_days",
            "Recently used (days)",
            "Removing access used in this time needs second-person approval; 0 for off.",
            30,
            "approval",
            high=366,
            weaker=_less_or_off,
            stored_as="live_feed_days",
        ),
        NumberRule(
            "training_within_days",
            "Training not older than (days)",
            "Warn about reviewers without a training in this time; 0 to turn off.",
            0,
            "approval",
            high=3660,
            weaker=_more_or_off,
        ),
        NumberRule(
            "postpone_days",
            "Allow postponing (days)",
            "Reviewers may postpone an item once, by up to this many days after the due date; 0 to "
            "turn off.",
            0,
            "time",
            high=90,
        ),
        _days("high", 1),
        _days("medium", 3),
        _days("low", 7),
    )
}


def in_group(group: str) -> Iterable[NumberRule]:
    """The numbers of one section of the form, in its order."""
    return (rule for rule in NUMBERS.values() if rule.group == group)
