"""The page of folders with a disputed owner."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import EmailField, StringField
from wtforms.validators import DataRequired, Length

from recert.campaigns.reviewing import ownership_disputes
from recert.foundation.actor import Role
from recert.people import queries as people
from recert.web.access import acting, allowed, database
from recert.web.forms import REASON_LENGTH, checked, refused_on

bp = Blueprint("ownership_disputes", __name__, url_prefix="/campaigns/not-mine")


class SettleForm(FlaskForm):
    """The owner of a folder."""

    owner = EmailField("Owner", [DataRequired("Enter an email address."), Length(max=320)])
    reason = StringField("Reason", [DataRequired("Give a reason."), REASON_LENGTH])


@bp.get("")
@allowed(Role.OFFICER)
def overview() -> ResponseReturnValue:
    with database().reading() as session:
        rows = ownership_disputes.disputes(session)
        return render_template(
            "officer/ownership_disputes.html",
            rows=rows,
            form=SettleForm(),
            people=people.suggested(session),
        )


@bp.post("/<int:number>")
@allowed(Role.OFFICER)
@refused_on(".overview")
def settle(number: int) -> ResponseReturnValue:
    form = SettleForm()
    checked(form)
    with acting() as act:
        change = ownership_disputes.settle(act, number, form.owner.data, form.reason.data)
    flash(change)
    return redirect(url_for(".overview"))
