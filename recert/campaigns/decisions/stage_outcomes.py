"""Answers of one stage go on to the next, and are counted together after the last.

Pulled by a tick: whoever makes an answer final only marks it as waiting here. Set statements, one
transaction and a few trail entries per campaign. Where the votes differ, what counts is a decision
of the rule, never of a person.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session, aliased

from recert import trail
from recert.campaigns import once, progress, transitions
from recert.campaigns.decisions import finalisation
from recert.campaigns.decisions.models import Decision, DecisionContent, insert_decisions
from recert.campaigns.models import (
    Answer,
    Campaign,
    CampaignState,
    Item,
    ItemState,
    Route,
)
from recert.campaigns.reviewer_record import Watch
from recert.campaigns.setup import conflicts_of_interest, routing
from recert.campaigns.setup.routing import NOBODY
from recert.campaigns.setup.stages import Sees, Stage, Stages, Vote, Who
from recert.campaigns.setup.subjects.registry import kind_of
from recert.connectors import rights
from recert.foundation import secrets
from recert.foundation.actor import system
from recert.foundation.db import AnySelect, Database
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.inventory.models import Account, Server
from recert.people.models import Person
from recert.trail.act import Act
from recert.trail.actions import Action

ACTOR = system("stages of a review")
TOO_LATE = "Answered too late for the look that should have followed."
REMOVES = (Answer.REVOKE, Answer.REDUCE)
_ANSWER_TEXTS = (
    (Item.answer == Answer.KEEP, "kept it"),
    (Item.answer == Answer.REDUCE, "reduced it"),
    (Item.answer == Answer.REVOKE, "removed it"),
)


def move_on(db: Database, *, now: datetime) -> int:
    """Ends stages whose time is over and takes every waiting answer on; how many moved."""
    with db.reading() as session:
        running = select(Campaign.id, Campaign.stages).where(Campaign.state == CampaignState.ACTIVE)
        staged = [row.id for row in session.execute(running) if row.stages]
    moved = 0
    for number in sorted(staged):
        with db.transaction() as session:
            campaign = transitions.hold(session, number, alone=True)
            if campaign.state is CampaignState.ACTIVE:
                _end_stages(session, campaign, now)
                moved += _take_on(session, campaign, now)
    return moved


def settle_all(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Before a close: what waits for another look is counted with the answers there are. A later
    stage that did not answer leaves the answer of the one before, with two exceptions that count as
    not answered: an answer that came too late for the look that should have followed, and a keep
    of high risk by a reviewer with a conflict of interest that nobody else looked at."""
    if not campaign.stages:
        return
    _withdraw_unseen(session, campaign, now)
    finalisation.finalise(session, campaign, Item.campaign_id == campaign.id, now=now)
    carried = (Item.campaign_id == campaign.id, Item.carried_answer.is_not(None))
    _wait(session, ItemState.OPEN, *carried, ~finalisation.carried_alone(campaign, now))
    _settle(session, campaign, now)


def _withdraw_unseen(session: Session, campaign: Campaign, now: datetime) -> None:
    """Late answers of a stage whose next look cannot happen any more are open again: nothing gets
    past a look that the review promises."""
    stages = Stages.of(campaign.stages)
    for number, following in enumerate(stages.later, start=1):
        here = (Item.campaign_id == campaign.id, Item.stage == number, _goes_to(following))
        waits = Item.state.in_([ItemState.DECIDED, ItemState.BETWEEN_STAGES])
        late = Item.decided_at > stages.ends(number, campaign.due_at)
        ids = session.scalars(select(Item.id).where(*here, waits, late).order_by(Item.id)).all()
        if not ids:
            continue
        transitions.move_items(
            session,
            *(*here, late),
            sources=(ItemState.DECIDED, ItemState.BETWEEN_STAGES),
            new=ItemState.OPEN,
            outcome=TOO_LATE,
            **transitions.UNANSWERED,
        )
        again = {"gone": [], "asked_again": list(ids), "because": TOO_LATE, "stage": number}
        trail.append(session, Action.ITEMS_REFRESHED, campaign.ref, again, actor=ACTOR, at=now)


def _wait(session: Session, source: ItemState, *where: ColumnElement[bool]) -> None:
    transitions.move_items(session, *where, sources=(source,), new=ItemState.BETWEEN_STAGES)


def _waiting(campaign: Campaign) -> ColumnElement[bool]:
    return and_(Item.campaign_id == campaign.id, Item.state == ItemState.BETWEEN_STAGES)


def _end_stages(session: Session, campaign: Campaign, now: datetime) -> None:
    """When the days of a stage are over its answers are final, and open items go on where the
    next one sees everything."""
    stages = Stages.of(campaign.stages)
    for number, following in enumerate(stages.later, start=1):
        if now < stages.ends(number, campaign.due_at):
            continue
        here = (Item.campaign_id == campaign.id, Item.stage == number)
        first = once.take_slot(session, campaign.id, f"stage {number} is over", now)
        # Who answers later is late, and has the usual time to change it; then the next one looks.
        old = now - timedelta(minutes=campaign.undo_minutes)
        late = true() if first else Item.decided_at <= old
        _wait(session, ItemState.DECIDED, *here, late)
        if first and following.sees is Sees.ALL:
            _wait(session, ItemState.OPEN, *here)


def _take_on(session: Session, campaign: Campaign, now: datetime) -> int:
    stages = Stages.of(campaign.stages)
    moved = 0
    for number, following in reversed(list(enumerate(stages.later, start=1))):
        goes_on = and_(_waiting(campaign), Item.stage == number, _goes_to(following))
        moved += _next_stage(session, campaign, following, goes_on, now)
    return moved + _settle(session, campaign, now)


def _goes_to(following: Stage) -> ColumnElement[bool]:
    if following.sees is Sees.KEPT:
        return Item.answer == Answer.KEEP
    if following.sees is Sees.REMOVED:
        return Item.answer.in_(REMOVES)
    return literal(True)


def _next_reviewers(following: Stage, goes_on: ColumnElement[bool]) -> AnySelect:
    """Items with the person who looks at them next: nobody who was asked or has answered before,
    and never the person whose account it is."""
    before, named = aliased(Person), aliased(Person)
    query = (
        select(Item.id, Item.reviewer_id.label("before"), before.name.label("who"))
        .select_from(Item)
        .join(Server, Server.id == Item.server_id)
        .outerjoin(Account, Account.id == Item.account_id)
        .outerjoin(before, before.id == Item.reviewer_id)
    )
    wanted: Any = before.manager_id
    if following.who == Who.SERVER_OWNER:
        wanted = Server.owner_id
    elif following.who != Who.MANAGER:
        query = query.outerjoin(named, named.email == following.who)
        wanted = named.id

    def is_new(person: Any) -> ColumnElement[bool]:
        answered_before = exists().where(
            Decision.item_id == Item.id, Decision.person_id == person.id
        )
        return and_(~answered_before, person.id.is_distinct_from(Item.reviewer_id))

    chain = routing.chained(query, wanted, NOBODY, holder=Account.person_id, also=is_new)
    return chain.where(goes_on)


def _next_stage(
    session: Session,
    campaign: Campaign,
    following: Stage,
    goes_on: ColumnElement[bool],
    now: datetime,
) -> int:
    new = _next_reviewers(following, goes_on).subquery()
    moves = session.execute(select(new.c.id, new.c.before, new.c.reviewer_id)).all()
    if not moves:
        return 0
    watch = Watch(session, campaign.id, [row.id for row in moves])
    answer, remaining = _combined(campaign)
    answer_text = literal(" ") + case(*_ANSWER_TEXTS, else_="did not answer") + literal(".")
    transitions.move_items(
        session,
        Item.id == new.c.id,
        sources=(ItemState.BETWEEN_STAGES,),
        new=ItemState.OPEN,
        **transitions.UNANSWERED,
        stage=Item.stage + 1,
        carried_answer=answer,
        carried_rights=remaining,
        carried_until=_until(campaign),
        carried_conflict=or_(
            Item.carried_conflict, and_(Item.conflict, Item.answer == Answer.KEEP)
        ),
        reviewer_id=new.c.reviewer_id,
        route=case((new.c.reviewer_id.is_(None), Route.QUEUE.value), else_=Route.STAGE.value),
        from_id=None,
        outcome=func.coalesce(new.c.who, "Nobody") + answer_text,
    )
    session.expire_all()
    people = {row.before for row in moves} | {row.reviewer_id for row in moves}
    progress.recount_reviewers(session, campaign.id, *people)
    progress.start_folders(session, campaign.id)
    conflicts_of_interest.mark(session, campaign.id)
    ids = sorted(row.id for row in moves)
    details: dict[str, Any] = {"who": following.who, "sees": following.sees.value, "items": ids}
    details["moved"] = watch.moved()
    trail.append(session, Action.ITEMS_NEXT_STAGE, campaign.ref, details, actor=ACTOR, at=now)
    return len(ids)


def _combined(campaign: Campaign) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The answer and the rights to remain that the votes so far come to, as columns."""
    vote = Stages.of(campaign.stages).vote
    both = {
        Vote.REMOVAL: Item.carried_rights.bitwise_and(Item.answer_rights),
        Vote.LAST: Item.answer_rights,
        Vote.KEEP: Item.carried_rights.bitwise_or(Item.answer_rights),
    }[vote]
    remaining = case(
        (Item.answer.is_(None), Item.carried_rights),
        (Item.carried_answer.is_(None), Item.answer_rights),
        else_=both,
    )
    if kind_of(campaign.about).can_reduce:
        answer: ColumnElement[Any] = case(
            (remaining.is_(None), None),
            (remaining == 0, Answer.REVOKE.value),
            (remaining == Item.rights, Answer.KEEP.value),
            else_=Answer.REDUCE.value,
        )
        return answer, remaining
    wins = {Vote.REMOVAL: Answer.REVOKE, Vote.KEEP: Answer.KEEP}.get(vote)
    one_wins = [(Item.carried_answer == wins, wins.value)] if wins else []
    no_second = (Item.answer.is_(None), Item.carried_answer)
    return case(no_second, *one_wins, else_=Item.answer), remaining


def _until(campaign: Campaign) -> ColumnElement[Any]:
    """The date on which a keep ends: the sooner one, unless only the last answer counts."""
    if Stages.of(campaign.stages).vote is Vote.LAST:
        return case((Item.answer.is_(None), Item.carried_until), else_=Item.keep_until)
    return case(
        (Item.carried_until.is_(None), Item.keep_until),
        (Item.keep_until.is_(None), Item.carried_until),
        (Item.carried_until < Item.keep_until, Item.carried_until),
        else_=Item.keep_until,
    )


def _settle(session: Session, campaign: Campaign, now: datetime) -> int:
    """What waits and goes nowhere else is counted: the answers become final."""
    answer, remaining = _combined(campaign)
    differs = (Item.answer.is_distinct_from(answer)) | (
        Item.answer_rights.is_distinct_from(remaining)
    )
    entries = [
        _count_votes(session, campaign, one, differs & (answer == one.value), now)
        for one in (Answer.KEEP, *REMOVES)
    ]
    reviewers = select(Item.reviewer_id).where(_waiting(campaign)).distinct()
    people = session.scalars(reviewers).all()
    is_kept = answer == Answer.KEEP.value
    count = transitions.move_items(
        session,
        Item.campaign_id == campaign.id,
        sources=(ItemState.BETWEEN_STAGES,),
        new=transitions.Either(is_kept, ItemState.CLOSED, ItemState.FINAL),
        answer=answer,
        answer_rights=remaining,
        keep_until=case((is_kept, _until(campaign)), else_=None),
        version=Item.version + case((differs, 1), else_=0),
        decided_at=func.coalesce(Item.decided_at, now),
    )
    if count:
        session.expire_all()
        progress.recount_reviewers(session, campaign.id, *people)
        progress.start_folders(session, campaign.id)
    for details in filter(None, entries):
        trail.append(session, Action.VOTES_COUNTED, campaign.ref, details, actor=ACTOR, at=now)
    return count


def _count_votes(
    session: Session,
    campaign: Campaign,
    answer: Answer,
    differs: ColumnElement[bool],
    now: datetime,
) -> dict[str, object] | None:
    """One decision of the rule for each item whose outcome differs from the last person's answer.
    Returns the trail details: their count, and a digest of items and rights."""
    vote = Stages.of(campaign.stages).vote
    batch, reason = f"votes-{secrets.new_number()}", f"The stages of the review: {vote} counts."
    content = DecisionContent(
        answer,
        _combined(campaign)[1],
        reason,
        keep_until=_until(campaign) if answer is Answer.KEEP else None,
    )
    insert_decisions(Act(session, ACTOR, now), batch, content, _waiting(campaign), differs)
    decisions = select(Decision.item_id, Decision.answer_rights).where(Decision.batch == batch)
    digest, count = hashlib.sha256(), 0
    for number, left in session.execute(decisions.order_by(Decision.item_id)):
        digest.update(f"{number} {' '.join(rights.names(left or 0))}\n".encode())
        count += 1
    if not count:
        return None
    details = {"answer": answer.value, "reason": reason, "batch": batch}
    return {**details, "count": count, "digest": digest.hexdigest()}


@job(Phase.DECISIONS, 2, lock="decisions")
def end_stages(context: JobContext) -> int:
    """Ends stages whose time is over and takes their items on."""
    return move_on(context.db, now=context.now())
