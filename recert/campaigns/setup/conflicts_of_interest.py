"""Reviewers who could give themselves the access they are asked about: flagged, never hidden."""

from collections import defaultdict

from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session

from recert.campaigns.models import Campaign, Item, ItemState
from recert.connectors.rights import Rights
from recert.foundation.actor import Role
from recert.inventory.models import Account, Grant
from recert.people.models import User
from recert.people.queries import can_sign_in


def mark(session: Session, campaign_id: int) -> None:
    """Flags the open items whose reviewer can grant the same: by a right to give others access
    on that server, or as an administrator of Recert."""
    able = _able(session, session.get_one(Campaign, campaign_id).server_ids)
    mine = (Item.campaign_id == campaign_id, Item.state == ItemState.OPEN)
    # Few people can: who they are is asked once, and items are found by their reviewers.
    flagged = and_(Item.conflict)  # as it stands in its partial index
    clear = update(Item).where(*mine, flagged).values(conflict=False)
    session.execute(clear.execution_options(synchronize_session=False))
    for server_id, people in able.items():
        here = (Item.server_id == server_id, Item.reviewer_id.in_(people))
        flag = update(Item).where(*mine, *here).values(conflict=True)
        session.execute(flag.execution_options(synchronize_session=False))


def _able(session: Session, server_ids: list[int]) -> dict[int, set[int]]:
    """Who can give others access, by server."""
    query = (
        select(Account.person_id, Grant.server_id)
        .select_from(Grant)
        .join(Account, Account.id == Grant.account_id)
        .where(
            Grant.server_id.in_(server_ids),
            Grant.gone_snapshot_id.is_(None),
            Grant.rights.op("&")(int(Rights.SHARE)) != 0,
            Account.person_id.is_not(None),
        )
        .distinct()
    )
    found: dict[int, set[int]] = defaultdict(set)
    for row in session.execute(query):
        found[row.server_id].add(row.person_id)
    for person_id in _administrators(session):
        for server_id in server_ids:
            found[server_id].add(person_id)
    return found


def _administrators(session: Session) -> list[int]:
    """Persons with that role; there are few."""
    users = session.execute(select(User.person_id, User.roles).where(can_sign_in()))
    return [row.person_id for row in users if row.person_id and Role.ADMINISTRATOR in row.roles]
