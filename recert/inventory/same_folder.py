"""One directory that two servers show: who reaches it through the other one.

Folders with the same path on servers with the same storage label are the same directory.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from recert.connectors import rights
from recert.inventory.models import Account, Folder, Grant, Server

Pair = tuple[int, int]  # an account and a folder


@dataclass(frozen=True)
class Way:
    """What the same person, or the same login name, holds in the folder on another server."""

    server_id: int
    server: str
    account_id: int
    account: str
    folder_id: int  # the boundary that tells, there
    rights: int
    is_same_person: bool

    @property
    def held(self) -> str:
        """The rights in one word where there is one."""
        label = rights.label(self.rights)
        return rights.say(self.rights) if label == "custom" else label

    @property
    def text(self) -> str:
        """The same for files."""
        return f"{self.server}: {self.account} ({' '.join(rights.names(self.rights))})"


def ways(session: Session, pairs: Collection[Pair]) -> dict[Pair, list[Way]]:
    """Through which other servers the folder is open to whoever holds the account, as their last
    complete snapshots saw it. Three statements, whatever the number of pairs."""
    reach = _reach(session, {folder for _, folder in pairs})
    found: dict[Pair, list[Way]] = {}
    if not reach:
        return found
    by_boundary = _held(session, {account for account, _ in pairs}, reach)
    for pair in pairs:
        account, folder = pair
        known = [way for at in reach[folder] for way in by_boundary.get((account, at), ())]
        if known:
            found[pair] = sorted(known, key=lambda way: (way.server, way.account))
    return found


def _reach(session: Session, folders: Collection[int]) -> defaultdict[int, list[int]]:
    """The boundary at or above each folder on every other server with its storage."""
    there, here, other = aliased(Folder), aliased(Server), aliased(Server)
    query = select(there.id, _nearest(there, other)).where(
        there.id.in_(folders), *_same_storage(there.server_id, here, other)
    )
    found = defaultdict[int, list[int]](list)
    for folder_id, boundary_id in session.execute(query):
        found[folder_id].append(boundary_id)
    return found


def _held(
    session: Session, accounts: Collection[int], reach: defaultdict[int, list[int]]
) -> dict[Pair, list[Way]]:
    """What is held at these boundaries, by the account asked about and the boundary."""
    boundaries = {at for found in reach.values() for at in found}
    mine, also, grant, other = aliased(Account), aliased(Account), aliased(Grant), aliased(Server)
    query = (
        select(
            mine.id.label("mine"),
            other.id.label("server_id"),
            other.name.label("server"),
            also.id.label("account_id"),
            also.name.label("account"),
            grant.folder_id,
            grant.rights,
            func.coalesce(also.person_id == mine.person_id, False).label("is_same_person"),
        )
        .select_from(mine)
        .join(also, _lets_in(mine, also))
        .join(grant, _holds(grant, also))
        .join(other, other.id == also.server_id)
        .where(mine.id.in_(accounts), grant.folder_id.in_(boundaries))
    )
    found = defaultdict[Pair, list[Way]](list)
    parts = (query.where(same) for same in (_same_login(mine, also), _same_person(mine, also)))
    for row in (row for part in parts for row in session.execute(part)):
        facts = dict(row._mapping)
        found[facts.pop("mine"), row.folder_id].append(
            Way(**{**facts, "is_same_person": bool(row.is_same_person)})
        )
    return found


def _same_storage(server_id: Any, here: Any, other: Any) -> tuple[ColumnElement[bool], ...]:
    return (
        here.id == server_id,
        here.storage != "",
        other.storage == here.storage,
        other.id != here.id,
    )


def _lets_in(mine: Any, also: Any) -> ColumnElement[bool]:
    return and_(also.id != mine.id, also.gone_snapshot_id.is_(None), also.enabled)


def _same_login(mine: Any, also: Any) -> ColumnElement[bool]:
    return also.name == mine.name  # type: ignore[no-any-return]


def _same_person(mine: Any, also: Any) -> ColumnElement[bool]:
    return and_(also.person_id == mine.person_id, also.name != mine.name)


def _holds(grant: Any, also: Any) -> ColumnElement[bool]:
    return and_(grant.account_id == also.id, grant.gone_snapshot_id.is_(None), grant.rights != 0)


def _nearest(there: Any, other: Any) -> Any:
    over = aliased(Folder)
    above = func.substr(there.path, 1, func.length(over.path) + 1) == over.path.concat("/")
    return (
        select(over.id)
        .where(over.server_id == other.id, over.gone_snapshot_id.is_(None))
        .where(or_(over.path == there.path, over.path == "/", above))
        .order_by(func.length(over.path).desc())
        .limit(1)
        .correlate(there, other)
        .scalar_subquery()
    )
