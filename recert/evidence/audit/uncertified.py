"""Access that nobody certified: grants for which no person's final decision is recent enough."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.foundation.db import AnyRow, AnySelect
from recert.foundation.errors import BadInput
from recert.inventory.models import Account, Folder, Grant, Server, Snapshot, SnapshotState
from recert.inventory.queries import in_snapshot, not_gone_in
from recert.people.models import Person

PAGE, BATCH, MOST_DAYS = 100, 1000, 3650

# A keep is final when its item is closed. A reduce whose item is closed was taken back.
REDUCED = (
    ItemState.FINAL,
    ItemState.ORDERED,
    ItemState.VERIFIED,
    ItemState.STILL_REACHABLE,
    ItemState.NEEDS_ATTENTION,
)


@dataclass(frozen=True)
class Wanted:
    """The question: which access of `at` had no decision in the `days` before."""

    days: int
    at: datetime
    server_id: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.days <= MOST_DAYS:
            raise BadInput(f"Ask for 1 to {MOST_DAYS} days.")

    @property
    def since(self) -> datetime:
        """Older decisions do not count."""
        return self.at - timedelta(days=self.days)


@dataclass(frozen=True)
class Place:
    """Where a page starts: after this grant of this server."""

    server: int
    snapshot: int
    grant: int

    def __str__(self) -> str:
        return f"{self.server}.{self.snapshot}.{self.grant}"

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """From an address; None when it is none of ours."""
        parts = text.split(".")
        fits = len(parts) == 3 and all(
            part.isascii() and part.isdigit() and len(part) <= 18 for part in parts
        )
        return cls(*map(int, parts)) if fits else None


@dataclass(frozen=True)
class View:
    """What one server granted at the date: its newest complete snapshot until then."""

    server_id: int
    server: str
    snapshot_id: int | None
    taken_at: datetime | None


@dataclass(frozen=True)
class Found:
    """Some rows, and where the next ones start (None at the end)."""

    rows: Sequence[AnyRow]
    after: Place | None


def views(session: Session, wanted: Wanted) -> list[View]:
    """The servers in the order of their names, each with the snapshot that counts at the date."""
    complete = aliased(Snapshot)
    complete_of_server = (complete.server_id == Server.id, complete.state == SnapshotState.COMPLETE)
    last = (
        select(func.max(complete.id))
        .where(*complete_of_server, complete.finished_at <= wanted.at)
        .correlate(Server)
    )
    query = (
        select(Server.id, Server.name, Snapshot.id, Snapshot.finished_at)
        .outerjoin(Snapshot, Snapshot.id == last.scalar_subquery())
        .order_by(Server.name)
    )
    if wanted.server_id is not None:
        query = query.where(Server.id == wanted.server_id)
    return [View(*row) for row in session.execute(query)]


def page(session: Session, wanted: Wanted, after: Place | None = None, size: int = PAGE) -> Found:
    """One page, server by server, on each server the longest standing access first."""
    rows: list[AnyRow] = []
    for view in _from(views(session, wanted), after):
        if view.snapshot_id is not None:
            rows += _rows(session, wanted, view, after, size + 1 - len(rows))
        if len(rows) > size:
            last = rows[size - 1]
            return Found(rows[:size], Place(last.server_id, last.since_snapshot, last.id))
    return Found(rows, None)


def _from(found: list[View], after: Place | None) -> list[View]:
    if after is None:
        return found
    at = next((n for n, view in enumerate(found) if view.server_id == after.server), len(found))
    return found[at:]


def everything(session: Session, wanted: Wanted) -> Iterator[AnyRow]:
    """All rows, a batch at a time, so that memory does not grow with them."""
    after: Place | None = None
    while True:
        current = page(session, wanted, after, BATCH)
        yield from current.rows
        if current.after is None:
            return
        after = current.after


def _rows(
    session: Session, wanted: Wanted, view: View, after: Place | None, size: int
) -> Sequence[AnyRow]:
    """Up to `size` rows of one server. The numbers of the grants come first and from their table
    alone, along its index, and the names afterwards, so that no planner can put it otherwise."""
    query = _numbers(wanted, view.server_id)
    is_there = in_snapshot(Grant, view.snapshot_id or 0)
    if after is None or after.server != view.server_id:
        numbers = session.scalars(query.where(is_there).limit(size)).all()
    else:  # the rest of the snapshot in which the last page ended, then the later ones
        started = after.snapshot if after.snapshot <= (view.snapshot_id or 0) else 0
        still = not_gone_in(Grant, view.snapshot_id or 0)
        same = (Grant.first_snapshot_id == started, Grant.id > after.grant, still)
        rest = session.scalars(query.where(*same).limit(size)).all()
        later = query.where(is_there, Grant.first_snapshot_id > after.snapshot)
        numbers = [*rest, *session.scalars(later.limit(size - len(rest))).all()]
    return session.execute(_names(wanted, numbers)).all() if numbers else []


def _numbers(wanted: Wanted, server_id: int) -> AnySelect:
    return (
        select(Grant.id)
        .where(Grant.server_id == server_id, Grant.rights != 0)
        .where(_certificate(wanted).is_(None))
        .order_by(Grant.first_snapshot_id, Grant.id)
    )


def _names(wanted: Wanted, numbers: Sequence[int]) -> AnySelect:
    first = aliased(Snapshot)
    return (
        select(
            Grant.id,
            Grant.server_id,
            Grant.first_snapshot_id.label("since_snapshot"),
            Grant.rights,
            Server.name.label("server"),
            Folder.path.label("folder"),
            Account.name.label("account"),
            Account.kind.label("account_kind"),
            Person.name.label("person"),
            first.finished_at.label("granted_since"),
            _last_certified(wanted).label("last_certified"),
        )
        .join(Server, Server.id == Grant.server_id)
        .join(Folder, Folder.id == Grant.folder_id)
        .join(Account, Account.id == Grant.account_id)
        .join(first, first.id == Grant.first_snapshot_id)
        .outerjoin(Person, Person.id == Account.person_id)
        .where(Grant.id.in_(numbers))
        .order_by(Grant.first_snapshot_id, Grant.id)
    )


def _certificate(wanted: Wanted) -> ColumnElement[int | None]:
    """A person's recent final keep or reduce of this account in this folder, on an item that
    showed at least these rights. Only persons answer keep or reduce; void campaigns do not count.

    A scalar subquery runs once for each grant. A planner with old statistics can turn a NOT EXISTS
    into a join of the two tables, which takes hours."""
    recent = Item.decided_at > wanted.since
    shown_to_them = Item.rights.op("|")(Grant.rights) == Item.rights
    query = _final(wanted, select(Item.id)).where(recent, shown_to_them).limit(1)
    return query.correlate(Grant).scalar_subquery()


def _last_certified(wanted: Wanted) -> ColumnElement[datetime | None]:
    """When it was certified last before the date, however long ago, whatever the rights were."""
    newest = _final(wanted, select(func.max(Item.decided_at)))
    return newest.correlate(Grant).scalar_subquery()


def _final(wanted: Wanted, query: AnySelect) -> AnySelect:
    """Items of a grant with a final keep or reduce before the date."""
    kept = and_(Item.answer == Answer.KEEP, Item.state == ItemState.CLOSED)
    reduced = and_(Item.answer == Answer.REDUCE, Item.state.in_(REDUCED))
    return query.join(Campaign, Campaign.id == Item.campaign_id).where(
        Item.account_id == Grant.account_id,
        Item.folder_id == Grant.folder_id,
        Item.answer.is_not(None),  # as the index says it
        Item.decided_at <= wanted.at,
        or_(kept, reduced),
        Campaign.state != CampaignState.VOID,
    )
