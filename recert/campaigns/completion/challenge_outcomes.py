"""After the close an officer settles objections. His word stands beside the reviewer's, under his
own name."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import progress, transitions
from recert.campaigns.completion.models import Contest
from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import TooLate
from recert.campaigns.decisions.service import details_of
from recert.campaigns.models import Answer, CampaignState, Item, ItemState
from recert.campaigns.transitions import NoSuchItem
from recert.foundation.actor import Actor, Role
from recert.foundation.errors import BadInput
from recert.foundation.separation import Party, Step
from recert.inventory.models import Account
from recert.people import separation


def settle(
    session: Session, item_id: int, *, keep: bool, reason: str, actor: Actor, now: datetime
) -> None:
    """The removal goes on, or the access stays. Never by whoever objected or decided it."""
    actor.require(Role.OFFICER)
    if not reason.strip():
        raise BadInput("Say why.")
    item = session.get(Item, item_id)
    contest = session.get(Contest, item_id)
    if item is None or contest is None:
        raise NoSuchItem
    campaign = transitions.hold(session, item.campaign_id, alone=True)
    session.refresh(item, with_for_update=True)
    session.refresh(contest)
    waits = contest.objected_at is not None and contest.settled_at is None
    if not waits or campaign.state is not CampaignState.CLOSING:
        raise TooLate
    step, parties = Step.SETTLED, _parties(session, item, contest)
    separation.check_and_note(session, step, item.ref, actor=actor, now=now, also=parties)
    separation.note(session, campaign.ref, step, actor=actor, now=now)
    contest.settled_at, contest.settled_by = now, actor.name
    details: dict[str, object] = {"keep": keep, "reason": reason.strip()}
    trail.append(session, "item.objection_settled", item.ref, details, actor=actor, at=now)
    if keep:
        _keep(session, item, reason.strip(), actor=actor, now=now)


def _parties(session: Session, item: Item, contest: Contest) -> list[tuple[Step, Party]]:
    """Whose access it is, who objected, and who decided that it goes."""
    newest = select(Decision).where(Decision.item_id == item.id, Decision.version == item.version)
    holder = session.get_one(Account, item.account_id).person_id if item.account_id else None
    return [
        *separation.persons(Step.HOLDS, holder),
        *separation.persons(Step.OBJECTED, contest.person_id),
        *((Step.DECIDED, Party(one.person_id, name=one.actor)) for one in session.scalars(newest)),
    ]


def _keep(session: Session, item: Item, reason: str, *, actor: Actor, now: datetime) -> None:
    made = Decision(
        item_id=item.id,
        version=item.version + 1,
        answer=Answer.KEEP,
        answer_rights=item.rights,
        reason=reason,
        person_id=actor.person_id,
        actor=actor.name,
        channel=actor.channel,
        assurance=actor.assurance,
        address=actor.address,
        at=now,
        rights=item.rights,
        content_hash=item.content_hash,
        on_behalf_of=None,
        seen="",
    )
    session.add(made)
    transitions.take_step(
        session,
        item,
        ItemState.CLOSED,
        answer=Answer.KEEP,
        answer_rights=item.rights,
        version=made.version,
        decided_at=now,
        outcome=f"Kept by {actor.name} after an objection: {reason}",
    )
    progress.recount_reviewers(session, item.campaign_id, item.reviewer_id)
    progress.recount_folders(session, item.campaign_id, item.folder_id)
    trail.append(session, "decision.recorded", item.ref, details_of(made), actor=actor, at=now)
