"""Questions about activity."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert.activity.models import ActivityLog, LastUse, Use
from recert.foundation.statements import numbers, run
from recert.inventory.models import Account

_LAST_USES = select(LastUse.account_id, LastUse.folder_id, LastUse.use, LastUse.at).where(
    LastUse.account_id.in_(numbers("accounts")), LastUse.folder_id.in_(numbers("folders"))
)
_COVERED = (
    select(ActivityLog.server_id, func.min(ActivityLog.since), func.max(ActivityLog.until))
    .where(ActivityLog.server_id.in_(numbers("servers")), ActivityLog.since.is_not(None))
    .group_by(ActivityLog.server_id)
)

Used = dict[tuple[int, int], dict[Use, datetime]]


@dataclass(frozen=True)
class Covered:
    """From when to when the logs of a server tell."""

    since: datetime
    until: datetime


def last_uses(session: Session, accounts: Collection[int], folders: Collection[int]) -> Used:
    """When these accounts last did what in these folders: one statement."""
    asked = {"accounts": sorted(accounts), "folders": sorted(folders)}
    uses: Used = {}
    for row in run(session, _LAST_USES, asked):
        uses.setdefault((row.account_id, row.folder_id), {})[row.use] = row.at
    return uses


def covered(session: Session, server_ids: Collection[int]) -> dict[int, Covered]:
    """What the logs of servers cover; a server without a log that was read is missing."""
    rows = run(session, _COVERED, {"servers": sorted(server_ids)}).all()
    return {row[0]: Covered(row[1], row[2]) for row in rows if row[1] and row[2]}


def last_used(session: Session, accounts: Collection[int]) -> dict[int, datetime]:
    """When these accounts were last used, by sign-in or by a transfer; who never was, as far as is
    known, is missing."""
    transfers = (
        select(LastUse.account_id, func.max(LastUse.at).label("at"))
        .where(LastUse.account_id.in_(accounts))
        .group_by(LastUse.account_id)
        .subquery()
    )
    query = (
        select(Account.id, Account.last_login_at, transfers.c.at)
        .outerjoin(transfers, transfers.c.account_id == Account.id)
        .where(Account.id.in_(accounts))
    )
    known = {row[0]: [at for at in row[1:] if at] for row in session.execute(query)}
    return {account: max(at) for account, at in known.items() if at}
