"""What an officer does while a campaign runs: remind, give away, extend, ask for an early close."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from recert.campaigns.completion import early_close
from recert.campaigns.mailing import Letterhead
from recert.campaigns.notifications import due_date_extension, reviewer_mails
from recert.campaigns.reviewing import bulk_reassignment, queries
from recert.campaigns.reviewing.bulk_reassignment import From
from recert.campaigns.setup.launch import campaign_by_id
from recert.campaigns.transitions import NoSuchItem
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput
from recert.inventory.models import Folder
from recert.people import queries as people
from recert.people.models import Person
from recert.trail.act import Act
from recert.web.access import acting, allowed, current_actor, database, settings
from recert.web.converters import number
from recert.web.forms import ConfirmForm, ReasonForm, checked, refused_on
from recert.web.officer.forms.actions import ExtendForm, GiveAllForm

bp = Blueprint("conduct", __name__, url_prefix="/campaigns")


@bp.get("/<int:campaign_id>/reviewers/<int:person_id>")
@allowed(Role.OFFICER)
def reviewer(campaign_id: int, person_id: int) -> ResponseReturnValue:
    with database().reading() as session:
        progress = queries.progress_of(session, campaign_id, person_id)
        if progress is None:
            raise NoSuchItem
        return render_template(
            "officer/reviewer.html",
            campaign=campaign_by_id(session, campaign_id),
            person=session.get_one(Person, person_id),
            progress=progress,
            form=ConfirmForm(),
            people=people.suggested(session),
        )


@bp.post("/<int:campaign_id>/reviewers/<int:person_id>/remind")
@allowed(Role.OFFICER)
@refused_on(".reviewer")
def remind(campaign_id: int, person_id: int) -> ResponseReturnValue:
    with acting() as act:
        campaign, person = (
            campaign_by_id(act.session, campaign_id),
            act.session.get(Person, person_id),
        )
        if person is None:
            raise NoSuchItem
        head = Letterhead.of(settings())
        reviewer_mails.remind_one(act, campaign, person, head)
    flash(f"A reminder to {person.name} will be sent shortly.")
    return redirect(url_for(".reviewer", campaign_id=campaign_id, person_id=person_id))


@bp.post("/<int:campaign_id>/give")
@allowed(Role.OFFICER)
@refused_on("campaign_items.items")
def give(campaign_id: int) -> ResponseReturnValue:
    form = GiveAllForm()
    checked(form)
    with acting() as act:
        new = people.person_by_email(act.session, form.email.data)
        if new is None:
            raise BadInput(f"No person has the email address {form.email.data!r}.")
        result = bulk_reassignment.reassign_all(
            act,
            campaign_by_id(act.session, campaign_id),
            _source(act.session, form),
            new,
            form.reason.data,
        )
    stayed = (
        f" {result.stayed} were not moved: they are about the new reviewer."
        if result.stayed
        else ""
    )
    flash(f"{result.moved} questions were reassigned to {new.name}.{stayed}")
    return redirect(url_for("campaign_items.items", campaign_id=campaign_id, reviewer=new.id))


def _source(session: Session, form: GiveAllForm) -> From:
    if form.folder.data is not None:
        if session.get(Folder, form.folder.data) is None:
            raise BadInput("This folder no longer exists.")
        return From(folder_id=form.folder.data)
    if form.reviewer.data == "queue":
        return From()
    if not (form.reviewer.data or "").isdecimal():
        raise BadInput("Choose whose questions to reassign.")
    before = session.get(Person, number(form.reviewer.data))
    if before is None:
        raise BadInput("This reviewer does not exist.")
    return From(reviewer_id=before.id)


@bp.post("/<int:campaign_id>/extend")
@allowed(Role.OFFICER)
@refused_on("campaigns.board")
def extend(campaign_id: int) -> ResponseReturnValue:
    form = ExtendForm()
    checked(form)
    with acting() as act:
        mails = due_date_extension.extend(
            act,
            campaign_by_id(act.session, campaign_id),
            form.due.data,
            form.reason.data,
            Letterhead.of(settings()),
        )
    flash(f"The deadline is extended. {mails} emails will be sent.")
    return redirect(url_for("campaigns.board", campaign_id=campaign_id))


@bp.post("/<int:campaign_id>/ask-to-close")
@allowed(Role.OFFICER)
@refused_on("campaigns.board")
def ask_to_close(campaign_id: int) -> ResponseReturnValue:
    form = ReasonForm()
    checked(form)
    with database().transaction() as session:
        campaign, actor = campaign_by_id(session, campaign_id), current_actor()
        early_close.ask(Act(session, actor, clock.now()), campaign, form.reason.data)
    flash("Recorded. Another officer can now close the review.")
    return redirect(url_for("campaigns.board", campaign_id=campaign_id))
