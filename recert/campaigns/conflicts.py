"""Reviewers who could give themselves the access they are asked about: flagged, never hidden."""

from sqlalchemy import false, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from recert.campaigns.models import Campaign, Item, ItemState
from recert.connectors.rights import Rights
from recert.foundation.actor import Role
from recert.inventory.models import Account, Grant
from recert.people.models import Person, User


def mark(session: Session, campaign_id: int) -> None:
    """Flags the open items whose reviewer can grant the same: by a right to give others access
    on that server, or as an administrator of Recert."""
    servers = session.get_one(Campaign, campaign_id).server_ids
    sharing = (
        select(Account.person_id, Grant.server_id)
        .select_from(Grant)
        .join(Account, Account.id == Grant.account_id)
        .where(
            Grant.server_id.in_(servers),
            Grant.gone_snapshot_id.is_(None),
            Grant.rights.op("&")(int(Rights.SHARE)) != 0,
            Account.person_id.is_not(None),
        )
        .distinct()
    )
    can_grant = or_(
        tuple_(Item.reviewer_id, Item.server_id).in_(sharing),
        Item.reviewer_id.in_(_administrators(session)),
    )
    flag = func.coalesce(can_grant, false())
    session.execute(
        update(Item)
        .where(Item.campaign_id == campaign_id, Item.state == ItemState.OPEN)
        .where(Item.conflict != flag)
        .values(conflict=flag)
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
