"""An officer confirms a keep whose reviewer could grant themselves the same, or asks again."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, func, select
from sqlalchemy.orm import Session, aliased

from recert.campaigns import progress, transitions
from recert.campaigns.decisions.finalisation import needs_second
from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import AnsweredMeanwhile
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.campaigns.transitions import NoSuchItem
from recert.foundation.actor import Role
from recert.foundation.db import AnyRow
from recert.foundation.errors import BadInput
from recert.foundation.separation import Party, Step
from recert.inventory.models import Account, Folder, Server
from recert.people import separation
from recert.people.models import Person
from recert.trail.act import Act
from recert.trail.actions import Action


def judge(
    act: Act, item_id: int, *, confirmed: bool, reason: str, version: int | None = None
) -> None:
    """Confirmed, the keep is final; else the reviewer is asked again. `version` is the one that
    was looked at. Never by who answered, nor by the person whose access it is."""
    act.actor.require(Role.OFFICER)
    text = reason.strip()
    if not 0 < len(text) <= 1000:
        raise BadInput("Say why, in at most 1000 characters.")
    campaign_id = act.session.scalar(select(Item.campaign_id).where(Item.id == item_id))
    if campaign_id is None:
        raise NoSuchItem
    campaign = transitions.hold(act.session, campaign_id, alone=True)
    item = act.session.get_one(Item, item_id, with_for_update=True, populate_existing=True)
    if not _waits(act.session, campaign, item, act.now) or version not in (None, item.version):
        raise AnsweredMeanwhile
    step, parties = Step.CONFIRMED, _parties(act.session, item)
    separation.check_and_note(act, step, item.ref, also=parties)
    separation.note(act, campaign.ref, step)
    if confirmed:
        outcome = f"Kept; confirmed by {act.actor.name}: {text}"
        transitions.take_step(act.session, item, ItemState.CLOSED, outcome=outcome)
    else:
        outcome = f"{act.actor.name} asks again: {text}"
        transitions.take_step(
            act.session, item, ItemState.OPEN, outcome=outcome, **transitions.UNANSWERED
        )
    progress.recount_reviewers(act.session, campaign.id, item.reviewer_id)
    progress.recount_folders(act.session, campaign.id, item.folder_id)
    details = {"confirmed": confirmed, "reason": text, "version": item.version}
    act.record(Action.KEEP_CONFIRMATION_DECIDED, item.ref, details)


def reasons(session: Session, item_ids: Collection[int]) -> dict[int, str]:
    """What the reviewers of these items gave as reason for the answer that counts."""
    newest = (Decision.item_id == Item.id) & (Decision.version == Item.version)
    query = select(Item.id, Decision.reason).join(Decision, newest).where(Item.id.in_(item_ids))
    return {row[0]: row[1] for row in session.execute(query)}


def _waits(session: Session, campaign: Campaign, item: Item, now: datetime) -> bool:
    here = select(Item.id).where(Item.id == item.id, waits(campaign, now))
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


MOST = 200


def waits(campaign: Campaign, now: datetime) -> ColumnElement[bool]:
    """The condition that an item waits for a second person at this moment."""
    if campaign.state is not CampaignState.ACTIVE:
        return false()
    here = (Item.campaign_id == campaign.id, Item.state == ItemState.DECIDED)
    return and_(*here, needs_second(campaign, now))


def count(session: Session, campaign: Campaign, *, now: datetime) -> int:
    """How many keeps wait to be confirmed, counted up to MOST."""
    some = select(Item.id).where(waits(campaign, now)).limit(MOST).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def waiting(session: Session, campaign: Campaign, *, now: datetime) -> Sequence[AnyRow]:
    """The keeps that wait, with their names; the first MOST."""
    reviewer = aliased(Person)
    query = (
        select(
            Item.id,
            Item.version,
            Item.rights,
            Item.topic,
            Item.decided_at,
            Server.name.label("server"),
            Account.name.label("account"),
            func.coalesce(Folder.path, Item.topic).label("folder"),
            reviewer.name.label("reviewer"),
        )
        .join(Server, Server.id == Item.server_id)
        .join(Account, Account.id == Item.account_id)
        .outerjoin(Folder, Folder.id == Item.folder_id)
        .outerjoin(reviewer, reviewer.id == Item.reviewer_id)
        .where(waits(campaign, now))
    )
    return session.execute(query.order_by(Item.sort_key).limit(MOST)).all()


def withdraw(session: Session, campaign: Campaign) -> Sequence[int]:
    """At the close: a keep that is still not final was not confirmed. It counts as not answered;
    the reviewer's decision stays. The numbers of these items."""
    kept = (Item.campaign_id == campaign.id, Item.answer == Answer.KEEP)
    decided = (ItemState.DECIDED,)
    here = select(Item.id).where(*kept, Item.state.in_(decided)).order_by(Item.id)
    ids = session.scalars(here).all()
    transitions.move_items(
        session, *kept, sources=decided, new=ItemState.OPEN, **transitions.UNANSWERED
    )
    return ids
