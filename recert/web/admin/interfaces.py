"""Programs that use the interface: their access tokens, and what a governance suite asked for."""

from datetime import timedelta

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange

from recert.foundation import clock
from recert.foundation.actor import Role
from recert.foundation.errors import RecertError
from recert.inventory import queries as inventory
from recert.lifecycle import fulfilment
from recert.people import tokens
from recert.people.models import TokenScope
from recert.web.access import acting, allowed, database
from recert.web.errors import code_of
from recert.web.forms import ConfirmForm, refused_on

bp = Blueprint("interfaces", __name__, url_prefix="/interfaces")
SCOPES = {
    TokenScope.READ_ACCESS: "Read accounts, entitlements and holders",
    TokenScope.CHANGE_ACCESS: "Order changes on these servers",
}


class TokenForm(FlaskForm):
    name = StringField(
        "Name",
        [DataRequired("Enter a name."), Length(max=tokens.LONGEST_NAME)],
        description="The program that uses it, such as Identity Governance.",
    )
    scopes = SelectMultipleField(
        "Purpose",
        [InputRequired("Choose at least one purpose.")],
        choices=[SelectChoice(scope.value, text) for scope, text in SCOPES.items()],
    )
    servers = SelectMultipleField("Servers")
    days = IntegerField(
        "Valid for (days)",
        [
            InputRequired("Enter the number of days."),
            NumberRange(1, tokens.LONGEST_LIFE.days, f"Enter 1 to {tokens.LONGEST_LIFE.days}."),
        ],
        default=365,
    )


@bp.get("")
@allowed(Role.ADMINISTRATOR)
def show() -> ResponseReturnValue:
    return _show(TokenForm(formdata=None))


def _show(
    form: TokenForm, problem: str = "", code: int = 200, secret: str = "", name: str = ""
) -> ResponseReturnValue:
    with database().reading() as session:
        rows = inventory.servers_overview(session)
        form.servers.choices = [SelectChoice(row.Server.name, row.Server.name) for row in rows]
        html = render_template(
            "admin/interfaces.html",
            tokens=tokens.tokens(session),
            items=fulfilment.items(session, size=50),
            scopes={scope.value: text for scope, text in SCOPES.items()},
            now=clock.now(),
            form=form,
            confirm=ConfirmForm(formdata=None),
            problem=problem,
            secret=secret,
            name=name,
        )
    return html, code


@bp.post("/tokens")
@allowed(Role.ADMINISTRATOR)
def issue() -> ResponseReturnValue:
    """The page with the secret is the answer itself: it can never be opened again."""
    form = TokenForm()
    with database().reading() as session:
        rows = inventory.servers_overview(session)
        form.servers.choices = [SelectChoice(row.Server.name, row.Server.name) for row in rows]
    if not form.validate_on_submit():
        return _show(form, code=422)
    name, days = (form.name.data or "").strip(), form.days.data or 1
    scopes = [TokenScope(value) for value in form.scopes.data or ()]
    try:
        with acting() as act:
            ends = act.now + timedelta(days=days)
            secret = tokens.issue(act, name, scopes, form.servers.data or (), ends)
    except RecertError as error:
        return _show(form, str(error), code_of(error))
    return _show(TokenForm(formdata=None), secret=secret, name=name)


@bp.post("/tokens/<name>/rotate")
@allowed(Role.ADMINISTRATOR)
@refused_on(".show")
def rotate(name: str) -> ResponseReturnValue:
    with acting() as act:
        secret = tokens.rotate(act, name, act.now + timedelta(days=365))
    return _show(TokenForm(formdata=None), secret=secret, name=name)


@bp.post("/tokens/<name>/revoke")
@allowed(Role.ADMINISTRATOR)
@refused_on(".show")
def revoke(name: str) -> ResponseReturnValue:
    with acting() as act:
        tokens.revoke(act, name)
    flash(f"The token {name} is revoked.")
    return redirect(url_for(".show"))
