"""Forms of the officer's pages."""

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
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

from recert.web.forms import REASON_LENGTH, ReasonForm, at_most


class TakeOnForm(FlaskForm):
    """Who sees to a late change."""

    owner = EmailField("Mail address", [DataRequired("Say who sees to it."), Length(max=320)])
    until = DateField("Until", [InputRequired("Say until when.")])
    reason = StringField("Why it is late", [DataRequired("Say why it is late."), REASON_LENGTH])


class ReassignForm(FlaskForm):
    email = EmailField("Mail address of the new reviewer", [DataRequired("Enter a mail address.")])
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
