"""Exclusions from reviews, and who answers for whom."""

from datetime import date, datetime, time
from typing import Any, cast

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import EmailField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from recert.campaigns.reviewing import delegation as delegating
from recert.campaigns.setup import exclusions as excluding
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput, RecertError
from recert.inventory import queries as inventory
from recert.inventory.models import Server
from recert.people import queries as people
from recert.people import self_assignment
from recert.people.models import Person
from recert.trail.act import Act
from recert.web.access import acting, allowed, current_actor, database, settings
from recert.web.errors import code_of
from recert.web.forms import REASON_LENGTH, ConfirmForm, DayField, refused_on

bp = Blueprint("exclusions", __name__)


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


class DelegationForm(FlaskForm):
    principal = EmailField("For whom", [Optional(), Length(max=320)])
    stand_in = EmailField("Delegate", [DataRequired("Enter an email address."), Length(max=320)])
    starts = DayField("From", [InputRequired("Enter a date like 2026-12-31.")])
    ends = DayField(
        "To",
        [InputRequired("Enter a date like 2026-12-31.")],
        description="Until the end of this day. Open questions then return to you.",
    )
    reason = StringField("Reason", [DataRequired("Give a reason."), REASON_LENGTH])


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, settings().zone)


def _end(day: date) -> datetime:
    return clock.end_of_day(day, settings().zone)


@bp.get("/campaigns/exclusions")
@allowed(Role.OFFICER, Role.ADMINISTRATOR)
def exclusions() -> ResponseReturnValue:
    return _exclusions(ExclusionForm(formdata=None))


def _exclusions(form: ExclusionForm, problem: str = "", code: int = 200) -> ResponseReturnValue:
    with database().reading() as session:
        _offer_servers(form, session)
        html = render_template(
            "officer/exclusions.html",
            rows=excluding.register(session),
            form=form,
            confirm=ConfirmForm(formdata=None),
            now=clock.now(),
            approvable=_approvable(session),
            problem=problem,
        )
    return html, code


def _approvable(session: Any) -> set[int]:
    """The exclusions that wait and that the user may approve."""
    waits = (row.Exclusion for row in excluding.register(session) if not row.Exclusion.approved_at)
    return {one.id for one in waits if excluding.may_approve(session, one, current_actor())}


@bp.get("/campaigns/self-assigned")
@allowed(Role.OFFICER, Role.ADMINISTRATOR, Role.AUDITOR)
def self_assigned() -> ResponseReturnValue:
    with database().reading() as session:
        return render_template(
            "officer/self_assignments.html",
            rows=self_assignment.waiting(session),
            form=ConfirmForm(formdata=None),
        )


@bp.post("/campaigns/self-assigned/<int:number>/agree")
@allowed(Role.OFFICER)
@refused_on(".self_assigned")
def agree(number: int) -> ResponseReturnValue:
    reason = request.form.get("reason", "")
    with acting() as act:
        self_assignment.agree(act, number, reason)
    flash("Approved. They can decide now.")
    return redirect(url_for(".self_assigned"))


def _offer_servers(form: ExclusionForm, session: Any) -> None:
    rows = inventory.servers_overview(session)
    form.server.choices = [SelectChoice(row.Server.id, row.Server.name) for row in rows]


@bp.post("/campaigns/exclusions")
@allowed(Role.OFFICER)
def ask_exclusion() -> ResponseReturnValue:
    form = ExclusionForm()
    with database().reading() as session:
        _offer_servers(form, session)
    if not form.validate_on_submit():
        return _exclusions(form, code=422)
    try:
        with acting() as act:
            excluding.ask(
                act,
                act.session.get_one(Server, form.server.data),
                form.account.data or "",
                form.folder.data,
                form.reason.data,
                _end(form.ends.data),
            )
    except RecertError as error:
        return _exclusions(form, str(error), code_of(error))
    flash("Recorded. The exclusion takes effect when a second person approves it.")
    return redirect(url_for(".exclusions"))


@bp.post("/campaigns/exclusions/<int:number>/approve")
@allowed(Role.OFFICER, Role.ADMINISTRATOR)
@refused_on(".exclusions")
def approve_exclusion(number: int) -> ResponseReturnValue:
    with acting() as act:
        found = excluding.exclusion_by_id(act.session, number)
        excluding.approve(act, found)
    flash("Approved.")
    return redirect(url_for(".exclusions"))


@bp.post("/campaigns/exclusions/<int:number>/end")
@allowed(Role.OFFICER, Role.ADMINISTRATOR)
@refused_on(".exclusions")
def end_exclusion(number: int) -> ResponseReturnValue:
    with acting() as act:
        found = excluding.exclusion_by_id(act.session, number)
        excluding.end(act, found)
    flash("Ended. The access is reviewed again.")
    return redirect(url_for(".exclusions"))


@bp.get("/reviews/delegations")
@allowed()
def delegations() -> ResponseReturnValue:
    return _delegations(DelegationForm(formdata=None))


def _delegations(form: DelegationForm, problem: str = "", code: int = 200) -> ResponseReturnValue:
    me = current_user.who.person_id
    with database().reading() as session:
        every = current_user.may(Role.OFFICER)
        rows = delegating.delegations(session, of=None if every else me or 0)
    html = render_template(
        "officer/delegations.html",
        rows=rows,
        form=form,
        confirm=ConfirmForm(formdata=None),
        now=clock.now(),
        me=me,
        every=every,
        problem=problem,
    )
    return html, code


@bp.post("/reviews/delegations")
@allowed()
def delegate() -> ResponseReturnValue:
    form = DelegationForm()
    if not form.validate_on_submit():
        return _delegations(form, code=422)
    actor = current_actor()
    try:
        with database().transaction() as session:
            delegating.delegate(
                Act(session, actor, clock.now()),
                _person(session, form.principal.data) if form.principal.data else _self(session),
                _person(session, form.stand_in.data),
                _start(form.starts.data),
                _end(form.ends.data),
                form.reason.data,
            )
    except RecertError as error:
        return _delegations(form, str(error), code_of(error))
    flash("Saved. Open questions move within a minute of the start, and return at the end.")
    return redirect(url_for(".delegations"))


def _self(session: Any) -> Person:
    """The person of the signed-in user, under whichever address they signed in."""
    found = session.get(Person, current_user.who.person_id or 0)
    if found is None:
        raise BadInput("Your account has no person. Enter whose questions are delegated.")
    return cast(Person, found)


def _person(session: Any, email: str) -> Person:
    found = people.person_by_email(session, email)
    if found is None:
        raise BadInput(f"No person has the email address {email!r}.")
    return found


@bp.post("/reviews/delegations/<int:number>/end")
@allowed()
@refused_on(".delegations")
def end_delegation(number: int) -> ResponseReturnValue:
    with acting() as act:
        delegating.end(act, number)
    flash("Ended. Open questions return.")
    return redirect(url_for(".delegations"))
