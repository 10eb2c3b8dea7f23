"""The page of delegations: somebody answers for a reviewer for a time."""

from datetime import datetime, time
from typing import Any, cast

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import EmailField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from recert.campaigns.reviewing import delegation
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput, RecertError
from recert.people import queries as people
from recert.people.models import Person
from recert.trail.act import Act
from recert.web.access import acting, allowed, current_actor, database, settings
from recert.web.errors import code_of
from recert.web.forms import REASON_LENGTH, ConfirmForm, DayField, refused_on

bp = Blueprint("delegations", __name__, url_prefix="/reviews/delegations")


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


@bp.get("")
@allowed()
def listed() -> ResponseReturnValue:
    return _page(DelegationForm(formdata=None))


def _page(form: DelegationForm, problem: str = "", code: int = 200) -> ResponseReturnValue:
    me = current_user.who.person_id
    with database().reading() as session:
        every = current_user.may(Role.OFFICER)
        rows = delegation.delegations(session, of=None if every else me or 0)
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


@bp.post("")
@allowed()
def delegate() -> ResponseReturnValue:
    form = DelegationForm()
    if not form.validate_on_submit():
        return _page(form, code=422)
    actor = current_actor()
    try:
        with database().transaction() as session:
            delegation.delegate(
                Act(session, actor, clock.now()),
                _person(session, form.principal.data) if form.principal.data else _self(session),
                _person(session, form.stand_in.data),
                datetime.combine(form.starts.data, time.min, settings().zone),
                clock.end_of_day(form.ends.data, settings().zone),
                form.reason.data,
            )
    except RecertError as error:
        return _page(form, str(error), code_of(error))
    flash("Saved. Open questions move within a minute of the start, and return at the end.")
    return redirect(url_for(".listed"))


def _self(session: Any) -> Person:
    """The person of the signed-in user, under whichever address they signed in."""
    person = session.get(Person, current_user.who.person_id or 0)
    if person is None:
        raise BadInput("Your account has no person. Enter whose questions are delegated.")
    return cast(Person, person)


def _person(session: Any, email: str) -> Person:
    person = people.person_by_email(session, email)
    if person is None:
        raise BadInput(f"No person has the email address {email!r}.")
    return person


@bp.post("/<int:number>/end")
@allowed()
@refused_on(".listed")
def end(number: int) -> ResponseReturnValue:
    with acting() as act:
        delegation.end(act, number)
    flash("Ended. Open questions return.")
    return redirect(url_for(".listed"))
