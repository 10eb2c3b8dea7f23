"""Directories that two servers share: who reaches one through the other server.

Folders with the same path on servers with the same storage label are the same directory.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session, aliased

from recert.connectors import rights
from recert.foundation.db import AnySelect
from recert.foundation.statements import numbers, run
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
        """The label of the rights; their names where no label fits."""
        label = rights.label(self.rights)
        return rights.say(self.rights) if label == "custom" else label

    @property
    def text(self) -> str:
        """The access as text for files: server, account and rights."""
        return f"{self.server}: {self.account} ({' '.join(rights.names(self.rights))})"


def ways(session: Session, pairs: Collection[Pair]) -> dict[Pair, list[Way]]:
    """Through which other servers the folder is open to whoever holds the account, as their last
    complete snapshots saw it. Three statements, whatever the number of pairs."""
    reach = _reach(session, {folder for _, folder in pairs})
    ways_of: dict[Pair, list[Way]] = {}
    if not reach:
        return ways_of
    by_boundary = _held(session, {account for account, _ in pairs}, reach)
    for pair in pairs:
        account, folder = pair
        known = [way for at in reach[folder] for way in by_boundary.get((account, at), ())]
        if known:
            ways_of[pair] = sorted(known, key=lambda way: (way.server, way.account))
    return ways_of


def _reach(session: Session, folders: Collection[int]) -> defaultdict[int, list[int]]:
    """The boundary at or above each folder on every other server with its storage. Each is looked
    for by its names; comparing all folders with all would take hours on large servers."""
    rows = run(session, _elsewhere(), {"folders": sorted(folders)}).all()
    reached = defaultdict[int, list[int]](list)
    if not rows:
        return reached
    paths = {path for row in rows for path in _at_and_above(row.path)}
    there = select(Folder.server_id, Folder.path, Folder.id).where(
        Folder.server_id.in_({row.other for row in rows}),
        Folder.path.in_(paths),
        Folder.gone_snapshot_id.is_(None),
    )
    known = {(row.server_id, row.path): row.id for row in session.execute(there)}
    for row in rows:
        names = ((row.other, path) for path in _at_and_above(row.path))
        nearest = next((known[name] for name in names if name in known), None)
        if nearest is not None:
            reached[row.id].append(nearest)
    return reached


@cache
def _elsewhere() -> AnySelect:
    here, other = aliased(Server), aliased(Server)
    return (
        select(Folder.id, Folder.path, other.id.label("other"))
        .join(here, here.id == Folder.server_id)
        .join(other, and_(other.storage == here.storage, other.id != here.id))
        .where(Folder.id.in_(numbers("folders")), here.storage != "")
    )


def _at_and_above(path: str) -> Iterator[str]:
    """The folder and those above it, the nearest first."""
    while path != "/":
        yield path
        path = path.rpartition("/")[0] or "/"
    yield "/"


def _held(
    session: Session, accounts: Collection[int], reach: defaultdict[int, list[int]]
) -> dict[Pair, list[Way]]:
    """What is held at these boundaries, by the account asked about and the boundary."""
    boundaries = {at for held in reach.values() for at in held}
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
    held = defaultdict[Pair, list[Way]](list)
    parts = (query.where(same) for same in (_same_login(mine, also), _same_person(mine, also)))
    for row in (row for part in parts for row in session.execute(part)):
        facts = dict(row._mapping)
        held[facts.pop("mine"), row.folder_id].append(
            Way(**{**facts, "is_same_person": bool(row.is_same_person)})
        )
    return held


def _lets_in(mine: Any, also: Any) -> ColumnElement[bool]:
    return and_(also.id != mine.id, also.gone_snapshot_id.is_(None), also.enabled)


def _same_login(mine: Any, also: Any) -> ColumnElement[bool]:
    return and_(also.name == mine.name)


def _same_person(mine: Any, also: Any) -> ColumnElement[bool]:
    return and_(also.person_id == mine.person_id, also.name != mine.name)


def _holds(grant: Any, also: Any) -> ColumnElement[bool]:
    return and_(grant.account_id == also.id, grant.gone_snapshot_id.is_(None), grant.rights != 0)
