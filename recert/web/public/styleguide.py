"""The style guide: every component with realistic content. Registered where the demo mailbox is."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import DateField, EmailField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Optional

from recert.connectors.rights import Rights
from recert.web.access import public

bp = Blueprint("styleguide", __name__, url_prefix="/styleguide")
PEOPLE = (("maria.lopez@harbourpine.example", "Maria Lopez"), ("ivan.cohen@acme.example", "Ivan"))
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


class ExampleForm(FlaskForm):
    """A refused form: two fields are wrong, and all keep what was typed."""

    class Meta:
        csrf = False

    name = StringField(
        "Name of the review",
        [DataRequired("Give the review a name.")],
        description="Shown to reviewers, for example “Third quarter 2026”.",
    )
    owner = EmailField("Email address", [Optional()])
    due = DateField("Due date", [DataRequired("Enter a date like 2026-12-31.")])
    risk = SelectField(
        "High risk", choices=[SelectChoice("keep", "Keep"), SelectChoice("x", "Ask")]
    )
    opinion = RadioField(
        "Opinion", choices=[SelectChoice("a", "Accept"), SelectChoice("b", "Reject")]
    )


def refused() -> ExampleForm:
    """The example form as its page shows it again."""
    form = ExampleForm(
        formdata=None, owner="maria.lopez@harbourpine.example", risk="x", opinion="b"
    )
    form.validate()
    return form


def question() -> SimpleNamespace:
    """One question as the pages of reviewers get it."""
    return SimpleNamespace(
        id=1,
        version=1,
        content_hash=1,
        rights=int(Rights.LIST | Rights.DOWNLOAD | Rights.DELETE),
        widened=True,
        account="i.cohen",
        account_kind=SimpleNamespace(value="shared"),
        enabled=False,
        account_note="expired on 1 November 2026",
        expires_at=None,
        person="Ivan Cohen",
        person_active=False,
        left_on="31 October 2026",
        organisation="Acme Freight",
        department="Logistics",
        last_login_at=NOON - timedelta(days=200),
        via="group finance at /finance",
    )


@bp.get("")
@public
def show() -> ResponseReturnValue:
    hints = [
        SimpleNamespace(level="red", text="Ivan Cohen left the company on 31 October 2026."),
        SimpleNamespace(level="plain", text="9 of 9 people in Finance have this access."),
    ]
    wording = SimpleNamespace(
        keep="Keep", remove="Remove", reason="Add a reason", forward="Not my question"
    )
    kind = SimpleNamespace(
        wording=wording, can_remove=True, can_reduce=True, can_end=True, names_successor=False
    )
    return render_template(
        "public/styleguide.html",
        form=refused(),
        row=question(),
        hints=hints,
        kind=kind,
        people=PEOPLE,
        noon=NOON,
    )
