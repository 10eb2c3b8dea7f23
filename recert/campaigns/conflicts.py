"""Reviewers who could give themselves the access they are asked about: flagged, never hidden."""

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from recert.campaigns.models import Item, ItemState
from recert.connectors.rights import Rights
from recert.foundation.actor import Role
from recert.inventory.models import Account, Grant
from recert.people.models import Person, User


def mark(session: Session, campaign_id: int) -> None:
    """Flags the open items whose reviewer can grant the same: by a right to give others access
    on that server, or as an administrator of Recert."""
    mine = aliased(Account)
    shares = exists(
        select(Grant.id)
        .join(mine, mine.id == Grant.account_id)
        .where(
            mine.person_id == Item.reviewer_id,
            Grant.server_id == Item.server_id,
            Grant.gone_snapshot_id.is_(None),
            Grant.rights.op("&")(int(Rights.SHARE)) != 0,
        )
        .correlate(Item)
    )
    administers = Item.reviewer_id.in_(_administrators(session))
    here = and_(Item.campaign_id == campaign_id, Item.state == ItemState.OPEN)
    session.execute(
        update(Item)
        .where(here)
        .where(Item.conflict.is_distinct_from(or_(shares, administers)))
        .values(conflict=or_(shares, administers))
        .execution_options(synchronize_session=False)
    )


def _administrators(session: Session) -> list[int]:
    """Persons with that role; there are few."""
    users = session.execute(
        select(Person.id, User.roles)
        .join(User, User.email == Person.email)
        .where(User.active.is_(True))
    )
    return [row.id for row in users if Role.ADMINISTRATOR in row.roles]
