"""The reviewer's pages: inbox, folders of one review, items of one folder."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from recert.campaigns import states
from recert.campaigns.completion import challenges
from recert.campaigns.decisions import finalisation, forwarded, service
from recert.campaigns.decisions.service import TYPE_COUNT_ABOVE
from recert.campaigns.models import Campaign
from recert.campaigns.reviewing import (
    comments,
    instructions,
    postponement,
    queries,
    recommendations,
)
from recert.campaigns.setup.subjects.registry import kind_of
from recert.campaigns.transitions import NoSuchItem
from recert.foundation import clock
from recert.foundation.errors import BadInput, RecertError
from recert.web.access import acting, allowed, database, person_id, settings
from recert.web.converters import number
from recert.web.errors import code_of
from recert.web.forms import AnswerForm, ConfirmForm, Kept, checked, refused_on
from recert.web.review_pages import instructed
from recert.web.reviewer.forms import BulkForm, PostponeForm

bp = Blueprint("reviews", __name__, url_prefix="/reviews")


@bp.get("")
@allowed()
def inbox() -> ResponseReturnValue:
    with database().reading() as session:
        known = current_user.who.person_id
        rows = queries.reviews_of(session, known) if known else []
        now = clock.now()
        losing = len(challenges.of_person(session, known, now=now)) if known else 0
        return render_template("reviewer/inbox.html", rows=rows, losing=losing, now=now)


@bp.get("/<int:campaign_id>")
@allowed()
def review(campaign_id: int) -> ResponseReturnValue:
    with database().reading() as session:
        progress = queries.progress_of(session, campaign_id, person_id())
        if progress is None:
            raise NoSuchItem
        campaign = session.get_one(Campaign, campaign_id)
        return render_template(
            "reviewer/review.html",
            campaign=campaign,
            progress=progress,
            asks=kind_of(campaign.about).wording.request,
            folders=queries.folders_to_review(session, campaign_id, person_id()),
            went_on=forwarded.went_on(session, campaign_id, person_id()),
            form=ConfirmForm(),
            **instructed(session, campaign_id, person_id()),
        )


@bp.post("/<int:campaign_id>/instruction/<int:version>")
@allowed()
@refused_on(".review")
def have_read(campaign_id: int, version: int) -> ResponseReturnValue:
    with acting() as act:
        if not queries.progress_of(act.session, campaign_id, person_id()):
            raise NoSuchItem
        instructions.acknowledge(act, version)
    flash("Thank you. Recorded that you have read it.")
    return redirect(url_for(".review", campaign_id=campaign_id))


@bp.get("/<int:campaign_id>/folders/<int:folder_id>")
@allowed()
def folder(campaign_id: int, folder_id: int) -> ResponseReturnValue:
    return _folder(campaign_id, folder_id)


@bp.get("/<int:campaign_id>/questions")
@allowed()
def listed(campaign_id: int) -> ResponseReturnValue:
    return _folder(campaign_id, None)


def _folder(
    campaign_id: int,
    folder_id: int | None,
    problem: str = "",
    code: int = 200,
    kept: Kept | None = None,
) -> ResponseReturnValue:
    with database().reading() as session:
        after = request.args.get("after", 0, type=number)
        page = queries.items_to_review(session, campaign_id, person_id(), folder_id, after=after)
        if not page.rows:
            raise NoSuchItem
        campaign = session.get_one(Campaign, campaign_id)
        asked = [row.id for row in page.rows]
        html = render_template(
            "reviewer/folder.html",
            campaign=campaign,
            progress=queries.progress_of(session, campaign_id, person_id()),
            page=page,
            hints=recommendations.hints_for(session, page.rows, now=clock.now()),
            known=kind_of(campaign.about).facts(session, page.rows),
            conversations=comments.messages_of(session, asked),
            put_off=postponement.of_items(session, asked),
            last_day=postponement.last_day(campaign, settings().zone),
            first=page.rows[0],
            form=AnswerForm(),
            bulk=BulkForm(),
            problem=problem,
            kept=kept,
            answerable=states.ANSWERABLE,
            change_until=states.change_until,
            own_id=person_id(),
        )
        return html, code


def _page_of(item_id: int) -> tuple[str, dict[str, Any]]:
    """The page on which an item is shown."""
    with database().reading() as session:
        row = queries.item_row(session, item_id)
    if row is None:
        raise NoSuchItem
    values = {"campaign_id": row.campaign_id, "folder_id": row.folder_id}
    return ".listed" if row.folder_id is None else ".folder", values


@bp.post("/items/<int:item_id>")
@allowed()
def answer(item_id: int) -> ResponseReturnValue:
    form = AnswerForm()
    with database().reading() as session:
        row = queries.item_row(session, item_id)
    if row is None or row.reviewer_id != person_id():
        raise NoSuchItem
    kept = Kept(item_id, form.typed_reason)
    if not form.validate_on_submit():
        return _folder(row.campaign_id, row.folder_id, form.problem, 422, kept)
    try:
        with acting() as act:
            reply = form.reply(settings().zone)
            service.record(act, item_id, reply)
    except RecertError as error:
        return _folder(row.campaign_id, row.folder_id, str(error), code_of(error), kept)
    flash(f"Saved for {row.person or row.account or row.topic}.")
    return redirect(_back(row.campaign_id, row.folder_id, f"item-{item_id}"))


@bp.post("/items/<int:item_id>/postpone")
@allowed()
@refused_on(_page_of)
def postpone(item_id: int) -> ResponseReturnValue:
    form = PostponeForm()
    with database().reading() as session:
        row = queries.item_row(session, item_id)
    if row is None or row.reviewer_id != person_id():
        raise NoSuchItem
    checked(form)
    with acting() as act:
        day, zone = form.until.data, settings().zone
        postponement.postpone(act, item_id, day, zone)
    flash(f"Postponed until {day:%-d %B %Y}.")
    return redirect(_back(row.campaign_id, row.folder_id, f"item-{item_id}"))


@bp.post("/<int:campaign_id>/folders/<int:folder_id>/several")
@allowed()
def answer_several(campaign_id: int, folder_id: int) -> ResponseReturnValue:
    return _several(campaign_id, folder_id)


@bp.post("/<int:campaign_id>/questions/several")
@allowed()
def answer_several_questions(campaign_id: int) -> ResponseReturnValue:
    return _several(campaign_id, None)


def _several(campaign_id: int, folder_id: int | None) -> ResponseReturnValue:
    form = BulkForm()
    if not form.validate_on_submit():
        reason = next(iter(form.errors.values()), ["Please check the form."])[0]
        return _folder(campaign_id, folder_id, str(reason), 422)
    ticked = form.ticked
    try:
        with acting() as act:
            campaign = act.session.get(Campaign, campaign_id)
            if campaign is None:
                raise NoSuchItem
            _check_count(
                ticked,
                form.count.data,
                queries.open_in_folder(act.session, campaign_id, person_id(), folder_id),
            )
            done = service.record_many(
                act,
                campaign,
                folder_id,
                ticked,
                form.reply(settings().zone),
            )
    except RecertError as error:
        return _folder(campaign_id, folder_id, str(error), code_of(error))
    skipped = ""
    if done.skipped:
        names = ", ".join(done.changed)
        skipped = (
            f" {done.skipped} were answered or changed meanwhile: {names}. Look at them again."
        )
    flash(f"Saved {done.decided} answers.{skipped}")
    return redirect(_back(campaign_id, folder_id))


def _check_count(ticked: Mapping[int, int] | None, typed: int | None, open_items: int) -> None:
    if ticked is None and open_items > TYPE_COUNT_ABOVE and typed != open_items:
        raise BadInput(
            f"You are about to give {open_items} answers. Enter {open_items} to confirm."
        )


@bp.post("/<int:campaign_id>/finish")
@allowed()
@refused_on(".review")
def finish(campaign_id: int) -> ResponseReturnValue:
    with acting() as act:
        campaign = act.session.get(Campaign, campaign_id)
        if campaign is None or not queries.progress_of(act.session, campaign_id, person_id()):
            raise NoSuchItem
        done = finalisation.finish(act, campaign)
    flash(f"Thank you. {done} answers are final and are being applied.")
    return redirect(url_for(".review", campaign_id=campaign_id))


def _back(campaign_id: int, folder_id: int | None, anchor: str = "") -> str:
    after = request.args.get("after", type=number)
    place: dict[str, Any] = {"after": after, "_anchor": anchor or None}
    if folder_id is None:
        return url_for(".listed", campaign_id=campaign_id, **place)
    return url_for(".folder", campaign_id=campaign_id, folder_id=folder_id, **place)
