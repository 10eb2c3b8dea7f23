"""The risk class of access as a column."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, not_, or_, select
from sqlalchemy.orm import Session

from recert.campaigns.models import Item, ItemState
from recert.campaigns.policy import DESTROYS, NOBODYS, PASSES_ON, Risk
from recert.foundation.db import AnySelect
from recert.inventory.models import Account
from recert.people.models import Organisation, OrganisationKind, Person


def risk_column(now: datetime, rights: Any = Item.rights) -> ColumnElement[str]:
    """`policy.risk_of` in SQL, over the rights, Account, Person and Organisation."""
    partner = and_(Organisation.kind == OrganisationKind.PARTNER, Account.expires_at <= now)
    nobodys = or_(
        Account.kind.in_(NOBODYS),
        Person.id.is_(None),
        not_(Person.active),
        Person.left_on <= now.date(),
        func.coalesce(partner, literal(False)),
    )
    return case(
        (nobodys, Risk.HIGH.value),
        (rights.bitwise_and(int(PASSES_ON)) != 0, Risk.HIGH.value),
        (rights.bitwise_and(int(DESTROYS)) != 0, Risk.MEDIUM.value),
        else_=Risk.LOW.value,
    )


def open_of_risk(campaign_id: int, risk: Risk, now: datetime) -> AnySelect:
    """The numbers of the open items of one class."""
    return (
        select(Item.id)
        .join(Account, Account.id == Item.account_id)
        .outerjoin(Person, Person.id == Account.person_id)
        .outerjoin(Organisation, Organisation.id == Person.organisation_id)
        .where(Item.campaign_id == campaign_id, Item.state == ItemState.OPEN)
        .where(risk_column(now) == risk.value)
    )


def risks_of(session: Session, item_ids: Sequence[int], now: datetime) -> dict[int, Risk]:
    """The classes of some items, by number."""
    query = (
        select(Item.id, risk_column(now))
        .join(Account, Account.id == Item.account_id)
        .outerjoin(Person, Person.id == Account.person_id)
        .outerjoin(Organisation, Organisation.id == Person.organisation_id)
        .where(Item.id.in_(item_ids))
    )
    return {row[0]: Risk(row[1]) for row in session.execute(query)}
