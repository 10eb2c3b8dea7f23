"""Bulk reassignment: all undecided items of one reviewer, of the compliance queue or of one folder
go to another reviewer. One transaction, set statements, one entry in the trail."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from recert.campaigns import states
from recert.campaigns.models import Campaign, Item, ItemState, Route
from recert.campaigns.progress import recount_reviewers
from recert.campaigns.reviewer_record import Watch
from recert.campaigns.setup import conflicts_of_interest, routing
from recert.campaigns.transitions import hold
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput
from recert.inventory.models import Account, Folder
from recert.people import self_assignment
from recert.people.models import Person
from recert.trail.act import Act
from recert.trail.actions import Action


@dataclass(frozen=True)
class From:
    """Whose items: of a reviewer (None is the compliance queue), or of a folder."""

    reviewer_id: int | None = None
    folder_id: int | None = None


@dataclass(frozen=True)
class ReassignmentResult:
    """How many items were moved, and how many stayed because they are about the new reviewer."""

    moved: int
    stayed: int


def reassign_all(
    act: Act, campaign: Campaign, source: From, reviewer: Person, reason: str
) -> ReassignmentResult:
    """An officer gives all undecided items of somebody or of a folder to one reviewer. What is
    about their own accounts stays where it is and is counted."""
    act.actor.require(Role.OFFICER)
    if not reason.strip():
        raise BadInput("Say why the questions go to somebody else.")
    if not reviewer.active:
        raise BadInput(f"{reviewer.name} has left and cannot answer.")
    self_assignment.refuse_own(act.session, reviewer, act.actor)
    states.check_running(hold(act.session, campaign.id, alone=True).state)
    theirs = (Item.campaign_id == campaign.id, Item.state == ItemState.OPEN, _of(source))
    other = or_(Item.reviewer_id.is_(None), Item.reviewer_id != reviewer.id)
    own = select(Account.id).where(
        or_(Account.person_id == reviewer.id, routing.is_candidate(reviewer.id))
    )
    counted = select(func.count()).where(*theirs, other, Item.account_id.in_(own))
    stayed = act.session.scalar(counted) or 0
    going = (*theirs, other, or_(Item.account_id.is_(None), Item.account_id.not_in(own)))
    rows = act.session.execute(
        select(Item.id, Item.reviewer_id).where(*going).order_by(Item.id)
    ).all()
    if not rows:
        raise BadInput(_nothing(stayed, reviewer))
    watch = Watch(act.session, campaign.id, [row.id for row in rows])
    # Whoever gets them answers for themselves, also when a stand-in had them.
    values = {"reviewer_id": reviewer.id, "route": Route.REASSIGNED, "from_id": None}
    moved = update(Item).where(*going).values(values)
    act.session.execute(moved.execution_options(synchronize_session=False))
    act.session.expire_all()
    recount_reviewers(act.session, campaign.id, reviewer.id, *{row.reviewer_id for row in rows})
    conflicts_of_interest.mark(act.session, campaign.id)
    details = {
        "from": _name(act.session, source),
        "to": reviewer.email,
        "reason": reason.strip(),
        "items": [row.id for row in rows],
        "stayed_because_his_own": stayed,
        "moved": watch.moved(),
    }
    act.record(Action.ITEMS_REASSIGNED, campaign.ref, details)
    return ReassignmentResult(len(rows), stayed)


def _of(source: From) -> ColumnElement[bool]:
    if source.folder_id is not None:
        return Item.folder_id == source.folder_id
    if source.reviewer_id is not None:
        return Item.reviewer_id == source.reviewer_id
    return Item.reviewer_id.is_(None)


def _nothing(stayed: int, reviewer: Person) -> str:
    if stayed:
        return f"All open items there are about {reviewer.name}. Choose somebody else."
    return "There are no open questions that could go to somebody else."


def _name(session: Session, source: From) -> str:
    if source.folder_id is not None:
        folder = session.get_one(Folder, source.folder_id)
        return f"folder {folder.path}"
    if source.reviewer_id is not None:
        return session.get_one(Person, source.reviewer_id).email
    return "compliance queue"
