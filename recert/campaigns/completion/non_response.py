"""The non-response policy at the close: what happens to items that nobody decided. Set statements
only: a million items are closed like ten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.campaigns import progress, states, transitions, vanished_access
from recert.campaigns.completion import early_close, keep_confirmation
from recert.campaigns.decisions import finalisation
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.campaigns.policy import KEPT, NonResponse, Policy, Risk, non_response_reason
from recert.campaigns.risk import open_of_risk
from recert.campaigns.setup.launch import take_campaign_step
from recert.foundation.actor import Role
from recert.foundation.separation import Step
from recert.people import separation
from recert.trail.act import Act
from recert.trail.actions import Action


@dataclass(frozen=True)
class UnansweredItems:
    """What became of items that nobody answered: kept as exceptions, or removed by policy. `alone`
    are the ids of those whose keep no second person confirmed."""

    kept: int
    taken: Mapping[Risk, int] = field(default_factory=dict)
    alone: Sequence[int] = ()


def end_asking(act: Act, campaign: Campaign) -> UnansweredItems:
    """The first half of a close: nothing can be answered any more. The caller records the
    decisions of the policy and then the close, all in one transaction."""
    act.actor.require(Role.OFFICER)
    states.check_campaign_step(campaign.state, CampaignState.CLOSING)
    early_close.check(act, campaign)
    vanished_access.check(act.session, campaign)
    take_campaign_step(act.session, campaign, CampaignState.CLOSING)
    campaign.closed_at, campaign.closed_by = act.now, act.actor.name
    separation.note(act, campaign.ref, Step.CLOSED)
    finalisation.finalise(act.session, campaign, Item.campaign_id == campaign.id, now=act.now)
    alone = keep_confirmation.withdraw(act.session, campaign)
    taken = _take(act.session, campaign, act.now)
    kept = _keep(act.session, campaign.id)
    reviewers = select(Item.reviewer_id).where(Item.campaign_id == campaign.id).distinct()
    progress.recount_reviewers(act.session, campaign.id, *act.session.scalars(reviewers).all())
    progress.start_folders(act.session, campaign.id)
    return UnansweredItems(kept, taken, alone)


def note_close(act: Act, campaign: Campaign, unanswered: UnansweredItems) -> None:
    """The second half: the entry in the trail, which comes last because all others wait for it."""
    details: dict[str, Any] = {
        "name": campaign.name,
        "without_answer": unanswered.kept + sum(unanswered.taken.values()),
        "policy": Policy.of(campaign.policy).description(),
    }
    if campaign.close_asked_by and act.now <= campaign.due_at:
        details["early"] = {"asked_by": campaign.close_asked_by, "reason": campaign.close_reason}
    if unanswered.alone:
        details["not_confirmed"] = list(unanswered.alone)
    if unanswered.taken:
        details["taken_by_policy"] = {risk.value: count for risk, count in unanswered.taken.items()}
    subject = f"campaign:{campaign.id}"
    act.record(Action.CAMPAIGN_CLOSED, subject, details)


def _take(session: Session, campaign: Campaign, now: datetime) -> dict[Risk, int]:
    """What the policy takes away becomes final. It is ordered when a second person released it."""
    policy, taken = Policy.of(campaign.policy), {}
    for risk in Risk:
        if policy.non_response(risk) is NonResponse.KEEP:
            continue
        count = transitions.move_items(
            session,
            Item.id.in_(open_of_risk(campaign.id, risk, now)),
            sources=(ItemState.OPEN,),
            new=ItemState.FINAL,
            answer=Answer.NO_ANSWER,
            answer_rights=0,
            version=Item.version + 1,
            decided_at=now,
            outcome=non_response_reason(policy.non_response(risk), risk),
        )
        if count:
            taken[risk] = count
    return taken


def _keep(session: Session, campaign_id: int) -> int:
    return transitions.move_items(
        session,
        Item.campaign_id == campaign_id,
        sources=(ItemState.OPEN,),
        new=ItemState.CLOSED,
        answer=Answer.NO_ANSWER,
        outcome=KEPT,
    )
