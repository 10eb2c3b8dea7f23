"""Use cases of auditors: draw a sample, remark, accept or reject. Nobody else may do this, and
none of it changes the campaign."""

import hashlib
import heapq
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import Campaign, CampaignState, Item
from recert.changes.models import Order
from recert.evidence.models import Judgement, Remark, Sample, Verdict
from recert.foundation.actor import Actor, Role
from recert.foundation.db import AnyRow
from recert.foundation.errors import BadInput, RefusedByPolicy
from recert.foundation.separation import Party, Step
from recert.inventory.models import Account, Folder, Server
from recert.people import separation
from recert.remediation.models import Remediation
from recert.trail.act import Act
from recert.trail.actions import Action

Entry = TypeVar("Entry", Sample, Remark, Verdict)
MOST_IN_A_SAMPLE, LONGEST_SEED, LONGEST_TEXT = 1000, 100, 4000


class NotSignedOff(RefusedByPolicy):
    """Only a campaign that is signed off can be accepted or rejected."""


class NotLaunched(RefusedByPolicy):
    """The campaign was never launched: there is nothing to audit."""


def chosen(item_ids: Iterable[int], seed: str, size: int) -> list[int]:
    """The items of a sample: the `size` ones whose SHA-256 over "SEED:NUMBER" is smallest, in
    that order. Everybody who knows the seed draws the same ones."""

    def rank(item_id: int) -> bytes:
        return hashlib.sha256(f"{seed}:{item_id}".encode()).digest()

    return heapq.nsmallest(size, item_ids, key=rank)


def draw_sample(act: Act, campaign: Campaign, size: int, seed: str = "") -> Sample:
    """Draws items by chance. Without a seed of the auditor's own a new one is made."""
    _check(campaign, act.actor)
    if not 1 <= size <= MOST_IN_A_SAMPLE:
        raise BadInput(f"A sample has 1 to {MOST_IN_A_SAMPLE} items.")
    seed = seed.strip() or secrets.token_hex(8)
    if len(seed) > LONGEST_SEED or not seed.isprintable():
        raise BadInput(f"A seed has at most {LONGEST_SEED} printable characters.")
    all_items = select(Item.id).where(Item.campaign_id == campaign.id)
    numbers = act.session.scalars(all_items.execution_options(yield_per=10_000))
    sample = Sample(
        campaign_id=campaign.id,
        seed=seed,
        size=size,
        item_ids=chosen(numbers, seed, size),
        by=act.actor.name,
        at=act.now,
    )
    act.session.add(sample)
    details = {"seed": seed, "size": size, "items": sample.item_ids}
    _tell(act, campaign, Action.AUDIT_SAMPLED, details)
    return sample


def remark(act: Act, campaign: Campaign, text: str, item_id: int | None = None) -> Remark:
    """Notes something about the campaign, or about one of its items."""
    _check(campaign, act.actor)
    if item_id is not None:
        item = act.session.get(Item, item_id)
        if item is None or item.campaign_id != campaign.id:
            raise BadInput(f"Item {item_id} does not belong to {campaign.name!r}.")
    remark_row = Remark(
        campaign_id=campaign.id,
        item_id=item_id,
        text=_text(text, "Write what you noted."),
        by=act.actor.name,
        at=act.now,
    )
    act.session.add(remark_row)
    details = {"item": item_id, "text": remark_row.text}
    _tell(act, campaign, Action.AUDIT_REMARKED, details)
    return remark_row


def judge(act: Act, campaign: Campaign, judgement: Judgement, reason: str = "") -> Verdict:
    """Accepts or rejects the whole run. A later verdict stands beside the earlier ones and counts
    from then on."""
    _check(campaign, act.actor)
    also = _own_steps(act.session, campaign, act.actor)
    separation.check(act, Step.JUDGED, campaign.ref, also=also)
    if campaign.state is not CampaignState.SIGNED_OFF:
        raise NotSignedOff(f"{campaign.name!r} is {campaign.state.value}.")
    if judgement is Judgement.REJECTED or reason.strip():
        reason = _text(reason, "Say why you reject it.")
    verdict = Verdict(
        campaign_id=campaign.id,
        judgement=judgement,
        reason=reason.strip(),
        by=act.actor.name,
        at=act.now,
    )
    act.session.add(verdict)
    separation.note(act, campaign.ref, Step.JUDGED)
    details = {"judgement": judgement.value, "reason": verdict.reason}
    _tell(act, campaign, Action.AUDIT_JUDGED, details)
    return verdict


def _own_steps(session: Session, campaign: Campaign, actor: Actor) -> list[tuple[Step, Party]]:
    """What the actor did in this campaign beside the steps about it: answered, or let a change
    go."""
    party = separation.party_of(session, actor)
    answered = select(Decision.id).join(Item, Item.id == Decision.item_id)
    answered = answered.where(Item.campaign_id == campaign.id).limit(1)
    mine = Decision.actor == actor.name
    if party.person_id is not None:
        mine = or_(mine, Decision.person_id == party.person_id)
    decided = [(Step.DECIDED, party)] if session.scalar(answered.where(mine)) is not None else []
    orders = (
        select(Order)
        .join(Remediation, Remediation.order_id == Order.id)
        .join(Item, Item.id == Remediation.item_id)
        .where(Item.campaign_id == campaign.id, Order.approved_by.is_not(None))
    )
    refs = [order.ref for order in session.scalars(orders)]
    steps = separation.steps_about(session, *refs) if refs else []
    return decided + [(step, who) for step, who in steps if step is Step.APPROVED_PLAN]


def _check(campaign: Campaign, actor: Actor) -> None:
    actor.require(Role.AUDITOR)
    if campaign.launched_at is None:
        raise NotLaunched


def _text(text: str, missing: str) -> str:
    text = text.strip()
    if not text:
        raise BadInput(missing)
    if len(text) > LONGEST_TEXT:
        raise BadInput(f"That is longer than {LONGEST_TEXT} characters.")
    if not all(each.isprintable() or each in "\r\n\t\u00a0" for each in text):
        raise BadInput("The text contains control characters.")
    return text


def _tell(act: Act, campaign: Campaign, action: Action, details: dict[str, Any]) -> None:
    act.record(action, f"campaign:{campaign.id}", details)


@dataclass(frozen=True)
class Findings:
    """All that auditors did about a campaign, newest first."""

    samples: Sequence[Sample]
    remarks: Sequence[Remark]
    verdicts: Sequence[Verdict]

    @property
    def verdict(self) -> Verdict | None:
        """The one that counts."""
        return self.verdicts[0] if self.verdicts else None


def findings(session: Session, campaign_id: int) -> Findings:
    """What auditors did about a campaign."""

    def newest_first(kind: type[Entry]) -> Sequence[Entry]:
        query = select(kind).where(kind.campaign_id == campaign_id)
        return session.scalars(query.order_by(kind.id.desc())).all()

    return Findings(newest_first(Sample), newest_first(Remark), newest_first(Verdict))


def items_of(session: Session, sample: Sample) -> Sequence[AnyRow]:
    """The items of a sample with their names, in the order in which they were drawn."""
    query = (
        select(
            Item.id,
            Item.state,
            Item.answer,
            Server.name.label("server"),
            func.coalesce(Folder.path, Item.topic).label("folder"),
            func.coalesce(Account.name, "").label("account"),
        )
        .join(Server, Server.id == Item.server_id)
        .outerjoin(Folder, Folder.id == Item.folder_id)
        .outerjoin(Account, Account.id == Item.account_id)
        .where(Item.id.in_(sample.item_ids))
    )
    place = {number: at for at, number in enumerate(sample.item_ids)}
    return sorted(session.execute(query).all(), key=lambda row: place[row.id])


def records(session: Session, campaign_id: int) -> Iterator[dict[str, Any]]:
    """All of it as lines of the package, oldest first of each kind, as the trail tells it."""
    found = findings(session, campaign_id)
    for sample in reversed(found.samples):
        details = {"seed": sample.seed, "size": sample.size, "items": sample.item_ids}
        yield _record(Action.AUDIT_SAMPLED, sample, details)
    for note in reversed(found.remarks):
        yield _record(Action.AUDIT_REMARKED, note, {"item": note.item_id, "text": note.text})
    for verdict in reversed(found.verdicts):
        details = {"judgement": verdict.judgement.value, "reason": verdict.reason}
        yield _record(Action.AUDIT_JUDGED, verdict, details)


def _record(
    action: Action, made: Sample | Remark | Verdict, details: dict[str, Any]
) -> dict[str, Any]:
    return {"action": action, "actor": made.by, "at": made.at.isoformat(), "details": details}
