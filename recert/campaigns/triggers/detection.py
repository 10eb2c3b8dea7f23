"""Detection of changes on a server: new access, returned access, movers. One statement each."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, literal, not_, or_, select
from sqlalchemy.orm import Session, aliased

from recert.campaigns.models import (
    Answer,
    Campaign,
    CampaignGrant,
    CampaignState,
    Event,
    Item,
    ItemState,
)
from recert.campaigns.policy import Risk
from recert.campaigns.risk import risk_column
from recert.campaigns.setup import exclusions
from recert.campaigns.setup.subjects.access import joined
from recert.campaigns.triggers import emergency_use
from recert.campaigns.triggers.models import CameBack, KnownPerson, Recheck, ServerLook
from recert.campaigns.triggers.reasons import Came, OrderedAccess, Returned, Turn
from recert.changes.models import Order, OrderKind, OrderState
from recert.foundation.db import AnySelect
from recert.inventory.models import Account, Folder, Grant, Snapshot, SnapshotState
from recert.inventory.queries import in_snapshot
from recert.people.models import Organisation, Person

# What is gone is asked again by its own campaign when it comes back.
ASKED = (
    *(ItemState.OPEN, ItemState.DECIDED, ItemState.FINAL, ItemState.ORDERED),
    ItemState.GONE,
)
WRITES = (
    OrderState.APPLYING,
    OrderState.UNKNOWN,
    OrderState.APPLIED,
    OrderState.VERIFIED,
    OrderState.STILL_REACHABLE,
    OrderState.NEEDS_ATTENTION,
)


def servers_to_look_at(session: Session) -> Sequence[int]:
    """Servers with a snapshot that was not looked at, whose people changed, or an emergency
    account of which was used."""
    newest = (
        select(Snapshot.server_id, func.max(Snapshot.id).label("id"))
        .where(Snapshot.state == SnapshotState.COMPLETE)
        .group_by(Snapshot.server_id)
        .subquery()
    )
    looked = exists(
        select(ServerLook.id).where(
            ServerLook.server_id == newest.c.server_id, ServerLook.snapshot_id == newest.c.id
        )
    )
    snapshots = session.scalars(select(newest.c.server_id).where(not_(looked)))
    changed = session.scalars(_changed_persons(select(KnownPerson.server_id)).distinct())
    used = {one.server_id for one in emergency_use.not_asked_about(session)}
    again = session.scalars(_to_look_at_again())
    return sorted({*snapshots, *changed, *used, *again})


def _to_look_at_again() -> AnySelect:
    """Servers with a snapshot that can tell what became of a change that was not made."""
    return (
        select(Recheck.server_id)
        .join(Snapshot, Snapshot.server_id == Recheck.server_id)
        .where(Recheck.note == "", Snapshot.state == SnapshotState.COMPLETE)
        .where(Snapshot.started_at > Recheck.wanted_at)
        .distinct()
    )


def is_to_look_again(session: Session, server_id: int) -> bool:
    """Whether this is such a server."""
    here = _to_look_at_again().where(Recheck.server_id == server_id)
    return session.scalar(here.limit(1)) is not None


def last_look(session: Session, server_id: int) -> Snapshot | None:
    """The snapshot that was looked at last."""
    query = (
        select(Snapshot)
        .join(ServerLook, ServerLook.snapshot_id == Snapshot.id)
        .where(ServerLook.server_id == server_id)
    )
    return session.scalar(query.order_by(Snapshot.id.desc()).limit(1))


def _changed_persons(query: AnySelect) -> AnySelect:
    return query.join(Person, Person.id == KnownPerson.person_id).where(
        or_(
            Person.department != KnownPerson.department,
            Person.organisation_id != KnownPerson.organisation_id,
            Person.active != KnownPerson.active,
        )
    )


def changed_persons_query(server_id: int) -> AnySelect:
    """Holders of accounts who are not what they were at the last look."""
    query = _changed_persons(select(KnownPerson.person_id))
    return query.where(KnownPerson.server_id == server_id)


def people_changed(session: Session, server_id: int) -> bool:
    """Whether there is such a holder."""
    return session.scalar(changed_persons_query(server_id).limit(1)) is not None


def people_now(server_id: int) -> AnySelect:
    """The present state of people, in the order of the columns of KnownPerson."""
    return select(
        literal(server_id), Person.id, Person.department, Person.organisation_id, Person.active
    )


def askable(session: Session, server_id: int, *, now: datetime) -> ColumnElement[bool]:
    """The condition that a grant, joined to folder and account, may be asked about: no exclusion
    leaves it out, and no running campaign asks about the same access."""
    asked = exists(
        select(Item.id)
        .join(Campaign, Campaign.id == Item.campaign_id)
        .where(
            Campaign.state == CampaignState.ACTIVE,
            Item.account_id == Grant.account_id,
            Item.folder_id == Grant.folder_id,
            Item.state.in_(ASKED),
        )
        .correlate(Grant)
    )
    known = exclusions.in_force(session, server_id, now=now)
    return and_(not_(asked), not_(exclusions.covered(known)))


def nearest(path: Any, snapshot: Snapshot) -> Any:
    """The boundary at or above a path in a snapshot: what held there held at the path."""
    over = aliased(Folder)
    above = func.substr(path, 1, func.length(over.path) + 1) == over.path.concat("/")
    return (
        select(over.id)
        .where(over.server_id == snapshot.server_id, in_snapshot(over, snapshot.id))
        .where(or_(over.path == path, over.path == "/", above))
        .order_by(func.length(over.path).desc())
        .limit(1)
        .scalar_subquery()
    )


def came(
    session: Session, old: Snapshot, new: Snapshot, may_ask: ColumnElement[bool], *, now: datetime
) -> Iterator[Came]:
    """Grants that give more than the account had in the same folder before. A folder that became
    a boundary since is compared with the one above it, so nothing is new only because somebody
    else's rights differ there now."""
    fresh = aliased(Folder)
    above = (
        select(fresh.id, nearest(fresh.path, old).label("above_id"))
        .where(fresh.server_id == new.server_id, fresh.first_snapshot_id > old.id)
        .cte("above")
        .prefix_with("MATERIALIZED")
    )
    was = aliased(Grant)
    before = func.coalesce(was.rights, 0)
    there = func.coalesce(above.c.above_id, Grant.folder_id)
    query = joined(
        select(
            Grant.id,
            Account.name,
            Folder.path,
            Grant.rights,
            before.label("before"),
            risk_column(now, Grant.rights).label("risk"),
        ).select_from(Grant)
    )
    query = (
        query.outerjoin(above, above.c.id == Grant.folder_id)
        .outerjoin(
            was,
            and_(
                was.account_id == Grant.account_id,
                was.folder_id == there,
                in_snapshot(was, old.id),
            ),
        )
        .outerjoin(Person, Person.id == Account.person_id)
        .outerjoin(Organisation, Organisation.id == Person.organisation_id)
        .where(
            Grant.server_id == new.server_id,
            Grant.first_snapshot_id > old.id,
            in_snapshot(Grant, new.id),
            Grant.rights - Grant.rights.bitwise_and(before) != 0,
            may_ask,
        )
        .order_by(Grant.id)
    )
    for row in session.execute(query.execution_options(yield_per=2000)):
        yield Came(row[0], row[1], row[2], row[3], row[4], Risk(row.risk))


def ordered_access(session: Session, server_id: int, since: datetime) -> Iterator[OrderedAccess]:
    """Access that orders of Recert granted since, with everything that their plans open: of a
    membership or an account only the plan names the folders."""
    more = Order.rights_wanted - Order.rights_wanted.bitwise_and(Order.rights_before) != 0
    gives = or_(more, Order.kind.in_((OrderKind.JOIN, OrderKind.OPEN)))
    moved = func.coalesce(Order.verified_at, Order.applied_at, Order.created_at)
    query = select(Order.account, Order.folder, Order.rights_wanted, Order.plan).where(
        Order.server_id == server_id, gives, Order.state.in_(WRITES), moved >= since
    )
    for row in session.execute(query):
        if row.folder:
            yield OrderedAccess(row.account, row.folder, row.rights_wanted)
        plan = row.plan or {}
        for cell in (*plan.get("side_effects", ()), *plan.get("gains", ())):
            yield OrderedAccess(cell["account"], cell["folder"], cell["after"])


def returned(session: Session, new: Snapshot, may_ask: ColumnElement[bool]) -> Sequence[Returned]:
    """Access that verified orders took away and that a snapshot begun later shows again. What was
    reported before is not reported again; what somebody kept since then is wanted."""
    paths = (
        select(Order.folder)
        .where(Order.server_id == new.server_id, Order.state == OrderState.VERIFIED)
        .distinct()
        .subquery()
    )
    reach = (
        select(paths.c.folder, nearest(paths.c.folder, new).label("folder_id"))
        .cte("reach")
        .prefix_with("MATERIALIZED")
    )
    took = Order.rights_before - Order.rights_before.bitwise_and(Order.rights_wanted)
    back = Grant.rights.bitwise_and(took)
    reported = exists(
        select(CameBack.order_id).where(
            CameBack.order_id == Order.id, CameBack.grant_id == Grant.id
        )
    )
    query = (
        select(
            Grant.id,
            Order.id,
            Order.account,
            Order.folder,
            back.label("rights"),
            Order.verified_at,
            may_ask.label("askable"),
        )
        .select_from(Order)
        .join(reach, reach.c.folder == Order.folder)
        .join(
            Account,
            and_(
                Account.server_id == new.server_id,
                Account.name == Order.account,
                Account.gone_snapshot_id.is_(None),
            ),
        )
        .join(Grant, and_(Grant.account_id == Account.id, Grant.folder_id == reach.c.folder_id))
        .join(Folder, Folder.id == Grant.folder_id)
        .where(
            Order.server_id == new.server_id,
            Order.state == OrderState.VERIFIED,
            Order.kind.in_([OrderKind.REVOKE, OrderKind.REDUCE]),
            Order.verified_at < new.started_at,
            Grant.gone_snapshot_id.is_(None),
            back != 0,
            not_(_undone()),
            not_(_kept_since(back)),
            not_(reported),
        )
    )
    return [Returned(*row) for row in session.execute(query)]


def _undone() -> ColumnElement[bool]:
    """Whether an undo, or any later order that gives, has been about the same."""
    later = aliased(Order)
    gives = later.rights_wanted - later.rights_wanted.bitwise_and(later.rights_before) != 0
    same = and_(
        later.server_id == Order.server_id,
        later.account == Order.account,
        later.folder == Order.folder,
        later.id > Order.id,
        gives,
    )
    return exists(
        select(later.id).where(
            or_(later.undoes_id == Order.id, same), later.state != OrderState.CANCELLED
        )
    )


def _kept_since(back: ColumnElement[int]) -> ColumnElement[bool]:
    return exists(
        select(Item.id)
        .where(
            Item.account_id == Grant.account_id,
            Item.folder_id == Grant.folder_id,
            Item.answer == Answer.KEEP,
            Item.state == ItemState.CLOSED,
            Item.decided_at > Order.verified_at,
            back - back.bitwise_and(func.coalesce(Item.answer_rights, 0)) == 0,
        )
        .correlate(Grant, Order)
    )


def turned(session: Session, server_id: int, may_ask: ColumnElement[bool]) -> Iterator[Turn]:
    """All access of the persons who are not what they were at the last look."""
    now_in, was_in = aliased(Organisation), aliased(Organisation)
    query = joined(
        select(
            Grant.id,
            Person.name,
            Person.active,
            KnownPerson.active.label("was_active"),
            Person.department,
            now_in.name.label("organisation"),
            KnownPerson.department.label("old_department"),
            was_in.name.label("old_organisation"),
        ).select_from(Grant)
    ).join(KnownPerson, KnownPerson.person_id == Account.person_id)
    query = (
        _changed_persons(query)
        .join(now_in, now_in.id == Person.organisation_id)
        .join(was_in, was_in.id == KnownPerson.organisation_id)
        .where(
            KnownPerson.server_id == server_id,
            Grant.server_id == server_id,
            Grant.gone_snapshot_id.is_(None),
            Grant.rights != 0,
            may_ask,
        )
    )
    for row in session.execute(query):
        yield Turn(row[0], row[1], row[2], row[3], (row[4], row[5]), (row[6], row[7]))


def events_of(session: Session, campaign_id: int) -> dict[Event, int]:
    """Why a micro review started: how many grants there are of each event."""
    query = select(CampaignGrant.event, func.count()).where(
        CampaignGrant.campaign_id == campaign_id
    )
    found = {row[0]: row[1] for row in session.execute(query.group_by(CampaignGrant.event))}
    return {event: found[event] for event in Event if event in found}
