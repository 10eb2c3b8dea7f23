"""Uses of emergency accounts: each is asked about afterwards, once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, not_, select
from sqlalchemy.orm import Session

from recert.activity import queries as activity
from recert.activity.models import LastUse
from recert.campaigns.setup import exclusions
from recert.campaigns.setup.subjects.access import joined
from recert.campaigns.triggers.models import EmergencyUse
from recert.inventory.models import Account, EmergencyAccount, Grant


@dataclass(frozen=True)
class Used:
    """A use that nobody was asked about yet; `since` is what was known before it."""

    server_id: int
    account_id: int
    account: str
    reason: str
    used_at: datetime
    since: datetime


def not_asked_about(session: Session, server_id: int | None = None) -> list[Used]:
    """Sign-ins and transfers of emergency accounts since they were marked or last asked about."""
    asked = (
        select(EmergencyUse.account_id, func.max(EmergencyUse.used_at).label("at"))
        .group_by(EmergencyUse.account_id)
        .subquery()
    )
    same = and_(
        Account.server_id == EmergencyAccount.server_id,
        Account.name == EmergencyAccount.name,
        Account.gone_snapshot_id.is_(None),
    )
    query = (
        select(EmergencyAccount, Account.id, asked.c.at)
        .join(Account, same)
        .outerjoin(asked, asked.c.account_id == Account.id)
        .where(EmergencyAccount.ended_at.is_(None))
        .order_by(Account.id)
    )
    if server_id is not None:
        query = query.where(EmergencyAccount.server_id == server_id)
    rows = session.execute(query).all()
    last = activity.last_used(session, {row[1] for row in rows})
    found = []
    for one, account_id, at in rows:
        since, used_at = max(one.marked_at, at or one.marked_at), last.get(account_id)
        if used_at and used_at > since:
            found.append(Used(one.server_id, account_id, one.name, one.reason, used_at, since))
    return found


def grants_to_ask(session: Session, used: Used, *, now: datetime) -> Sequence[int]:
    """What is asked about after a use: the folders in which logs show it, or else everything that
    the account opens. A running review asks something else; only exclusions leave it out."""
    left_out = exclusions.covered(exclusions.in_force(session, used.server_id, now=now))
    query = (
        joined(select(Grant.id).select_from(Grant))
        .where(Grant.account_id == used.account_id, Grant.gone_snapshot_id.is_(None))
        .where(Grant.rights != 0, not_(left_out))
        .order_by(Grant.id)
    )
    touched = select(LastUse.folder_id).where(
        LastUse.account_id == used.account_id, LastUse.at > used.since
    )
    some = session.scalars(query.where(Grant.folder_id.in_(touched))).all()
    return some or session.scalars(query).all()
