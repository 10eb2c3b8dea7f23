"""The page of exclusions: access that campaigns leave out until a date, once a second person has
approved it."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from recert.campaigns.setup import exclusions
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.foundation.errors import RecertError
from recert.inventory import queries as inventory
from recert.inventory.models import Server
from recert.web.access import acting, allowed, current_actor, database, settings
from recert.web.errors import code_of
from recert.web.forms import REASON_LENGTH, ConfirmForm, DayField, refused_on

bp = Blueprint("exclusions", __name__, url_prefix="/campaigns/exclusions")


class ExclusionForm(FlaskForm):
    server = SelectField("Server", [InputRequired("Choose a server.")], coerce=int)
    account = StringField(
        "Account",
        [Optional(), Length(max=256)],
        description="Name on the server. Leave empty for all accounts.",
    )
    folder = StringField(
        "Folder",
        [DataRequired("Enter / for all folders.")],
        default="/",
        description="This folder and everything below it.",
    )
    reason = StringField("Reason", [DataRequired("Give a reason."), REASON_LENGTH])
    ends = DayField(
        "Last day",
        [InputRequired("Enter a date like 2026-12-31.")],
        description="At most one year from now. After that the access is reviewed again.",
    )


@bp.get("")
@allowed(Role.OFFICER, Role.ADMINISTRATOR)
def listed() -> ResponseReturnValue:
    return _page(ExclusionForm(formdata=None))


def _page(form: ExclusionForm, problem: str = "", code: int = 200) -> ResponseReturnValue:
    with database().reading() as session:
        _offer_servers(form, session)
        html = render_template(
            "officer/exclusions.html",
            rows=exclusions.register(session),
            form=form,
            confirm=ConfirmForm(formdata=None),
            now=clock.now(),
            approvable=_approvable(session),
            problem=problem,
        )
    return html, code


def _approvable(session: Any) -> set[int]:
    """The exclusions that wait and that the user may approve."""
    waits = (row.Exclusion for row in exclusions.register(session) if not row.Exclusion.approved_at)
    return {one.id for one in waits if exclusions.may_approve(session, one, current_actor())}


def _offer_servers(form: ExclusionForm, session: Any) -> None:
    rows = inventory.servers_overview(session)
    form.server.choices = [SelectChoice(row.Server.id, row.Server.name) for row in rows]


@bp.post("")
@allowed(Role.OFFICER)
def ask() -> ResponseReturnValue:
    form = ExclusionForm()
    with database().reading() as session:
        _offer_servers(form, session)
    if not form.validate_on_submit():
        return _page(form, code=422)
    try:
        with acting() as act:
            exclusions.ask(
                act,
                act.session.get_one(Server, form.server.data),
                form.account.data or "",
                form.folder.data,
                form.reason.data,
                clock.end_of_day(form.ends.data, settings().zone),
            )
    except RecertError as error:
        return _page(form, str(error), code_of(error))
    flash("Recorded. The exclusion takes effect when a second person approves it.")
    return redirect(url_for(".listed"))


@bp.post("/<int:number>/approve")
@allowed(Role.OFFICER, Role.ADMINISTRATOR)
@refused_on(".listed")
def approve(number: int) -> ResponseReturnValue:
    with acting() as act:
        exclusion = exclusions.exclusion_by_id(act.session, number)
        exclusions.approve(act, exclusion)
    flash("Approved.")
    return redirect(url_for(".listed"))


@bp.post("/<int:number>/end")
@allowed(Role.OFFICER, Role.ADMINISTRATOR)
@refused_on(".listed")
def end(number: int) -> ResponseReturnValue:
    with acting() as act:
        exclusion = exclusions.exclusion_by_id(act.session, number)
        exclusions.end(act, exclusion)
    flash("Ended. The access is reviewed again.")
    return redirect(url_for(".listed"))
