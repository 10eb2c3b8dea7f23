"""Subpages of the board: counts per server and folder, failed mails, overdue changes."""

from flask import (
    Blueprint,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from recert.campaigns import local_time, progress
from recert.campaigns.reviewing import monitoring
from recert.campaigns.setup.launch import campaign_by_id
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.foundation.durations import lasted
from recert.people import queries as people
from recert.remediation import overdue, overdue_owners
from recert.web.access import acting, allowed, database, settings
from recert.web.converters import number
from recert.web.forms import checked, refused_on
from recert.web.officer.forms.actions import TakeOnForm

bp = Blueprint("board", __name__, url_prefix="/campaigns")
LATE = 200


@bp.get("/<int:campaign_id>/places")
@allowed(Role.OFFICER)
def show_folders(campaign_id: int) -> ResponseReturnValue:
    left, folder_id = (request.args.get(name, type=number) for name in ("open", "after"))
    after = (left, folder_id) if left is not None and folder_id is not None else None
    with database().reading() as session:
        return render_template(
            "officer/folders.html",
            campaign=campaign_by_id(session, campaign_id),
            servers=() if after else progress.servers(session, campaign_id),
            folders=progress.folders(session, campaign_id, after=after),
        )


@bp.get("/<int:campaign_id>/mails")
@allowed(Role.OFFICER)
def show_mails(campaign_id: int) -> ResponseReturnValue:
    with database().reading() as session:
        campaign = campaign_by_id(session, campaign_id)
        return render_template(
            "officer/mails.html",
            campaign=campaign,
            mails=monitoring.failed_mails(session, campaign),
        )


@bp.get("/<int:campaign_id>/late")
@allowed(Role.OFFICER, Role.ADMINISTRATOR, Role.AUDITOR)
def show_late(campaign_id: int) -> ResponseReturnValue:
    now = clock.now()
    with database().reading() as session:
        campaign = campaign_by_id(session, campaign_id)
        return render_template(
            "officer/overdue.html",
            campaign=campaign,
            classes=overdue.by_class(session, campaign, now=now),
            rows=overdue.overdue(session, campaign, now=now, most=LATE),
            missed=overdue_owners.is_missed,
            lasted=lasted,
            now=now,
            form=TakeOnForm(),
            people=people.suggested(session),
        )


@bp.post("/<int:campaign_id>/late/<int:item_id>")
@allowed(Role.OFFICER, Role.ADMINISTRATOR)
@refused_on(".show_late")
def take_on(campaign_id: int, item_id: int) -> ResponseReturnValue:
    form = TakeOnForm()
    checked(form)
    with acting() as act:
        campaign = campaign_by_id(act.session, campaign_id)
        until = local_time.end_of_day(form.until.data, campaign.zone, settings().zone)
        late_change = overdue_owners.take_on(act, item_id, form.owner.data, until, form.reason.data)
        owner = late_change.owner
    flash(f"{owner} sees to it. It is listed again when the date passes.")
    return redirect(url_for(".show_late", campaign_id=campaign_id))
