"""Accounts, entitlements and holders of a server as they are now: the newest snapshot, and what
verified orders have changed since. A removal is visible here before the next snapshot is taken."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from sqlalchemy import func, select
from sqlalchemy.orm import Session

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
from recert.lifecycle.since_snapshot import Since, since_snapshot
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


Holder = tuple[str, str, str]  # entitlement, account id, account name


def holders(
    session: Session, server: Server, wanted: Sequence[Entitlement] | None = None
) -> Iterator[Holder]:
    """Who holds what, streamed: everything, or the holders of some entitlements."""
    changed = since_snapshot(session, server)
    numbers = _numbers(session, server)
    ids = None if wanted is None else {each.id for each in wanted}
    folders = [each.folder for each in wanted or () if isinstance(each, FolderAccess)]
    groups = [each.group for each in wanted or () if isinstance(each, Membership)]
    pairs = chain(
        _rights(session, server, changed, None if wanted is None else folders),
        _members(session, server, changed, None if wanted is None else groups),
    )
    for entitlement_id, name in pairs:
        if name in numbers and (ids is None or entitlement_id in ids):
            yield entitlement_id, numbers[name], name


def _numbers(session: Session, server: Server) -> dict[str, str]:
    """The id that other systems keep for each account, by its name."""
    described = _described(session, server)
    live = (Account.server_id == server.id, Account.gone_snapshot_id.is_(None))
    rows = session.execute(select(Account.name, Account.id).where(*live))
    numbers = {name: _id_of(number, described.get(name)) for name, number in rows}
    for name, profile in described.items():
        if profile.order_id:
            numbers.setdefault(name, _id_of(None, profile))
    return numbers


def _rights(
    session: Session, server: Server, changed: Since, folders: Sequence[str] | None
) -> Iterator[tuple[str, str]]:
    """Bundle and account name, in all folders or in some. A closed account can do nothing."""
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
    if folders is not None:
        query = query.where(Folder.path.in_(folders))
    for name, path, rights in session.execute(query):
        if (name, path) not in changed.rights and changed.open.get(name) is not False:
            yield id_of(path, rights), name
    for (name, path), now in changed.rights.items():
        if now and changed.open.get(name) is not False:
            yield id_of(path, int(now)), name


def _members(
    session: Session, server: Server, changed: Since, groups: Sequence[str] | None
) -> Iterator[tuple[str, str]]:
    """Membership and account name, of all groups or of some. A closed account stays a member."""
    query = (
        select(Account.name, Group.name)
        .join(GroupMember, GroupMember.account_id == Account.id)
        .join(Group, Group.id == GroupMember.group_id)
        .where(Group.server_id == server.id, GroupMember.gone_snapshot_id.is_(None))
        .execution_options(yield_per=CHUNK)
    )
    if groups is not None:
        query = query.where(Group.name.in_(groups))
    for name, group in session.execute(query):
        if (name, group) not in changed.members:
            yield Membership(group).id, name
    for (name, group), is_member in changed.members.items():
        if is_member:
            yield Membership(group).id, name


def account_name(session: Session, server: Server, account_id: str) -> str | None:
    """The name of the account that an id of ours stands for, on this server; None when there is
    none."""
    return account_names(session, server, [account_id]).get(account_id)


def account_names(session: Session, server: Server, ids: Collection[str]) -> dict[str, str]:
    """The names of the accounts that ids of ours stand for; those that stand for none are left
    out."""
    numbers: dict[str, list[int]] = {"a": [], "p": []}
    for each in ids:
        digits = each[1:]
        if each[:1] in numbers and digits.isascii() and digits.isdigit() and len(digits) <= 18:
            numbers[each[:1]].append(int(digits))
    found: dict[str, str] = {}
    for prefix, table, counts in (
        ("a", Account, Account.gone_snapshot_id.is_(None)),
        ("p", ProvisionedAccount, ProvisionedAccount.removed_at.is_(None)),
    ):
        for start in range(0, len(numbers[prefix]), CHUNK):
            part = numbers[prefix][start : start + CHUNK]
            query = select(table.id, table.name).where(table.server_id == server.id, counts)
            for number, name in session.execute(query.where(table.id.in_(part))):
                found[f"{prefix}{number}"] = name
    return found


def account_id(session: Session, server: Server, name: str) -> str | None:
    """The id that other systems keep for an account; None when they know none of this name."""
    known = inventory.account_by_name(session, server.id, name)
    profile = profile_of(session, server, name)
    if known is None and (profile is None or not profile.order_id):
        return None
    return _id_of(known.id if known else None, profile)


def profile_of(session: Session, server: Server, name: str) -> ProvisionedAccount | None:
    """How an identity system describes an account; None when none does."""
    query = select(ProvisionedAccount).where(
        ProvisionedAccount.server_id == server.id,
        ProvisionedAccount.name == name,
        ProvisionedAccount.removed_at.is_(None),
    )
    return session.scalar(query.order_by(ProvisionedAccount.id.desc()).limit(1))


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
