"""Steps of items: guarded updates, one or many at a time, and the counters that follow them."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, select, text, update
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import rules
from recert.campaigns.models import (
    Answer,
    Campaign,
    CampaignState,
    Item,
    ItemState,
    Progress,
    Route,
)
from recert.foundation.actor import Actor, Role, system
from recert.foundation.errors import BadInput, MovedMeanwhile, NotFound
from recert.inventory.models import Account, FolderOwner, FolderRoute, Server
from recert.people.models import Person

CHAIN = (Route.OWNER, Route.SUBSTITUTE, Route.MANAGER, Route.SERVER_OWNER)


class NoSuchItem(NotFound):
    """There is no such question, or it was not asked of you."""


def take_step(session: Session, item: Item, new: ItemState, **values: Any) -> None:
    """Moves one item on, or raises StepRefused / MovedMeanwhile."""
    rules.check_item_step(item.state, new)
    here = (Item.id == item.id, Item.state == item.state, Item.version == item.version)
    moved = session.execute(update(Item).where(*here).values(state=new, **values))
    if getattr(moved, "rowcount", 0) != 1:
        raise MovedMeanwhile
    session.refresh(item)


def recount(session: Session, campaign_id: int, reviewer_id: int | None) -> None:
    """Renews the counters of one reviewer from his items."""
    mine = Item.reviewer_id == reviewer_id if reviewer_id else Item.reviewer_id.is_(None)
    here = (Item.campaign_id == campaign_id, mine)

    def amount(answer: Answer) -> ColumnElement[int]:
        return func.count(case((Item.answer == answer, 1)))

    counts = session.execute(
        select(
            func.count().label("total"),
            func.count(case((Item.state == ItemState.OPEN, 1))).label("open"),
            amount(Answer.KEEP).label("keep"),
            amount(Answer.REDUCE).label("reduce"),
            amount(Answer.REVOKE).label("revoke"),
        ).where(*here)
    ).one()
    owner = Progress.reviewer_id == reviewer_id if reviewer_id else Progress.reviewer_id.is_(None)
    values = dict(counts._mapping)
    row = session.execute(
        update(Progress).where(Progress.campaign_id == campaign_id, owner).values(**values)
    )
    if getattr(row, "rowcount", 0) == 0 and counts.total:
        session.add(Progress(campaign_id=campaign_id, reviewer_id=reviewer_id, **values))
        session.flush()


def finalise(session: Session, where: ColumnElement[bool]) -> int:
    """Answers become final: a keep closes its item, a reduce or revoke waits for its order."""
    decided = (where, Item.state == ItemState.DECIDED)
    kept = update(Item).where(*decided, Item.answer == Answer.KEEP).values(state=ItemState.CLOSED)
    acted = (
        update(Item)
        .where(*decided, Item.answer.in_([Answer.REDUCE, Answer.REVOKE]))
        .values(state=ItemState.FINAL)
    )
    return sum(int(getattr(session.execute(step), "rowcount", 0)) for step in (kept, acted))


def finalise_due(session: Session, *, now: datetime) -> int:
    """Makes final what can no longer be changed because its time is over."""
    done = 0
    for campaign in session.scalars(select(Campaign).where(Campaign.state == CampaignState.ACTIVE)):
        over = now - timedelta(minutes=campaign.undo_minutes)
        where = (
            (Item.campaign_id == campaign.id)
            & Item.answer.in_([Answer.REDUCE, Answer.REVOKE])
            & (Item.decided_at <= over)
        )
        ids = session.scalars(select(Item.id).where(where, Item.state == ItemState.DECIDED)).all()
        if not ids:
            continue
        done += finalise(session, where)
        trail.append(
            session,
            "items.final",
            f"campaign:{campaign.id}",
            {"items": list(ids), "because": f"{campaign.undo_minutes} minutes to change are over"},
            actor=system("time to change an answer"),
            at=now,
        )
    return done


def finish(session: Session, campaign: Campaign, *, actor: Actor, now: datetime) -> int:
    """A reviewer says he is done: all his answers become final at once."""
    mine = (Item.campaign_id == campaign.id) & (Item.reviewer_id == actor.person_id)
    done = finalise(session, mine)
    if actor.person_id is None:
        raise NoSuchItem
    session.execute(
        update(Progress)
        .where(Progress.campaign_id == campaign.id, Progress.reviewer_id == actor.person_id)
        .values(finished_at=now)
    )
    details = {"answers": done}
    trail.append(
        session, "review.finished", f"campaign:{campaign.id}", details, actor=actor, at=now
    )
    return done


def close_silent(session: Session, campaign_id: int) -> int:
    """Closes what nobody answered: kept, as an exception, by policy."""
    silent = (
        update(Item)
        .where(Item.campaign_id == campaign_id, Item.state == ItemState.OPEN)
        .values(
            state=ItemState.CLOSED,
            answer=Answer.NO_ANSWER,
            outcome="Nobody answered. Kept by policy and listed as an exception.",
        )
    )
    return int(getattr(session.execute(silent), "rowcount", 0))


def pass_on(session: Session, item: Item) -> None:
    """Gives an item to the next in its chain, in the end to the compliance queue."""
    row = session.execute(
        select(
            FolderOwner.person_id.label("owner"),
            FolderOwner.substitute_id.label("substitute"),
            Person.manager_id.label("manager"),
            Server.owner_id.label("server_owner"),
            Account.person_id.label("holder"),
        )
        .select_from(Item)
        .join(Server, Server.id == Item.server_id)
        .join(Account, Account.id == Item.account_id)
        .outerjoin(FolderRoute, FolderRoute.folder_id == Item.folder_id)
        .outerjoin(FolderOwner, FolderOwner.id == FolderRoute.folder_owner_id)
        .outerjoin(Person, Person.id == FolderOwner.person_id)
        .where(Item.id == item.id)
    ).one()
    steps = (row.owner, row.substitute, row.manager, row.server_owner)
    start = CHAIN.index(item.route) + 1 if item.route in CHAIN else len(CHAIN)
    new: tuple[int | None, Route] = (None, Route.QUEUE)
    for route, person_id in list(zip(CHAIN, steps, strict=True))[start:]:
        person = session.get(Person, person_id) if person_id else None
        if person and person.active and person.id not in (item.reviewer_id, row.holder):
            new = (person.id, route)
            break
    _give(session, item, *new)


def reassign(
    session: Session, item: Item, reviewer: Person, reason: str, *, actor: Actor, now: datetime
) -> None:
    """An officer gives an undecided item to somebody else, with a reason."""
    actor.require(Role.OFFICER)
    if not reason.strip():
        raise BadInput("Say why the question goes to somebody else.")
    holder = session.scalar(select(Account.person_id).where(Account.id == item.account_id))
    if not reviewer.active or reviewer.id == holder:
        raise BadInput(f"{reviewer.name} cannot answer: it is his own account, or he has left.")
    details = {"to": reviewer.email, "reason": reason.strip()}
    _give(session, item, reviewer.id, Route.REASSIGNED)
    trail.append(session, "item.reassigned", item.ref, details, actor=actor, at=now)


def _give(session: Session, item: Item, reviewer_id: int | None, route: Route) -> None:
    before = item.reviewer_id
    here = (Item.id == item.id, Item.state == ItemState.OPEN, Item.version == item.version)
    moved = session.execute(update(Item).where(*here).values(reviewer_id=reviewer_id, route=route))
    if getattr(moved, "rowcount", 0) != 1:
        raise MovedMeanwhile
    session.refresh(item)
    recount(session, item.campaign_id, before)
    recount(session, item.campaign_id, reviewer_id)


_CHANGED = """
SELECT i.id, i.campaign_id, i.reviewer_id, n.id AS new_grant, n.rights, n.content_hash
FROM item i
JOIN campaign c ON c.id = i.campaign_id AND c.state = 'active'
JOIN access_grant g ON g.id = i.grant_id AND g.gone_snapshot_id IS NOT NULL
LEFT JOIN access_grant n ON n.account_id = i.account_id AND n.folder_id = i.folder_id
     AND n.gone_snapshot_id IS NULL
WHERE i.state IN ('open', 'decided')
"""


def refresh(session: Session, *, now: datetime) -> int:
    """After a new snapshot: an item whose access changed asks again, one whose access is gone
    says so. How many were touched."""
    touched = set()
    rows = session.execute(text(_CHANGED)).all()
    for row in rows:
        gone = row.new_grant is None
        values: dict[str, Any] = (
            {"state": ItemState.GONE, "outcome": "Gone before it was decided."}
            if gone
            else {
                "state": ItemState.OPEN,
                "grant_id": row.new_grant,
                "rights": row.rights,
                "content_hash": row.content_hash,
                "outcome": "The access changed after it was asked about.",
            }
        )
        session.execute(
            update(Item)
            .where(Item.id == row.id)
            .values(answer=None, answer_rights=None, decided_at=None, **values)
        )
        touched.add((row.campaign_id, row.reviewer_id))
    for campaign_id, reviewer_id in touched:
        recount(session, campaign_id, reviewer_id)
    if rows:
        ids = {"gone": [r.id for r in rows if r.new_grant is None]}
        ids["asked_again"] = [r.id for r in rows if r.new_grant is not None]
        trail.append(session, "items.refreshed", "items", ids, actor=system("new snapshot"), at=now)
    return len(rows)
