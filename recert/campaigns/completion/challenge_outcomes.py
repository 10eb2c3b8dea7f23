"""After the close an officer settles objections. Their decision stands beside the reviewer's, under
their own name."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.campaigns import progress, transitions
from recert.campaigns.completion.models import Challenge
from recert.campaigns.decisions.models import Decision, DecisionContent
from recert.campaigns.decisions.rules import TooLate
from recert.campaigns.decisions.service import details_of
from recert.campaigns.models import Answer, CampaignState, Item, ItemState
from recert.campaigns.transitions import NoSuchItem
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput
from recert.foundation.separation import Party, Step
from recert.inventory.models import Account
from recert.people import separation
from recert.trail.act import Act
from recert.trail.actions import Action


def settle(act: Act, item_id: int, *, keep: bool, reason: str) -> None:
    """The removal goes on, or the access stays. Never by whoever objected or decided it."""
    act.actor.require(Role.OFFICER)
    if not reason.strip():
        raise BadInput("Say why.")
    item = act.session.get(Item, item_id)
    challenge = act.session.get(Challenge, item_id)
    if item is None or challenge is None:
        raise NoSuchItem
    campaign = transitions.hold(act.session, item.campaign_id, alone=True)
    act.session.refresh(item, with_for_update=True)
    act.session.refresh(challenge)
    waits = challenge.objected_at is not None and challenge.settled_at is None
    if not waits or campaign.state is not CampaignState.CLOSING:
        raise TooLate
    step, parties = Step.SETTLED, _parties(act.session, item, challenge)
    separation.check_and_note(act, step, item.ref, also=parties)
    separation.note(act, campaign.ref, step)
    challenge.settled_at, challenge.settled_by = act.now, act.actor.name
    details: dict[str, object] = {"keep": keep, "reason": reason.strip()}
    act.record(Action.ITEM_OBJECTION_SETTLED, item.ref, details)
    if keep:
        _keep(act, item, reason.strip())


def _parties(session: Session, item: Item, challenge: Challenge) -> list[tuple[Step, Party]]:
    """Whose access it is, who objected, and who decided that it goes."""
    newest = select(Decision).where(Decision.item_id == item.id, Decision.version == item.version)
    holder = session.get_one(Account, item.account_id).person_id if item.account_id else None
    return [
        *separation.persons(Step.HOLDS, holder),
        *separation.persons(Step.OBJECTED, challenge.person_id),
        *((Step.DECIDED, Party(one.person_id, name=one.actor)) for one in session.scalars(newest)),
    ]


def _keep(act: Act, item: Item, reason: str) -> None:
    made = Decision.by(act, item, DecisionContent(Answer.KEEP, item.rights, reason))
    transitions.take_step(
        act.session,
        item,
        ItemState.CLOSED,
        answer=Answer.KEEP,
        answer_rights=item.rights,
        version=made.version,
        decided_at=act.now,
        outcome=f"Kept by {act.actor.name} after an objection: {reason}",
    )
    progress.recount_reviewers(act.session, item.campaign_id, item.reviewer_id)
    progress.recount_folders(act.session, item.campaign_id, item.folder_id)
    act.record(Action.DECISION_RECORDED, item.ref, details_of(made))
