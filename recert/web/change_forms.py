"""Forms about changes of servers."""

from flask_wtf import FlaskForm
from wtforms import DateField, EmailField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from recert.changes.tickets import LONGEST as LONGEST_TICKET
from recert.web.lengths import REASON_LENGTH, at_most


class TakeOnForm(FlaskForm):
    """Who sees to a late change."""

    owner = EmailField("Mail address", [DataRequired("Say who sees to it."), Length(max=320)])
    until = DateField("Until", [InputRequired("Say until when.")])
    reason = StringField("Why it is late", [DataRequired("Say why it is late."), REASON_LENGTH])


class UndoForm(FlaskForm):
    """Why a change shall be taken back."""

    reason = StringField(
        "Reason", [DataRequired("Say why the change shall be taken back."), REASON_LENGTH]
    )


class TicketForm(FlaskForm):
    """Under which number a person makes a change."""

    ticket = StringField(
        "Ticket", [DataRequired("Enter the ticket."), at_most(LONGEST_TICKET, "ticket")]
    )
