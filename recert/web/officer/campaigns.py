"""The officer's pages: overview, launch, board, items, sign-off."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from recert.campaigns import campaign_list, progress
from recert.campaigns.completion import (
    approvals,
    challenges,
    early_close,
    keep_confirmation,
)
from recert.campaigns.completion import close as closing
from recert.campaigns.completion import sign_off as ending
from recert.campaigns.completion.non_response import UnansweredItems
from recert.campaigns.decisions import own_access
from recert.campaigns.mailing import Letterhead
from recert.campaigns.models import CampaignState, ItemState
from recert.campaigns.notifications import reviewer_mails, undeliverable
from recert.campaigns.policy import MAIL_ANSWER_TEXTS, Policy
from recert.campaigns.reviewing import comments, monitoring, queries
from recert.campaigns.setup import launch as campaigns
from recert.campaigns.setup import policy_agreement, reviewer_training
from recert.campaigns.setup.launch import campaign_by_id
from recert.campaigns.setup.scope import Scope
from recert.campaigns.setup.stages import Stages
from recert.campaigns.triggers import micro_campaigns
from recert.evidence.package import warnings
from recert.evidence.package.summary import verifier_sha256
from recert.foundation import clock, secrets
from recert.foundation.actor import Role
from recert.inventory import queries as inventory
from recert.people import self_assignment
from recert.remediation import overdue, overdue_owners
from recert.web.access import acting, allowed, database, settings
from recert.web.converters import number
from recert.web.forms import ConfirmForm, checked, refused_on
from recert.web.officer.forms.actions import SignOffForm

bp = Blueprint("campaigns", __name__, url_prefix="/campaigns")
FIRST_SERVERS, FIRST_FOLDERS = 10, 10


@bp.get("")
@allowed(Role.OFFICER)
def overview() -> ResponseReturnValue:
    hidden = request.args.get("micro") == "hide"
    with database().reading() as session:
        rows = campaign_list.campaigns(session, micro=not hidden)
        return render_template("officer/campaigns.html", rows=rows, hidden=hidden)


@bp.get("/<int:campaign_id>")
@allowed(Role.OFFICER)
def board(campaign_id: int) -> ResponseReturnValue:
    now = clock.now()
    with database().reading() as session:
        campaign = campaign_by_id(session, campaign_id)
        if campaign.state is CampaignState.DRAFT:
            found = campaigns.preview(session, campaign, now=now)
            names = {row.Server.id: row.Server.name for row in inventory.servers_overview(session)}
            return render_template(
                "officer/preview.html",
                campaign=campaign,
                preview=found,
                names=names,
                scope=Scope.of(campaign.scope).description,
                old=any("are allowed" in one for one in found.problems),
                policy=Policy.of(campaign.policy),
                stages=Stages.of(campaign.stages).description,
                mail_answer_texts=MAIL_ANSWER_TEXTS,
                is_agreed=policy_agreement.is_agreed(session, campaign.ref),
                form=ConfirmForm(),
            )
        start = request.args.get("reviewers", 0, type=number)
        reviewers, more = queries.progress_board(session, campaign_id, start=start)
        key = secrets.signing_key(settings().keys).public_key().public_bytes_raw()
        return render_template(
            "officer/board.html",
            campaign=campaign,
            totals=queries.totals_of(session, campaign_id),
            reviewers=reviewers,
            next_reviewers=start + len(reviewers) if more else None,
            changes=queries.changes_by_state(session, campaign_id),
            problems=monitoring.problems(session, campaign, now=now),
            own=own_access.findings(session, campaign_id),
            self_assigned=len(self_assignment.waiting(session)),
            late=overdue.count_overdue(session, campaign, now=now),
            missed=overdue_owners.count_missed(session, campaign, now=now),
            servers=progress.servers(session, campaign_id)[:FIRST_SERVERS],
            folders=progress.folders(session, campaign_id, size=FIRST_FOLDERS),
            questions=len(comments.waiting(session, campaign_id)),
            objections=len(challenges.to_settle(session, campaign_id)),
            waiting=approvals.count_waiting(session, campaign, now),
            to_confirm=keep_confirmation.count(session, campaign, now=now),
            halted_after=approvals.halted_after(session, campaign_id),
            non_response=Policy.of(campaign.policy).description(),
            because=micro_campaigns.because(session, campaign),
            is_early=early_close.is_early(session, campaign, now=now),
            untrained=reviewer_training.of_campaign(session, campaign, now=now),
            unreachable=undeliverable.of_campaign(session, campaign_id),
            form=ConfirmForm(),
            sign_off=SignOffForm(formdata=None),
            fingerprint=secrets.fingerprint(key),
            verifier_sha256=verifier_sha256(),
            warnings=warnings.warnings(session, campaign),
            now=now,
            ItemState=ItemState,
        )


@bp.post("/<int:campaign_id>/remind")
@allowed(Role.OFFICER)
@refused_on(".board")
def remind(campaign_id: int) -> ResponseReturnValue:
    with acting() as act:
        sent = reviewer_mails.remind_now(
            act,
            campaign_by_id(act.session, campaign_id),
            Letterhead.of(settings()),
        )
    flash(f"{sent} reminders are on their way.")
    return redirect(url_for(".board", campaign_id=campaign_id))


@bp.post("/<int:campaign_id>/close")
@allowed(Role.OFFICER)
@refused_on(".board")
def close(campaign_id: int) -> ResponseReturnValue:
    with acting() as act:
        unanswered = closing.close(act, campaign_by_id(act.session, campaign_id))
    flash(f"The review is closed. {_non_response_text(unanswered)}")
    return redirect(url_for(".board", campaign_id=campaign_id))


def _non_response_text(unanswered: UnansweredItems) -> str:
    taken = sum(unanswered.taken.values())
    exceptions = f"{unanswered.kept} items without an answer are listed as exceptions."
    removed = f"{taken} more are removed by policy when they are released."
    return f"{exceptions} {removed}" if taken else exceptions


@bp.post("/<int:campaign_id>/sign-off")
@allowed(Role.OFFICER)
@refused_on(".board")
def sign_off(campaign_id: int) -> ResponseReturnValue:
    form = SignOffForm()
    checked(form)
    with acting() as act:
        ending.sign_off(
            act,
            campaign_by_id(act.session, campaign_id),
            form.statement.data,
            secrets.signing_key(settings().keys),
        )
    flash("The review is signed off. The evidence package is ready.")
    return redirect(url_for(".board", campaign_id=campaign_id))
