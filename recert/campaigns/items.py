"""Steps of items: guarded updates, one or many at a time, and the counters that follow them.

Who moves one item holds its campaign together with others; who moves many holds it alone. So a
deadline never overtakes an answer that is being saved, and no answer slips in behind it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import rules
from recert.campaigns.models import (
    Answer,
    Campaign,
    CampaignState,
    Item,
    ItemState,
    Occurrence,
    Progress,
    Route,
)
from recert.foundation.actor import Actor, Role, system
from recert.foundation.db import AnyRow
from recert.foundation.errors import BadInput, MovedMeanwhile, NotFound
from recert.inventory import queries as inventory
from recert.inventory.models import Account, Folder, FolderOwner, FolderRoute, Grant, Server
from recert.people.models import Person

CHAIN = (Route.OWNER, Route.SUBSTITUTE, Route.MANAGER, Route.SERVER_OWNER)


class NoSuchItem(NotFound):
    """There is no such question, or it was not asked of you."""


def hold(session: Session, campaign_id: int, *, alone: bool = False) -> Campaign:
    """The campaign as it is now, which nobody moves on before this transaction ends."""
    query = select(Campaign).where(Campaign.id == campaign_id)
    query = query.with_for_update(read=not alone, key_share=alone)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def take_slot(session: Session, campaign_id: int, slot: str, now: datetime) -> bool:
    """True for the first who asks: what must happen once, happens once."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    taken = session.execute(
        dialect.insert(Occurrence)
        .values(campaign_id=campaign_id, slot=slot, at=now)
        .on_conflict_do_nothing()
        .returning(Occurrence.id)
    )
    return taken.scalar_one_or_none() is not None


def is_taken(session: Session, campaign_id: int, slot: str) -> bool:
    """Whether somebody took this slot before."""
    here = (Occurrence.campaign_id == campaign_id, Occurrence.slot == slot)
    return session.scalar(select(Occurrence.id).where(*here)) is not None


def refresh_slot(snapshots: Iterable[int]) -> str:
    """The slot of one comparison with the newest snapshots of a campaign's servers."""
    return "compared with snapshots " + ",".join(map(str, snapshots))


def take_step(session: Session, item: Item, new: ItemState, **values: Any) -> None:
    """Moves one item on, or raises StepRefused / MovedMeanwhile."""
    rules.check_item_step(item.state, new)
    here = (Item.id == item.id, Item.state == item.state, Item.version == item.version)
    moved = session.execute(update(Item).where(*here).values(state=new, **values))
    if getattr(moved, "rowcount", 0) != 1:
        raise MovedMeanwhile
    session.refresh(item)


def recount(session: Session, campaign_id: int, *reviewer_ids: int | None) -> None:
    """Renews the counters of some reviewers from their items, always in the same order, so that
    two who give each other an item do not wait for each other."""
    for reviewer_id in sorted(set(reviewer_ids), key=lambda number: number or 0):
        _recount(session, campaign_id, reviewer_id)


def _recount(session: Session, campaign_id: int, reviewer_id: int | None) -> None:
    counter = _counter(session, campaign_id, reviewer_id)
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
    session.execute(update(Progress).where(Progress.id == counter).values(**dict(counts._mapping)))


def _counter(session: Session, campaign_id: int, reviewer_id: int | None) -> int:
    """The number of the counter row, held until the end: whoever counts next sees our items. The
    compliance queue has its row since the launch."""
    if reviewer_id:
        dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
        empty = dict.fromkeys(("total", "open", "keep", "reduce", "revoke"), 0)
        row = {"campaign_id": campaign_id, "reviewer_id": reviewer_id, **empty}
        session.execute(dialect.insert(Progress).values(**row).on_conflict_do_nothing())
    owner = Progress.reviewer_id == reviewer_id if reviewer_id else Progress.reviewer_id.is_(None)
    here = (Progress.campaign_id == campaign_id, owner)
    return session.scalars(select(Progress.id).where(*here).with_for_update()).one()


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
    active = select(Campaign).where(Campaign.state == CampaignState.ACTIVE).order_by(Campaign.id)
    done = {
        campaign: ids
        for campaign in session.scalars(active).all()
        if (ids := _finalise_old(session, campaign, now))
    }
    for campaign, ids in done.items():  # the trail comes last: who holds it waits for nobody
        trail.append(
            session,
            "items.final",
            f"campaign:{campaign.id}",
            {"items": ids, "because": f"{campaign.undo_minutes} minutes to change are over"},
            actor=system("time to change an answer"),
            at=now,
        )
    return sum(len(ids) for ids in done.values())


def _finalise_old(session: Session, campaign: Campaign, now: datetime) -> list[int]:
    where = (
        (Item.campaign_id == campaign.id)
        & Item.answer.in_([Answer.REDUCE, Answer.REVOKE])
        & (Item.decided_at <= now - timedelta(minutes=campaign.undo_minutes))
    )
    old = select(Item.id).where(where, Item.state == ItemState.DECIDED).order_by(Item.id)
    if not session.scalar(old.limit(1)):
        return []
    if hold(session, campaign.id, alone=True).state is not CampaignState.ACTIVE:
        return []
    ids = list(session.scalars(old))
    finalise(session, where)
    return ids


def finish(session: Session, campaign: Campaign, *, actor: Actor, now: datetime) -> int:
    """A reviewer says he is done: all his answers become final at once."""
    if actor.person_id is None:
        raise NoSuchItem
    rules.check_running(hold(session, campaign.id, alone=True).state)
    mine = (Progress.campaign_id == campaign.id, Progress.reviewer_id == actor.person_id)
    said = session.execute(
        update(Progress).where(*mine, Progress.total > 0).values(finished_at=now)
    )
    if getattr(said, "rowcount", 0) != 1:
        raise NoSuchItem
    done = finalise(
        session, (Item.campaign_id == campaign.id) & (Item.reviewer_id == actor.person_id)
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
    passed = {item.reviewer_id, row.holder, *steps[:start]}  # nobody is asked a second time
    for route, person_id in list(zip(CHAIN, steps, strict=True))[start:]:
        person = session.get(Person, person_id) if person_id else None
        if person and person.active and person.id not in passed:
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
    rules.check_running(hold(session, item.campaign_id).state)
    holder = session.scalar(select(Account.person_id).where(Account.id == item.account_id))
    if not reviewer.active or reviewer.id == holder:
        raise BadInput(f"{reviewer.name} cannot answer: it is his own account, or he has left.")
    if reviewer.email == actor.name:
        raise BadInput("Nobody gives a question to himself. Choose somebody else.")
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
    recount(session, item.campaign_id, before, reviewer_id)


_CHANGED = """
SELECT i.id, i.reviewer_id, i.state, i.account_id, i.content_hash AS asked,
       f.server_id, f.path, f.gone_snapshot_id AS boundary_gone,
       a.gone_snapshot_id AS account_gone,
       n.id AS new_grant, n.rights, n.content_hash
FROM item i
JOIN access_grant g ON g.id = i.grant_id AND g.gone_snapshot_id IS NOT NULL
JOIN folder f ON f.id = i.folder_id
JOIN account a ON a.id = i.account_id
LEFT JOIN access_grant n ON n.account_id = i.account_id AND n.folder_id = i.folder_id
     AND n.gone_snapshot_id IS NULL AND n.rights <> 0
WHERE i.campaign_id = :campaign AND i.state IN ('open', 'decided', 'gone before decision')
ORDER BY i.id
"""


def refresh(session: Session, *, now: datetime) -> int:
    """After a new snapshot: an item whose access changed (or came back) asks again, one whose
    access is gone says so. How many were touched. Each snapshot is looked at once."""
    active = select(Campaign).where(Campaign.state == CampaignState.ACTIVE).order_by(Campaign.id)
    touched = {}
    for campaign in session.scalars(active).all():
        newest = [inventory.last_complete(session, number) for number in campaign.server_ids]
        seen = refresh_slot(snapshot.id for snapshot in newest if snapshot)
        if is_taken(session, campaign.id, seen) or not take_slot(session, campaign.id, seen, now):
            continue
        if hold(session, campaign.id, alone=True).state is CampaignState.ACTIVE:
            touched[campaign.id] = _refresh(session, campaign.id)
    for campaign_id, ids in touched.items():
        if any(ids.values()):
            subject, actor = f"campaign:{campaign_id}", system("new snapshot")
            trail.append(session, "items.refreshed", subject, ids, actor=actor, at=now)
    return sum(len(numbers) for ids in touched.values() for numbers in ids.values())


def _refresh(session: Session, campaign_id: int) -> dict[str, list[int]]:
    ids: dict[str, list[int]] = {"gone": [], "asked_again": []}
    reviewers = set()
    for row in session.execute(text(_CHANGED), {"campaign": campaign_id}).all():
        values = _new_facts(session, row)
        if values is None:
            continue
        values.update(answer=None, answer_rights=None, decided_at=None)
        session.execute(update(Item).where(Item.id == row.id).values(**values))
        ids["gone" if values["state"] is ItemState.GONE else "asked_again"].append(row.id)
        reviewers.add(row.reviewer_id)
    recount(session, campaign_id, *reviewers)
    return ids


def _new_facts(session: Session, row: AnyRow) -> dict[str, Any] | None:
    """What an item must say now; None when it says so already."""
    values: dict[str, Any] = {"state": ItemState.OPEN}
    found = row if row.new_grant else _inherited(session, row)
    if found is None:
        gone = {"state": ItemState.GONE, "outcome": "Gone before it was decided."}
        return None if row.state == ItemState.GONE else gone
    if row.new_grant:
        values["grant_id"] = row.new_grant
        values["outcome"] = "The access changed after it was asked about."
    elif found.content_hash == row.asked and row.state != ItemState.GONE:
        return None
    else:
        values["outcome"] = "The access here is now the one of the folder above."
    return {**values, "rights": found.rights, "content_hash": found.content_hash}


def _inherited(session: Session, row: AnyRow) -> AnyRow | None:
    """What the account has in a folder that is no boundary any more: the same as in the nearest
    one above it. None when it has nothing there."""
    if row.boundary_gone is None or row.account_gone is not None:
        return None
    above = [row.path[:at] or "/" for at, letter in enumerate(row.path) if letter == "/"]
    nearest = (
        select(Folder.id)
        .where(
            Folder.server_id == row.server_id,
            Folder.gone_snapshot_id.is_(None),
            Folder.path.in_(above),
        )
        .order_by(func.length(Folder.path).desc())
        .limit(1)
    )
    return session.execute(
        select(Grant.rights, Grant.content_hash).where(
            Grant.folder_id == nearest.scalar_subquery(),
            Grant.account_id == row.account_id,
            Grant.gone_snapshot_id.is_(None),
            Grant.rights != 0,
        )
    ).one_or_none()
