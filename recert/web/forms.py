"""Forms check shape and hand over values; the use cases check policy again."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flask_wtf import FlaskForm
from wtforms import (
    DateField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    Optional,
)

from recert.campaigns.decisions.rules import GIVEN_BY_PEOPLE, MAX_REASON, Reply
from recert.campaigns.models import Answer
from recert.connectors.rights import PHRASES, Rights
from recert.foundation import clock
from recert.foundation.errors import BadInput


def at_most(number: int, what: str) -> Length:
    """No more characters than this; the message says what is too long."""
    return Length(max=number, message=f"The {what} is longer than {number} characters.")


REASON_LENGTH = at_most(MAX_REASON, "reason")


def checked(form: FlaskForm) -> None:
    """Raises BadInput with the first thing that is wrong with a posted form."""
    if not form.validate_on_submit():
        raise BadInput(str(next(iter(form.errors.values()))[0]))


class AnswerForm(FlaskForm):
    """One answer to one item. `version` and `seen` name what the reviewer looked at."""

    answer = SelectField(
        choices=[answer.value for answer in GIVEN_BY_PEOPLE], validators=[InputRequired()]
    )
    rights = SelectMultipleField(
        choices=[SelectChoice(str(int(right))) for right in PHRASES], validators=[Optional()]
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
        """The answer as the use case takes it. A date means the end of that day."""
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
    """What somebody had typed when their answer was refused; the page shows it again."""

    item_id: int
    reason: str


class ConfirmForm(FlaskForm):
    """A button without fields."""


class ReasonForm(FlaskForm):
    reason = StringField("Reason", [DataRequired("Give a reason."), REASON_LENGTH])
