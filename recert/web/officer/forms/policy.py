"""Fields of a campaign's policy, for the forms of a campaign and of a schedule."""

from typing import Any

from wtforms import (
    Field,
    IntegerField,
    SelectField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import (
    NumberRange,
    Optional,
)

from recert.campaigns.policy import MailAnswers, NonResponse, Policy, Risk
from recert.campaigns.policy_rules import NUMBERS, in_group


def _number(name: str) -> IntegerField:
    rule = NUMBERS[name]
    return IntegerField(
        rule.label,
        [Optional(), NumberRange(rule.low, rule.high, f"Use {rule.limits}.")],
        default=rule.usual,
        description=rule.help,
        name=rule.stored,
    )


def _non_response(risk: str, who: str) -> SelectField:
    labels = {
        NonResponse.KEEP: "Keep and list as an exception",
        NonResponse.REVOKE: "Remove after second-person approval",
        NonResponse.SUSPEND: "Suspend after second-person approval",
    }
    choices = [SelectChoice(rule.value, label) for rule, label in labels.items()]
    return SelectField(
        f"{risk} risk", choices=choices, default=NonResponse.KEEP.value, description=who
    )


class PolicyFields:
    """The fields of a policy, for every form that asks for one."""

    high = _non_response(
        "High", "Orphaned, leavers' and shared accounts; rights to give others access."
    )
    medium = _non_response("Medium", "Rights to delete, change or rename files.")
    low = _non_response("Low", "Everything else.")
    challenge_days = _number("challenge_days")
    batch_size = _number("batch_size")
    stop_after_failures = _number("stop_after_failures")
    removal_threshold = _number("removal_threshold")
    removal_threshold_percent = _number("removal_threshold_percent")
    removal_threshold_from = _number("removal_threshold_from")
    recent_use_days = _number("recent_use_days")
    training_within_days = _number("training_within_days")
    postpone_days = _number("postpone_days")
    days_high = _number("days_high")
    days_medium = _number("days_medium")
    days_low = _number("days_low")
    second_for_conflict = SelectField(
        "Reviewer can grant this access themselves",
        choices=[
            SelectChoice("yes", "High-risk approvals need a second person's confirmation"),
            SelectChoice("no", "Their answer is enough"),
        ],
        default="yes",
        description="Applies to people with a right to share and to administrators of Recert.",
    )
    mail_answers = SelectField(
        "Answers by email",
        choices=[
            SelectChoice(MailAnswers.LOW.value, "For low-risk access"),
            SelectChoice(MailAnswers.OFF.value, "No, reviewers must sign in"),
            SelectChoice(MailAnswers.ALL.value, "For every access"),
        ],
        default=MailAnswers.LOW.value,
        description="By a link in the email or a reply, without signing in.",
    )

    def numbers(self, group: str) -> list[Field]:
        """The numbers of one section of the form."""
        return [getattr(self, rule.name) for rule in in_group(group)]

    @property
    def care_fields(self) -> list[Field]:
        """What needs a second person, in the order of the page."""
        second: Any = self.second_for_conflict
        return [second, *self.numbers("approval")]

    @property
    def policy(self) -> Policy:
        """The policy that was typed; a number that is left out has its default."""
        rules = {risk.value: getattr(self, risk.value).data for risk in Risk}
        numbers = {rule.stored: getattr(self, rule.name).data for rule in NUMBERS.values()}
        rules |= {name: value for name, value in numbers.items() if value is not None}
        rules["mail_answers"] = self.mail_answers.data
        return Policy.of({**rules, "second_for_conflict": self.second_for_conflict.data != "no"})
