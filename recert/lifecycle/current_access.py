"""Accounts, entitlements and holders of a server as they are now: the newest snapshot, and what
verified orders have changed since. A removal is visible here before the next snapshot is taken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert.changes import plans
from recert.changes.models import Order, OrderState
from recert.connectors.changes import (
    CloseAccount,
    JoinGroup,
    LeaveGroup,
    OpenAccount,
    SetRights,
)
from recert.connectors.rights import Rights
from recert.inventory import queries as inventory
from recert.inventory.models import Account, Folder, Grant, Group, GroupMember, Server
from recert.lifecycle.entitlements import (
    STANDARD_BUNDLES,
    Entitlement,
    FolderAccess,
    Membership,
)
from recert.lifecycle.models import ProvisionedAccount
from recert.people.models import Person

CHUNK = 5000


@dataclass(frozen=True)
class AccountRow:
    """One account of a server. `id` is the one that other systems keep."""

    id: str
    name: str
    display_name: str
    kind: str
    enabled: bool
    email: str  # of its holder, else as the server or the identity system has it
    last_login_at: datetime | None
    expires_at: datetime | None
    note: str


@dataclass
class Since:
    """What verified orders have changed since the newest snapshot, in names of the server."""

    rights: dict[tuple[str, str], Rights] = field(default_factory=dict)
    members: dict[tuple[str, str], bool] = field(default_factory=dict)
    open: dict[str, bool] = field(default_factory=dict)


def since_snapshot(session: Session, server: Server) -> Since:
    """Reads the orders that were verified after the newest snapshot began, oldest first."""
    newest = inventory.last_complete(session, server.id)
    query = select(Order).where(Order.server_id == server.id, Order.state == OrderState.VERIFIED)
    if newest is not None:
        query = query.where(Order.verified_at >= newest.started_at)
    changed = Since()
    gained: dict[tuple[str, str], dict[tuple[str, str], Rights]] = {}  # by membership
    for order in session.scalars(query.order_by(Order.verified_at, Order.id)):
        match plans.change_of(order):
            case SetRights(account, folder):
                changed.rights[account, folder] = Rights(order.rights_found or 0)
            case JoinGroup(account, group):
                changed.members[account, group] = True
                known = inventory.account_by_name(session, server.id, account)
                if changed.open.get(account, known is not None and known.enabled):
                    gained[account, group] = _gains(order)
                    changed.rights.update(gained[account, group])
            case LeaveGroup(account, group):
                changed.members[account, group] = False
                for pair in gained.pop((account, group), {}):
                    changed.rights.pop(pair, None)
            case OpenAccount(account):
                changed.open[account] = True
                changed.rights.update(_gains(order))
            case CloseAccount(account):
                changed.open[account] = False
    return changed


def _gains(order: Order) -> dict[tuple[str, str], Rights]:
    """What an account can do in the folders that the order opened to it, by its plan."""
    plan = plans.loaded(order.plan) if order.plan else None
    return {(cell.account, cell.folder): cell.after for cell in plan.gains} if plan else {}


def accounts(session: Session, server: Server) -> Iterator[AccountRow]:
    """Every account, streamed by id: those of the snapshot, then those opened since."""
    changed = since_snapshot(session, server)
    described = _described(session, server)
    query = (
        select(
            *(Account.id, Account.name, Account.display_name, Account.kind, Account.enabled),
            *(Account.email, Account.last_login_at, Account.expires_at, Account.note),
            Person.email.label("holder"),
        )
        .outerjoin(Person, Person.id == Account.person_id)
        .where(Account.server_id == server.id, Account.gone_snapshot_id.is_(None))
        .order_by(Account.id)
        .execution_options(yield_per=CHUNK)
    )
    for row in session.execute(query):
        profile = described.pop(row.name, None)
        yield AccountRow(
            id=_id_of(row.id, profile),
            name=row.name,
            display_name=row.display_name or (profile.display_name if profile else ""),
            kind=row.kind.value,
            enabled=changed.open.get(row.name, row.enabled),
            email=row.holder or row.email or (profile.email if profile else ""),
            last_login_at=row.last_login_at,
            expires_at=row.expires_at,
            note=row.note,
        )
    for profile in sorted(described.values(), key=lambda each: each.id):
        if profile.order_id and changed.open.get(profile.name):
            yield AccountRow(
                id=f"p{profile.id}",
                name=profile.name,
                display_name=profile.display_name,
                kind="person",
                enabled=True,
                email=profile.email,
                last_login_at=None,
                expires_at=None,
                note="",
            )


def entitlements(session: Session, server: Server) -> Iterator[Entitlement]:
    """What can be held on the server: in each folder what somebody holds and the standard bundles,
    and every group."""
    held: dict[str, set[int]] = {}
    query = (
        select(Folder.path, Grant.rights)
        .join(Grant, Grant.folder_id == Folder.id)
        .where(Grant.server_id == server.id, Grant.gone_snapshot_id.is_(None))
        .distinct()
    )
    for path, rights in session.execute(query):
        held.setdefault(path, set()).add(rights)
    for (_, folder), rights in since_snapshot(session, server).rights.items():
        held.setdefault(folder, set()).add(int(rights))
    live = (Folder.server_id == server.id, Folder.gone_snapshot_id.is_(None))
    for path in session.scalars(select(Folder.path).where(*live).order_by(Folder.path)):
        for mask in sorted({*held.get(path, ()), *map(int, STANDARD_BUNDLES)} - {0}):
            yield FolderAccess(path, Rights(mask))
    groups = (Group.server_id == server.id, Group.gone_snapshot_id.is_(None))
    for name in session.scalars(select(Group.name).where(*groups).order_by(Group.name)):
        yield Membership(name)


def holders(session: Session, server: Server) -> Iterator[tuple[str, str]]:
    """Pairs of an entitlement and the account that holds it, streamed."""
    changed = since_snapshot(session, server)
    described = _described(session, server)
    numbers: dict[str, str] = {}
    live = (Account.server_id == server.id, Account.gone_snapshot_id.is_(None))
    rows = session.execute(select(Account.name, Account.id).where(*live))
    for name, number in rows:
        numbers[name] = _id_of(number, described.get(name))
    for name, profile in described.items():
        if profile.order_id:
            numbers.setdefault(name, _id_of(None, profile))
    yield from _folder_holders(session, server, changed, numbers)
    yield from _members(session, server, changed, numbers)


def holders_of(
    session: Session, server: Server, wanted: Sequence[Entitlement]
) -> Iterator[tuple[str, str, str]]:
    """Entitlement, account id and account name for the holders of some entitlements."""
    changed = since_snapshot(session, server)
    ids = {each.id for each in wanted}
    described = _described(session, server)
    found: set[tuple[str, int | None, str]] = set()
    folders = {each.folder for each in wanted if isinstance(each, FolderAccess)}
    grants = (
        select(Account.id, Account.name, Folder.path, Grant.rights)
        .join(Account, Account.id == Grant.account_id)
        .join(Folder, Folder.id == Grant.folder_id)
        .where(Grant.server_id == server.id, Grant.gone_snapshot_id.is_(None))
        .where(Folder.path.in_(folders))
    )
    for number, name, path, rights in session.execute(grants).all():
        if (name, path) not in changed.rights and changed.open.get(name) is not False:
            found.add((FolderAccess(path, Rights(rights)).id, number, name))
    groups = {each.group for each in wanted if isinstance(each, Membership)}
    members = (
        select(Account.id, Account.name, Group.name)
        .join(GroupMember, GroupMember.account_id == Account.id)
        .join(Group, Group.id == GroupMember.group_id)
        .where(Group.server_id == server.id, GroupMember.gone_snapshot_id.is_(None))
        .where(Group.name.in_(groups))
    )
    for number, name, group in session.execute(members).all():
        if (name, group) not in changed.members:  # a closed account stays a member
            found.add((Membership(group).id, number, name))
    found |= _changed_since(session, server, changed)
    for entitlement_id, at, name in sorted(found, key=lambda each: (each[0], each[2])):
        if entitlement_id in ids and (at is not None or name in described):
            yield entitlement_id, _id_of(at, described.get(name)), name


def _changed_since(
    session: Session, server: Server, changed: Since
) -> set[tuple[str, int | None, str]]:
    """What verified orders gave since the newest snapshot."""
    gained = [
        (FolderAccess(path, rights).id, name)
        for (name, path), rights in changed.rights.items()
        if rights and changed.open.get(name) is not False
    ]
    gained += [
        (Membership(group).id, name) for (name, group), is_in in changed.members.items() if is_in
    ]
    found = set()
    for entitlement_id, name in gained:
        known = inventory.account_by_name(session, server.id, name)
        found.add((entitlement_id, known.id if known else None, name))
    return found


def _folder_holders(
    session: Session, server: Server, changed: Since, numbers: dict[str, str]
) -> Iterator[tuple[str, str]]:
    ids: dict[tuple[str, int], str] = {}

    def id_of(path: str, rights: int) -> str:
        if (path, rights) not in ids:
            ids[path, rights] = FolderAccess(path, Rights(rights)).id
        return ids[path, rights]

    query = (
        select(Account.name, Folder.path, Grant.rights)
        .join(Account, Account.id == Grant.account_id)
        .join(Folder, Folder.id == Grant.folder_id)
        .where(Grant.server_id == server.id, Grant.gone_snapshot_id.is_(None))
        .execution_options(yield_per=CHUNK)
    )
    for name, path, rights in session.execute(query):
        if (name, path) in changed.rights or changed.open.get(name) is False:
            continue
        yield id_of(path, rights), numbers[name]
    for (name, path), now in changed.rights.items():
        if now and changed.open.get(name) is not False and name in numbers:
            yield id_of(path, int(now)), numbers[name]


def _members(
    session: Session, server: Server, changed: Since, numbers: dict[str, str]
) -> Iterator[tuple[str, str]]:
    query = (
        select(Account.name, Group.name)
        .join(GroupMember, GroupMember.account_id == Account.id)
        .join(Group, Group.id == GroupMember.group_id)
        .where(Group.server_id == server.id, GroupMember.gone_snapshot_id.is_(None))
        .execution_options(yield_per=CHUNK)
    )
    for name, group in session.execute(query):
        if (name, group) not in changed.members:  # a closed account stays a member
            yield Membership(group).id, numbers[name]
    for (name, group), is_member in changed.members.items():
        if is_member and name in numbers:
            yield Membership(group).id, numbers[name]


def account_name(session: Session, server: Server, account_id: str) -> str | None:
    """The name of the account that an id of ours stands for, on this server; None when there is
    none."""
    kind, number = account_id[:1], account_id[1:]
    if kind not in ("a", "p") or not (number.isascii() and number.isdigit()) or len(number) > 18:
        return None
    if kind == "p":
        profile = session.get(ProvisionedAccount, int(number))
        counts = profile is not None and profile.server_id == server.id and not profile.removed_at
        return profile.name if profile and counts else None
    account = session.get(Account, int(number))
    counts = account is not None and account.server_id == server.id
    return account.name if account and counts and account.gone_snapshot_id is None else None


def account_id(session: Session, server: Server, name: str) -> str | None:
    """The id that other systems keep for an account; None when they know none of this name."""
    known = inventory.account_by_name(session, server.id, name)
    profile = _described(session, server).get(name)
    if known is None and (profile is None or not profile.order_id):
        return None
    return _id_of(known.id if known else None, profile)


def accounts_of(session: Session, server: Server, email: str) -> list[str]:
    """The names of the accounts of a person on the server."""
    here = (Account.server_id == server.id, Account.gone_snapshot_id.is_(None))
    query = (
        select(Account.name)
        .join(Person, Person.id == Account.person_id)
        .where(*here, func.lower(Person.email) == email.strip().lower())
    )
    return list(session.scalars(query.order_by(Account.name)))


def holds(session: Session, server: Server, account: str, entitlement: Entitlement) -> bool:
    """Whether an account holds an entitlement now: exactly these rights, or the membership."""
    changed = since_snapshot(session, server)
    known = inventory.account_by_name(session, server.id, account)
    if isinstance(entitlement, FolderAccess):
        if changed.open.get(account) is False:
            return False
        return rights_now(session, server, account, entitlement.folder) == entitlement.rights
    if (account, entitlement.group) in changed.members:
        return changed.members[account, entitlement.group]
    if known is None:
        return False
    query = (
        select(GroupMember.id)
        .join(Group, Group.id == GroupMember.group_id)
        .where(
            Group.server_id == server.id,
            Group.name == entitlement.group,
            GroupMember.account_id == known.id,
            GroupMember.gone_snapshot_id.is_(None),
        )
    )
    return session.scalar(query) is not None


def rights_now(session: Session, server: Server, account: str, path: str) -> Rights:
    """What an account can do in a folder now."""
    changed = since_snapshot(session, server)
    if (account, path) in changed.rights:
        return changed.rights[account, path]
    known = inventory.account_by_name(session, server.id, account)
    folder = inventory.folder_by_path(session, server.id, path)
    if known is None or folder is None:
        return Rights.NONE
    return inventory.rights_in(session, known.id, folder)


def _described(session: Session, server: Server) -> dict[str, ProvisionedAccount]:
    """The accounts of the server that an identity system describes, by name."""
    here = (ProvisionedAccount.server_id == server.id, ProvisionedAccount.removed_at.is_(None))
    return {each.name: each for each in session.scalars(select(ProvisionedAccount).where(*here))}


def _id_of(number: int | None, profile: ProvisionedAccount | None) -> str:
    """The id that other systems keep: it stays when a snapshot has what they opened."""
    return f"p{profile.id}" if profile and profile.order_id else f"a{number}"
