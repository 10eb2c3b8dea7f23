"""The page of self-assignments: people whose own action made them reviewers wait for approval."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from recert.foundation.actor import Role
from recert.people import self_assignment
from recert.web.access import acting, allowed, database
from recert.web.forms import ConfirmForm, refused_on

bp = Blueprint("self_assignments", __name__, url_prefix="/campaigns/self-assigned")


@bp.get("")
@allowed(Role.OFFICER, Role.ADMINISTRATOR, Role.AUDITOR)
def listed() -> ResponseReturnValue:
    with database().reading() as session:
        return render_template(
            "officer/self_assignments.html",
            rows=self_assignment.waiting(session),
            form=ConfirmForm(formdata=None),
        )


@bp.post("/<int:number>/agree")
@allowed(Role.OFFICER)
@refused_on(".listed")
def agree(number: int) -> ResponseReturnValue:
    reason = request.form.get("reason", "")
    with acting() as act:
        self_assignment.agree(act, number, reason)
    flash("Approved. They can decide now.")
    return redirect(url_for(".listed"))
