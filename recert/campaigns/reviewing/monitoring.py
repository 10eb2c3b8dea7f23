"""What of a campaign needs somebody, in one place, each with the rows behind it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, literal_column, select
from sqlalchemy.orm import Session

from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.campaigns.progress_models import Progress
from recert.campaigns.reviewing import queries
from recert.campaigns.reviewing.item_filter import put_off
from recert.campaigns.transitions import NoSuchItem
from recert.foundation.actor import Role
from recert.mail.models import OutboxMessage
from recert.people.models import Person
from recert.trail.act import Act
from recert.trail.actions import Action

MOST = 1000  # counted no further: a page need not say more than "1,000 or more"
MAILS = 100
# A literal, because SQLite uses the partial index of failed mails for nothing else.
FAILED = OutboxMessage.state == literal_column("'failed'")


@dataclass(frozen=True)
class Problems:
    """Counts of what stands in the way. `conflicts`, `failed_mails` and
    `late_answers` end at MOST."""

    overdue_reviewers: int
    overdue_items: int
    postponed: int
    unassigned: int
    conflicts: int
    failed_mails: int
    late_answers: int


def problems(session: Session, campaign: Campaign, *, now: datetime) -> Problems:
    """What needs somebody, from counters and partial indexes: no item is counted one by one."""
    here = (Progress.campaign_id == campaign.id, Progress.open > 0)
    waiting = _put_off(session, campaign, now)
    reviewers, items = 0, 0
    if campaign.state is CampaignState.ACTIVE and now > campaign.due_at:
        # NULL, the compliance queue, is not counted among the reviewers.
        asked = select(func.count(Progress.reviewer_id), func.sum(Progress.open)).where(*here)
        reviewers, items = session.execute(asked).one()
        items = (items or 0) - sum(waiting.values())
        some = select(Progress.reviewer_id, Progress.open).where(
            *here, Progress.reviewer_id.in_([who for who in waiting if who is not None])
        )
        reviewers -= sum(1 for who, count in session.execute(some) if count <= waiting[who])
    queue = select(func.sum(Progress.open)).where(*here, Progress.reviewer_id.is_(None))
    conflicts = select(Item.id).where(Item.campaign_id == campaign.id, Item.conflict)
    failed = select(OutboxMessage.id).where(OutboxMessage.topic == campaign.ref, FAILED)
    return Problems(
        overdue_reviewers=reviewers,
        overdue_items=items,
        postponed=sum(waiting.values()),
        unassigned=session.scalar(queue) or 0,
        conflicts=_up_to(session, conflicts.limit(MOST)),
        failed_mails=_up_to(session, failed.limit(MOST)),
        late_answers=_late(session, campaign) if now > campaign.due_at else 0,
    )


def _late(session: Session, campaign: Campaign) -> int:
    """How many questions people answered after the due date."""
    answered = Item.answer.in_([Answer.KEEP, Answer.REDUCE, Answer.REVOKE])
    here = (Item.campaign_id == campaign.id, answered, Item.decided_at > campaign.due_at)
    return _up_to(session, select(Item.id).where(*here).limit(MOST))


def _put_off(session: Session, campaign: Campaign, now: datetime) -> Counter[int | None]:
    """How many open items each reviewer has put off until later than now."""
    here = (Item.id.in_(put_off(campaign.id, now)), Item.state == ItemState.OPEN)
    query = select(Item.reviewer_id, func.count()).where(*here).group_by(Item.reviewer_id)
    return Counter({row[0]: row[1] for row in session.execute(query)})


def _up_to(session: Session, query: Select[int]) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def failed_mails(session: Session, campaign: Campaign) -> Sequence[OutboxMessage]:
    """The newest mails that the mail server refused or that were not retried any more."""
    here = (OutboxMessage.topic == campaign.ref, FAILED)
    query = select(OutboxMessage).where(*here).order_by(OutboxMessage.id.desc())
    return session.scalars(query.limit(MAILS)).all()


def look(act: Act, campaign: Campaign, reviewer: Person, folder: str) -> None:
    """Notes one look at the pages of a reviewer: their folders ("") or one of them."""
    act.actor.require(Role.OFFICER)
    if queries.progress_of(act.session, campaign.id, reviewer.id) is None:
        raise NoSuchItem
    details = {"reviewer": reviewer.email, "folder": folder}
    act.record(Action.REVIEW_LOOKED_AT, campaign.ref, details)
