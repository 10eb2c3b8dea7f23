"""The auditor's pages to read: reviews, one item's history, trail, evidence."""

import tempfile
from pathlib import Path

from flask import Blueprint, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from recert.campaigns import campaign_list
from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import Campaign
from recert.campaigns.reviewing import queries
from recert.campaigns.setup import routing
from recert.campaigns.setup.launch import campaign_by_id
from recert.campaigns.setup.subjects.registry import kind_of
from recert.campaigns.transitions import NoSuchItem
from recert.changes import queries as changes
from recert.changes.models import Order
from recert.evidence.audit import findings, retention
from recert.evidence.package import export
from recert.foundation import clock, secrets
from recert.foundation.actor import Role
from recert.remediation.models import Remediation
from recert.trail import checks, kept
from recert.trail import queries as trail
from recert.web.access import acting, allowed, current_actor, database, settings
from recert.web.auditor.forms import RemarkForm, SampleForm, VerdictForm
from recert.web.converters import number
from recert.web.forms import ConfirmForm, refused_on

bp = Blueprint("evidence", __name__, url_prefix="/audit")


@bp.get("")
@allowed(Role.AUDITOR, Role.OFFICER)
def overview() -> ResponseReturnValue:
    with database().reading() as session:
        outside = kept.outside(session)
        return render_template(
            "auditor/campaigns.html",
            rows=campaign_list.campaigns(session),
            kept=outside.text if outside else "",
            none_kept=f"{kept.NONE_KEPT}.",
        )


@bp.get("/campaigns/<int:campaign_id>")
@allowed(Role.AUDITOR, Role.OFFICER)
def campaign(campaign_id: int) -> ResponseReturnValue:
    with database().reading() as session:
        found = campaign_by_id(session, campaign_id)
        key = secrets.signing_key(settings().keys).public_key().public_bytes_raw()
        return render_template(
            "auditor/campaign.html",
            campaign=found,
            totals=queries.totals_of(session, campaign_id),
            changes=queries.changes_by_state(session, campaign_id),
            population=queries.population_of(session, campaign_id),
            fingerprint=secrets.fingerprint(key),
            form=ConfirmForm(),
            keeping=retention.keeping(session, found),
            findings=findings.findings(session, campaign_id),
            sample_form=SampleForm(formdata=None),
            remark_form=RemarkForm(formdata=None),
            verdict_form=VerdictForm(formdata=None),
        )


@bp.get("/items/<int:item_id>")
@allowed(Role.AUDITOR, Role.OFFICER)
def item(item_id: int) -> ResponseReturnValue:
    with database().reading() as session:
        row = queries.item_row(session, item_id)
        if row is None:
            raise NoSuchItem
        here = select(Decision).where(Decision.item_id == item_id).order_by(Decision.version)
        order = session.scalar(
            select(Order)
            .join(Remediation, Remediation.order_id == Order.id)
            .where(Remediation.item_id == item_id)
        )
        campaign = session.get_one(Campaign, row.campaign_id)
        return render_template(
            "auditor/item.html",
            row=row,
            campaign=campaign,
            rule=routing.rule_of(row.route, campaign.routing_version),
            known=kind_of(campaign.about).facts(session, [row]).get(row.id),
            decisions=session.scalars(here).all(),
            order=order,
            steps=changes.steps(session, order.id) if order else [],
        )


@bp.get("/trail")
@allowed(Role.AUDITOR, Role.OFFICER)
def show_trail() -> ResponseReturnValue:
    with database().reading() as session:
        rows, before = trail.page(session, before=request.args.get("before", type=number))
        check = checks.newest(session)
        return render_template(
            "auditor/trail.html", rows=rows, before=before, check=check, form=ConfirmForm()
        )


@bp.post("/trail/verify")
@allowed(Role.AUDITOR, Role.OFFICER)
@refused_on(".show_trail")
def verify_trail() -> ResponseReturnValue:
    with acting() as act:
        checks.want(act)
    return redirect(url_for(".show_trail"))


@bp.post("/campaigns/<int:campaign_id>/evidence")
@allowed(Role.AUDITOR, Role.OFFICER)
@refused_on(".campaign")
def download(campaign_id: int) -> ResponseReturnValue:
    with database().reading() as session:
        campaign_by_id(session, campaign_id)
    key = secrets.signing_key(settings().keys)
    with tempfile.TemporaryDirectory(prefix="recert-evidence-") as folder:
        path = Path(folder) / "evidence.zip"
        zone = settings().zone
        export.export(
            database(), campaign_id, path, key, zone=zone, actor=current_actor(), now=clock.now()
        )
        file = path.open("rb")  # outlives its name: nothing stays behind, whoever hangs up when
    name = f"recert-evidence-{campaign_id}.zip"
    return send_file(file, "application/zip", as_attachment=True, download_name=name)
