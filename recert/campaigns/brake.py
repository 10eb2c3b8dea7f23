"""The brake: changes that would take away much at once, or what is in use, and everything that
silence takes away, wait until a second person lets them go. Until then nothing of it is ordered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, func, literal_column, or_, select, true, update
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import items, live_feed
from recert.campaigns.models import (
    Answer,
    Campaign,
    CampaignRelease,
    CampaignState,
    Item,
    Occurrence,
)
from recert.campaigns.policy import Policy
from recert.foundation.actor import Actor, Role
from recert.foundation.errors import BadInput, MovedMeanwhile, RefusedByPolicy
from recert.foundation.separation import Party, Step
from recert.inventory import queries as inventory
from recert.inventory.models import Server
from recert.people import separation

RUNNING = (CampaignState.ACTIVE, CampaignState.CLOSING)
HALTED = "halted after wave "
# A literal, because SQLite uses the partial index of final items for nothing else.
FINAL: ColumnElement[bool] = Item.state == literal_column("'final'")


class NothingWaits(RefusedByPolicy):
    """Nothing of this campaign waits for a second person."""


@dataclass(frozen=True)
class ServerShare:
    """How much of one server waits."""

    server: str
    changes: int
    grants: int


@dataclass(frozen=True)
class Waiting:
    """What waits for a second person, and why. `digest` stands for exactly these items.
    `halted_after` is the wave after which too much had failed."""

    count: int
    servers: Sequence[ServerShare]
    reasons: Sequence[str]
    digest: str
    halted_after: int | None


def with_final_items(session: Session) -> Sequence[int]:
    """The campaigns in which something is final and not ordered yet."""
    some = select(Item.id).where(Item.campaign_id == Campaign.id, FINAL).exists()
    query = select(Campaign.id).where(some, Campaign.state.in_(RUNNING))
    return session.scalars(query.order_by(Campaign.id)).all()


def may_be_ordered(session: Session, campaign: Campaign, now: datetime) -> ColumnElement[bool]:
    """The condition that a final item of this campaign may be ordered now. It holds as long as
    the caller holds the campaign."""
    released = Item.release_id.is_not(None)
    if _too_much(session, campaign):
        return released  # alone, so that the index of final items answers
    return or_(released, and_(Item.answer != Answer.NO_ANSWER, ~live_feed.in_use(campaign, now)))


def _waits(session: Session, campaign: Campaign, now: datetime) -> ColumnElement[bool]:
    """The condition that an item, if final and not released, waits."""
    if _too_much(session, campaign):
        return true()
    return or_(Item.answer == Answer.NO_ANSWER, live_feed.in_use(campaign, now))


def _too_much(session: Session, campaign: Campaign) -> list[str]:
    """Why these are too many changes at once; empty when they are not."""
    policy, here = Policy.of(campaign.policy), _unreleased(campaign.id)
    some = select(Item.id).where(here).limit(policy.brake_items + 1).subquery()
    if (session.scalar(select(func.count()).select_from(some)) or 0) > policy.brake_items:
        return [f"More than {policy.brake_items} changes at once."]
    return [
        f"More than {policy.brake_percent} % of the access on {share.server}."
        for share in _shares(session, here)
        if share.changes > policy.allowed_on(share.grants)
    ]


def _unreleased(campaign_id: int) -> ColumnElement[bool]:
    return and_(Item.campaign_id == campaign_id, FINAL, Item.release_id.is_(None))


def _shares(session: Session, where: ColumnElement[bool]) -> list[ServerShare]:
    query = (
        select(Server.id, Server.name, func.count())
        .join(Item, Item.server_id == Server.id)
        .where(where)
        .group_by(Server.id, Server.name)
        .order_by(Server.name)
    )
    return [
        ServerShare(name, changes, _grants(session, server_id))
        for server_id, name, changes in session.execute(query).all()
    ]


def _grants(session: Session, server_id: int) -> int:
    """What a server grants now: the figure of its newest snapshot, so that nothing is counted."""
    newest = inventory.last_complete(session, server_id)
    return newest.grants if newest else 0


def waiting_items(session: Session, campaign: Campaign, now: datetime) -> ColumnElement[bool]:
    """The condition that an item waits for a second person at this moment."""
    return and_(_unreleased(campaign.id), _waits(session, campaign, now))


def count_waiting(session: Session, campaign: Campaign, now: datetime) -> int:
    """How many changes wait for a second person."""
    if campaign.state not in RUNNING:
        return 0
    here = waiting_items(session, campaign, now)
    return session.scalar(select(func.count()).select_from(Item).where(here)) or 0


@dataclass(frozen=True)
class WaitingCampaign:
    """One line of the list of what waits."""

    campaign: Campaign
    count: int
    halted_after: int | None


def waiting_campaigns(session: Session, now: datetime) -> Sequence[WaitingCampaign]:
    """Each campaign in which something waits for a second person."""
    rows = []
    for number in with_final_items(session):
        found = session.get_one(Campaign, number)
        halted = halted_after(session, number)
        rows.append(WaitingCampaign(found, count_waiting(session, found, now), halted))
    return [row for row in rows if row.count or row.halted_after]


def waiting(session: Session, campaign: Campaign, now: datetime) -> Waiting:
    """What waits, for the person who may release it."""
    here = waiting_items(session, campaign, now) if campaign.state in RUNNING else false()
    ids = select(Item.id).where(here).order_by(Item.id).execution_options(yield_per=10_000)
    count, digest = items.digest_of(session.scalars(ids))
    reasons = _too_much(session, campaign) if count else []
    silent = select(Item.id).where(here, Item.answer == Answer.NO_ANSWER).limit(1)
    if count and session.scalar(silent):
        reasons.append("The policy takes access away where nobody answered.")
    used = select(func.count()).select_from(Item).where(here, live_feed.in_use(campaign, now))
    if count and (running := session.scalar(used)):
        days = Policy.of(campaign.policy).live_feed_days
        reasons.append(f"{running} of them are of access that was used in the last {days} days.")
    halted = halted_after(session, campaign.id)
    return Waiting(count, _shares(session, here), reasons, digest, halted)


def halted_after(session: Session, campaign_id: int) -> int | None:
    """The wave after which too much had failed and nobody said "go on"; None when it goes on."""
    slots = select(Occurrence.slot).where(
        Occurrence.campaign_id == campaign_id, Occurrence.slot.startswith(HALTED)
    )
    gone_on = select(CampaignRelease.wave).where(CampaignRelease.campaign_id == campaign_id)
    halted = {int(slot.removeprefix(HALTED)) for slot in session.scalars(slots)}
    return max(halted - set(session.scalars(gone_on)), default=None)


def release(
    session: Session,
    campaign: Campaign,
    reason: str,
    *,
    seen: str | None = None,
    actor: Actor,
    now: datetime,
) -> CampaignRelease:
    """A second person lets go what waits now, or lets a halted campaign go on. `seen` is the
    digest of what he looked at; MovedMeanwhile when something else waits by now."""
    actor.require(Role.OFFICER, Role.ADMINISTRATOR)
    if not reason.strip():
        raise BadInput("Say why these changes may go out.")
    campaign = items.hold(session, campaign.id, alone=True)
    found = waiting(session, campaign, now)
    if not found.count and not found.halted_after:
        raise NothingWaits
    if seen is not None and seen != found.digest:
        raise MovedMeanwhile
    if found.count:
        only = _only_decider(session, campaign, now)
        step = Step.RELEASED
        separation.check_and_note(session, step, campaign.ref, actor=actor, now=now, also=only)
    made = CampaignRelease(
        campaign_id=campaign.id,
        released_by=actor.name,
        reason=reason.strip(),
        at=now,
        count=found.count,
        digest=found.digest,
        wave=found.halted_after,
    )
    here = waiting_items(session, campaign, now)  # before the release is there and counts
    session.add(made)
    session.flush()
    covered = update(Item).where(here).values(release_id=made.id)
    session.execute(covered.execution_options(synchronize_session=False))
    _note(session, campaign, made, found, actor=actor, now=now)
    return made


def _only_decider(session: Session, campaign: Campaign, now: datetime) -> list[tuple[Step, Party]]:
    """The person who gave every answer that waits, if it was one."""
    here = (waiting_items(session, campaign, now), Item.answer != Answer.NO_ANSWER)
    deciders = session.scalars(select(Item.reviewer_id).where(*here).distinct().limit(2)).all()
    return separation.persons(Step.ONLY_DECIDER, *deciders) if len(deciders) == 1 else []


def _note(
    session: Session,
    campaign: Campaign,
    made: CampaignRelease,
    found: Waiting,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    details = {
        "name": campaign.name,
        "reason": made.reason,
        "count": made.count,
        "digest": made.digest,
        "servers": {share.server: share.changes for share in found.servers},
        "wave": made.wave,
    }
    subject = f"campaign:{campaign.id}"
    trail.append(session, "campaign.released", subject, details, actor=actor, at=now)
