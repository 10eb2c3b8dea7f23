"""Queries of the inventory."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from recert.connectors.rights import Rights
from recert.foundation.db import AnyRow, AnySelect
from recert.foundation.errors import NotFound
from recert.inventory.models import (
    Account,
    Folder,
    FolderOwner,
    FolderRoute,
    Grant,
    Group,
    Server,
    Snapshot,
    SnapshotState,
    Source,
)
from recert.people.models import Person

ABANDONED_AFTER = timedelta(hours=12)  # whoever read it has died


def last_complete(session: Session, server_id: int) -> Snapshot | None:
    """The published snapshot of a server."""
    complete_of_server = (Snapshot.server_id == server_id, Snapshot.state == SnapshotState.COMPLETE)
    return session.scalar(
        select(Snapshot).where(*complete_of_server).order_by(Snapshot.id.desc()).limit(1)
    )


def in_snapshot(table: type[Any], snapshot_id: int) -> ColumnElement[bool]:
    """The condition that a row with an interval is part of a snapshot."""
    return and_(table.first_snapshot_id <= snapshot_id, not_gone_in(table, snapshot_id))


def not_gone_in(table: type[Any], snapshot_id: int) -> ColumnElement[bool]:
    """The condition that a row of an earlier snapshot was not gone in this snapshot."""
    return or_(table.gone_snapshot_id.is_(None), table.gone_snapshot_id > snapshot_id)


def grant_rows() -> AnySelect:
    """Grants with the names that belong to them."""
    return (
        select(
            Grant.id,
            Account.name.label("account"),
            Folder.path.label("folder"),
            Grant.rights,
            Source.text.label("via"),
            Account.enabled,
            Grant.widened,
            Grant.native,
            Grant.protocols,
        )
        .join(Account, Account.id == Grant.account_id)
        .join(Folder, Folder.id == Grant.folder_id)
        .join(Source, Source.id == Grant.source_id)
    )


def grants_in(session: Session, snapshot: Snapshot) -> Iterator[AnyRow]:
    """Every grant of a snapshot, streamed, by folder and account."""
    query = (
        grant_rows()
        .where(Grant.server_id == snapshot.server_id, in_snapshot(Grant, snapshot.id))
        .order_by(Folder.path, Account.name)
        .execution_options(yield_per=2000)
    )
    yield from session.execute(query)


def boundaries_in(session: Session, snapshot: Snapshot) -> set[str]:
    """The paths of all boundaries of a snapshot."""
    of_that_snapshot = (Folder.server_id == snapshot.server_id, in_snapshot(Folder, snapshot.id))
    return set(session.scalars(select(Folder.path).where(*of_that_snapshot)))


def difference(
    session: Session, older: Snapshot, newer: Snapshot
) -> tuple[Sequence[AnyRow], Sequence[AnyRow]]:
    """What came and what went between two snapshots of one server: (added, gone)."""
    of_that_server = Grant.server_id == newer.server_id
    order = (Folder.path, Account.name)
    came = and_(
        of_that_server,
        Grant.first_snapshot_id > older.id,
        Grant.first_snapshot_id <= newer.id,
        or_(Grant.gone_snapshot_id.is_(None), Grant.gone_snapshot_id > newer.id),
    )
    went = and_(
        of_that_server,
        Grant.gone_snapshot_id > older.id,
        Grant.gone_snapshot_id <= newer.id,
        Grant.first_snapshot_id <= older.id,
    )
    added = session.execute(grant_rows().where(came).order_by(*order)).all()
    gone = session.execute(grant_rows().where(went).order_by(*order)).all()
    return added, gone


def account_by_name(session: Session, server_id: int, name: str) -> Account | None:
    """The account that the newest snapshot of a server has under this name."""
    here = (
        Account.server_id == server_id,
        Account.name == name,
        Account.gone_snapshot_id.is_(None),
    )
    return session.scalar(select(Account).where(*here))


def folder_by_path(session: Session, server_id: int, path: str) -> Folder | None:
    """The boundary that the newest snapshot of a server has under this path."""
    here = (Folder.server_id == server_id, Folder.path == path, Folder.gone_snapshot_id.is_(None))
    return session.scalar(select(Folder).where(*here))


def group_by_name(session: Session, server_id: int, name: str) -> Group | None:
    """The group that the newest snapshot of a server has under this name."""
    here = (Group.server_id == server_id, Group.name == name, Group.gone_snapshot_id.is_(None))
    return session.scalar(select(Group).where(*here))


def rights_in(session: Session, account_id: int | None, folder: Folder) -> Rights:
    """What an account can do in a folder, as the newest snapshot shows it."""
    here = (
        Grant.folder_id == folder.id,
        Grant.account_id == account_id,
        Grant.gone_snapshot_id.is_(None),
    )
    return Rights(session.scalar(select(Grant.rights).where(*here)) or 0)


def holder_of(session: Session, account_id: int | None) -> int | None:
    """Whose account it is; None when nobody knows, or there is none yet."""
    return session.scalar(select(Account.person_id).where(Account.id == account_id))


def servers_overview(session: Session) -> Sequence[AnyRow]:
    """Each server with its published and its newest snapshot."""
    published, newest = aliased(Snapshot), aliased(Snapshot)
    last_good = (
        select(func.max(Snapshot.id))
        .where(Snapshot.server_id == Server.id, Snapshot.state == SnapshotState.COMPLETE)
        .scalar_subquery()
    )
    last = select(func.max(Snapshot.id)).where(Snapshot.server_id == Server.id).scalar_subquery()
    query = (
        select(Server, published, newest)
        .select_from(Server)
        .outerjoin(published, published.id == last_good)
        .outerjoin(newest, newest.id == last)
        .order_by(Server.name)
    )
    return session.execute(query).all()


def snapshots_of(session: Session, server_id: int, limit: int = 20) -> Sequence[Snapshot]:
    """The newest snapshots of a server."""
    query = select(Snapshot).where(Snapshot.server_id == server_id)
    return session.scalars(query.order_by(Snapshot.id.desc()).limit(limit)).all()


def failures_since(session: Session, server: Server, snapshot: Snapshot) -> list[str]:
    """Sentences about failed readings of a server after this snapshot: its access may have changed
    since."""
    states = (SnapshotState.FAILED, SnapshotState.PARTIAL, SnapshotState.HELD)
    later = (Snapshot.server_id == server.id, Snapshot.id > snapshot.id, Snapshot.state.in_(states))
    query = select(Snapshot).where(*later).order_by(Snapshot.id.desc())
    newest = session.scalars(query.limit(1)).first()
    if newest is None:
        return []
    count = session.scalar(select(func.count()).select_from(Snapshot).where(*later)) or 0
    return [
        f"{server.name}: {count} readings after this snapshot were not complete. The newest was "
        f"{newest.state.value}: {newest.reason}"
    ]


def wanted_snapshots(session: Session, *, now: datetime) -> Sequence[int]:
    """Servers whose snapshot somebody asked for, and which nobody reads at this moment."""
    query = select(Server.id).where(_is_wanted(now)).order_by(Server.snapshot_wanted_at)
    return session.scalars(query).all()


def is_snapshot_wanted(session: Session, server_id: int, *, now: datetime) -> bool:
    """Whether a snapshot of one server is requested and not yet being read. Locks the server, so
    that no other worker asks until the end of the transaction."""
    session.execute(select(Server.id).where(Server.id == server_id).with_for_update())
    query = select(Server.id).where(Server.id == server_id, _is_wanted(now))
    return session.scalar(query) is not None


def _is_wanted(now: datetime) -> ColumnElement[bool]:
    reading = select(Snapshot.id).where(
        Snapshot.server_id == Server.id,
        Snapshot.state == SnapshotState.READING,
        Snapshot.started_at > now - ABANDONED_AFTER,
    )
    return and_(Server.snapshot_wanted_at.is_not(None), ~reading.exists())


def folders_of(
    session: Session, server_id: int, *, after: str = "", size: int = 100
) -> tuple[Sequence[AnyRow], bool]:
    """One page of the boundaries of a server, with their owner and how many accounts get in; and
    whether there are more."""
    accounts = (
        select(func.count())
        .where(Grant.folder_id == Folder.id, Grant.gone_snapshot_id.is_(None))
        .scalar_subquery()
    )
    query = (
        select(
            Folder.path,
            Person.name.label("owner"),
            FolderOwner.path.label("owned_at"),
            accounts.label("accounts"),
        )
        .outerjoin(FolderRoute, FolderRoute.folder_id == Folder.id)
        .outerjoin(FolderOwner, FolderOwner.id == FolderRoute.folder_owner_id)
        .outerjoin(Person, Person.id == FolderOwner.person_id)
        .where(
            Folder.server_id == server_id, Folder.gone_snapshot_id.is_(None), Folder.path > after
        )
        .order_by(Folder.path)
        .limit(size + 1)
    )
    rows = session.execute(query).all()
    return rows[:size], len(rows) > size


class NoSuchSnapshot(NotFound):
    """There is no complete snapshot of this number for this server."""


def pair(
    session: Session, server_id: int, older: int | None, newer: int | None
) -> tuple[Snapshot, Snapshot]:
    """Two complete snapshots of one server, by number, or the last two."""
    complete_of_server = (Snapshot.server_id == server_id, Snapshot.state == SnapshotState.COMPLETE)
    snapshots = {
        row.id: row for row in session.scalars(select(Snapshot).where(*complete_of_server))
    }
    newest = sorted(snapshots, reverse=True)
    second = newer if newer is not None else (newest[0] if newest else 0)
    earlier = [number for number in newest if number < second]
    first = older if older is not None else (earlier[0] if earlier else 0)
    if first not in snapshots or second not in snapshots:
        raise NoSuchSnapshot(f"Complete ones: {', '.join(map(str, newest)) or 'none'}.")
    return snapshots[first], snapshots[second]
