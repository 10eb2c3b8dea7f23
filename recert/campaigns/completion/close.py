"""The close of a campaign, with the decisions that its policy takes where nobody answered."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import transitions
from recert.campaigns.completion import non_response
from recert.campaigns.completion.non_response import UnansweredItems
from recert.campaigns.decisions import stage_outcomes
from recert.campaigns.decisions.models import Decision, DecisionContent, insert_decisions
from recert.campaigns.digests import digest_of
from recert.campaigns.models import Answer, Campaign, Item, ItemState
from recert.campaigns.policy import NON_RESPONSE, Policy, Risk, non_response_reason
from recert.trail.act import Act
from recert.trail.actions import Action


def close(act: Act, campaign: Campaign) -> UnansweredItems:
    """Closes a campaign: answers become final, and the non-response policy decides open items by
    risk. Its removals are decisions of the policy, never of a person. The caller commits."""
    stage_outcomes.settle_all(
        act.session, transitions.hold(act.session, campaign.id, alone=True), now=act.now
    )
    unanswered = non_response.end_asking(act, campaign)
    entries = [_record(act.session, campaign, risk, act.now) for risk in unanswered.taken]
    non_response.note_close(act, campaign, unanswered)
    for details in entries:
        subject = f"campaign:{campaign.id}"
        trail.append(
            act.session,
            Action.NON_RESPONSE_DECIDED,
            subject,
            details,
            actor=NON_RESPONSE,
            at=act.now,
        )
    return unanswered


def batch_of(campaign_id: int, risk: Risk) -> str:
    """The batch under which the policy's decisions about one class are found."""
    return f"silence-{campaign_id}-{risk.value}"


def _record(session: Session, campaign: Campaign, risk: Risk, now: datetime) -> dict[str, object]:
    """Adds one decision for each item of one class. Returns the trail details of all of them, with
    their count and digest: a list of a million numbers would make the trail unreadable."""
    batch = batch_of(campaign.id, risk)
    reason = non_response_reason(Policy.of(campaign.policy).non_response(risk), risk)
    insert_decisions(
        Act(session, NON_RESPONSE, now),
        batch,
        DecisionContent(Answer.NO_ANSWER, 0, reason),
        Item.campaign_id == campaign.id,
        Item.state == ItemState.FINAL,
        Item.answer == Answer.NO_ANSWER,
        Item.outcome == reason,
        version=Item.version,  # the close has counted it up already
    )
    ids = select(Decision.item_id).where(Decision.batch == batch).order_by(Decision.item_id)
    count, digest = digest_of(session.scalars(ids.execution_options(yield_per=10_000)))
    return {
        "answer": Answer.NO_ANSWER.value,
        "reason": reason,
        "batch": batch,
        "count": count,
        "digest": digest,
    }
