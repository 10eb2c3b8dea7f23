"""Counts per folder and per server, kept like those per reviewer: renewed in the transaction of
each change, so that the board costs the same for a thousand items and for a million.

A folder is counted anew from its items (an index finds them); its server gets the difference."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Update,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from recert.campaigns.models import Answer, Item, ItemState
from recert.campaigns.progress_models import FolderProgress, Progress, ServerProgress
from recert.foundation.db import AnyRow, AnySelect
from recert.foundation.statements import run
from recert.inventory.models import (
    Folder,
    Server,
)
from recert.people.models import Person

COUNTS = ("total", "open", "keep", "reduce", "revoke")
FOLDERS = 50


def start_folders(session: Session, campaign_id: int) -> None:
    """Counts all folders and servers of a campaign: at its launch, and when most items moved."""
    session.execute(delete(FolderProgress).where(FolderProgress.campaign_id == campaign_id))
    session.execute(delete(ServerProgress).where(ServerProgress.campaign_id == campaign_id))
    here = (Item.campaign_id == campaign_id, Item.folder_id.is_not(None))
    keys = (func.min(Item.sort_key), func.max(Item.sort_key))
    folders = select(
        Item.campaign_id, func.min(Item.server_id), Item.folder_id, *keys, *_folder_counts()
    )
    folders = folders.where(*here).group_by(Item.campaign_id, Item.folder_id)
    columns = ["campaign_id", "server_id", "folder_id", "first_key", "last_key", *COUNTS]
    session.execute(insert(FolderProgress).from_select(columns, folders))
    # The servers from their folders, so that the items are walked through once.
    each = FolderProgress
    keys = (func.min(each.first_key), func.max(each.last_key))
    sums = (func.sum(getattr(each, name)) for name in COUNTS)
    servers = select(each.campaign_id, each.server_id, *keys, *sums)
    servers = servers.where(each.campaign_id == campaign_id)
    columns = ["campaign_id", "server_id", "first_key", "last_key", *COUNTS]
    grouped = servers.group_by(each.campaign_id, each.server_id)
    session.execute(insert(ServerProgress).from_select(columns, grouped))


def recount_folders(session: Session, campaign_id: int, *folder_ids: int | None) -> None:
    """Renews the counters of some folders and of their servers, always in the same order."""
    for folder_id in sorted({number for number in folder_ids if number is not None}):
        _recount_folder(session, campaign_id, folder_id)


def _recount_folder(session: Session, campaign_id: int, folder_id: int) -> None:
    mine = {"campaign": campaign_id, "folder": folder_id}
    # Held until the end: whoever counts next sees our items.
    before = run(session, _held(), mine).one()
    now = run(session, _counted_now(), mine).one()
    if before[1:] == tuple(now):
        return
    new = {f"new_{name}": getattr(now, name) for name in COUNTS}
    run(session, _renewed_folder(), {**mine, **new})
    more = {f"new_{name}": getattr(now, name) - getattr(before, name) for name in COUNTS}
    run(session, _moved_server(), {**mine, "server": before.server_id, **more})


# Built once: they are needed for each answer.
@cache
def _held() -> AnySelect:
    table = FolderProgress.__table__.c
    held = select(table.server_id, *(table[name] for name in COUNTS))
    here = (table.campaign_id == bindparam("campaign"), table.folder_id == bindparam("folder"))
    return held.where(*here).with_for_update()


@cache
def _counted_now() -> AnySelect:
    here = (Item.campaign_id == bindparam("campaign"), Item.folder_id == bindparam("folder"))
    return select(*_folder_counts()).where(*here)


@cache
def _renewed_folder() -> Update:
    table: Any = FolderProgress.__table__
    here = (table.c.campaign_id == bindparam("campaign"), table.c.folder_id == bindparam("folder"))
    return update(table).where(*here).values({name: bindparam(f"new_{name}") for name in COUNTS})


@cache
def _moved_server() -> Update:
    table: Any = ServerProgress.__table__
    here = (table.c.campaign_id == bindparam("campaign"), table.c.server_id == bindparam("server"))
    more = {name: table.c[name] + bindparam(f"new_{name}", type_=Integer) for name in COUNTS}
    return update(table).where(*here).values(more)


def _folder_counts() -> list[ColumnElement[int]]:
    def amount(fits: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count(case((fits, 1)))

    return [
        func.count().label("total"),
        amount(Item.state == ItemState.OPEN).label("open"),
        amount(Item.answer == Answer.KEEP).label("keep"),
        amount(Item.answer == Answer.REDUCE).label("reduce"),
        amount(Item.answer == Answer.REVOKE).label("revoke"),
    ]


@dataclass(frozen=True)
class Folders:
    """Some folders, most open questions first, and where the next ones start."""

    rows: Sequence[AnyRow]
    after: tuple[int, int] | None


def folders(
    session: Session,
    campaign_id: int,
    *,
    after: tuple[int, int] | None = None,
    size: int = FOLDERS,
) -> Folders:
    """One page of the folders of a campaign. `after` is the (open, id) of the last folder of the
    page before."""
    query = (
        select(FolderProgress, Folder.path, Server.name.label("server"))
        .join(Folder, Folder.id == FolderProgress.folder_id)
        .join(Server, Server.id == FolderProgress.server_id)
        .where(FolderProgress.campaign_id == campaign_id)
    )
    if after:
        query = query.where(tuple_(FolderProgress.open, FolderProgress.id) < after)
    ordered = query.order_by(FolderProgress.open.desc(), FolderProgress.id.desc())
    rows = session.execute(ordered.limit(size + 1)).all()
    last = rows[size - 1].FolderProgress if len(rows) > size else None
    return Folders(rows[:size], (last.open, last.id) if last else None)


def servers(session: Session, campaign_id: int) -> Sequence[AnyRow]:
    """The servers of a campaign with their counts, most open questions first. Reviews that are not
    about folders are small and keep no counters of servers: those are counted as they are."""
    query = (
        select(
            ServerProgress.server_id,
            *(getattr(ServerProgress, name) for name in COUNTS),
            Server.name,
        )
        .join(Server, Server.id == ServerProgress.server_id)
        .where(ServerProgress.campaign_id == campaign_id)
        .order_by(ServerProgress.open.desc(), Server.name)
    )
    return session.execute(query).all() or _counted(session, campaign_id)


def _counted(session: Session, campaign_id: int) -> Sequence[AnyRow]:
    each = (
        select(Item.server_id, *_folder_counts())
        .where(Item.campaign_id == campaign_id)
        .group_by(Item.server_id)
        .subquery()
    )
    named = select(each, Server.name).join(Server, Server.id == each.c.server_id)
    return session.execute(named.order_by(each.c.open.desc(), Server.name)).all()


def recount_reviewers(session: Session, campaign_id: int, *reviewer_ids: int | None) -> None:
    """Renews the counters of some reviewers from their items, always in the same order, so that
    two who give each other an item do not wait for each other."""
    for reviewer_id in sorted(set(reviewer_ids), key=lambda number: number or 0):
        _recount_reviewer(session, campaign_id, reviewer_id)


def _recount_reviewer(session: Session, campaign_id: int, reviewer_id: int | None) -> None:
    counter = _reviewer_counter(session, campaign_id, reviewer_id)
    asked = {"campaign": campaign_id, "reviewer": reviewer_id}
    counts = run(session, _reviewer_counts(reviewer_id is None), asked).one()
    run(session, _renewed_reviewer(), {"counter": counter, **_named(dict(counts._mapping))})


@cache
def _reviewer_counts(is_queue: bool) -> AnySelect:
    """What is asked of one reviewer, or of the queue. Built once: it is needed for each answer."""

    def amount(answer: Answer) -> ColumnElement[int]:
        return func.count(case((Item.answer == answer, 1)))

    mine = Item.reviewer_id.is_(None) if is_queue else Item.reviewer_id == bindparam("reviewer")
    return select(
        func.count().label("total"),
        func.count(case((Item.state == ItemState.OPEN, 1))).label("open"),
        amount(Answer.KEEP).label("keep"),
        amount(Answer.REDUCE).label("reduce"),
        amount(Answer.REVOKE).label("revoke"),
    ).where(Item.campaign_id == bindparam("campaign"), mine)


@cache
def _renewed_reviewer() -> Update:
    names = ("total", "open", "keep", "reduce", "revoke")
    new = {name: bindparam(f"new_{name}", type_=Integer) for name in names}
    table: Any = Progress.__table__
    notified = case((Progress.notified > new["total"], new["total"]), else_=Progress.notified)
    values = {**new, "told": notified}
    return update(table).where(table.c.id == bindparam("counter")).values(values)


def _named(counts: dict[str, int]) -> dict[str, int]:
    return {f"new_{name}": count for name, count in counts.items()}


def _reviewer_counter(session: Session, campaign_id: int, reviewer_id: int | None) -> int:
    """The number of the counter row, held until the end: whoever counts next sees our items. The
    compliance queue has its row since the launch."""
    asked = {"campaign": campaign_id, "reviewer": reviewer_id}
    there = run(session, _held_counter(not reviewer_id), asked).scalar()
    if reviewer_id and there is None:
        dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
        empty = dict.fromkeys(("total", "open", "keep", "reduce", "revoke"), 0)
        row = {"campaign_id": campaign_id, "reviewer_id": reviewer_id, **empty}
        made = dialect.insert(Progress.__table__).on_conflict_do_nothing()
        session.execute(made, row)
        there = run(session, _held_counter(is_queue=False), asked).scalar()
    if there is None:
        raise NoResultFound
    return int(there)


@cache
def _held_counter(is_queue: bool) -> AnySelect:
    owner = Progress.reviewer_id == bindparam("reviewer")
    owner = Progress.reviewer_id.is_(None) if is_queue else owner
    here = (Progress.campaign_id == bindparam("campaign"), owner)
    return select(Progress.id).where(*here).with_for_update()


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
