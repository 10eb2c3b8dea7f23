"""The risk class of access as a column."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, not_, or_

from recert.campaigns.models import Item
from recert.campaigns.policy import DESTROYS, NOBODYS, PASSES_ON, Risk
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
