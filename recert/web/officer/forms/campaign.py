"""Forms of a new campaign and of a schedule: scope, policy, stages."""

import secrets
from datetime import date, time

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TimeField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    NumberRange,
    Optional,
)

from recert.campaigns.models import Subject
from recert.campaigns.setup.presets import TEMPLATES, Template
from recert.campaigns.setup.scope import MAX_SAMPLE, Holder, Scope
from recert.campaigns.setup.stages import LONGEST, Sees, Stage, Stages, Vote, Who
from recert.campaigns.setup.subjects.registry import QUESTIONS
from recert.connectors.rights import PHRASES, Rights
from recert.web.forms import DayField
from recert.web.officer.forms.policy import PolicyFields


def _who() -> SelectField:
    choices = [SelectChoice("", "nobody"), *(SelectChoice(who.value, who.value) for who in Who)]
    named = SelectChoice("named", "the person below")
    return SelectField("Who reviews", choices=[*choices, named], default="")


def _sees() -> SelectField:
    labels = {Sees.ALL: "all answers", Sees.KEPT: "kept access", Sees.REMOVED: "removed access"}
    choices = [SelectChoice(sees.value, text) for sees, text in labels.items()]
    return SelectField("Reviews", choices=choices, default=Sees.ALL.value)


def _stage_days() -> IntegerField:
    limits = NumberRange(1, LONGEST, f"Use 1 to {LONGEST} days.")
    return IntegerField("Days", [Optional(), limits], default=7)


class StageFields:
    """The stages of a review. Each later stage has the last days before the due date."""

    second_who, second_sees, second_days = _who(), _sees(), _stage_days()
    second_name = StringField("Email address", [Length(max=320)])
    third_who, third_sees, third_days = _who(), _sees(), _stage_days()
    third_name = StringField("Email address", [Length(max=320)])
    vote = SelectField(
        "If reviewers disagree",
        choices=[
            SelectChoice(Vote.REMOVAL.value, "Any removal wins"),
            SelectChoice(Vote.LAST.value, "The last reviewer decides"),
            SelectChoice(Vote.KEEP.value, "Any keep wins"),
        ],
        default=Vote.REMOVAL.value,
    )

    @property
    def stages(self) -> Stages:
        """What was chosen; StagesRejected names what makes no sense."""
        later = [
            Stage(
                (name.data or "").strip().lower() if who.data == "named" else who.data,
                Sees(sees.data),
                days.data or 7,
            )
            for who, name, sees, days in (
                (self.second_who, self.second_name, self.second_sees, self.second_days),
                (self.third_who, self.third_name, self.third_sees, self.third_days),
            )
            if who.data
        ]
        return Stages(tuple(later), Vote(self.vote.data))


HOLDERS = {
    Holder.EMPLOYEE: "employees",
    Holder.PARTNER: "partner staff",
    Holder.SERVICE: "service accounts",
    Holder.SHARED: "shared accounts",
    Holder.ANONYMOUS: "anonymous access",
    Holder.ORPHAN: "orphaned accounts",
    Holder.LEFT: "leavers",
    Holder.PRIVILEGED: "accounts that can give others access",
}


class ScopeFields(FlaskForm):
    """Left empty, everything in the folder is asked about."""

    holders = SelectMultipleField(
        "Only these accounts", choices=[SelectChoice(one.value, HOLDERS[one]) for one in Holder]
    )
    rights = SelectMultipleField(
        "Only access with one of these rights",
        choices=[SelectChoice(str(int(right)), text) for right, text in PHRASES.items()],
    )
    classification = StringField(
        "Only folders classified as",
        [Optional(), Length(max=200)],
        description="One or more, separated by commas, as imported with the folder owners.",
    )
    unused_days = IntegerField(
        "Only accounts without a sign-in for (days)",
        [Optional(), NumberRange(0, 3650, "Enter a number of days up to 3650.")],
        description="Based on the last sign-in, and on transfers where logs are available.",
    )
    unknown_unused = BooleanField("Include accounts without sign-in and transfer data")
    only_changes = BooleanField("Only access that is new or changed since the last review")
    sample = IntegerField(
        "Only a random sample (number of items)",
        [Optional(), NumberRange(0, MAX_SAMPLE, f"Enter a number up to {MAX_SAMPLE}.")],
        description="The seed is recorded, so the sample is reproducible.",
    )

    def scope(self, prefix: str) -> Scope:
        """The scope that was chosen. A sample gets a seed of its own."""
        labels = [name.strip() for name in (self.classification.data or "").split(",")]
        return Scope(
            prefix=prefix,
            classifications=tuple(filter(None, labels)),
            holders=tuple(map(Holder, self.holders.data or [])),
            rights=Rights(sum(map(int, self.rights.data or []))),
            unused_days=self.unused_days.data or 0,
            unknown_unused=bool(self.unknown_unused.data),
            only_changes=bool(self.only_changes.data),
            sample=self.sample.data or 0,
            seed=secrets.randbelow(1_000_000_000) + 1 if self.sample.data else 0,
        )

    @property
    def is_narrow(self) -> bool:
        """Whether the fields should be open when the page is shown again."""
        fields = (self.holders, self.rights, self.classification, self.unused_days, self.sample)
        wrong = any(field.errors for field in fields)
        return wrong or bool(self.only_changes.data or any(field.data for field in fields))


class CampaignForm(PolicyFields, StageFields, ScopeFields):
    name = StringField(
        "Name of the review",
        [DataRequired("Give the review a name."), Length(2, 120, "Use 2 to 120 characters.")],
        description="Shown to reviewers, for example “Third quarter 2026”.",
    )
    about = SelectField(
        "Subject",
        choices=[
            SelectChoice(subject.value, kind.wording.title) for subject, kind in QUESTIONS.items()
        ],
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
    due = DayField(
        "Due date",
        [InputRequired("Enter a date like 2026-12-31.")],
        description="Until the end of this day.",
    )
    zone = StringField(
        "Time zone",
        [Optional(), Length(max=64)],
        description="For the due date, such as Europe/Berlin. Leave empty for the default.",
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
        description="Each review gets this name plus its quarter, month or day.",
    )
    rhythm = StringField(
        "Rhythm",
        [DataRequired("Enter a rhythm."), Length(max=200)],
        default="quarterly",
        description="quarterly, monthly, every 6 months, or a cron expression: 0 8 1 1,7 *",
    )
    first_day = DayField("First day", [InputRequired("Enter a date like 2026-12-31.")])
    at = TimeField(
        "Time of day",
        [InputRequired("Enter a time like 08:00.")],
        default=time(8),
        description="Ignored if the rhythm is a cron expression.",
    )
    zone = StringField("Time zone", [DataRequired("Enter a time zone like Europe/Berlin.")])
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
