"""Access that was missing in one reading of a server: only a second reading, some time later, makes
its end certain. A short failure of a directory service hides accounts for a moment."""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert.campaigns.models import Campaign, Item, ItemState
from recert.foundation.errors import RefusedByPolicy
from recert.inventory import service as inventory
from recert.inventory.models import Server, Snapshot, SnapshotState
from recert.trail.act import Act

APART = timedelta(minutes=10)


class MissingInOneReading(RefusedByPolicy):
    """Some access was missing in one reading of its server only. Take another snapshot (at least
    10 minutes after that reading) and close the campaign then."""


def unproved(session: Session, campaign: Campaign) -> dict[int, int]:
    """How many items are gone by one reading only, by server."""
    since = (
        select(
            Item.server_id,
            func.max(Item.missing_since).label("since"),
            func.count().label("missing"),
        )
        .where(
            Item.campaign_id == campaign.id,
            Item.state == ItemState.GONE,
            Item.missing_since.is_not(None),
        )
        .group_by(Item.server_id)
    )
    found = {}
    for row in session.execute(since).all():
        newest = session.scalar(
            select(func.max(Snapshot.started_at)).where(
                Snapshot.server_id == row.server_id, Snapshot.state == SnapshotState.COMPLETE
            )
        )
        if newest is None or newest < row.since + APART:
            found[row.server_id] = int(row.missing)
    return found


def check(session: Session, campaign: Campaign) -> None:
    """Raises MissingInOneReading while the end of some access is not certain."""
    found = unproved(session, campaign)
    if found:
        names = {
            server.id: server.name
            for server in session.scalars(select(Server).where(Server.id.in_(found)))
        }
        servers = ", ".join(
            f"{count} on {names[number]}" for number, count in sorted(found.items())
        )
        raise MissingInOneReading(f"It is {servers}.")


def want_second_reading(act: Act, campaign: Campaign) -> int:
    """Asks for another snapshot of each server where that is missing; how many."""
    wanted = 0
    for number in unproved(act.session, campaign):
        server = act.session.get_one(Server, number)
        last = act.session.scalar(
            select(func.max(Snapshot.started_at)).where(Snapshot.server_id == number)
        )
        if server.snapshot_wanted_at is None and (last is None or act.now >= last + APART):
            inventory.want_snapshot(act, server)
            wanted += 1
    return wanted
