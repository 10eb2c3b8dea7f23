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


class CareFields:
    """Forms that ask for a policy have these fields."""

    second_for_conflict = SelectField(
        "Kept by who could grant it himself",
        choices=[
            SelectChoice("yes", "Access of high risk needs a second person"),
            SelectChoice("no", "His answer is enough"),
        ],
        default="yes",
        description="Somebody with a right to share, or an administrator of Recert.",
    )
    live_feed_days = IntegerField(
        "Days in use",
        [Optional(), NumberRange(0, 366, "Use 0 to 366 days.")],
        default=30,
        description="A removal of what was used since then waits for a second person; 0 for never.",
    )
    training_within_days = IntegerField(
        "Days since the training",
        [Optional(), NumberRange(0, 3660, "Use 0 to 3660 days.")],
        default=0,
        description="Warn of reviewers without a training since then; 0 for no warning.",
    )

    @property
    def care_fields(self) -> tuple[Field, ...]:
        """In the order of the page."""
        fields: Any = (self.second_for_conflict, self.live_feed_days, self.training_within_days)
        return tuple(fields)

    @property
    def care(self) -> dict[str, Any]:
        """The rules of a policy; a number that is left out is as by default."""
        numbers = {
            "live_feed_days": self.live_feed_days.data,
            "training_within_days": self.training_within_days.data,
        }
        typed = {name: value for name, value in numbers.items() if value is not None}
        return {"second_for_conflict": self.second_for_conflict.data != "no", **typed}


def _silence(risk: str, who: str) -> SelectField:
    words = {
        NonResponse.KEEP: "Keep, and list as an exception",
        NonResponse.REVOKE: "Remove, when a second person agrees",
        NonResponse.SUSPEND: "Suspend, when a second person agrees",
    }
    choices = [SelectChoice(silence.value, text) for silence, text in words.items()]
    return SelectField(
        f"{risk} risk", choices=choices, default=NonResponse.KEEP.value, description=who
    )


def _days(risk: str, usual: int) -> IntegerField:
    return IntegerField(
        f"Days for {risk} risk",
        [Optional(), NumberRange(1, 366, "Use 1 to 366 days.")],
        default=usual,
        description="Within so many days after the answer a change must be done and checked.",
    )


class PolicyFields(CareFields):
    """What a review does by itself. Forms that ask for it have these fields."""

    high = _silence(
        "High", "Accounts of nobody we know, of somebody who left, shared ones; rights to pass on."
    )
    medium = _silence("Medium", "Rights to delete, change or rename files.")
    low = _silence("Low", "All others.")
    contest_days = IntegerField(
        "Days to object",
        [Optional(), NumberRange(0, 30, "Use 0 to 30 days.")],
        default=0,
        description="Whoever loses access can object so long before it goes; 0 for no wait.",
    )
    wave_size = IntegerField(
        "Changes at a time",
        [Optional(), NumberRange(0, 1_000_000, "Use a number from 0.")],
        default=0,
        description="The next ones go out when these are done; 0 for all at once.",
    )

    postpone_days = IntegerField(
        "Days to put off",
        [Optional(), NumberRange(0, 90, "Use 0 to 90 days.")],
        default=0,
        description="A reviewer may put a question off once, until so many days after the due "
        "date; 0 for never.",
    )
    days_high = _days("high", 1)
    days_medium = _days("medium", 3)
    days_low = _days("low", 7)
    mail_answers = SelectField(
        "Answers by mail",
        choices=[
            SelectChoice(MailAnswers.LOW.value, "For access of low risk"),
            SelectChoice(MailAnswers.OFF.value, "No: everybody signs in"),
            SelectChoice(MailAnswers.ALL.value, "For every access"),
        ],
        default=MailAnswers.LOW.value,
        description="By a link in the mail or a reply, without a sign-in.",
    )

    @property
    def policy(self) -> Policy:
        """The rules as the use case takes them; a number that is left out is as by default."""
        said = {risk.value: getattr(self, risk.value).data for risk in Risk}
        names = ("wave_size", "contest_days", "postpone_days", *(f"days_{risk}" for risk in Risk))
        typed = {name: getattr(self, name).data for name in names}
        said["mail_answers"] = self.mail_answers.data
        return Policy.of({**said, **self.care, **{n: v for n, v in typed.items() if v is not None}})
