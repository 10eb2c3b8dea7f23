"""Second-person approval: changes above the removal threshold, changes of access in use, and all
removals by the non-response policy wait for it. Until then none of them is ordered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from recert.campaigns import digests, transitions
from recert.campaigns.completion import recent_use
from recert.campaigns.completion.models import CampaignRelease
from recert.campaigns.models import (
    Answer,
    Campaign,
    Item,
    Occurrence,
)
from recert.campaigns.policy import Policy
from recert.campaigns.reviewing.queries import item_rows
from recert.campaigns.states import RUNNING
from recert.changes.models import GIVING, Order, OrderState
from recert.foundation.actor import Role
from recert.foundation.db import AnyRow
from recert.foundation.errors import BadInput, MovedMeanwhile, RefusedByPolicy
from recert.foundation.separation import Party, Step
from recert.inventory.models import Server, Snapshot, SnapshotState
from recert.people import separation
from recert.trail.act import Act
from recert.trail.actions import Action

HALTED = "halted after wave "
LATELY = timedelta(days=30)  # what was ordered since then counts against the threshold
# A literal, because SQLite uses the partial index of final items for nothing else.
FINAL: ColumnElement[bool] = Item.state == literal_column("'final'")


class NothingWaits(RefusedByPolicy):
    """Nothing of this campaign waits for a second person."""


@dataclass(frozen=True)
class ServerShare:
    """How much of one server waits."""

    server: str
    changes: int
    before: int  # ordered lately by any campaign without a second person
    grants: int

    @property
    def with_before(self) -> str:
        """What was ordered before, as part of a sentence."""
        return f", with {self.before} in the last {LATELY.days} days" if self.before else ""


@dataclass(frozen=True)
class Waiting:
    """What waits for a second person, and why. `digest` stands for exactly these items.
    `halted_after` is the batch after which too much had failed."""

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
    if _too_much(session, campaign, now):
        return released  # alone, so that the index of final items answers
    return or_(released, and_(Item.answer != Answer.NO_ANSWER, ~recent_use.in_use(campaign, now)))


def _waits(session: Session, campaign: Campaign, now: datetime) -> ColumnElement[bool]:
    """The condition that an item, if final and not released, waits."""
    if _too_much(session, campaign, now):
        return true()
    return or_(Item.answer == Answer.NO_ANSWER, recent_use.in_use(campaign, now))


def _too_much(session: Session, campaign: Campaign, now: datetime) -> list[str]:
    """Why these are too many changes; empty when they are not. What any campaign ordered on the
    same servers lately without a second person counts as well: ten removals every two hours are
    as many as all of them at once."""
    policy, here = Policy.of(campaign.policy), _unreleased(campaign.id)
    some = select(Item.id).where(here).limit(policy.removal_threshold + 1).subquery()
    pending = session.scalar(select(func.count()).select_from(some)) or 0
    if pending > policy.removal_threshold:
        return [f"More than {policy.removal_threshold} changes at once."]
    shares = _shares(session, here, now) if pending else []
    before = sum(share.before for share in shares)
    if pending + before > policy.removal_threshold:
        return [
            f"More than {policy.removal_threshold} changes within {LATELY.days} days: "
            f"{pending} now, and {before} before without a second person."
        ]
    percent = policy.removal_threshold_percent
    return [
        f"More than {percent} % of the access on {share.server}{share.with_before}."
        for share in shares
        if share.changes + share.before > policy.allowed_on(share.grants + share.before)
    ]


def _unreleased(campaign_id: int) -> ColumnElement[bool]:
    return and_(Item.campaign_id == campaign_id, FINAL, Item.release_id.is_(None))


def _shares(session: Session, where: ColumnElement[bool], now: datetime) -> list[ServerShare]:
    """How much of each server waits, what was ordered there lately that nobody released, and what
    it grants: the count of its newest snapshot, so that nothing is counted again."""
    lately = (
        select(func.count())
        .select_from(Order)
        .where(
            Order.server_id == Server.id,
            Order.created_at >= now - LATELY,
            Order.released.is_(False),
            Order.kind.not_in(GIVING),
            Order.state != OrderState.CANCELLED,
        )
        .correlate(Server)
        .scalar_subquery()
    )
    grants = (
        select(Snapshot.grants)
        .where(Snapshot.server_id == Server.id, Snapshot.state == SnapshotState.COMPLETE)
        .order_by(Snapshot.id.desc())
        .limit(1)
        .correlate(Server)
        .scalar_subquery()
    )
    query = (
        select(Server.name, func.count(), lately, func.coalesce(grants, 0))
        .join(Item, Item.server_id == Server.id)
        .where(where)
        .group_by(Server.id, Server.name)
        .order_by(Server.name)
    )
    return [ServerShare(*row) for row in session.execute(query)]


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
    rows = select(Item.id, Item.version, Item.answer_rights).where(here).order_by(Item.id)
    streamed = session.execute(rows.execution_options(yield_per=10_000))
    count, digest = digests.digest_of_answers(streamed)
    reasons = _too_much(session, campaign, now) if count else []
    no_answer = select(Item.id).where(here, Item.answer == Answer.NO_ANSWER).limit(1)
    if count and session.scalar(no_answer):
        reasons.append("The policy takes access away where nobody answered.")
    used = select(func.count()).select_from(Item).where(here, recent_use.in_use(campaign, now))
    if count and (running := session.scalar(used)):
        days = Policy.of(campaign.policy).recent_use_days
        reasons.append(f"{running} of them are of access that was used in the last {days} days.")
    halted = halted_after(session, campaign.id)
    return Waiting(count, _shares(session, here, now), reasons, digest, halted)


def halted_after(session: Session, campaign_id: int) -> int | None:
    """The batch after which too much had failed and nobody has continued; None when it goes on."""
    slots = select(Occurrence.slot).where(
        Occurrence.campaign_id == campaign_id, Occurrence.slot.startswith(HALTED)
    )
    gone_on = select(CampaignRelease.batch_number).where(CampaignRelease.campaign_id == campaign_id)
    halted = {int(slot.removeprefix(HALTED)) for slot in session.scalars(slots)}
    return max(halted - set(session.scalars(gone_on)), default=None)


def release(
    act: Act, campaign: Campaign, reason: str, *, expected_digest: str | None = None
) -> CampaignRelease:
    """A second person approves what waits now, or lets a halted campaign go on. Raises
    MovedMeanwhile when the waiting items do not have the expected digest any more."""
    act.actor.require(Role.OFFICER, Role.ADMINISTRATOR)
    if not reason.strip():
        raise BadInput("Say why these changes may go out.")
    campaign = transitions.hold(act.session, campaign.id, alone=True)
    found = waiting(act.session, campaign, act.now)
    if not found.count and not found.halted_after:
        raise NothingWaits
    if expected_digest is not None and expected_digest != found.digest:
        raise MovedMeanwhile
    if found.count:
        only = _only_decider(act.session, campaign, act.now)
        step = Step.RELEASED
        separation.check_and_note(act, step, campaign.ref, also=only)
    approval = CampaignRelease(
        campaign_id=campaign.id,
        released_by=act.actor.name,
        reason=reason.strip(),
        at=act.now,
        count=found.count,
        digest=found.digest,
        batch_number=found.halted_after,
    )
    here = waiting_items(act.session, campaign, act.now)  # before the release is there and counts
    act.session.add(approval)
    act.session.flush()
    covered = update(Item).where(here).values(release_id=approval.id)
    act.session.execute(covered.execution_options(synchronize_session=False))
    _note(act, campaign, approval, found)
    return approval


def _only_decider(session: Session, campaign: Campaign, now: datetime) -> list[tuple[Step, Party]]:
    """The person who gave every answer that waits, if it was one."""
    here = (waiting_items(session, campaign, now), Item.answer != Answer.NO_ANSWER)
    deciders = session.scalars(select(Item.reviewer_id).where(*here).distinct().limit(2)).all()
    return separation.persons(Step.ONLY_DECIDER, *deciders) if len(deciders) == 1 else []


def _note(act: Act, campaign: Campaign, approval: CampaignRelease, found: Waiting) -> None:
    details = {
        "name": campaign.name,
        "reason": approval.reason,
        "count": approval.count,
        "digest": approval.digest,
        "servers": {share.server: share.changes for share in found.servers},
        "wave": approval.batch_number,
    }
    subject = f"campaign:{campaign.id}"
    act.record(Action.CAMPAIGN_RELEASED, subject, details)


def first_waiting(
    session: Session, campaign: Campaign, size: int, now: datetime
) -> Sequence[AnyRow]:
    """The first items that wait for a second person, what is in use before all other."""
    query = item_rows().where(waiting_items(session, campaign, now))
    used_first = case((recent_use.in_use(campaign, now), 0), else_=1)
    return session.execute(query.order_by(used_first, Item.sort_key).limit(size)).all()
