"""Forms check shape and hand over values; the verbs check policy again."""

import re
from dataclasses import dataclass
from datetime import date, time
from zoneinfo import ZoneInfo

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import (
    BooleanField,
    DateField,
    EmailField,
    HiddenField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    TimeField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import (
    DataRequired,
    EqualTo,
    InputRequired,
    Length,
    NumberRange,
    Optional,
)

from recert.campaigns.decisions.rules import GIVEN_BY_PEOPLE, Reply
from recert.campaigns.models import Answer, Subject
from recert.campaigns.policy import MailAnswers, Policy, Risk, Silence
from recert.campaigns.setup.presets import TEMPLATES, Template
from recert.connectors.rights import WORDS, Rights
from recert.foundation import clock
from recert.web.care_fields import CareFields
from recert.web.lengths import REASON_LENGTH, at_most
from recert.web.scope_form import ScopeFields
from recert.web.stage_form import StageFields

TICKED = re.compile(r"([0-9]{1,18}):(-?[0-9]{1,19})")  # item and content hash


class SignInForm(FlaskForm):
    email = EmailField("Mail address", [DataRequired("Enter your mail address."), Length(max=320)])
    password = PasswordField("Password", [DataRequired("Enter your password."), Length(max=1000)])
    next = HiddenField()


class PasswordForm(FlaskForm):
    """A user's own new password."""

    present = PasswordField(
        "Present password", [DataRequired("Enter your present password."), Length(max=1024)]
    )
    new = PasswordField(
        "New password",
        [DataRequired("Enter a new password."), Length(max=1024)],
        description="At least 12 characters, not your name, and nothing that many others use.",
    )
    again = PasswordField(
        "New password again",
        [EqualTo("new", "This is not the same as the new password.")],
    )


class AnswerForm(FlaskForm):
    """One answer to one item. `version` and `seen` name what the reviewer looked at."""

    answer = SelectField(
        choices=[answer.value for answer in GIVEN_BY_PEOPLE], validators=[InputRequired()]
    )
    rights = SelectMultipleField(
        choices=[SelectChoice(str(int(right))) for right in WORDS], validators=[Optional()]
    )
    reason = TextAreaField(validators=[REASON_LENGTH])
    until = DateField(validators=[Optional()])
    successor = StringField(validators=[Length(max=320)])
    version = IntegerField(validators=[InputRequired()])
    seen = IntegerField(validators=[InputRequired()])

    @property
    def problem(self) -> str:
        """What is wrong with it, in one sentence."""
        return str(self.reason.errors[0]) if self.reason.errors else "Choose an answer."

    @property
    def typed_reason(self) -> str:
        """The reason, in whichever of its fields it was typed."""
        return next((text for text in self.reason.raw_data or [] if text.strip()), "")

    def reply(self, zone: ZoneInfo) -> Reply:
        """The answer as the verb takes it. A date means the end of that day."""
        kept = Rights(sum(int(value) for value in self.rights.data or []))
        return Reply(
            Answer(self.answer.data),
            rights=kept if self.answer.data == Answer.REDUCE else None,
            reason=self.typed_reason,
            until=clock.end_of_day(self.until.data, zone)
            if self.until.data and self.answer.data == Answer.KEEP
            else None,
            successor=(self.successor.data or "").strip()
            if self.answer.data == Answer.NOT_MINE
            else "",
            version=self.version.data,
            content_hash=self.seen.data,
        )


@dataclass(frozen=True)
class Kept:
    """What somebody had typed when his answer was refused; the page shows it again."""

    item_id: int
    reason: str


class BulkForm(FlaskForm):
    """One answer to several items of one folder."""

    answer = SelectField(
        choices=[Answer.KEEP.value, Answer.REVOKE.value], validators=[InputRequired()]
    )
    scope = RadioField(
        choices=[SelectChoice("ticked"), SelectChoice("all")],
        default="ticked",
        validators=[InputRequired("Choose which ones.")],
    )
    items = SelectMultipleField(choices=[], validate_choice=False)
    count = IntegerField(validators=[Optional()])
    reason = StringField("Reason", [DataRequired("Give a reason."), REASON_LENGTH])
    until = DateField(validators=[Optional()])

    def reply(self, zone: ZoneInfo) -> Reply:
        """What the reviewer says of all of them."""
        answer, last = Answer(self.answer.data), self.until.data
        keeps = last and answer is Answer.KEEP
        until = clock.end_of_day(last, zone) if keeps else None
        return Reply(answer, reason=self.reason.data, until=until)

    @property
    def ticked(self) -> dict[int, int] | None:
        """The ticked items with the content hash that the page showed; None means all."""
        if self.scope.data == "all":
            return None
        found = [TICKED.fullmatch(value) for value in self.items.data or []]
        return {int(match[1]): int(match[2]) for match in found if match}


class ConfirmForm(FlaskForm):
    """A button without fields."""


def _silence(risk: str, who: str) -> SelectField:
    words = {
        Silence.KEEP: "Keep, and list as an exception",
        Silence.REVOKE: "Remove, when a second person agrees",
        Silence.SUSPEND: "Suspend, when a second person agrees",
    }
    choices = [SelectChoice(silence.value, text) for silence, text in words.items()]
    return SelectField(f"{risk} risk", choices=choices, default=Silence.KEEP.value, description=who)


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
        """The rules as the verb takes them; a number that is left out is as by default."""
        said = {risk.value: getattr(self, risk.value).data for risk in Risk}
        names = ("wave_size", "contest_days", "postpone_days", *(f"days_{risk}" for risk in Risk))
        typed = {name: getattr(self, name).data for name in names}
        said["mail_answers"] = self.mail_answers.data
        return Policy.of({**said, **self.care, **{n: v for n, v in typed.items() if v is not None}})


ABOUT = {
    Subject.ACCESS: "Access to folders",
    Subject.MEMBERSHIP: "Memberships in groups",
    Subject.OWNERSHIP: "Ownership of folders and groups",
    Subject.SERVICE: "Service accounts",
}


class CampaignForm(PolicyFields, StageFields, ScopeFields):
    name = StringField(
        "Name of the review",
        [DataRequired("Give the review a name."), Length(2, 120, "Use 2 to 120 characters.")],
        description="Reviewers see it: for example “Third quarter 2026”.",
    )
    about = SelectField(
        "What is asked about",
        choices=[SelectChoice(subject.value, said) for subject, said in ABOUT.items()],
        default=Subject.ACCESS.value,
    )
    servers = SelectMultipleField(
        "Servers", [DataRequired("Choose at least one server.")], coerce=int
    )
    folder = StringField(
        "Folder",
        [DataRequired("Enter / for everything."), Length(max=4096)],
        default="/",
        description="This folder and everything below it; / for everything.",
    )
    due = DateField(
        "Answer by",
        [InputRequired("Enter a date like 2026-12-31.")],
        description="The end of this day.",
    )
    zone = StringField(
        "Time zone",
        [Optional(), Length(max=64)],
        description="Where that day ends, such as Europe/Berlin; empty for the usual one.",
    )

    def start_from(self, chosen: Template) -> None:
        """Fills the form in from a template."""
        self.about.data = chosen.about.value
        self.holders.data = [holder.value for holder in chosen.scope.holders]
        self.rights.data = [str(int(right)) for right in Rights if right & chosen.scope.rights]
        self.unused_days.data = chosen.scope.unused_days or None
        self.only_changes.data = chosen.scope.only_changes

    def default_due(self, day: date) -> None:
        """Fills in a due date when the form is opened."""
        if self.due.data is None:
            self.due.data = day


class ScheduleForm(PolicyFields, FlaskForm):
    name = StringField(
        "Name of the reviews",
        [DataRequired("Give the reviews a name."), Length(3, 109, "Use 3 to 109 characters.")],
        description="Each review is called by it and its quarter, month or day.",
    )
    rhythm = StringField(
        "Rhythm",
        [DataRequired("Enter a rhythm."), Length(max=200)],
        default="quarterly",
        description="quarterly, monthly, every 6 months, or a cron expression: 0 8 1 1,7 *",
    )
    first_day = DateField("First day", [InputRequired("Enter a date like 2026-12-31.")])
    at = TimeField(
        "Time of day",
        [InputRequired("Enter a time like 08:00.")],
        default=time(8),
        description="A cron expression says its time itself.",
    )
    zone = StringField("Time zone", [DataRequired("Enter a zone like Europe/Berlin.")])
    template = SelectField(
        "What is reviewed",
        choices=[SelectChoice(one.key, one.title) for one in TEMPLATES],
        default=TEMPLATES[0].key,
    )
    days = IntegerField(
        "Days to answer",
        [InputRequired("Enter a number."), NumberRange(1, 366, "Use 1 to 366 days.")],
        default=14,
    )
    servers = SelectMultipleField(
        "Servers", [DataRequired("Choose at least one server.")], coerce=int
    )
    folder = StringField(
        "Folder",
        [DataRequired("Enter / for everything."), Length(max=4096)],
        default="/",
        description="This folder and everything below it; / for everything.",
    )


class ReassignForm(FlaskForm):
    email = EmailField("Mail address of the new reviewer", [DataRequired("Enter a mail address.")])
    reason = StringField("Reason", [DataRequired("Give a reason."), REASON_LENGTH])


class PostponeForm(FlaskForm):
    until = DateField("Until", [InputRequired("Enter a date like 2026-12-31.")])


class InstructionForm(FlaskForm):
    text = TextAreaField(
        "Text",
        [
            DataRequired("Enter the text."),
            at_most(20_000, "text"),
        ],
    )


class ReasonForm(FlaskForm):
    reason = StringField("Reason", [DataRequired("Give a reason."), REASON_LENGTH])


class ExtendForm(ReasonForm):
    due = DateField("New last day", [InputRequired("Enter a date like 2026-12-31.")])


class GiveAllForm(ReassignForm):
    """Whose questions go: of a reviewer's number, of the queue, or of a folder."""

    reviewer = StringField(validators=[Length(max=18)])
    folder = IntegerField(validators=[Optional()])


class ReleaseForm(FlaskForm):
    """`seen` stands for what the page showed."""

    reason = StringField(
        "Reason", [DataRequired("Say why these changes may go out."), REASON_LENGTH]
    )
    seen = HiddenField(validators=[Length(max=64)])


class SignOffForm(FlaskForm):
    statement = TextAreaField(
        "Statement",
        [
            DataRequired("Enter the statement."),
            at_most(4000, "statement"),
        ],
    )
    confirmed = BooleanField(
        "I have looked at the figures above and acknowledge them.",
        [DataRequired("Confirm that you have looked at the figures.")],
    )


class ServerForm(FlaskForm):
    name = StringField("Name", [DataRequired("Give the server a name."), Length(max=64)])
    owner = EmailField(
        "Server owner",
        [Optional(), Length(max=320)],
        description="Mail address of the person who answers when a folder has no owner.",
    )


class UploadForm(FlaskForm):
    file = FileField("CSV file", [FileRequired("Choose a file.")])
