"""What a reviewer sees beside a question that is not about one folder: what a group opens, what a
service account reaches, what an owner answers for. A fixed number of statements per page."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from recert.foundation.db import AnyRow
from recert.inventory.models import (
    Account,
    Folder,
    FolderOwner,
    FolderRoute,
    Grant,
    Group,
    GroupMember,
    GroupOwner,
    ServiceAccount,
    Source,
)
from recert.people.models import Person

MOST_FOLDERS = 100  # of one question
_MOST_ROWS = 20_000  # of one page


@dataclass(frozen=True)
class Facts:
    """The folders with the rights in them, how many more there are, and other facts as texts."""

    folders: Sequence[tuple[str, int]] = ()
    more: int = 0
    lines: Sequence[tuple[str, str]] = ()


def _reached(session: Session, rows: Sequence[AnyRow], like: str = "") -> Sequence[AnyRow]:
    """What the accounts of a page can do now: account, folder, rights and what gives them."""
    query = (
        select(Grant.account_id, Folder.path, Grant.rights, Source.text)
        .join(Folder, Folder.id == Grant.folder_id)
        .join(Source, Source.id == Grant.source_id)
        .where(
            Grant.account_id.in_({row.account_id for row in rows}),
            Grant.gone_snapshot_id.is_(None),
            Grant.rights != 0,
        )
        .order_by(Folder.path)
        .limit(_MOST_ROWS)
    )
    if like:
        query = query.where(Source.text.contains(like, autoescape=True))
    return session.execute(query).all()


def of_memberships(session: Session, rows: Sequence[AnyRow]) -> dict[int, Facts]:
    """The folders in whose reasons the group is named."""
    by_account = defaultdict[int, list[AnyRow]](list)
    for grant in _reached(session, rows, "group "):
        by_account[grant.account_id].append(grant)
    found = {}
    for row in rows:
        named = re.compile(rf"\b{re.escape(row.topic)}(?![\w.-])")
        opened = [(g.path, g.rights) for g in by_account[row.account_id] if named.search(g.text)]
        found[row.id] = _of_opened(opened)
    return found


def _of_opened(opened: Sequence[tuple[str, int]], *lines: tuple[str, str]) -> Facts:
    return Facts(opened[:MOST_FOLDERS], max(0, len(opened) - MOST_FOLDERS), lines)


def of_service_accounts(session: Session, rows: Sequence[AnyRow]) -> dict[int, Facts]:
    """What it is for, who answers for it, and what it reaches."""
    by_account = defaultdict[int, list[tuple[str, int]]](list)
    for grant in _reached(session, rows):
        by_account[grant.account_id].append((grant.path, grant.rights))
    query = (
        select(Account.id, ServiceAccount.purpose, ServiceAccount.confirmed_at, Person.name)
        .join(
            ServiceAccount,
            (ServiceAccount.server_id == Account.server_id) & (ServiceAccount.name == Account.name),
        )
        .join(Person, Person.id == ServiceAccount.person_id)
        .where(Account.id.in_({row.account_id for row in rows}))
    )
    registered = {row.id: row for row in session.execute(query)}
    found = {}
    for row in rows:
        entry = registered.get(row.account_id)
        lines = (
            ("For", (entry.purpose if entry else "") or "nobody has written it down"),
            ("Answered for by", entry.name if entry else "nobody"),
            ("Last confirmed", _day(entry.confirmed_at) if entry else "never"),
        )
        found[row.id] = _of_opened(by_account[row.account_id], *lines)
    return found


def _day(at: object) -> str:
    return f"{at:%-d %B %Y}" if at else "never"


def of_folders(session: Session, rows: Sequence[AnyRow]) -> dict[int, Facts]:
    """What an owner answers for."""
    numbers = {row.folder_owner_id for row in rows if row.folder_owner_id}
    accounts = (
        select(
            FolderRoute.folder_owner_id,
            func.count(FolderRoute.folder_id.distinct()),
            func.count(Grant.account_id.distinct()),
        )
        .outerjoin(
            Grant,
            (Grant.folder_id == FolderRoute.folder_id)
            & Grant.gone_snapshot_id.is_(None)
            & (Grant.rights != 0),
        )
        .where(FolderRoute.folder_owner_id.in_(numbers))
        .group_by(FolderRoute.folder_owner_id)
    )
    counts = {row[0]: (row[1], row[2]) for row in session.execute(accounts)}
    owner = select(FolderOwner.id, FolderOwner.confirmed_at, Person.name).join(
        Person, Person.id == FolderOwner.person_id
    )
    owners = {row.id: row for row in session.execute(owner.where(FolderOwner.id.in_(numbers)))}
    found = {}
    for row in rows:
        if row.folder_owner_id in owners:
            folders, people = counts.get(row.folder_owner_id, (0, 0))
            entry = owners[row.folder_owner_id]
            lines = (
                ("Answers for it now", entry.name),
                ("Last confirmed", _day(entry.confirmed_at)),
                ("Comprises", f"{folders} folders with rights of their own"),
                ("Can get in", f"{people} accounts"),
            )
            found[row.id] = Facts(lines=lines)
    return found


def of_groups(session: Session, rows: Sequence[AnyRow]) -> dict[int, Facts]:
    """Who answers for a group, and how many are in it."""
    numbers = {row.group_id for row in rows if row.group_id}
    members = select(GroupMember.group_id, func.count()).where(
        GroupMember.group_id.in_(numbers), GroupMember.gone_snapshot_id.is_(None)
    )
    counts = {row[0]: row[1] for row in session.execute(members.group_by(GroupMember.group_id))}
    query = (
        select(Group.id, GroupOwner.confirmed_at, Person.name)
        .outerjoin(
            GroupOwner, (GroupOwner.server_id == Group.server_id) & (GroupOwner.name == Group.name)
        )
        .outerjoin(Person, Person.id == GroupOwner.person_id)
        .where(Group.id.in_(numbers), or_(Person.id.is_not(None), GroupOwner.id.is_(None)))
    )
    owners = {row.id: row for row in session.execute(query)}
    return {
        row.id: Facts(
            lines=(
                ("Answers for it now", owners[row.group_id].name or "nobody yet"),
                ("Last confirmed", _day(owners[row.group_id].confirmed_at)),
                ("Members", str(counts.get(row.group_id, 0))),
            )
        )
        for row in rows
        if row.group_id in owners
    }
