"""Answers about ownership and service accounts end in the registers, once they are final."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.campaigns.setup.subjects.registry import QUESTIONS
from recert.foundation.actor import system
from recert.foundation.db import Database
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.inventory import owners
from recert.remediation.models import Confirmation
from recert.trail.act import Act
from recert.trail.actions import Action

ACTOR = system("confirmed in a review")
BATCH = 200
IN_REGISTERS = [subject for subject, kind in QUESTIONS.items() if kind.ends_in_register]


def note_final(db: Database, *, now: datetime) -> int:
    """Writes each final answer of a person into its register; how many."""
    done = 0
    while True:
        with db.transaction() as session:
            batch = _due(session)
            for item, decision in batch:
                _note(session, item, decision, now=now)
        done += len(batch)
        if len(batch) < BATCH:
            return done


def _due(session: Session) -> list[tuple[Item, Decision]]:
    query = (
        select(Item, Decision)
        .join(Campaign, Campaign.id == Item.campaign_id)
        .join(Decision, (Decision.item_id == Item.id) & (Decision.version == Item.version))
        .outerjoin(Confirmation, Confirmation.item_id == Item.id)
        .where(
            Campaign.about.in_(IN_REGISTERS),
            Campaign.state != CampaignState.VOID,  # what was answered there counts no more
            Item.answer == Answer.KEEP,
            Item.state == ItemState.CLOSED,
            Decision.person_id.is_not(None),
            Confirmation.item_id.is_(None),
        )
        .order_by(Item.id)
        .limit(BATCH)
        .with_for_update(of=Item, skip_locked=True)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def _note(session: Session, item: Item, decision: Decision, *, now: datetime) -> None:
    person_id = decision.person_id
    if person_id is None:
        return
    if item.folder_owner_id is not None:
        number = item.folder_owner_id
        note = owners.confirm_folder(Act(session, ACTOR, now), number, person_id)
    elif item.group_id is not None:
        note = owners.confirm_group(Act(session, ACTOR, now), item.group_id, person_id)
    elif item.account_id is not None:
        act = Act(session, ACTOR, now)
        note = owners.confirm_service(act, item.account_id, person_id, decision.reason)
    else:
        note = "There is nothing to confirm."
    session.add(Confirmation(item_id=item.id, decision_id=decision.id, note=note, at=now))
    if session.get_one(Campaign, item.campaign_id).state is not CampaignState.SIGNED_OFF:
        item.outcome = note  # what is signed off stays as it was signed
    trail.append(session, Action.ITEM_CONFIRMED, item.ref, {"note": note}, actor=ACTOR, at=now)


@job(Phase.ORDERS, 4, lock="orders")
def update_registers(context: JobContext) -> int:
    """Writes final answers about owners and purposes into their registers."""
    return note_final(context.db, now=context.now())
