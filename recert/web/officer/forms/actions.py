"""Forms of the officer's pages."""

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    EmailField,
    HiddenField,
    IntegerField,
    StringField,
    TextAreaField,
)
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    Optional,
)

from recert.web.forms import REASON_LENGTH, DayField, ReasonForm, at_most


class TakeOnForm(FlaskForm):
    """Who sees to a late change."""

    owner = EmailField(
        "Email address", [DataRequired("Enter the responsible person."), Length(max=320)]
    )
    until = DayField("Done by", [InputRequired("Enter a date like 2026-12-31.")])
    reason = StringField("Why it is late", [DataRequired("Enter why it is late."), REASON_LENGTH])


class ReassignForm(FlaskForm):
    email = EmailField("Email of the new reviewer", [DataRequired("Enter an email address.")])
    reason = StringField("Reason", [DataRequired("Give a reason."), REASON_LENGTH])


class InstructionForm(FlaskForm):
    text = TextAreaField(
        "Text",
        [
            DataRequired("Enter the text."),
            at_most(20_000, "text"),
        ],
    )


class ExtendForm(ReasonForm):
    due = DayField("New due date", [InputRequired("Enter a date like 2026-12-31.")])


class GiveAllForm(ReassignForm):
    """Whose questions go: of a reviewer's number, of the queue, or of a folder."""

    reviewer = StringField(validators=[Length(max=18)])
    folder = IntegerField(validators=[Optional()])


class ReleaseForm(FlaskForm):
    """`expected_digest` stands for the items that the page showed."""

    reason = StringField("Reason", [DataRequired("Give a reason for the approval."), REASON_LENGTH])
    expected_digest = HiddenField(validators=[Length(max=64)], name="seen")


class SignOffForm(FlaskForm):
    statement = TextAreaField(
        "Statement",
        [
            DataRequired("Enter the statement."),
            at_most(4000, "statement"),
        ],
    )
    confirmed = BooleanField(
        "I have reviewed the totals above and confirm them.",
        [DataRequired("Confirm that you have reviewed the totals.")],
    )
