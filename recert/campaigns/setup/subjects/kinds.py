"""What else than access is asked about: memberships, ownership, service accounts.

Each kind is one statement over the inventory: what there is in a snapshot, who answers for it, and
what it is called. Items are made from it like those about access.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    cast,
    distinct,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session

from recert.campaigns.models import Item, Subject
from recert.campaigns.setup import routing
from recert.campaigns.setup.models import Population
from recert.campaigns.setup.routing import NOBODY
from recert.campaigns.setup.scope import Scope, in_folder, is_held_by, is_unused
from recert.connectors.contract import AccountKind
from recert.foundation.db import AnySelect
from recert.foundation.errors import BadInput
from recert.inventory import emergency_accounts
from recert.inventory.models import (
    Account,
    FolderOwner,
    Group,
    GroupMember,
    GroupOwner,
    Server,
    ServiceAccount,
    Snapshot,
)
from recert.inventory.queries import seen_in

# The parts of a scope that mean something for each kind; others are refused, not passed over.
SCOPES = {
    Subject.MEMBERSHIP: {"holders", "unused_days", "unknown_unused", "only_changes"},
    Subject.SERVICE: {"unused_days", "unknown_unused", "only_changes"},
    Subject.OWNERSHIP: {"prefix", "classifications"},
}


def check_scope(about: Subject, scope: Scope) -> None:
    """Raises BadInput naming what cannot limit such a campaign."""
    if about is Subject.ACCESS:
        return
    plain = Scope(seed=scope.seed)
    for name in Scope.__dataclass_fields__:
        if name not in SCOPES[about] and getattr(scope, name) != getattr(plain, name):
            said = name.replace("_", " ")
            raise BadInput(f"A review about {about.value} cannot be limited by {said}.")


def conditions(
    about: Subject, scope: Scope, *, since: int | None, now: datetime
) -> list[ColumnElement[bool]]:
    """The scope as conditions on the tables of the kind."""
    found: list[ColumnElement[bool]] = []
    if about is Subject.OWNERSHIP:
        found.append(in_folder(scope.prefix, FolderOwner.path))
        if scope.classifications:
            found.append(FolderOwner.classification.in_(scope.classifications))
        return found
    if scope.holders:
        found.append(or_(*(is_held_by(holder) for holder in scope.holders)))
    if scope.unused_days:
        found.append(is_unused(scope, now=now))
        found.append(not_(emergency_accounts.is_emergency()))  # nobody should use it
    if scope.only_changes and since is not None:
        table: Any = GroupMember if about is Subject.MEMBERSHIP else Account
        found.append(table.first_snapshot_id > since)
    return found


def is_about_folders(scope: Scope) -> bool:
    """Whether the scope speaks of folders, so that groups lie outside of it."""
    return scope.prefix != "/" or bool(scope.classifications)


def routed(
    about: Subject, snapshot: Snapshot, chosen: ColumnElement[bool], *, groups: bool = True
) -> AnySelect:
    """Everything that is asked about on one server, with its reviewer and the step of the chain
    that named him, in the columns of `population.routed_grants`."""
    if about is Subject.MEMBERSHIP:
        return _memberships(snapshot).where(chosen)
    if about is Subject.SERVICE:
        return _service_accounts(snapshot).where(chosen)
    parts = [_folder_owners(snapshot).where(chosen)]
    if groups:
        parts.append(_group_owners(snapshot))
    every = union_all(*parts).subquery()
    return select(*every.c)


def _columns(**given: Any) -> list[ColumnElement[Any]]:
    known: dict[str, Any] = {
        "grant_id": NOBODY,
        "account_id": NOBODY,
        "folder_id": NOBODY,
        "group_id": NOBODY,
        "folder_owner_id": NOBODY,
        "rights": literal(0),
        "account": literal(""),
        **given,
    }
    known["path"] = known["topic"]
    return [column.label(name) for name, column in sorted(known.items())]


def with_owner(query: AnySelect, about: Subject, *, of_folders: bool = False) -> AnySelect:
    """Adds reviewer and route to a query that is joined to its server and to account, group or
    folder owner, whichever the kind has."""
    if about is Subject.SERVICE:
        same = (ServiceAccount.server_id == Account.server_id, ServiceAccount.name == Account.name)
        joined = query.outerjoin(ServiceAccount, and_(*same))
        return routing.chained(joined, ServiceAccount.person_id, NOBODY, holder=Account.person_id)
    if of_folders:
        return routing.chained(
            query, FolderOwner.person_id, FolderOwner.substitute_id, holder=NOBODY
        )
    same = (GroupOwner.server_id == Group.server_id, GroupOwner.name == Group.name)
    joined = query.outerjoin(GroupOwner, and_(*same))
    holder: Any = Account.person_id if about is Subject.MEMBERSHIP else NOBODY
    return routing.chained(joined, GroupOwner.person_id, GroupOwner.substitute_id, holder=holder)


def _memberships(snapshot: Snapshot) -> AnySelect:
    query = (
        select(
            *_columns(
                account_id=GroupMember.account_id,
                group_id=GroupMember.group_id,
                content_hash=cast(GroupMember.id, BigInteger),
                topic=literal("group ") + Group.name,
                account=Account.name,
            )
        )
        .select_from(GroupMember)
        .join(Group, Group.id == GroupMember.group_id)
        .join(Account, Account.id == GroupMember.account_id)
        .join(Server, Server.id == Group.server_id)
    )
    here = (Group.server_id == snapshot.server_id, seen_in(GroupMember, snapshot.id))
    return with_owner(query, Subject.MEMBERSHIP).where(*here)


def _service_accounts(snapshot: Snapshot) -> AnySelect:
    query = (
        select(
            *_columns(
                account_id=Account.id,
                content_hash=cast(Account.id, BigInteger),
                topic=literal("service account ") + Account.name,
                account=Account.name,
            )
        )
        .select_from(Account)
        .join(Server, Server.id == Account.server_id)
    )
    is_service = or_(Account.kind == AccountKind.SERVICE, ServiceAccount.id.is_not(None))
    here = (Account.server_id == snapshot.server_id, seen_in(Account, snapshot.id), is_service)
    return with_owner(query, Subject.SERVICE).where(*here)


def _folder_owners(snapshot: Snapshot) -> AnySelect:
    query = (
        select(
            *_columns(
                folder_owner_id=FolderOwner.id,
                content_hash=cast(FolderOwner.id, BigInteger),
                topic=literal("folder ") + FolderOwner.path,
            )
        )
        .select_from(FolderOwner)
        .join(Server, Server.id == FolderOwner.server_id)
    )
    here = FolderOwner.server_id == snapshot.server_id
    return with_owner(query, Subject.OWNERSHIP, of_folders=True).where(here)


def _group_owners(snapshot: Snapshot) -> AnySelect:
    """All groups: for one without an owner the owner of the server is asked who it is."""
    query = (
        select(
            *_columns(
                group_id=Group.id,
                content_hash=cast(Group.id, BigInteger),
                topic=literal("group ") + Group.name,
            )
        )
        .select_from(Group)
        .join(Server, Server.id == Group.server_id)
    )
    here = (Group.server_id == snapshot.server_id, seen_in(Group, snapshot.id))
    return with_owner(query, Subject.OWNERSHIP).where(*here)


def count(
    session: Session,
    about: Subject,
    snapshot: Snapshot,
    chosen: ColumnElement[bool],
    *,
    groups: bool = True,
) -> Population:
    """How what there is adds up. Of memberships and service accounts the accounts are counted, as
    in every campaign; of ownership what somebody answers for."""
    asked = routed(about, snapshot, chosen, groups=groups).subquery()
    every = routed(about, snapshot, true()).subquery()
    unit = "topic" if about is Subject.OWNERSHIP else "account_id"
    query = select(func.count(), func.count(distinct(asked.c[unit])))
    items, reviewed = session.execute(query.select_from(asked)).one()
    known = session.scalar(select(func.count(distinct(every.c[unit]))).select_from(every)) or 0
    accounts = known
    if about is not Subject.OWNERSHIP:
        there = (Account.server_id == snapshot.server_id, seen_in(Account, snapshot.id))
        accounts = session.scalar(select(func.count()).select_from(Account).where(*there)) or 0
    return Population(
        server_id=snapshot.server_id,
        snapshot_id=snapshot.id,
        accounts=accounts,
        reviewed=reviewed,
        excluded=0,
        out_of_scope=known - reviewed,
        without_rights=accounts - known,
        items=items,
    )


def of_items(about: Subject) -> list[AnySelect]:
    """Items of such a campaign with the reviewer that the chain names now."""
    query = (
        select(Item.id, NOBODY.label("from_id"))
        .select_from(Item)
        .join(Server, Server.id == Item.server_id)
    )
    of_group = query.join(Group, Group.id == Item.group_id)
    if about is Subject.MEMBERSHIP:
        return [with_owner(of_group.join(Account, Account.id == Item.account_id), about)]
    if about is Subject.SERVICE:
        return [with_owner(query.join(Account, Account.id == Item.account_id), about)]
    of_folder = query.join(FolderOwner, FolderOwner.id == Item.folder_owner_id)
    return [with_owner(of_folder, about, of_folders=True), with_owner(of_group, about)]
