"""Forms of the administrator's pages: servers, imports, orders."""

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import (
    EmailField,
    StringField,
)
from wtforms.validators import (
    DataRequired,
    Length,
    Optional,
)

from recert.changes.tickets import LONGEST as LONGEST_TICKET
from recert.inventory.service import LONGEST_LABEL
from recert.web.forms import REASON_LENGTH, at_most


class ServerForm(FlaskForm):
    name = StringField("Name", [DataRequired("Give the server a name."), Length(max=64)])
    owner = EmailField(
        "Server owner",
        [Optional(), Length(max=320)],
        description="Mail address of the person who answers when a folder has no owner.",
    )


class UploadForm(FlaskForm):
    file = FileField("CSV file", [FileRequired("Choose a file.")])


def _storage() -> StringField:
    return StringField(
        "Storage",
        [Optional(), Length(max=LONGEST_LABEL)],
        description="A name such as fileserver1. Servers with the same one show the same "
        "directories under the same paths. Empty: nobody else shows them.",
    )


class NewServerForm(ServerForm):
    storage = _storage()


class StorageForm(FlaskForm):
    storage = _storage()


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
