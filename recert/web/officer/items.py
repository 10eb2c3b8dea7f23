"""The items of a campaign: the filtered list, and giving one to somebody else."""

from collections.abc import Mapping
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from recert.campaigns import progress, transitions
from recert.campaigns.models import Answer, Item, ItemState
from recert.campaigns.reviewing import queries, reassignment
from recert.campaigns.reviewing.item_filter import ItemFilter
from recert.campaigns.setup.launch import campaign_by_id
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput
from recert.inventory.models import Folder
from recert.people import queries as people
from recert.people.models import Person
from recert.web.access import acting, allowed, database
from recert.web.converters import number
from recert.web.forms import checked, refused_on
from recert.web.officer.forms.actions import ReassignForm

bp = Blueprint("campaign_items", __name__, url_prefix="/campaigns")


@bp.get("/<int:campaign_id>/items")
@allowed(Role.OFFICER, Role.AUDITOR)
def items(campaign_id: int) -> ResponseReturnValue:
    wanted = filter_of(request.args, now=clock.now())
    after = request.args.get("after", 0, type=number)
    with database().reading() as session:
        return render_template(
            "officer/items.html",
            campaign=campaign_by_id(session, campaign_id),
            page=queries.items_of(session, campaign_id, wanted, after=after),
            wanted=wanted,
            asked=query_of(request.args),
            chosen=names_of(session, wanted),
            servers=progress.servers(session, campaign_id),
            states=ItemState,
            answers=ANSWERS,
            form=ReassignForm(formdata=None),
            people=people.suggested(session),
        )


@bp.post("/<int:campaign_id>/items/<int:item_id>/reassign")
@allowed(Role.OFFICER)
@refused_on(".items")
def reassign(campaign_id: int, item_id: int) -> ResponseReturnValue:
    form = ReassignForm()
    checked(form)
    with acting() as act:
        item = act.session.get(Item, item_id)
        person = people.person_by_email(act.session, form.email.data)
        if item is None or item.campaign_id != campaign_id:
            raise transitions.NoSuchItem
        if person is None:
            raise BadInput(f"Nobody has the address {form.email.data!r}.")
        reassignment.reassign(act, item, person, form.reason.data)
    flash(f"The question is reassigned to {form.email.data}.")
    return redirect(url_for(".items", campaign_id=campaign_id, reviewer="queue"))


NAMES = ("state", "answer", "reviewer", "server", "folder", "overdue", "conflict", "postponed")


ANSWERS = {
    Answer.KEEP.value: "keep",
    Answer.REDUCE.value: "reduce",
    Answer.REVOKE.value: "remove",
    Answer.NO_ANSWER.value: "no answer, by policy",
}


def query_of(args: Mapping[str, str]) -> dict[str, str]:
    """The filter of this page, for the links to the next one."""
    return {name: args[name] for name in NAMES if args.get(name)}


def filter_of(args: "MultiDict[str, str]", *, now: datetime) -> ItemFilter:
    """The filter of an address; what makes no sense in it is left out."""
    state, answer = args.get("state", ""), args.get("answer", "")
    return ItemFilter(
        state=ItemState(state) if state in {each.value for each in ItemState} else None,
        reviewer_id=args.get("reviewer", type=number),
        queue_only=args.get("reviewer") == "queue",
        server_id=args.get("server", type=number),
        folder_id=args.get("folder", type=number),
        answer=Answer(answer) if answer in ANSWERS else None,
        overdue_at=now if args.get("overdue") else None,
        conflict=bool(args.get("conflict")),
        postponed=bool(args.get("postponed")),
    )


def names_of(session: Session, wanted: ItemFilter) -> dict[str, str]:
    """The reviewer and the folder of a filter, by name."""
    found = {}
    if wanted.queue_only:
        found["reviewer"] = "Compliance queue"
    elif wanted.reviewer_id:
        person = session.get(Person, wanted.reviewer_id)
        found["reviewer"] = person.name if person else "nobody"
    if wanted.folder_id:
        folder = session.get(Folder, wanted.folder_id)
        found["folder"] = folder.path if folder else "no folder"
    return found
