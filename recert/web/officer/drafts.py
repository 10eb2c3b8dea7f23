"""A campaign before it asks: draft, preview of its rules, launch."""

from datetime import timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms.fields.choices import SelectChoice

from recert.campaigns import local_time
from recert.campaigns.models import Subject
from recert.campaigns.setup import drafts, policy_agreement
from recert.campaigns.setup import launch as campaigns
from recert.campaigns.setup.launch import campaign_by_id
from recert.campaigns.setup.presets import TEMPLATES, template
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.foundation.errors import RecertError
from recert.inventory import queries as inventory
from recert.trail.act import Act
from recert.web.access import acting, allowed, current_actor, database, settings
from recert.web.errors import code_of
from recert.web.forms import refused_on
from recert.web.officer.forms.campaign import CampaignForm

bp = Blueprint("drafts", __name__, url_prefix="/campaigns")

DEFAULT_DAYS = 14


def _form(session: Session) -> CampaignForm:
    form = CampaignForm()
    rows = inventory.servers_overview(session)
    form.servers.choices = [SelectChoice(row.Server.id, row.Server.name) for row in rows]
    if request.method == "GET":
        form.servers.data = [row.Server.id for row in rows]
        form.default_due((clock.now() + timedelta(days=DEFAULT_DAYS)).date())
        form.start_from(template(request.args.get("template", TEMPLATES[0].key)))
    return form


@bp.get("/new")
@allowed(Role.OFFICER)
def new() -> ResponseReturnValue:
    with database().reading() as session:
        rows = inventory.servers_overview(session)
        form = _form(session)
        return render_template(
            "officer/new_campaign.html", form=form, rows=rows, templates=TEMPLATES
        )


@bp.post("/new")
@allowed(Role.OFFICER)
def create() -> ResponseReturnValue:
    with database().reading() as session:
        form = _form(session)
        rows = inventory.servers_overview(session)
        if not form.validate_on_submit():
            html = render_template(
                "officer/new_campaign.html", form=form, rows=rows, templates=TEMPLATES
            )
            return html, 422
        try:
            campaign_id = _draft(form)
        except RecertError as error:
            html = render_template(
                "officer/new_campaign.html",
                form=form,
                rows=rows,
                templates=TEMPLATES,
                problem=str(error),
            )
            return html, code_of(error)
    return redirect(url_for("campaigns.board", campaign_id=campaign_id))


def _draft(form: CampaignForm) -> int:
    due_at = local_time.end_of_day(form.due.data, form.zone.data or "", settings().zone)
    with acting() as act:
        return drafts.draft(
            act,
            drafts.CampaignDraft(
                form.name.data,
                form.servers.data,
                form.folder.data,
                due_at,
                undo_minutes=settings().undo_minutes,
                usual_undo_minutes=settings().undo_minutes,
                policy=form.policy,
                scope=form.scope(form.folder.data),
                about=Subject(form.about.data),
                stages=form.stages,
            ),
        ).id


@bp.post("/<int:campaign_id>/launch")
@allowed(Role.OFFICER)
@refused_on("campaigns.board")
def launch(campaign_id: int) -> ResponseReturnValue:
    with acting() as act:
        found = campaigns.launch(act, campaign_by_id(act.session, campaign_id))
    flash(f"The review is launched. {found.mails} emails will be sent.")
    return redirect(url_for("campaigns.board", campaign_id=campaign_id))


@bp.post("/<int:campaign_id>/agree-policy")
@allowed(Role.OFFICER)
@refused_on("campaigns.board")
def agree_policy(campaign_id: int) -> ResponseReturnValue:
    reason, now = request.form.get("reason", ""), clock.now()
    with database().transaction() as session:
        found = campaign_by_id(session, campaign_id)
        policy_agreement.agree(Act(session, current_actor(), now), found.ref, found.weaker, reason)
    flash("Approved. The review can be launched.")
    return redirect(url_for("campaigns.board", campaign_id=campaign_id))


@bp.post("/<int:campaign_id>/allow-older-snapshots")
@allowed(Role.OFFICER)
@refused_on("campaigns.board")
def allow_old(campaign_id: int) -> ResponseReturnValue:
    with acting() as act:
        campaigns.allow_old_snapshots(
            act,
            campaign_by_id(act.session, campaign_id),
            request.form.get("reason", ""),
        )
    flash("Recorded. Another officer can now launch the review.")
    return redirect(url_for("campaigns.board", campaign_id=campaign_id))
