"""Pages of second-person approval."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from recert.campaigns.completion import approvals, recent_use
from recert.campaigns.setup.launch import campaign_by_id
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.web.access import acting, allowed, database
from recert.web.forms import checked, refused_on
from recert.web.officer.forms.actions import ReleaseForm

bp = Blueprint("approvals", __name__, url_prefix="/releases")
FIRST_ROWS = 20


@bp.get("")
@allowed(Role.OFFICER, Role.ADMINISTRATOR)
def overview() -> ResponseReturnValue:
    with database().reading() as session:
        return render_template(
            "officer/approvals.html", rows=approvals.waiting_campaigns(session, clock.now())
        )


@bp.get("/<int:campaign_id>")
@allowed(Role.OFFICER, Role.ADMINISTRATOR)
def show(campaign_id: int) -> ResponseReturnValue:
    now = clock.now()
    with database().reading() as session:
        campaign = campaign_by_id(session, campaign_id)
        found = approvals.waiting(session, campaign, now)
        rows = approvals.first_waiting(session, campaign, FIRST_ROWS, now) if found.count else ()
        return render_template(
            "officer/approval.html",
            campaign=campaign,
            found=found,
            rows=rows,
            used=recent_use.last_transfers(session, [row.id for row in rows]),
            form=ReleaseForm(formdata=None, expected_digest=found.digest),
        )


@bp.post("/<int:campaign_id>")
@allowed(Role.OFFICER, Role.ADMINISTRATOR)
@refused_on(".show")
def release(campaign_id: int) -> ResponseReturnValue:
    form = ReleaseForm()
    checked(form)
    with acting() as act:
        approval = approvals.release(
            act,
            campaign_by_id(act.session, campaign_id),
            form.reason.data,
            expected_digest=form.expected_digest.data,
        )
    flash(f"{approval.count} changes are approved." if approval.count else "The changes continue.")
    return redirect(url_for(".overview"))
