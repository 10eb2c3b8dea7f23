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

from recert.campaigns.policy import MailAnswers, Policy, Risk, Silence


class CareFields:
    """Forms that ask for a policy have these fields."""

    second_for_conflict = SelectField(
        "Reviewer can grant this access themselves",
        choices=[
            SelectChoice("yes", "High-risk approvals need a second person's confirmation"),
            SelectChoice("no", "Their answer is enough"),
        ],
        default="yes",
        description="Applies to people with a right to share and to administrators of Recert.",
    )
    live_feed_days = IntegerField(
        "Recently used (days)",
        [Optional(), NumberRange(0, 366, "Use 0 to 366 days.")],
        default=30,
        description="Removing access used in this time needs second-person approval; 0 for off.",
    )
    training_within_days = IntegerField(
        "Training not older than (days)",
        [Optional(), NumberRange(0, 3660, "Use 0 to 3660 days.")],
        default=0,
        description="Warn about reviewers without a training in this time; 0 to turn off.",
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
        Silence.KEEP: "Keep and list as an exception",
        Silence.REVOKE: "Remove after second-person approval",
        Silence.SUSPEND: "Suspend after second-person approval",
    }
    choices = [SelectChoice(silence.value, text) for silence, text in words.items()]
    return SelectField(f"{risk} risk", choices=choices, default=Silence.KEEP.value, description=who)


def _days(risk: str, usual: int) -> IntegerField:
    return IntegerField(
        f"Days for {risk}-risk changes",
        [Optional(), NumberRange(1, 366, "Use 1 to 366 days.")],
        default=usual,
        description="A change must be verified within this many days after the answer.",
    )


class PolicyFields(CareFields):
    """What a review does by itself. Forms that ask for it have these fields."""

    high = _silence("High", "Orphaned, leavers' and shared accounts; rights to give others access.")
    medium = _silence("Medium", "Rights to delete, change or rename files.")
    low = _silence("Low", "Everything else.")
    contest_days = IntegerField(
        "Challenge period (days)",
        [Optional(), NumberRange(0, 30, "Use 0 to 30 days.")],
        default=0,
        description="People who lose access can object within this time; 0 for no wait.",
    )
    wave_size = IntegerField(
        "Batch size",
        [Optional(), NumberRange(0, 1_000_000, "Use a number from 0.")],
        default=0,
        description="The next batch starts when this one is done; 0 for all at once.",
    )

    postpone_days = IntegerField(
        "Allow postponing (days)",
        [Optional(), NumberRange(0, 90, "Use 0 to 90 days.")],
        default=0,
        description="Reviewers may postpone a question once, by up to this many days after the due "
        "date; 0 to turn off.",
    )
    days_high = _days("high", 1)
    days_medium = _days("medium", 3)
    days_low = _days("low", 7)
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

    @property
    def policy(self) -> Policy:
        """The rules as the verb takes them; a number that is left out is as by default."""
        said = {risk.value: getattr(self, risk.value).data for risk in Risk}
        names = ("wave_size", "contest_days", "postpone_days", *(f"days_{risk}" for risk in Risk))
        typed = {name: getattr(self, name).data for name in names}
        said["mail_answers"] = self.mail_answers.data
        return Policy.of({**said, **self.care, **{n: v for n, v in typed.items() if v is not None}})
