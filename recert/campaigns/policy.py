"""The policy of a campaign, pure: non-response, second-person approval, challenge, batches."""

from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self

from recert.campaigns.policy_rules import NUMBERS
from recert.connectors.contract import AccountKind
from recert.connectors.rights import Rights
from recert.foundation.actor import system
from recert.foundation.errors import BadInput

NON_RESPONSE = system("silence")  # the actor of the policy's decisions; its name is data

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
    SUSPEND = "suspend"  # the same change, meant to be undone later


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
    partner is the end of their contract."""

    kind: AccountKind
    known: bool = False
    active: bool = False
    left_on: date | None = None
    partner: bool = False
    contract_ends: datetime | None = None


def risk_of(rights: int, holder: Holder, *, now: datetime) -> Risk:
    """The risk of keeping access that nobody decided. `campaigns.risk` computes the same in SQL;
    a test compares the two."""
    gone = not holder.active or (holder.left_on is not None and holder.left_on <= now.date())
    ended = holder.contract_ends is not None and holder.contract_ends <= now
    if holder.kind in NOBODYS or not holder.known or gone or (holder.partner and ended):
        return Risk.HIGH
    if rights & PASSES_ON:
        return Risk.HIGH
    return Risk.MEDIUM if rights & DESTROYS else Risk.LOW


@dataclass(frozen=True)
class Policy:
    """The rules of one campaign; `policy_rules` explains the numbers. Without any rule, items that
    nobody decided are kept and listed as exceptions."""

    high: NonResponse = NonResponse.KEEP
    medium: NonResponse = NonResponse.KEEP
    low: NonResponse = NonResponse.KEEP
    removal_threshold_percent: int = NUMBERS["removal_threshold_percent"].usual
    removal_threshold: int = NUMBERS["removal_threshold"].usual
    removal_threshold_from: int = NUMBERS["removal_threshold_from"].usual
    batch_size: int = NUMBERS["batch_size"].usual
    stop_after_failures: int = NUMBERS["stop_after_failures"].usual
    challenge_days: int = NUMBERS["challenge_days"].usual
    postpone_days: int = NUMBERS["postpone_days"].usual
    days_high: int = NUMBERS["days_high"].usual
    days_medium: int = NUMBERS["days_medium"].usual
    days_low: int = NUMBERS["days_low"].usual
    mail_answers: MailAnswers = MailAnswers.LOW
    second_for_conflict: bool = True  # a keep of high risk by who could grant the same
    recent_use_days: int = NUMBERS["recent_use_days"].usual
    training_within_days: int = NUMBERS["training_within_days"].usual

    def __post_init__(self) -> None:
        for rule in NUMBERS.values():
            if not rule.low <= getattr(self, rule.name) <= rule.high:
                raise PolicyRejected(
                    f"{rule.label} must be a number from {rule.low} to {rule.high}."
                )

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Self:
        """The policy from its JSON; a missing rule has its default. A rule that a newer version
        wrote is ignored: both run at once while an upgrade rolls."""
        keys = {_stored_key(field.name): field.name for field in fields(cls)}
        return cls(**{keys[key]: _value(keys[key], stored[key]) for key in keys.keys() & stored})

    def as_json(self) -> dict[str, Any]:
        """Every rule with its value, defaults included: evidence shows them."""
        return {_stored_key(name): value for name, value in asdict(self).items()}

    def non_response(self, risk: Risk) -> NonResponse:
        """What happens to items of this class that nobody decided."""
        rule: NonResponse = getattr(self, risk.value)
        return rule

    def days(self, risk: Risk) -> int:
        """Within how many days a change of this class must be verified."""
        days: int = getattr(self, f"days_{risk.value}")
        return days

    def by_mail(self, risk: Risk) -> bool:
        """Whether a question of this class can be answered from a mail."""
        if self.mail_answers is MailAnswers.LOW:
            return risk is Risk.LOW
        return self.mail_answers is MailAnswers.ALL

    def allowed_on(self, grants: int) -> int:
        """How many changes of one server with so many grants go out without a second person."""
        return max(grants * self.removal_threshold_percent // 100, self.removal_threshold_from - 1)

    def weaker_than(self, usual: "Policy") -> list[str]:
        """The rules that protect less than the usual ones, as texts. They need a second officer:
        whom a rule restrains does not set it alone."""
        weaker = [
            f"{rule.label} {getattr(self, name)} instead of {getattr(usual, name)}"
            for name, rule in NUMBERS.items()
            if rule.weaker and rule.weaker(getattr(self, name), getattr(usual, name))
        ]
        if _MAIL_ORDER.index(self.mail_answers) > _MAIL_ORDER.index(usual.mail_answers):
            weaker.append(
                f"answers by mail: {self.mail_answers.value}, usual: {usual.mail_answers.value}"
            )
        if usual.second_for_conflict and not self.second_for_conflict:
            weaker.append("no second person for a conflict of interest")
        return weaker

    def description(self) -> str:
        """The non-response policy in one line, for pages and the trail."""
        same = {self.high, self.medium, self.low}
        if len(same) == 1:
            return NON_RESPONSE_TEXTS[self.high]
        return "; ".join(
            f"{risk.value} risk: {NON_RESPONSE_TEXTS[self.non_response(risk)]}" for risk in Risk
        )


def _stored_key(name: str) -> str:
    return NUMBERS[name].stored if name in NUMBERS else name


def _value(name: str, value: Any) -> Any:
    if name in {risk.value for risk in Risk}:
        if value not in {rule.value for rule in NonResponse}:
            raise PolicyRejected(
                f"The non-response policy is keep, revoke or suspend, not {value!r}."
            )
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
        raise PolicyRejected(f"{NUMBERS[name].label} must be a number, not {value!r}.")
    return value


_MAIL_ORDER = (MailAnswers.OFF, MailAnswers.LOW, MailAnswers.ALL)

NON_RESPONSE_TEXTS = {
    NonResponse.KEEP: "kept, listed as exception",
    NonResponse.REVOKE: "removed, once a second person releases it",
    NonResponse.SUSPEND: "suspended, once a second person releases it",
}

MAIL_ANSWER_TEXTS = {
    MailAnswers.OFF: "not possible: everybody signs in",
    MailAnswers.LOW: "for access of low risk; for all other a sign-in is needed",
    MailAnswers.ALL: "for every access",
}

KEPT = "Nobody answered. Kept by policy and listed as an exception."


def non_response_reason(rule: NonResponse, risk: Risk) -> str:
    """The outcome of an item that nobody answered, and the reason of the policy's decision."""
    if rule is NonResponse.KEEP:
        return KEPT
    if rule is NonResponse.REVOKE:
        return f"Nobody answered. Removed by policy ({risk.value} risk)."
    return f"Nobody answered. Suspended by policy ({risk.value} risk); an undo gives it back."
