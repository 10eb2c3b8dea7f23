"""An officer confirms a keep whose reviewer could grant himself the same, or asks again."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import items, places, second_word
from recert.campaigns.items import NoSuchItem
from recert.campaigns.models import Campaign, Item, ItemState
from recert.decisions.models import Decision
from recert.decisions.rules import AnsweredMeanwhile
from recert.foundation.actor import Actor, Role
from recert.foundation.errors import BadInput
from recert.foundation.separation import Party, Step
from recert.inventory.models import Account
from recert.people import separation


def judge(
    session: Session,
    item_id: int,
    *,
    confirmed: bool,
    reason: str,
    actor: Actor,
    now: datetime,
    version: int | None = None,
) -> None:
    """Confirmed, the keep is final; else the reviewer is asked again. `version` is the one that
    was looked at. Never by who answered, nor by the person whose access it is."""
    actor.require(Role.OFFICER)
    said = reason.strip()
    if not 0 < len(said) <= 1000:
        raise BadInput("Say why, in at most 1000 characters.")
    campaign_id = session.scalar(select(Item.campaign_id).where(Item.id == item_id))
    if campaign_id is None:
        raise NoSuchItem
    campaign = items.hold(session, campaign_id, alone=True)
    item = session.get_one(Item, item_id, with_for_update=True, populate_existing=True)
    if not _waits(session, campaign, item, now) or version not in (None, item.version):
        raise AnsweredMeanwhile
    step, parties = Step.CONFIRMED, _parties(session, item)
    separation.check_and_note(session, step, item.ref, actor=actor, now=now, also=parties)
    separation.note(session, campaign.ref, step, actor=actor, now=now)
    if confirmed:
        outcome = f"Kept; confirmed by {actor.name}: {said}"
        items.take_step(session, item, ItemState.CLOSED, outcome=outcome)
    else:
        none = dict.fromkeys(("answer", "answer_rights", "decided_at", "keep_until"))
        outcome = f"{actor.name} asks again: {said}"
        items.take_step(session, item, ItemState.OPEN, outcome=outcome, **none)
    places.recount_reviewers(session, campaign.id, item.reviewer_id)
    places.recount_folders(session, campaign.id, item.folder_id)
    details = {"confirmed": confirmed, "reason": said, "version": item.version}
    trail.append(session, "decision.second_word", item.ref, details, actor=actor, at=now)


def reasons(session: Session, item_ids: Collection[int]) -> dict[int, str]:
    """What the reviewers of these items gave as reason for the answer that counts."""
    newest = (Decision.item_id == Item.id) & (Decision.version == Item.version)
    query = select(Item.id, Decision.reason).join(Decision, newest).where(Item.id.in_(item_ids))
    return {row[0]: row[1] for row in session.execute(query)}


def _waits(session: Session, campaign: Campaign, item: Item, now: datetime) -> bool:
    here = select(Item.id).where(Item.id == item.id, second_word.waits(campaign, now))
    return session.scalar(here) is not None


def _parties(session: Session, item: Item) -> list[tuple[Step, Party]]:
    """Whose access it is, who was asked, and who decided."""
    newest = select(Decision).where(Decision.item_id == item.id, Decision.version == item.version)
    made = session.scalars(newest).one()
    holder = session.get_one(Account, item.account_id).person_id
    return [
        *separation.persons(Step.HOLDS, holder),
        *separation.persons(Step.ASKED, item.reviewer_id),
        (Step.DECIDED, Party(made.person_id, name=made.actor)),
    ]
