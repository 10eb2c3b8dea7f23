"""While a campaign runs, people leave, owners change and somebody goes on leave: undecided items
follow. What is decided stays with whoever decided it."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Subquery,
    and_,
    cast,
    exists,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from recert import trail
from recert.campaigns import states
from recert.campaigns.models import Campaign, CampaignState, Item, ItemState, Route
from recert.campaigns.once import is_marked, is_taken, mark, take_slot
from recert.campaigns.progress import recount_reviewers
from recert.campaigns.progress_models import Progress
from recert.campaigns.reviewer_record import Watch
from recert.campaigns.reviewing.models import Delegation
from recert.campaigns.reviewing.reassignment import CHAIN
from recert.campaigns.setup import conflicts_of_interest, routing
from recert.campaigns.setup.subjects.registry import kind_of
from recert.campaigns.transitions import hold
from recert.foundation.actor import system
from recert.foundation.db import AnyRow, AnySelect, Database
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.inventory.models import Account, Folder, Server
from recert.people.models import Person
from recert.trail.actions import Action
from recert.trail.queries import newest_of

# What is written to the trail when people, owners or the accounts of people change.
CHANGES = (
    Action.PEOPLE_IMPORTED,
    Action.PERSON_LEFT,
    Action.OWNERS_IMPORTED,
    Action.OWNER_CHANGED,
    Action.SNAPSHOT_TAKEN,
    Action.ACCOUNTS_JOINED,
)
MANAGERS, COMPLIANCE = "escalated to managers", "escalated to the compliance queue"
NOBODY = cast(null(), Integer)
ACTOR = system("who is asked")
TO_MANAGER, TO_QUEUE = timedelta(days=3), timedelta(days=7)  # after the due date


def follow_due(db: Database, *, now: datetime) -> int:
    """Gives undecided items of running campaigns to whoever must answer them now, each campaign
    in a transaction of its own; how many. Nothing is written where nothing has to move."""
    with db.reading() as session:
        active = select(Campaign).where(Campaign.state == CampaignState.ACTIVE)
        due = [
            one.id
            for one in session.scalars(active.order_by(Campaign.id))
            if _is_due(session, one, now)
        ]
    moved = 0
    for number in due:
        with db.transaction() as session:
            moved += follow_in(session, number, now=now)
    return moved


def follow_people(session: Session, *, now: datetime) -> int:
    """The items of all running campaigns in one transaction."""
    active = select(Campaign.id).where(Campaign.state == CampaignState.ACTIVE).order_by(Campaign.id)
    return sum(follow_in(session, number, now=now) for number in session.scalars(active).all())


def _is_due(session: Session, campaign: Campaign, now: datetime) -> bool:
    """Whether a step would move something: people changed, a delegation begins or ends, or it is
    time to escalate."""
    newest = str(newest_of(session, CHANGES))
    if not is_marked(session, campaign.id, "people", newest):
        return True
    for wait, slot in ((TO_MANAGER, MANAGERS), (TO_QUEUE, COMPLIANCE)):
        once = states.slot_after(campaign.extensions, slot)
        if now >= campaign.due_at + wait and not is_taken(session, campaign.id, once):
            return True
    steps = (_back(now), _left(campaign.id), _delegated(now))
    return any(_moves(session, campaign, query, limit=1) for query in steps)


def follow_in(session: Session, campaign_id: int, *, now: datetime) -> int:
    """The same for one campaign."""
    campaign = hold(session, campaign_id, alone=True)
    if campaign.state is not CampaignState.ACTIVE:
        return 0
    steps = [
        ("the delegation is over", _back(now)),
        ("the reviewer has left", _left(campaign_id)),
        ("delegated", _delegated(now)),
    ]
    if _is_news(session, campaign_id, now):
        others = kind_of(campaign.about).chains()
        chains = [_untouched(query) for query in others] or [_along_the_chain()]
        steps[1:1] = [("owners or people changed", query) for query in chains]
    for wait, slot, query in (
        (TO_MANAGER, MANAGERS, _to_manager()),
        (TO_QUEUE, COMPLIANCE, _to_queue()),
    ):
        once = states.slot_after(campaign.extensions, slot)
        if now >= campaign.due_at + wait and take_slot(session, campaign_id, once, now):
            steps.append((slot, query))
    return sum(_move(session, campaign, why, query, now=now) for why, query in steps)


def _is_news(session: Session, campaign_id: int, now: datetime) -> bool:
    """Whether people, owners or accounts changed since this was last asked: walking through all
    open items on each tick would be a waste."""
    newest = newest_of(session, CHANGES)
    return mark(session, campaign_id, "people", str(newest), now)


def _move(
    session: Session, campaign: Campaign, why: str, wanted: AnySelect, *, now: datetime
) -> int:
    """Carries one step out. `wanted` selects open items with `reviewer_id`, `route` and
    `from_id` as they shall be."""
    new = _as_wanted(campaign, wanted)
    moves = _moves(session, campaign, wanted)
    if not moves:
        return 0
    watch = Watch(session, campaign.id, [one.id for one in moves])
    changed = and_(Item.id == new.c.id, new.c.reviewer_id.is_distinct_from(new.c.before))
    session.execute(
        update(Item)
        .where(changed)
        .values(reviewer_id=new.c.reviewer_id, route=new.c.route, from_id=new.c.from_id)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()
    recount_reviewers(
        session, campaign.id, *{one.before for one in moves}, *{one.reviewer_id for one in moves}
    )
    conflicts_of_interest.mark(session, campaign.id)
    counts = Counter((one.before, one.reviewer_id) for one in moves)
    details = {
        "because": why,
        "from_to_count": sorted(([*pair, count] for pair, count in counts.items()), key=str),
        "items": [one.id for one in moves],
        "moved": watch.moved(),
    }
    trail.append(session, Action.ITEMS_REROUTED, campaign.ref, details, actor=ACTOR, at=now)
    return len(moves)


def _as_wanted(campaign: Campaign, wanted: AnySelect) -> Subquery:
    open_items = wanted.add_columns(Item.reviewer_id.label("before")).where(
        Item.campaign_id == campaign.id, Item.state == ItemState.OPEN
    )
    return open_items.subquery()


def _moves(
    session: Session, campaign: Campaign, wanted: AnySelect, limit: int | None = None
) -> Sequence[AnyRow]:
    """The open items that have another reviewer than they shall have."""
    new = _as_wanted(campaign, wanted)
    query = select(new).where(new.c.reviewer_id.is_distinct_from(new.c.before))
    return session.execute(query.limit(limit)).all()


def _item(*columns: ColumnElement[Any]) -> AnySelect:
    return select(Item.id, *columns).outerjoin(Account, Account.id == Item.account_id)


def _may(person: type[Person]) -> ColumnElement[bool]:
    other = or_(Account.person_id.is_(None), Account.person_id != person.id)
    return and_(person.active, other, ~routing.is_candidate(person.id))


def _in_force(now: datetime, delegation: type[Delegation] = Delegation) -> ColumnElement[bool]:
    return and_(
        delegation.starts_at <= now, delegation.ends_at > now, delegation.ended_at.is_(None)
    )


def _delegated(now: datetime) -> AnySelect:
    """A delegate gets what their principal is asked, but nothing about themselves. What the
    principal holds as a stand-in goes on as well, once."""
    delegate = aliased(Person)
    return (
        _item(
            Delegation.to_id.label("reviewer_id"),
            literal(Route.DELEGATED.value).label("route"),
            func.coalesce(Item.from_id, Item.reviewer_id).label("from_id"),
        )
        .join(Delegation, Delegation.from_id == Item.reviewer_id)
        .join(delegate, delegate.id == Delegation.to_id)
        .where(_in_force(now), _may(delegate))
        .where(or_(Item.route != Route.DELEGATED, _stands_in(now)))
        .where(Item.from_id.is_distinct_from(delegate.id))  # who was asked first is away
    )


def _stands_in(now: datetime) -> ColumnElement[bool]:
    """The reviewer of an item stands in for whoever was asked first, and is here."""
    delegate, delegation = aliased(Person), aliased(Delegation)
    return exists(
        select(delegation.id)
        .join(delegate, delegate.id == delegation.to_id)
        .where(
            delegation.from_id == Item.from_id,
            delegation.to_id == Item.reviewer_id,
            _in_force(now, delegation),
            delegate.active,
        )
        .correlate(Item)
    )


def _stands_in_for_a_stand_in(now: datetime) -> ColumnElement[bool]:
    """The reviewer of an item stands in for somebody who stands in for whoever was asked first."""
    delegate, first, second = aliased(Person), aliased(Delegation), aliased(Delegation)
    return exists(
        select(first.id)
        .join(second, second.from_id == first.to_id)
        .join(delegate, delegate.id == second.to_id)
        .where(
            first.from_id == Item.from_id,
            second.to_id == Item.reviewer_id,
            _in_force(now, first),
            _in_force(now, second),
            delegate.active,
        )
        .correlate(Item)
    )


def _back(now: datetime) -> AnySelect:
    """What was delegated goes back when the time is over or the delegate has left."""
    still = or_(_stands_in(now), _stands_in_for_a_stand_in(now))
    delegates = select(Delegation.to_id).distinct()
    return _item(
        Item.from_id.label("reviewer_id"),
        literal(Route.REASSIGNED.value).label("route"),
        NOBODY.label("from_id"),
    ).where(Item.reviewer_id.in_(delegates), Item.route == Route.DELEGATED, not_(still))


def _along_the_chain() -> AnySelect:
    """Items that nobody touched follow their folder's owner. The conditions are those of the
    launch."""
    columns = select(Item.id, NOBODY.label("from_id"))
    query = (
        columns.select_from(Item)
        .join(Account, Account.id == Item.account_id)
        .join(Folder, Folder.id == Item.folder_id)
        .join(Server, Server.id == Item.server_id)
    )
    return _untouched(routing.routed(query))


def _untouched(query: AnySelect) -> AnySelect:
    return query.where(Item.version == 0, Item.stage == 1, Item.route.in_([*CHAIN, Route.QUEUE]))


def _left(campaign_id: int) -> AnySelect:
    """Whoever got an item by hand and has left: the compliance queue finds somebody."""
    gone = (
        select(Progress.reviewer_id)
        .join(Person, Person.id == Progress.reviewer_id)
        .where(Progress.campaign_id == campaign_id, Progress.open > 0, Person.active.is_(False))
    )
    return _item(*_queue()).where(Item.reviewer_id.in_(gone))


def _queue() -> tuple[ColumnElement[Any], ...]:
    return (
        NOBODY.label("reviewer_id"),
        literal(Route.QUEUE.value).label("route"),
        NOBODY.label("from_id"),
    )


def _to_manager() -> AnySelect:
    """Overdue: the manager of whoever was asked first is asked, not that of a stand-in."""
    reviewer, manager = aliased(Person), aliased(Person)
    return (
        _item(
            manager.id.label("reviewer_id"),
            literal(Route.ESCALATED.value).label("route"),
            NOBODY.label("from_id"),
        )
        .join(reviewer, reviewer.id == func.coalesce(Item.from_id, Item.reviewer_id))
        .join(manager, manager.id == reviewer.manager_id)
        .where(_may(manager))
    )


def _to_queue() -> AnySelect:
    """Long overdue: the compliance officers find somebody."""
    return _item(*_queue()).where(Item.reviewer_id.is_not(None))


@job(Phase.REVIEWERS, 1, lock="reviewers")
def reroute_items(context: JobContext) -> int:
    """Gives undecided items to whoever must answer them now."""
    return follow_due(context.db, now=context.now())
