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

from recert.changes.service import LONGEST_TICKET
from recert.inventory.service import LONGEST_LABEL
from recert.web.forms import REASON_LENGTH, at_most


class ServerForm(FlaskForm):
    name = StringField("Name", [DataRequired("Give the server a name."), Length(max=64)])
    owner = EmailField(
        "Server owner",
        [Optional(), Length(max=320)],
        description="Email of the person who is responsible when a folder has no owner.",
    )


class UploadForm(FlaskForm):
    file = FileField("CSV file", [FileRequired("Choose a file.")])


def _storage() -> StringField:
    return StringField(
        "Storage",
        [Optional(), Length(max=LONGEST_LABEL)],
        description="Label of the shared volume, such as fileserver1, if another server exposes "
        "the same folders under the same paths.",
    )


class NewServerForm(ServerForm):
    storage = _storage()


class StorageForm(FlaskForm):
    storage = _storage()


class UndoForm(FlaskForm):
    """Why a change is undone."""

    reason = StringField("Reason", [DataRequired("Give a reason for the undo."), REASON_LENGTH])


class TicketForm(FlaskForm):
    """Under which number a person makes a change."""

    ticket = StringField(
        "Ticket", [DataRequired("Enter the ticket."), at_most(LONGEST_TICKET, "ticket")]
    )
