"""What auditors do on the web: draw samples, remark, accept or reject."""

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from recert.campaigns.models import Campaign
from recert.campaigns.setup.launch import campaign_by_id
from recert.evidence.audit import findings, retention
from recert.evidence.models import Judgement, Sample
from recert.foundation.actor import Role
from recert.foundation.errors import NotFound
from recert.trail.act import Act
from recert.web.access import acting, allowed, database
from recert.web.auditor.forms import HoldForm, KeepForm, RemarkForm, SampleForm, VerdictForm
from recert.web.forms import checked, refused_on

bp = Blueprint("findings", __name__, url_prefix="/audit")


class NoSuchSample(NotFound):
    """This review has no such sample."""


@bp.post("/campaigns/<int:campaign_id>/samples")
@allowed(Role.AUDITOR)
@refused_on("evidence.campaign")
def draw_sample(campaign_id: int) -> ResponseReturnValue:
    form = SampleForm()
    checked(form)
    with acting() as act:
        sample = findings.draw_sample(
            act,
            campaign_by_id(act.session, campaign_id),
            form.size.data,
            form.seed.data or "",
        )
        act.session.flush()
        sample_id = sample.id
    flash("The sample is drawn and recorded.")
    return redirect(url_for(".show_sample", campaign_id=campaign_id, sample_id=sample_id))


@bp.get("/campaigns/<int:campaign_id>/samples/<int:sample_id>")
@allowed(Role.AUDITOR, Role.OFFICER)
def show_sample(campaign_id: int, sample_id: int) -> ResponseReturnValue:
    with database().reading() as session:
        sample = session.get(Sample, sample_id)
        if sample is None or sample.campaign_id != campaign_id:
            raise NoSuchSample
        return render_template(
            "auditor/sample.html",
            campaign=campaign_by_id(session, campaign_id),
            sample=sample,
            rows=findings.items_of(session, sample),
        )


@bp.post("/campaigns/<int:campaign_id>/remarks")
@allowed(Role.AUDITOR)
@refused_on("evidence.campaign")
def remark(campaign_id: int) -> ResponseReturnValue:
    form = RemarkForm()
    checked(form)
    with acting() as act:
        found = campaign_by_id(act.session, campaign_id)
        findings.remark(act, found, form.text.data, form.item.data)
    flash("Your comment is recorded.")
    return redirect(url_for("evidence.campaign", campaign_id=campaign_id, _anchor="auditor"))


@bp.post("/campaigns/<int:campaign_id>/verdict")
@allowed(Role.AUDITOR)
@refused_on("evidence.campaign")
def judge(campaign_id: int) -> ResponseReturnValue:
    form = VerdictForm()
    checked(form)
    with acting() as act:
        verdict = findings.judge(
            act,
            campaign_by_id(act.session, campaign_id),
            Judgement(form.judgement.data),
            form.reason.data or "",
        )
    flash(f"The review is {verdict.judgement.value}.")
    return redirect(url_for("evidence.campaign", campaign_id=campaign_id, _anchor="auditor"))


@bp.post("/campaigns/<int:campaign_id>/keep")
@allowed(Role.AUDITOR, Role.OFFICER)
@refused_on("evidence.campaign")
def keep(campaign_id: int) -> ResponseReturnValue:
    form = KeepForm()
    checked(form)
    with acting() as act:
        found, years = campaign_by_id(act.session, campaign_id), form.years.data
        retention.keep_for(act, found, years)
    flash(f"The review is kept for {years} years after it ends.")
    return redirect(url_for("evidence.campaign", campaign_id=campaign_id))


@bp.post("/campaigns/<int:campaign_id>/hold")
@allowed(Role.AUDITOR, Role.OFFICER)
@refused_on("evidence.campaign")
def hold(campaign_id: int) -> ResponseReturnValue:
    return _held(campaign_id, retention.hold, "The review is under a legal hold.")


@bp.post("/campaigns/<int:campaign_id>/release-hold")
@allowed(Role.AUDITOR, Role.OFFICER)
@refused_on("evidence.campaign")
def release_hold(campaign_id: int) -> ResponseReturnValue:
    return _held(campaign_id, retention.release, "The legal hold is lifted.")


def _held(
    campaign_id: int, use_case: Callable[[Act, Campaign, str], None], message: str
) -> ResponseReturnValue:
    form = HoldForm()
    checked(form)
    with acting() as act:
        found, reason = campaign_by_id(act.session, campaign_id), form.reason.data
        use_case(act, found, reason)
    flash(message)
    return redirect(url_for("evidence.campaign", campaign_id=campaign_id))
