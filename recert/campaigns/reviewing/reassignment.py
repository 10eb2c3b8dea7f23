"""Giving an item to somebody else: along its chain, or by an officer with a reason."""

from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam, exists, select, update
from sqlalchemy.orm import Session

from recert.campaigns import states
from recert.campaigns.models import Item, ItemState, Route
from recert.campaigns.progress import recount_reviewers
from recert.campaigns.reviewer_record import Watch
from recert.campaigns.transitions import hold
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput, MovedMeanwhile
from recert.inventory.models import (
    Account,
    AccountCandidate,
    FolderOwner,
    FolderRoute,
    Group,
    GroupOwner,
    Server,
    ServiceAccount,
)
from recert.people import self_assignment
from recert.people.addresses import known_as
from recert.people.models import Person
from recert.trail.act import Act
from recert.trail.actions import Action

_CANDIDATES = select(AccountCandidate.person_id).where(
    AccountCandidate.account_id == bindparam("account")
)
CHAIN = (Route.OWNER, Route.SUBSTITUTE, Route.MANAGER, Route.SERVER_OWNER)


def pass_on(session: Session, item: Item, *, afresh: bool = False) -> None:
    """Gives an item to the next in its chain, or to the first again, but not to whoever has it; in
    the end to the compliance queue."""
    owner_id, substitute_id = _owners(session, item)
    manager = select(Person.manager_id).where(Person.id == owner_id)
    server_owner = session.scalar(select(Server.owner_id).where(Server.id == item.server_id))
    holder = session.scalar(select(Account.person_id).where(Account.id == item.account_id))
    steps = (owner_id, substitute_id, session.scalar(manager), server_owner)
    start = CHAIN.index(item.route) + 1 if item.route in CHAIN else len(CHAIN)
    start = 0 if afresh else start
    new: tuple[int | None, Route] = (None, Route.QUEUE)
    own = {holder, *candidates(session, item.account_id)}
    passed = {item.reviewer_id, *own, *steps[:start]}  # nobody is asked a second time
    for route, person_id in list(zip(CHAIN, steps, strict=True))[start:]:
        person = session.get(Person, person_id) if person_id else None
        if person and person.active and person.id not in passed:
            new = (person.id, route)
            break
    _give(session, item, *new)


def _owners(session: Session, item: Item) -> tuple[int | None, int | None]:
    """Who answers for what the item is about, and their substitute."""
    if item.folder_id is not None or item.folder_owner_id is not None:
        number = item.folder_owner_id
        if number is None:
            route = select(FolderRoute.folder_owner_id)
            number = session.scalar(route.where(FolderRoute.folder_id == item.folder_id))
        folder = session.get(FolderOwner, number) if number else None
        return (folder.person_id, folder.substitute_id) if folder else (None, None)
    if item.group_id is not None:
        group = session.get_one(Group, item.group_id)
        here = (GroupOwner.server_id == group.server_id, GroupOwner.name == group.name)
        owner = session.scalar(select(GroupOwner).where(*here))
        return (owner.person_id, owner.substitute_id) if owner else (None, None)
    account = session.get_one(Account, item.account_id)
    same = (ServiceAccount.server_id == account.server_id, ServiceAccount.name == account.name)
    return session.scalar(select(ServiceAccount.person_id).where(*same)), None


def candidates(session: Session, account_id: int | None) -> set[int]:
    """The people whose own account this may be."""
    return set(session.scalars(_CANDIDATES, {"account": account_id}))


def is_candidate(person: BindParameter[Any]) -> ColumnElement[bool]:
    """The condition that the account of an item may be this person's own."""
    same = (
        AccountCandidate.account_id == Item.account_id,
        AccountCandidate.person_id == person,
    )
    return exists(select(AccountCandidate.person_id).where(*same).correlate(Item))


def name_successor(session: Session, item: Item, email: str) -> None:
    """Gives the question who answers for something to the person who was named. They confirm it
    themselves."""
    person = session.scalar(select(Person).where(Person.email == known_as(email)))
    if person is None:
        raise BadInput(f"Nobody has the address {email!r}.")
    if not person.active or person.id == item.reviewer_id:
        raise BadInput(f"{person.name} cannot be the successor: it is you, or they have left.")
    _give(session, item, person.id, Route.REASSIGNED)


def reassign(act: Act, item: Item, reviewer: Person, reason: str) -> None:
    """An officer gives an undecided item to somebody else, with a reason."""
    act.actor.require(Role.OFFICER)
    if not reason.strip():
        raise BadInput("Say why the question goes to somebody else.")
    states.check_running(hold(act.session, item.campaign_id).state)
    holder = act.session.scalar(select(Account.person_id).where(Account.id == item.account_id))
    if not reviewer.active or reviewer.id == holder:
        raise BadInput(
            f"{reviewer.name} cannot answer: it is their own account, or they have left."
        )
    if reviewer.id in candidates(act.session, item.account_id):
        raise BadInput(
            f"{reviewer.name} holds a login of the same name, so this may be their own account. "
            "State whose it is first: people, accounts without a person."
        )
    self_assignment.refuse_own(act.session, reviewer, act.actor)
    watch = Watch(act.session, item.campaign_id, [item.id])
    _give(act.session, item, reviewer.id, Route.REASSIGNED)
    details = {"to": reviewer.email, "reason": reason.strip(), "moved": watch.moved()}
    act.record(Action.ITEM_REASSIGNED, item.ref, details)


def _give(session: Session, item: Item, reviewer_id: int | None, route: Route) -> None:
    before = item.reviewer_id
    here = (Item.id == item.id, Item.state == ItemState.OPEN, Item.version == item.version)
    # Whoever gets it answers for themselves, also when a stand-in passed it on.
    values = {"reviewer_id": reviewer_id, "route": route, "from_id": None}
    moved = session.execute(update(Item).where(*here).values(**values))
    if getattr(moved, "rowcount", 0) != 1:
        raise MovedMeanwhile
    session.refresh(item)
    recount_reviewers(session, item.campaign_id, before, reviewer_id)
