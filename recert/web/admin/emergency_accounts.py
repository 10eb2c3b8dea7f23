"""The register of emergency accounts."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length

from recert.activity import queries as activity
from recert.foundation.actor import Role
from recert.foundation.errors import RecertError
from recert.inventory import emergency_accounts as accounts
from recert.inventory import queries as inventory
from recert.inventory.models import Server
from recert.web.access import acting, allowed, database
from recert.web.errors import code_of
from recert.web.forms import REASON_LENGTH, ConfirmForm, refused_on

bp = Blueprint("emergency_accounts", __name__, url_prefix="/servers/emergency-accounts")


class EmergencyForm(FlaskForm):
    server = SelectField("Server", [InputRequired("Choose a server.")], coerce=int)
    account = StringField(
        "Account",
        [DataRequired("Enter the name of the account."), Length(max=256)],
        description="Name on the server.",
    )
    reason = StringField("Purpose", [DataRequired("Enter the purpose."), REASON_LENGTH])


@bp.get("")
@allowed(Role.ADMINISTRATOR, Role.OFFICER, Role.AUDITOR)
def show() -> ResponseReturnValue:
    return _show(EmergencyForm(formdata=None))


def _show(form: EmergencyForm, problem: str = "", code: int = 200) -> ResponseReturnValue:
    with database().reading() as session:
        _offer_servers(form, session)
        rows = accounts.register(session)
        html = render_template(
            "admin/emergency_accounts.html",
            rows=rows,
            used=activity.last_used(session, {row.account_id for row in rows if row.account_id}),
            form=form,
            confirm=ConfirmForm(formdata=None),
            problem=problem,
        )
    return html, code


def _offer_servers(form: EmergencyForm, session: Any) -> None:
    rows = inventory.servers_overview(session)
    form.server.choices = [SelectChoice(row.Server.id, row.Server.name) for row in rows]


@bp.post("")
@allowed(Role.ADMINISTRATOR)
def mark() -> ResponseReturnValue:
    form = EmergencyForm()
    with database().reading() as session:
        _offer_servers(form, session)
    if not form.validate_on_submit():
        return _show(form, code=422)
    try:
        with acting() as act:
            accounts.mark(
                act,
                act.session.get_one(Server, form.server.data),
                form.account.data or "",
                form.reason.data or "",
            )
    except RecertError as error:
        return _show(form, str(error), code_of(error))
    flash("Recorded. Each use of the account triggers a review.")
    return redirect(url_for(".show"))


@bp.post("/<int:number>/end")
@allowed(Role.ADMINISTRATOR)
@refused_on(".show")
def end(number: int) -> ResponseReturnValue:
    with acting() as act:
        accounts.end(act, number)
    flash("The mark was removed.")
    return redirect(url_for(".show"))
