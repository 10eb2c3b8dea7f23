"""What a campaign does by itself, pure: what silence means, when a second person must look, and
how many changes go out together."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self

from recert.connectors.contract import AccountKind
from recert.connectors.rights import Rights
from recert.foundation.actor import system
from recert.foundation.errors import BadInput

SILENCE = system("silence")  # the actor of every decision that nobody took

PASSES_ON = Rights.SHARE | Rights.CHMOD
DESTROYS = Rights.DELETE | Rights.OVERWRITE | Rights.RENAME | Rights.RMDIR
NOBODYS = (AccountKind.SHARED, AccountKind.ANONYMOUS)


class Risk(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class NonResponse(StrEnum):
    """What happens when nobody answers."""

    KEEP = "keep"  # and list as an exception
    REVOKE = "revoke"
    SUSPEND = "suspend"  # the same change, meant to be given back by undo


class MailAnswers(StrEnum):
    """Which questions can be answered by mail, without a sign-in."""

    OFF = "off"
    LOW = "low"  # of low risk only
    ALL = "all"


class PolicyRejected(BadInput):
    """This rule of a campaign cannot be used."""


@dataclass(frozen=True)
class Holder:
    """Who stands behind an account. `contract_ends` is the end of the account, which for a
    partner is the end of his contract."""

    kind: AccountKind
    known: bool = False
    active: bool = False
    left_on: date | None = None
    partner: bool = False
    contract_ends: datetime | None = None


def risk_of(rights: int, holder: Holder, *, now: datetime) -> Risk:
    """How dangerous it is to keep what nobody answered for. `campaigns.risk` says the same in
    SQL; a test compares the two."""
    gone = not holder.active or (holder.left_on is not None and holder.left_on <= now.date())
    ended = holder.contract_ends is not None and holder.contract_ends <= now
    if holder.kind in NOBODYS or not holder.known or gone or (holder.partner and ended):
        return Risk.HIGH
    if rights & PASSES_ON:
        return Risk.HIGH
    return Risk.MEDIUM if rights & DESTROYS else Risk.LOW


@dataclass(frozen=True)
class Policy:
    """The rules of one campaign. Without any, silence keeps and lists as an exception.

    More than `brake_items` changes, or more than `brake_percent` of what one server grants (from
    `brake_from` changes on: two of nine are no mass), wait for a second person. `wave_size` 0 is
    no batches. A reviewer may put an item off until `postpone_days` after the due date; 0 is never.
    `days_high` and its like: within how many days a change of this class must be verified."""

    high: NonResponse = NonResponse.KEEP
    medium: NonResponse = NonResponse.KEEP
    low: NonResponse = NonResponse.KEEP
    brake_percent: int = 20
    brake_items: int = 50
    brake_from: int = 5
    wave_size: int = 0
    stop_after_failures: int = 3
    contest_days: int = 0  # to object before a removal is carried out
    postpone_days: int = 0
    days_high: int = 1
    days_medium: int = 3
    days_low: int = 7
    mail_answers: MailAnswers = MailAnswers.LOW
    second_for_conflict: bool = True  # a keep of high risk by who could grant the same
    live_feed_days: int = 30  # a removal of what was used since then waits; 0 is never
    training_within_days: int = 0  # reviewers need a training not older than this; 0 is off

    def __post_init__(self) -> None:
        limits = {"brake_percent": (0, 100), "stop_after_failures": (1, 1_000_000)}
        limits |= {"postpone_days": (0, 90), "contest_days": (0, 30)}
        limits |= {"live_feed_days": (0, 366), "training_within_days": (0, 3660)}
        limits |= {f"days_{risk}": (1, 366) for risk in Risk}
        for name in ("brake_percent", "brake_items", "brake_from", "wave_size", *limits):
            low, high = limits.get(name, (0, 1_000_000))
            if not low <= getattr(self, name) <= high:
                shown = name.replace("_", " ")
                raise PolicyRejected(f"{shown} must be a number from {low} to {high}.")

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Self:
        """The policy from its JSON; what is not said there is as by default. A rule that a newer
        version wrote is left alone: both run at once while an upgrade rolls."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: _value(name, stored[name]) for name in known & set(stored)})

    def as_json(self) -> dict[str, Any]:
        """Every rule with its value, also those that are as by default: evidence shows them."""
        return asdict(self)

    def silence(self, risk: Risk) -> NonResponse:
        """What silence means for this class."""
        found: NonResponse = getattr(self, risk.value)
        return found

    def days(self, risk: Risk) -> int:
        """Within how many days a change of this class must be verified."""
        found: int = getattr(self, f"days_{risk.value}")
        return found

    def by_mail(self, risk: Risk) -> bool:
        """Whether a question of this class can be answered from a mail."""
        if self.mail_answers is MailAnswers.LOW:
            return risk is Risk.LOW
        return self.mail_answers is MailAnswers.ALL

    def allowed_on(self, grants: int) -> int:
        """How many changes of one server with so many grants go out without a second person."""
        return max(grants * self.brake_percent // 100, self.brake_from - 1)

    def weaker_than(self, usual: "Policy") -> list[str]:
        """The rules that protect less than the usual ones, in words. They need a second officer:
        whom a rule restrains does not set it alone."""
        found = [
            f"{name.replace('_', ' ')} {getattr(self, name)} instead of {getattr(usual, name)}"
            for name, is_weaker in _WEAKER.items()
            if is_weaker(getattr(self, name), getattr(usual, name))
        ]
        if _MAIL_ORDER.index(self.mail_answers) > _MAIL_ORDER.index(usual.mail_answers):
            found.append(
                f"answers by mail: {self.mail_answers.value}, usual: {usual.mail_answers.value}"
            )
        if usual.second_for_conflict and not self.second_for_conflict:
            found.append("no second person for a conflict of interest")
        return found

    def in_words(self) -> str:
        """What silence means, in one line for pages and the trail."""
        same = {self.high, self.medium, self.low}
        if len(same) == 1:
            return WORDS[self.high]
        return "; ".join(f"{risk.value} risk: {WORDS[self.silence(risk)]}" for risk in Risk)


def _value(name: str, value: Any) -> Any:
    if name in {risk.value for risk in Risk}:
        if value not in {silence.value for silence in NonResponse}:
            raise PolicyRejected(f"Silence means keep, revoke or suspend, not {value!r}.")
        return NonResponse(value)
    if name == "mail_answers":
        if value not in {each.value for each in MailAnswers}:
            raise PolicyRejected(f"Answers by mail are off, low or all, not {value!r}.")
        return MailAnswers(value)
    if name == "second_for_conflict":
        if not isinstance(value, bool):
            raise PolicyRejected(f"second for conflict is true or false, not {value!r}.")
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        raise PolicyRejected(f"{name.replace('_', ' ')} must be a number, not {value!r}.")
    return value


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


_WEAKER: dict[str, Callable[[int, int], bool]] = {
    "brake_items": _more,
    "brake_percent": _more,
    "brake_from": _more,
    "stop_after_failures": _more,
    "contest_days": _less,
    "days_high": _more,
    "days_medium": _more,
    "days_low": _more,
    "live_feed_days": _less_or_off,
    "training_within_days": _more_or_off,
}
_MAIL_ORDER = (MailAnswers.OFF, MailAnswers.LOW, MailAnswers.ALL)

WORDS = {
    NonResponse.KEEP: "kept, listed as exception",
    NonResponse.REVOKE: "removed, once a second person releases it",
    NonResponse.SUSPEND: "suspended, once a second person releases it",
}

MAIL_WORDS = {
    MailAnswers.OFF: "not possible: everybody signs in",
    MailAnswers.LOW: "for access of low risk; for all other a sign-in is needed",
    MailAnswers.ALL: "for every access",
}

KEPT = "Nobody answered. Kept by policy and listed as an exception."


def silent_reason(silence: NonResponse, risk: Risk) -> str:
    """What stands at an item that nobody answered, and as the reason of the policy's decision."""
    if silence is NonResponse.KEEP:
        return KEPT
    if silence is NonResponse.REVOKE:
        return f"Nobody answered. Removed by policy ({risk.value} risk)."
    return f"Nobody answered. Suspended by policy ({risk.value} risk); an undo gives it back."
