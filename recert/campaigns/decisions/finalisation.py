"""Decisions become final: a keep closes its item, a reduce or revoke waits for its order.
Which keeps need a second person first."""

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import (
    ColumnElement,
    and_,
    false,
    select,
    update,
)
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import states, transitions
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.campaigns.policy import Policy, Risk
from recert.campaigns.progress_models import Progress
from recert.campaigns.risk import risk_column
from recert.campaigns.transitions import NoSuchItem, hold
from recert.foundation.actor import system
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.inventory.models import Account
from recert.people.models import Organisation, Person
from recert.trail.act import Act
from recert.trail.actions import Action


def finalise(
    session: Session, campaign: Campaign, where: ColumnElement[bool], *, now: datetime
) -> int:
    """Answers become final: a keep closes its item, a reduce or revoke waits for its order. In a
    campaign with stages both wait for the next one. A keep that needs a second person stays."""
    move = partial(transitions.move_items, session, where, sources=(ItemState.DECIDED,))
    if campaign.stages:
        return move(new=ItemState.BETWEEN_STAGES)
    alone = needs_second(campaign, now)
    kept = move(Item.answer == Answer.KEEP, ~alone, new=ItemState.CLOSED)
    return kept + move(Item.answer.in_([Answer.REDUCE, Answer.REVOKE]), new=ItemState.FINAL)


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
            Action.ITEMS_FINAL,
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


def finish(act: Act, campaign: Campaign) -> int:
    """A reviewer finishes: all their answers become final at once."""
    if act.actor.person_id is None:
        raise NoSuchItem
    states.check_running(hold(act.session, campaign.id, alone=True).state)
    mine = (Progress.campaign_id == campaign.id, Progress.reviewer_id == act.actor.person_id)
    updated = act.session.execute(
        update(Progress).where(*mine, Progress.total > 0).values(finished_at=act.now)
    )
    if getattr(updated, "rowcount", 0) != 1:
        raise NoSuchItem
    mine_here = (Item.campaign_id == campaign.id) & (Item.reviewer_id == act.actor.person_id)
    done = finalise(act.session, campaign, mine_here, now=act.now)
    details = {"answers": done}
    act.record(Action.REVIEW_FINISHED, f"campaign:{campaign.id}", details)
    return done


def applies(campaign: Campaign) -> bool:
    """Whether its policy wants it. With stages the later look is the second person's."""
    return Policy.of(campaign.policy).second_for_conflict and not campaign.stages


def needs_second(campaign: Campaign, now: datetime) -> ColumnElement[bool]:
    """The condition that an item, if it is kept, waits for a second person."""
    if not applies(campaign):
        return false()
    return and_(and_(Item.conflict), Item.answer == Answer.KEEP, _is_high(now))


def carried_alone(campaign: Campaign, now: datetime) -> ColumnElement[bool]:
    """The condition that an item of a campaign with stages carries a keep of high risk that a
    reviewer with a conflict of interest gave and nobody else looked at."""
    if not Policy.of(campaign.policy).second_for_conflict:
        return false()
    carried = and_(Item.carried_conflict, Item.carried_answer == Answer.KEEP)
    return and_(carried, Item.answer.is_(None), _is_high(now))


def _is_high(now: datetime) -> ColumnElement[bool]:
    high = (
        select(Account.id)
        .outerjoin(Person, Person.id == Account.person_id)
        .outerjoin(Organisation, Organisation.id == Person.organisation_id)
        .where(Account.id == Item.account_id, risk_column(now) == Risk.HIGH.value)
        .correlate(Item)
    )
    return high.exists()


@job(Phase.DECISIONS, 1, lock="decisions")
def finalise_decisions(context: JobContext) -> int:
    """Makes decisions final that can no longer be changed."""
    with context.db.transaction() as session:
        return finalise_due(session, now=context.now())
