"""A keep of high risk by a reviewer who could grant himself the same counts only when a second
person confirms it. At the close what nobody confirmed is silence."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, func, select, update
from sqlalchemy.orm import Session, aliased

from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.campaigns.policy import Policy, Risk
from recert.campaigns.risk import risk_column
from recert.foundation.db import AnyRow
from recert.inventory.models import Account, Folder, Server
from recert.people.models import Organisation, Person

MOST = 200


def applies(campaign: Campaign) -> bool:
    """Whether its policy wants it. With stages the later look is the second person's."""
    return Policy.of(campaign.policy).second_for_conflict and not campaign.stages


def needs_second(campaign: Campaign, now: datetime) -> ColumnElement[bool]:
    """The condition that an item, if it is kept, waits for a second person."""
    if not applies(campaign):
        return false()
    return and_(and_(Item.conflict), Item.answer == Answer.KEEP, _is_high(now))


def carried_alone(campaign: Campaign, now: datetime) -> ColumnElement[bool]:
    """The condition that an item of a campaign with stages carries a keep of high risk that a
    reviewer with a conflict of interest gave and nobody else looked at."""
    if not Policy.of(campaign.policy).second_for_conflict:
        return false()
    carried = and_(Item.carried_conflict, Item.carried_answer == Answer.KEEP)
    return and_(carried, Item.answer.is_(None), _is_high(now))


def _is_high(now: datetime) -> ColumnElement[bool]:
    high = (
        select(Account.id)
        .outerjoin(Person, Person.id == Account.person_id)
        .outerjoin(Organisation, Organisation.id == Person.organisation_id)
        .where(Account.id == Item.account_id, risk_column(now) == Risk.HIGH.value)
        .correlate(Item)
    )
    return high.exists()


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
    alone = (
        Item.campaign_id == campaign.id,
        Item.state == ItemState.DECIDED,
        Item.answer == Answer.KEEP,
    )
    ids = session.scalars(select(Item.id).where(*alone).order_by(Item.id)).all()
    none = dict.fromkeys(("answer", "answer_rights", "decided_at", "keep_until"))
    opened = update(Item).where(*alone).values(state=ItemState.OPEN, **none)
    session.execute(opened.execution_options(synchronize_session=False))
    return ids
