"""Who is asked about what: the population of a campaign, and its items, by set statements.

Items are made by INSERT .. SELECT from the frozen snapshot: one row per account and folder, routed
to the nearest owner and on along the chain (substitute, owner's manager, server owner, compliance
queue). Nobody is asked about an account of his own, and nobody who has left is asked at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    and_,
    case,
    distinct,
    func,
    insert,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import Session, aliased

from recert.campaigns.models import Campaign, Item, ItemState, Population, Progress, Route
from recert.foundation.db import AnyRow, AnySelect
from recert.inventory.models import (
    Account,
    Folder,
    FolderOwner,
    FolderRoute,
    Grant,
    Server,
    Snapshot,
)
from recert.inventory.queries import seen_in
from recert.people.models import Person


@dataclass(frozen=True)
class ReviewerShare:
    """How many items one reviewer would get; None is the compliance queue."""

    reviewer_id: int | None
    name: str
    email: str
    items: int
    folders: int


def routed_grants(server_id: int, snapshot_id: int, prefix: str) -> AnySelect:
    """Every grant in scope with its reviewer and the step of the chain that named him."""
    owner, substitute = aliased(Person), aliased(Person)
    manager, server_owner = aliased(Person), aliased(Person)
    chain = (
        (owner, Route.OWNER),
        (substitute, Route.SUBSTITUTE),
        (manager, Route.MANAGER),
        (server_owner, Route.SERVER_OWNER),
    )

    def may(person: Any) -> Any:
        other = or_(Account.person_id.is_(None), Account.person_id != person.id)
        return and_(person.id.is_not(None), person.active, other)

    return (
        select(
            Grant.id.label("grant_id"),
            Grant.account_id,
            Grant.folder_id,
            Grant.rights,
            Grant.content_hash,
            Folder.path,
            Account.name.label("account"),
            case(*[(may(person), person.id) for person, _ in chain]).label("reviewer_id"),
            case(
                *[(may(person), literal(step.value)) for person, step in chain],
                else_=Route.QUEUE.value,
            ).label("route"),
        )
        .join(Folder, Folder.id == Grant.folder_id)
        .join(Account, Account.id == Grant.account_id)
        .join(Server, Server.id == Grant.server_id)
        .outerjoin(FolderRoute, FolderRoute.folder_id == Folder.id)
        .outerjoin(FolderOwner, FolderOwner.id == FolderRoute.folder_owner_id)
        .outerjoin(owner, owner.id == FolderOwner.person_id)
        .outerjoin(substitute, substitute.id == FolderOwner.substitute_id)
        .outerjoin(manager, manager.id == owner.manager_id)
        .outerjoin(server_owner, server_owner.id == Server.owner_id)
        .where(
            Grant.server_id == server_id,
            seen_in(Grant, snapshot_id),
            Grant.rights != 0,
            in_scope(prefix),
        )
    )


def in_scope(prefix: str) -> Any:
    """The condition that a folder is the prefix or lies below it: a range, so that the index
    serves it ("0" is the character after "/")."""
    if prefix == "/":
        return literal(True)
    return or_(Folder.path == prefix, and_(Folder.path >= f"{prefix}/", Folder.path < f"{prefix}0"))


def shares(session: Session, snapshots: Sequence[Snapshot], prefix: str) -> list[ReviewerShare]:
    """What each reviewer would get, most first; the compliance queue is one of them."""
    found: dict[int | None, ReviewerShare] = {}
    for snapshot in snapshots:
        routed = routed_grants(snapshot.server_id, snapshot.id, prefix).subquery()
        query = (
            select(
                routed.c.reviewer_id,
                Person.name,
                Person.email,
                func.count().label("items"),
                func.count(distinct(routed.c.folder_id)).label("folders"),
            )
            .outerjoin(Person, Person.id == routed.c.reviewer_id)
            .group_by(routed.c.reviewer_id, Person.name, Person.email)
        )
        for row in session.execute(query):
            before = found.get(row.reviewer_id)
            found[row.reviewer_id] = ReviewerShare(
                row.reviewer_id,
                row.name or "Compliance queue",
                row.email or "",
                row.items + (before.items if before else 0),
                row.folders + (before.folders if before else 0),
            )
    return sorted(found.values(), key=lambda share: (-share.items, share.name))


def count(session: Session, snapshot: Snapshot, prefix: str) -> Population:
    """How the accounts of a snapshot add up. Not yet stored, and without its campaign."""
    here = (Grant.server_id == snapshot.server_id, seen_in(Grant, snapshot.id), Grant.rights != 0)
    in_it = select(Grant).join(Folder, Folder.id == Grant.folder_id).where(*here, in_scope(prefix))
    counted = in_it.with_only_columns(func.count(), func.count(distinct(Grant.account_id)))
    items, reviewed = session.execute(counted).one()
    accounts = session.scalar(
        select(func.count()).where(
            Account.server_id == snapshot.server_id, seen_in(Account, snapshot.id)
        )
    )
    holders = session.scalar(select(func.count(distinct(Grant.account_id))).where(*here)) or 0
    without = select(func.count()).where(
        Account.server_id == snapshot.server_id,
        seen_in(Account, snapshot.id),
        Account.id.not_in(select(Grant.account_id).where(*here)),
    )
    return Population(
        server_id=snapshot.server_id,
        snapshot_id=snapshot.id,
        accounts=accounts or 0,
        reviewed=reviewed,
        out_of_scope=holders - reviewed,
        without_rights=session.scalar(without) or 0,
        items=items,
    )


def generate(session: Session, campaign: Campaign, snapshot: Snapshot, first_key: int) -> int:
    """Makes the items of one server, in the order of their pages; how many."""
    routed = routed_grants(snapshot.server_id, snapshot.id, campaign.folder_prefix).subquery()
    order = (routed.c.reviewer_id, routed.c.path, routed.c.account)
    rows = select(
        literal(campaign.id),
        literal(snapshot.server_id),
        routed.c.grant_id,
        routed.c.account_id,
        routed.c.folder_id,
        routed.c.reviewer_id,
        routed.c.route,
        routed.c.rights,
        routed.c.content_hash,
        (func.row_number().over(order_by=order) + first_key).label("sort_key"),
        literal(ItemState.OPEN.value),
        literal(0),
        literal(""),
    ).order_by(*order)
    columns = [
        *("campaign_id", "server_id", "grant_id", "account_id", "folder_id", "reviewer_id"),
        *("route", "rights", "content_hash", "sort_key", "state", "version", "outcome"),
    ]
    session.execute(insert(Item).from_select(columns, rows, include_defaults=False))
    mine = (Item.campaign_id == campaign.id, Item.server_id == snapshot.server_id)
    return session.scalar(select(func.count()).where(*mine)) or 0


def start_progress(session: Session, campaign_id: int) -> None:
    """The counter rows of a new campaign. The compliance queue always has one."""
    rows = (
        select(
            Item.campaign_id,
            Item.reviewer_id,
            func.count(),
            func.count(),
            literal(0),
            literal(0),
            literal(0),
        )
        .where(Item.campaign_id == campaign_id)
        .group_by(Item.campaign_id, Item.reviewer_id)
    )
    columns = ["campaign_id", "reviewer_id", "total", "open", "keep", "reduce", "revoke"]
    session.execute(insert(Progress).from_select(columns, rows))
    queue = select(Progress.id).where(
        Progress.campaign_id == campaign_id, Progress.reviewer_id.is_(None)
    )
    if session.scalar(queue) is None:
        empty = dict.fromkeys(columns[2:], 0)
        session.execute(insert(Progress).values(campaign_id=campaign_id, **empty))


def reviewers_of(session: Session, campaign_id: int) -> Sequence[AnyRow]:
    """The reviewers of a campaign who have open items: person and progress."""
    query = (
        select(Person, Progress)
        .join(Progress, Progress.reviewer_id == Person.id)
        .where(Progress.campaign_id == campaign_id, Progress.open > 0)
        .order_by(Person.id)
    )
    return session.execute(query).all()
