"""The pages of a reviewer as an officer sees them, read-only. Each view is an entry in the trail,
so each is a POST: a GET changes nothing."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from recert.campaigns import states
from recert.campaigns.decisions import forwarded
from recert.campaigns.reviewing import (
    comments,
    monitoring,
    postponement,
    queries,
    recommendations,
)
from recert.campaigns.setup.launch import campaign_by_id
from recert.campaigns.setup.subjects.registry import kind_of
from recert.campaigns.transitions import NoSuchItem
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.people.models import Person
from recert.web.access import acting, allowed
from recert.web.converters import number
from recert.web.review_pages import instructed

bp = Blueprint("view_as_reviewer", __name__, url_prefix="/campaigns")


def _person(session: Session, person_id: int) -> Person:
    found = session.get(Person, person_id)
    if found is None:
        raise NoSuchItem
    return found


@bp.post("/<int:campaign_id>/as/<int:person_id>")
@allowed(Role.OFFICER)
def review(campaign_id: int, person_id: int) -> ResponseReturnValue:
    with acting() as act:
        campaign, person = campaign_by_id(act.session, campaign_id), _person(act.session, person_id)
        monitoring.look(act, campaign, person, "")
        return render_template(
            "reviewer/review.html",
            campaign=campaign,
            progress=queries.progress_of(act.session, campaign_id, person_id),
            folders=queries.folders_to_review(act.session, campaign_id, person_id),
            asks=kind_of(campaign.about).wording.request,
            went_on=forwarded.went_on(act.session, campaign_id, person_id),
            viewed_as=person,
            **instructed(act.session, campaign_id, person_id),
        )


@bp.post("/<int:campaign_id>/as/<int:person_id>/folders/<int:folder_id>")
@allowed(Role.OFFICER)
def folder(campaign_id: int, person_id: int, folder_id: int) -> ResponseReturnValue:
    with acting() as act:
        campaign, person = campaign_by_id(act.session, campaign_id), _person(act.session, person_id)
        after = request.args.get("after", 0, type=number)
        place = folder_id or None  # 0: a review that is not about folders
        page = queries.items_to_review(act.session, campaign_id, person_id, place, after=after)
        if not page.rows:
            raise NoSuchItem
        path = page.rows[0].folder
        monitoring.look(act, campaign, person, path)
        return render_template(
            "reviewer/folder.html",
            campaign=campaign,
            progress=queries.progress_of(act.session, campaign_id, person_id),
            page=page,
            hints=recommendations.hints_for(act.session, page.rows, now=clock.now()),
            known=kind_of(campaign.about).facts(act.session, page.rows),
            conversations=comments.messages_of(act.session, [row.id for row in page.rows]),
            put_off=postponement.of_items(act.session, [row.id for row in page.rows]),
            first=page.rows[0],
            answerable=frozenset(),
            change_until=states.change_until,
            own_id=person_id,
            viewed_as=person,
        )
