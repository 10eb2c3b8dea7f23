"""Forms of the administrator's pages about servers."""

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import Length, Optional

from recert.inventory.service import LONGEST_LABEL
from recert.web.forms import ServerForm


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
