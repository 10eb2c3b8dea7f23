"""The end of a campaign: management signs it off, or it is void."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert.campaigns import states, transitions
from recert.campaigns.models import Campaign, CampaignState, Item
from recert.campaigns.progress_models import Progress
from recert.campaigns.reviewing import queries
from recert.campaigns.setup import frozen_facts
from recert.campaigns.setup.launch import take_campaign_step
from recert.campaigns.states import StepRefused
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput
from recert.foundation.separation import Step
from recert.people import separation
from recert.trail.act import Act
from recert.trail.actions import Action
from recert.trail.service import checkpoint


def sign_off(act: Act, campaign: Campaign, statement: str, key: Ed25519PrivateKey) -> None:
    """Management's acknowledgement, with the totals that it confirms. Refused while a change is
    not proved: an access review is not over before what was not wanted is gone."""
    act.actor.require(Role.OFFICER)
    if not statement.strip():
        raise BadInput("A sign-off needs a statement.")
    transitions.hold(act.session, campaign.id, alone=True)  # no item moves under the totals
    only = separation.persons(Step.ONLY_DECIDER, *_only_decider(act.session, campaign.id))
    separation.check(act, Step.SIGNED_OFF, campaign.ref, also=only)
    pending = act.session.scalar(
        select(func.count()).where(
            Item.campaign_id == campaign.id, Item.state.not_in(list(states.DONE))
        )
    )
    if pending and campaign.state is CampaignState.CLOSING:
        raise StepRefused(f"{pending} items are not done yet: the board shows which.")
    take_campaign_step(act.session, campaign, CampaignState.SIGNED_OFF)
    campaign.signed_off_at, campaign.signed_off_by = act.now, act.actor.name
    separation.note(act, campaign.ref, Step.SIGNED_OFF)
    campaign.statement = statement.strip()
    campaign.signed_totals = queries.sign_off_totals(act.session, campaign.id)
    details = {
        "name": campaign.name,
        "statement": campaign.statement,
        "figures": campaign.signed_totals,
        "outcome_digests": frozen_facts.outcome_digests(act.session, campaign.id),
    }
    subject = f"campaign:{campaign.id}"
    act.record(Action.CAMPAIGN_SIGNED_OFF, subject, details)
    checkpoint(act.session, key, at=act.now)


def _only_decider(session: Session, campaign_id: int) -> list[int]:
    """The reviewer who made all decisions, if it was one."""
    answered = Progress.keep + Progress.reduce + Progress.revoke
    query = select(Progress.reviewer_id).where(
        Progress.campaign_id == campaign_id, answered > 0, Progress.reviewer_id.is_not(None)
    )
    found = [number for number in session.scalars(query.limit(2)) if number is not None]
    return found if len(found) == 1 else []


def void(act: Act, campaign: Campaign, reason: str) -> None:
    """Stops a campaign for good. It stays with everything that was answered; changes that were
    not ordered yet are not ordered any more."""
    act.actor.require(Role.OFFICER)
    if not reason.strip():
        raise BadInput("Say why the campaign is void.")
    take_campaign_step(act.session, campaign, CampaignState.VOID)
    campaign.void_reason = reason.strip()
    details = {"name": campaign.name, "reason": campaign.void_reason}
    act.record(Action.CAMPAIGN_VOIDED, f"campaign:{campaign.id}", details)
