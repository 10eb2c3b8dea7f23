"""A keep of high risk by a reviewer who could grant himself the same counts only when a second
person confirms it. At the close what nobody confirmed is silence."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, func, select, update
from sqlalchemy.orm import Session, aliased

from recert.campaigns.finalisation import needs_second
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.foundation.db import AnyRow
from recert.inventory.models import Account, Folder, Server
from recert.people.models import Person

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
