"""Forms of the reviewer's pages."""

import re
from zoneinfo import ZoneInfo

from flask_wtf import FlaskForm
from wtforms import (
    IntegerField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Optional,
)

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.foundation import clock
from recert.web.forms import REASON_LENGTH, DayField

TICKED = re.compile(r"([0-9]{1,18}):(-?[0-9]{1,19})")  # item and content hash


class BulkForm(FlaskForm):
    """One answer to several items of one folder."""

    answer = SelectField(
        choices=[Answer.KEEP.value, Answer.REVOKE.value], validators=[InputRequired()]
    )
    scope = RadioField(
        choices=[SelectChoice("ticked"), SelectChoice("all")],
        default="ticked",
        validators=[InputRequired("Choose which items.")],
    )
    items = SelectMultipleField(choices=[], validate_choice=False)
    count = IntegerField(validators=[Optional()])
    reason = StringField("Reason", [DataRequired("Give a reason."), REASON_LENGTH])
    until = DayField(validators=[Optional()])

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


class PostponeForm(FlaskForm):
    until = DayField("Until", [InputRequired("Enter a date like 2026-12-31.")])
