"""Pages of scheduled reviews: the calendar, a new schedule, switching one off."""

from datetime import timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms.fields.choices import SelectChoice

from recert.campaigns.schedule import calendar, service
from recert.campaigns.schedule.models import CampaignSchedule
from recert.campaigns.schedule.service import NoSuchSchedule, Wanted
from recert.campaigns.setup.presets import template
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.foundation.errors import RecertError
from recert.inventory import queries as inventory
from recert.trail.act import Act
from recert.web.access import acting, allowed, current_actor, database, settings
from recert.web.errors import code_of
from recert.web.forms import ConfirmForm, refused_on
from recert.web.officer.forms.campaign import ScheduleForm

bp = Blueprint("schedules", __name__, url_prefix="/campaigns/schedules")


@bp.get("")
@allowed(Role.OFFICER, Role.AUDITOR)
def overview() -> ResponseReturnValue:
    now = clock.now()
    with database().reading() as session:
        return render_template(
            "officer/schedules.html",
            rows=calendar.schedules(session),
            days=calendar.calendar(session, now=now),
            findings=calendar.findings(session, now=now),
            agreed=service.agreed(session),
            form=ConfirmForm(),
        )


@bp.get("/new")
@allowed(Role.OFFICER)
def new() -> ResponseReturnValue:
    with database().reading() as session:
        return render_template("officer/new_schedule.html", form=_form(session))


def _form(session: Session) -> ScheduleForm:
    form = ScheduleForm()
    rows = inventory.servers_overview(session)
    form.servers.choices = [SelectChoice(row.Server.id, row.Server.name) for row in rows]
    if request.method == "GET":
        form.servers.data = [row.Server.id for row in rows]
        form.zone.data = settings().zone.key
        form.first_day.data = (clock.now() + timedelta(days=1)).date()
    return form


@bp.post("/new")
@allowed(Role.OFFICER)
def create() -> ResponseReturnValue:
    with database().reading() as session:
        form = _form(session)
    if not form.validate_on_submit():
        return render_template("officer/new_schedule.html", form=form), 422
    try:
        with acting() as act:
            service.add(act, _wanted(form))
    except RecertError as error:
        html = render_template("officer/new_schedule.html", form=form, problem=str(error))
        return html, code_of(error)
    flash(f"{form.name.data} is scheduled. The calendar shows its next days.")
    return redirect(url_for(".overview"))


def _wanted(form: ScheduleForm) -> Wanted:
    chosen = template(form.template.data)
    return Wanted(
        form.name.data,
        form.rhythm.data,
        form.first_day.data,
        form.at.data,
        form.zone.data,
        form.servers.data,
        form.folder.data,
        form.days.data,
        settings().undo_minutes,
        settings().undo_minutes,
        form.policy,
        chosen.scope,
        chosen.about,
    )


@bp.post("/<int:schedule_id>/agree-policy")
@allowed(Role.OFFICER)
@refused_on(".overview")
def agree_policy(schedule_id: int) -> ResponseReturnValue:
    reason, now = request.form.get("reason", ""), clock.now()
    with database().transaction() as session:
        service.agree_policy(Act(session, current_actor(), now), schedule_id, reason)
    flash("Approved. The schedule is active.")
    return redirect(url_for(".overview"))


@bp.post("/<int:schedule_id>/off")
@allowed(Role.OFFICER)
@refused_on(".overview")
def switch_off(schedule_id: int) -> ResponseReturnValue:
    with acting() as act:
        found = act.session.get(CampaignSchedule, schedule_id)
        if found is None:
            raise NoSuchSchedule
        service.switch_off(act, found)
    flash("The schedule is off. Reviews already launched continue.")
    return redirect(url_for(".overview"))
