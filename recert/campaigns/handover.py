"""Giving an item to somebody else: along its chain, or by an officer with a reason."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import rules
from recert.campaigns.items import hold, recount
from recert.campaigns.models import Item, ItemState, Route
from recert.foundation.actor import Actor, Role
from recert.foundation.errors import BadInput, MovedMeanwhile
from recert.inventory.models import Account, FolderOwner, FolderRoute, Server
from recert.people.models import Person

CHAIN = (Route.OWNER, Route.SUBSTITUTE, Route.MANAGER, Route.SERVER_OWNER)


def pass_on(session: Session, item: Item) -> None:
    """Gives an item to the next in its chain, in the end to the compliance queue."""
    row = session.execute(
        select(
            FolderOwner.person_id.label("owner"),
            FolderOwner.substitute_id.label("substitute"),
            Person.manager_id.label("manager"),
            Server.owner_id.label("server_owner"),
            Account.person_id.label("holder"),
        )
        .select_from(Item)
        .join(Server, Server.id == Item.server_id)
        .join(Account, Account.id == Item.account_id)
        .outerjoin(FolderRoute, FolderRoute.folder_id == Item.folder_id)
        .outerjoin(FolderOwner, FolderOwner.id == FolderRoute.folder_owner_id)
        .outerjoin(Person, Person.id == FolderOwner.person_id)
        .where(Item.id == item.id)
    ).one()
    steps = (row.owner, row.substitute, row.manager, row.server_owner)
    start = CHAIN.index(item.route) + 1 if item.route in CHAIN else len(CHAIN)
    new: tuple[int | None, Route] = (None, Route.QUEUE)
    passed = {item.reviewer_id, row.holder, *steps[:start]}  # nobody is asked a second time
    for route, person_id in list(zip(CHAIN, steps, strict=True))[start:]:
        person = session.get(Person, person_id) if person_id else None
        if person and person.active and person.id not in passed:
            new = (person.id, route)
            break
    _give(session, item, *new)


def reassign(
    session: Session, item: Item, reviewer: Person, reason: str, *, actor: Actor, now: datetime
) -> None:
    """An officer gives an undecided item to somebody else, with a reason."""
    actor.require(Role.OFFICER)
    if not reason.strip():
        raise BadInput("Say why the question goes to somebody else.")
    rules.check_running(hold(session, item.campaign_id).state)
    holder = session.scalar(select(Account.person_id).where(Account.id == item.account_id))
    if not reviewer.active or reviewer.id == holder:
        raise BadInput(f"{reviewer.name} cannot answer: it is his own account, or he has left.")
    if reviewer.email == actor.name:
        raise BadInput("Nobody gives a question to himself. Choose somebody else.")
    details = {"to": reviewer.email, "reason": reason.strip()}
    _give(session, item, reviewer.id, Route.REASSIGNED)
    trail.append(session, "item.reassigned", item.ref, details, actor=actor, at=now)


def _give(session: Session, item: Item, reviewer_id: int | None, route: Route) -> None:
    before = item.reviewer_id
    here = (Item.id == item.id, Item.state == ItemState.OPEN, Item.version == item.version)
    # Whoever gets it answers for himself, also when a stand-in passed it on.
    values = {"reviewer_id": reviewer_id, "route": route, "from_id": None}
    moved = session.execute(update(Item).where(*here).values(**values))
    if getattr(moved, "rowcount", 0) != 1:
        raise MovedMeanwhile
    session.refresh(item)
    recount(session, item.campaign_id, before, reviewer_id)
