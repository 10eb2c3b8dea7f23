"""Steps of items: guarded updates, one or many at a time, and the counters that follow them.

Who moves one item holds its campaign together with others; who moves many holds it alone. So a
deadline never overtakes an answer that is being saved, and no answer slips in behind it.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Update,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from recert import trail
from recert.campaigns import rules, second_word
from recert.campaigns.board_models import Mark
from recert.campaigns.models import (
    Answer,
    Campaign,
    CampaignState,
    Item,
    ItemState,
    Occurrence,
    Progress,
)
from recert.foundation.actor import Actor, system
from recert.foundation.db import AnySelect
from recert.foundation.errors import MovedMeanwhile, NotFound
from recert.foundation.statements import run

LAST_LETTER = "\U0010ffff"


class NoSuchItem(NotFound):
    """There is no such question, or it was not asked of you."""


def hold(session: Session, campaign_id: int, *, alone: bool = False) -> Campaign:
    """The campaign as it is now, which nobody moves on before this transaction ends."""
    return session.scalars(_held_campaign(alone), {"campaign": campaign_id}).one()


def hold_of(session: Session, item_id: int) -> Campaign:
    """The campaign that asks a question, held as `hold` does, or NoSuchItem."""
    campaign = session.scalars(_held_campaign_of(), {"item": item_id}).one_or_none()
    if campaign is None:
        raise NoSuchItem
    return campaign


@cache
def _held_campaign_of() -> Select[Campaign]:
    query = select(Campaign).join(Item, Item.campaign_id == Campaign.id)
    query = query.where(Item.id == bindparam("item")).with_for_update(read=True, of=Campaign)
    return query.execution_options(populate_existing=True)


@cache
def _held_campaign(alone: bool) -> Select[Campaign]:
    query = select(Campaign).where(Campaign.id == bindparam("campaign"))
    query = query.with_for_update(read=not alone, key_share=alone)
    return query.execution_options(populate_existing=True)


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


def taken_slots(session: Session, campaign_id: int, *beginnings: str) -> set[str]:
    """The slots that were taken and begin with one of these texts; an index finds them."""
    ranges = [
        and_(Occurrence.slot >= text, Occurrence.slot < f"{text}{LAST_LETTER}")
        for text in beginnings
    ]
    query = select(Occurrence.slot).where(Occurrence.campaign_id == campaign_id, or_(*ranges))
    return set(session.scalars(query))


def is_marked(session: Session, campaign_id: int, kind: str, value: str) -> bool:
    """Whether something was looked at for a campaign up to exactly here."""
    here = (Mark.campaign_id == campaign_id, Mark.kind == kind, Mark.value == value)
    return session.scalar(select(Mark.kind).where(*here)) is not None


def mark(session: Session, campaign_id: int, kind: str, value: str, now: datetime) -> bool:
    """Notes up to where something was looked at; False when it stood there already."""
    if is_marked(session, campaign_id, kind, value):
        return False
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    row = {"campaign_id": campaign_id, "kind": kind, "value": value, "at": now}
    made = dialect.insert(Mark).values(**row)
    renewed = made.on_conflict_do_update(
        index_elements=["campaign_id", "kind"],
        set_={"value": value, "at": now},
        where=Mark.value != value,
    )
    return session.execute(renewed.returning(Mark.kind)).scalar_one_or_none() is not None


def take_step(session: Session, item: Item, new: ItemState, **values: Any) -> None:
    """Moves one item on, or raises StepRefused / MovedMeanwhile."""
    _take_step(session, item, new, values)
    session.refresh(item)


def take_step_of_held(session: Session, item: Item, new: ItemState, **values: Any) -> None:
    """As `take_step`, for an item that this transaction loaded for update: nobody else can have
    changed it, so it is not read again. `values` are plain ones, no expressions."""
    _take_step(session, item, new, values)
    for name, value in {"state": new, **values}.items():
        set_committed_value(item, name, value)


def _take_step(session: Session, item: Item, new: ItemState, values: dict[str, Any]) -> None:
    rules.check_item_step(item.state, new)
    here = {"here_id": item.id, "here_state": item.state, "here_version": item.version}
    moved = run(session, _step(), {**here, "state": new, **values})
    if moved.rowcount != 1:
        raise MovedMeanwhile


@cache
def _step() -> Update:
    """What it sets are the other parameters that it is run with."""
    table: Any = Item.__table__
    return update(table).where(
        table.c.id == bindparam("here_id"),
        table.c.state == bindparam("here_state"),
        table.c.version == bindparam("here_version"),
    )


def recount(session: Session, campaign_id: int, *reviewer_ids: int | None) -> None:
    """Renews the counters of some reviewers from their items, always in the same order, so that
    two who give each other an item do not wait for each other."""
    for reviewer_id in sorted(set(reviewer_ids), key=lambda number: number or 0):
        _recount(session, campaign_id, reviewer_id)


def _recount(session: Session, campaign_id: int, reviewer_id: int | None) -> None:
    counter = _counter(session, campaign_id, reviewer_id)
    asked = {"campaign": campaign_id, "reviewer": reviewer_id}
    counts = run(session, _counts(reviewer_id is None), asked).one()
    run(session, _renewed(), {"counter": counter, **_named(dict(counts._mapping))})


@cache
def _counts(is_queue: bool) -> AnySelect:
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
def _renewed() -> Update:
    names = ("total", "open", "keep", "reduce", "revoke")
    new = {name: bindparam(f"new_{name}", type_=Integer) for name in names}
    table = Progress.__table__
    fewer = case((table.c.told > new["total"], new["total"]), else_=table.c.told)
    return update(table).where(table.c.id == bindparam("counter")).values(**new, told=fewer)  # type: ignore[arg-type]


def _named(counts: dict[str, int]) -> dict[str, int]:
    return {f"new_{name}": count for name, count in counts.items()}


def _counter(session: Session, campaign_id: int, reviewer_id: int | None) -> int:
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


def finalise(
    session: Session, campaign: Campaign, where: ColumnElement[bool], *, now: datetime
) -> int:
    """Answers become final: a keep closes its item, a reduce or revoke waits for its order. In a
    campaign with stages both wait for the next one. A keep that needs a second person stays."""
    decided = (where, Item.state == ItemState.DECIDED)
    if campaign.stages:
        waits = update(Item).where(*decided).values(state=ItemState.BETWEEN_STAGES)
        return int(getattr(session.execute(waits), "rowcount", 0))
    alone = second_word.needs_second(campaign, now)
    kept = update(Item).where(*decided, Item.answer == Answer.KEEP, ~alone)
    kept = kept.values(state=ItemState.CLOSED).execution_options(synchronize_session=False)
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
    finalise(session, campaign, where, now=now)
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
    mine_here = (Item.campaign_id == campaign.id) & (Item.reviewer_id == actor.person_id)
    done = finalise(session, campaign, mine_here, now=now)
    details = {"answers": done}
    trail.append(
        session, "review.finished", f"campaign:{campaign.id}", details, actor=actor, at=now
    )
    return done


def digest_of_answers(rows: Iterable[tuple[int, int, int | None]]) -> tuple[int, str]:
    """How many items there are, and the hash of their numbers with what was answered: version and
    rights that remain. An approval of these is none of another answer."""
    hashed, count = hashlib.sha256(), 0
    for number, version, remaining in rows:
        hashed.update(f"{number} {version} {remaining or 0}\n".encode())
        count += 1
    return count, hashed.hexdigest()


def digest_of(ids: Iterable[int]) -> tuple[int, str]:
    """How many numbers there are, and the hash of all of them, one a line."""
    seen, count = hashlib.sha256(), 0
    for number in ids:
        seen.update(b"%d\n" % number)
        count += 1
    return count, seen.hexdigest()
