"""The officer's pages: overview, launch, board, items, sign-off."""

from datetime import timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms.fields.choices import SelectChoice

from recert.campaigns import (
    brake,
    contests,
    deadlines,
    early_close,
    handover,
    micro,
    notices,
    places,
    policy_agreement,
    problems,
    queries,
    questions,
    second_word,
    service,
    trained,
    undeliverable,
)
from recert.campaigns import items as campaign_items
from recert.campaigns import sign_off as ending
from recert.campaigns.letters import Letterhead
from recert.campaigns.models import Campaign, CampaignState, Item, ItemState, Subject
from recert.campaigns.overview import campaigns as campaigns_with_totals
from recert.campaigns.policy import MAIL_WORDS, Policy
from recert.campaigns.scope import Scope
from recert.campaigns.service import NoSuchCampaign
from recert.campaigns.silence import Silent
from recert.campaigns.stages import Stages
from recert.campaigns.templates import TEMPLATES, template
from recert.decisions import closing, own_access
from recert.evidence import warnings
from recert.evidence.summary import verifier_sha256
from recert.foundation import clock, secrets
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput, RecertError
from recert.inventory import queries as inventory
from recert.people import queries as people
from recert.people import self_assignment
from recert.remediation import late_owners, lateness
from recert.web import filters
from recert.web.errors import code_of
from recert.web.forms import CampaignForm, ConfirmForm, ReassignForm, SignOffForm
from recert.web.numbers import number
from recert.web.security import allowed, current_actor, database, settings

bp = Blueprint("campaigns", __name__, url_prefix="/campaigns")
DEFAULT_DAYS = 14
FIRST_SERVERS, FIRST_FOLDERS = 10, 10


@bp.get("")
@allowed(Role.OFFICER)
def overview() -> ResponseReturnValue:
    hidden = request.args.get("micro") == "hide"
    with database().reading() as session:
        rows = campaigns_with_totals(session, micro=not hidden)
        return render_template("campaigns/overview.html", rows=rows, hidden=hidden)


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
        return render_template("campaigns/new.html", form=form, rows=rows, templates=TEMPLATES)


@bp.post("/new")
@allowed(Role.OFFICER)
def create() -> ResponseReturnValue:
    with database().reading() as session:
        form = _form(session)
        rows = inventory.servers_overview(session)
        if not form.validate_on_submit():
            html = render_template("campaigns/new.html", form=form, rows=rows, templates=TEMPLATES)
            return html, 422
        try:
            campaign_id = _draft(form)
        except RecertError as error:
            html = render_template(
                "campaigns/new.html",
                form=form,
                rows=rows,
                templates=TEMPLATES,
                problem=str(error),
            )
            return html, code_of(error)
    return redirect(url_for(".board", campaign_id=campaign_id))


def _draft(form: CampaignForm) -> int:
    due_at = deadlines.end_of_day(form.due.data, form.zone.data or "", settings().zone)
    with database().transaction() as session:
        return service.draft(
            session,
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
            actor=current_actor(),
            now=clock.now(),
        ).id


def _campaign(session: Session, campaign_id: int) -> Campaign:
    found = session.get(Campaign, campaign_id)
    if found is None:
        raise NoSuchCampaign
    return found


@bp.get("/<int:campaign_id>")
@allowed(Role.OFFICER)
def board(campaign_id: int) -> ResponseReturnValue:
    now = clock.now()
    with database().reading() as session:
        campaign = _campaign(session, campaign_id)
        if campaign.state is CampaignState.DRAFT:
            found = service.preview(session, campaign, now=now)
            names = {row.Server.id: row.Server.name for row in inventory.servers_overview(session)}
            return render_template(
                "campaigns/preview.html",
                campaign=campaign,
                preview=found,
                names=names,
                scope=Scope.of(campaign.scope).in_words,
                old=any("are allowed" in one for one in found.problems),
                policy=Policy.of(campaign.policy),
                stages=Stages.of(campaign.stages).in_words,
                mail_words=MAIL_WORDS,
                is_agreed=policy_agreement.is_agreed(session, campaign.ref),
                form=ConfirmForm(),
            )
        start = request.args.get("reviewers", 0, type=number)
        reviewers, more = queries.progress_board(session, campaign_id, start=start)
        key = secrets.signing_key(settings().keys).public_key().public_bytes_raw()
        return render_template(
            "campaigns/board.html",
            campaign=campaign,
            totals=queries.totals_of(session, campaign_id),
            reviewers=reviewers,
            next_reviewers=start + len(reviewers) if more else None,
            changes=queries.changes_by_state(session, campaign_id),
            problems=problems.problems(session, campaign, now=now),
            own=own_access.findings(session, campaign_id),
            self_assigned=len(self_assignment.waiting(session)),
            late=lateness.count_overdue(session, campaign, now=now),
            missed=late_owners.count_missed(session, campaign, now=now),
            servers=places.servers(session, campaign_id)[:FIRST_SERVERS],
            folders=places.folders(session, campaign_id, size=FIRST_FOLDERS),
            questions=len(questions.waiting(session, campaign_id)),
            objections=len(contests.to_settle(session, campaign_id)),
            waiting=brake.count_waiting(session, campaign, now),
            to_confirm=second_word.count(session, campaign, now=now),
            halted_after=brake.halted_after(session, campaign_id),
            silence=Policy.of(campaign.policy).in_words(),
            because=micro.because(session, campaign),
            is_early=early_close.is_early(session, campaign, now=now),
            untrained=trained.of_campaign(session, campaign, now=now),
            unreachable=undeliverable.of_campaign(session, campaign_id),
            form=ConfirmForm(),
            sign_off=SignOffForm(formdata=None),
            fingerprint=secrets.fingerprint(key),
            verifier_sha256=verifier_sha256(),
            warnings=warnings.warnings(session, campaign),
            now=now,
            ItemState=ItemState,
        )


@bp.post("/<int:campaign_id>/launch")
@allowed(Role.OFFICER)
def launch(campaign_id: int) -> ResponseReturnValue:
    with database().transaction() as session:
        found = service.launch(
            session, _campaign(session, campaign_id), actor=current_actor(), now=clock.now()
        )
    flash(f"The review is launched. {found.mails} mails are on their way.")
    return redirect(url_for(".board", campaign_id=campaign_id))


@bp.post("/<int:campaign_id>/agree-policy")
@allowed(Role.OFFICER)
def agree_policy(campaign_id: int) -> ResponseReturnValue:
    reason, now = request.form.get("reason", ""), clock.now()
    with database().transaction() as session:
        found = _campaign(session, campaign_id)
        policy_agreement.agree(
            session, found.ref, found.weaker, reason, actor=current_actor(), now=now
        )
    flash("Agreed. The review can be launched.")
    return redirect(url_for(".board", campaign_id=campaign_id))


@bp.post("/<int:campaign_id>/allow-older-snapshots")
@allowed(Role.OFFICER)
def allow_old(campaign_id: int) -> ResponseReturnValue:
    with database().transaction() as session:
        service.allow_old_snapshots(
            session,
            _campaign(session, campaign_id),
            request.form.get("reason", ""),
            actor=current_actor(),
            now=clock.now(),
        )
    flash("Written down. Somebody else can launch it now.")
    return redirect(url_for(".board", campaign_id=campaign_id))


@bp.post("/<int:campaign_id>/remind")
@allowed(Role.OFFICER)
def remind(campaign_id: int) -> ResponseReturnValue:
    with database().transaction() as session:
        sent = notices.remind_now(
            session,
            _campaign(session, campaign_id),
            Letterhead.of(settings()),
            actor=current_actor(),
            now=clock.now(),
        )
    flash(f"{sent} reminders are on their way.")
    return redirect(url_for(".board", campaign_id=campaign_id))


@bp.post("/<int:campaign_id>/close")
@allowed(Role.OFFICER)
def close(campaign_id: int) -> ResponseReturnValue:
    with database().transaction() as session:
        silent = closing.close(
            session, _campaign(session, campaign_id), actor=current_actor(), now=clock.now()
        )
    flash(f"The review is closed. {_silence_in_words(silent)}")
    return redirect(url_for(".board", campaign_id=campaign_id))


def _silence_in_words(silent: Silent) -> str:
    taken = sum(silent.taken.values())
    said = f"{silent.kept} items without an answer are listed as exceptions."
    return f"{said} {taken} more are removed by policy when they are released." if taken else said


@bp.post("/<int:campaign_id>/sign-off")
@allowed(Role.OFFICER)
def sign_off(campaign_id: int) -> ResponseReturnValue:
    form = SignOffForm()
    if not form.validate_on_submit():
        raise BadInput(next(iter(form.errors.values()))[0])
    with database().transaction() as session:
        ending.sign_off(
            session,
            _campaign(session, campaign_id),
            form.statement.data,
            secrets.signing_key(settings().keys),
            actor=current_actor(),
            now=clock.now(),
        )
    flash("The review is signed off. The evidence package is ready.")
    return redirect(url_for(".board", campaign_id=campaign_id))


@bp.get("/<int:campaign_id>/items")
@allowed(Role.OFFICER, Role.AUDITOR)
def items(campaign_id: int) -> ResponseReturnValue:
    wanted = filters.wanted(request.args, now=clock.now())
    after = request.args.get("after", 0, type=number)
    with database().reading() as session:
        return render_template(
            "campaigns/items.html",
            campaign=_campaign(session, campaign_id),
            page=queries.items_of(session, campaign_id, wanted, after=after),
            wanted=wanted,
            asked=filters.asked(request.args),
            chosen=filters.chosen(session, wanted),
            servers=places.servers(session, campaign_id),
            states=ItemState,
            answers=filters.ANSWERS,
            form=ReassignForm(formdata=None),
        )


@bp.post("/<int:campaign_id>/items/<int:item_id>/reassign")
@allowed(Role.OFFICER)
def reassign(campaign_id: int, item_id: int) -> ResponseReturnValue:
    form = ReassignForm()
    if not form.validate_on_submit():
        raise BadInput(next(iter(form.errors.values()))[0])
    with database().transaction() as session:
        item = session.get(Item, item_id)
        person = people.person_by_email(session, form.email.data)
        if item is None or item.campaign_id != campaign_id:
            raise campaign_items.NoSuchItem
        if person is None:
            raise BadInput(f"Nobody has the address {form.email.data!r}.")
        handover.reassign(
            session, item, person, form.reason.data, actor=current_actor(), now=clock.now()
        )
    flash(f"The question goes to {form.email.data}.")
    return redirect(url_for(".items", campaign_id=campaign_id, reviewer="queue"))
