"""Forms about changes of servers."""

from flask_wtf import FlaskForm
from wtforms import DateField, EmailField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from recert.web.lengths import REASON_LENGTH


class TakeOnForm(FlaskForm):
    """Who sees to a late change."""

    owner = EmailField("Mail address", [DataRequired("Say who sees to it."), Length(max=320)])
    until = DateField("Until", [InputRequired("Say until when.")])
    reason = StringField("Why it is late", [DataRequired("Say why it is late."), REASON_LENGTH])
