"""Forms of the auditor's pages."""

from flask_wtf import FlaskForm
from wtforms import IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from recert.evidence.audit.findings import LONGEST_SEED, LONGEST_TEXT, MOST_IN_A_SAMPLE
from recert.evidence.audit.retention import LONGEST_REASON, MOST_YEARS
from recert.evidence.audit.uncertified import MOST_DAYS
from recert.evidence.models import Judgement
from recert.web.forms import DayField, at_most


class SampleForm(FlaskForm):
    size = IntegerField(
        "Number of items",
        [
            InputRequired("Enter a number."),
            NumberRange(1, MOST_IN_A_SAMPLE, f"Enter 1 to {MOST_IN_A_SAMPLE}."),
        ],
        default=25,
    )
    seed = StringField(
        "Seed",
        [Length(max=LONGEST_SEED)],
        description="Leave empty for a new seed. The same seed gives the same items.",
    )


class RemarkForm(FlaskForm):
    item = IntegerField(
        "Item number",
        [Optional(), NumberRange(1, 10**18, "Enter the number of an item.")],
        description="Leave empty to comment on the whole review.",
    )
    text = TextAreaField(
        "Comment",
        [DataRequired("Enter your comment."), at_most(LONGEST_TEXT, "text")],
    )


class VerdictForm(FlaskForm):
    judgement = RadioField(
        "Opinion",
        [InputRequired("Choose accept or reject.")],
        choices=[
            SelectChoice(Judgement.ACCEPTED.value, "Accept"),
            SelectChoice(Judgement.REJECTED.value, "Reject"),
        ],
    )
    reason = TextAreaField(
        "Reason",
        [at_most(LONGEST_TEXT, "text")],
        description="Required to reject.",
    )


class KeepForm(FlaskForm):
    years = IntegerField(
        "Years", [InputRequired("Enter a number."), NumberRange(1, MOST_YEARS, "Use 1 to 100.")]
    )


class HoldForm(FlaskForm):
    reason = StringField(
        "Reason",
        [
            DataRequired("Give a reason."),
            Length(
                max=LONGEST_REASON,
                message=f"The reason is longer than {LONGEST_REASON} characters.",
            ),
        ],
    )


class UncertifiedForm(FlaskForm):
    """A question, so it is asked with GET and needs no token."""

    class Meta:
        csrf = False

    days = IntegerField(
        "Not certified within (days)",
        [Optional(), NumberRange(1, MOST_DAYS, f"Enter 1 to {MOST_DAYS} days.")],
    )
    at = DayField("As of the end of", [Optional()])
    server = SelectField("Server", coerce=int, validators=[Optional()])
