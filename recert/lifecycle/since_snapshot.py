"""What verified orders have changed on a server since its newest snapshot."""

from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.changes import plans
from recert.changes.models import Order, OrderState
from recert.connectors.changes import (
    CloseAccount,
    JoinGroup,
    LeaveGroup,
    OpenAccount,
    SetRights,
)
from recert.connectors.rights import Rights
from recert.inventory import queries as inventory
from recert.inventory.models import Server


@dataclass
class Since:
    """What verified orders have changed since the newest snapshot, in names of the server."""

    rights: dict[tuple[str, str], Rights] = field(default_factory=dict)
    members: dict[tuple[str, str], bool] = field(default_factory=dict)
    open: dict[str, bool] = field(default_factory=dict)


def since_snapshot(session: Session, server: Server) -> Since:
    """Reads the orders that were verified after the newest snapshot began, oldest first."""
    newest = inventory.last_complete(session, server.id)
    query = select(Order).where(Order.server_id == server.id, Order.state == OrderState.VERIFIED)
    if newest is not None:
        query = query.where(Order.verified_at >= newest.started_at)
    changed = Since()
    gained: dict[tuple[str, str], dict[tuple[str, str], Rights]] = {}  # by membership
    for order in session.scalars(query.order_by(Order.verified_at, Order.id)):
        match plans.change_of(order):
            case SetRights(account, folder):
                changed.rights[account, folder] = Rights(order.rights_found or 0)
            case JoinGroup(account, group):
                changed.members[account, group] = True
                known = inventory.account_by_name(session, server.id, account)
                if changed.open.get(account, known is not None and known.enabled):
                    gained[account, group] = _gains(order)
                    changed.rights.update(gained[account, group])
            case LeaveGroup(account, group):
                changed.members[account, group] = False
                for pair in gained.pop((account, group), {}):
                    changed.rights.pop(pair, None)
            case OpenAccount(account):
                changed.open[account] = True
                changed.rights.update(_gains(order))
            case CloseAccount(account):
                changed.open[account] = False
    return changed


def _gains(order: Order) -> dict[tuple[str, str], Rights]:
    """What an account can do in the folders that the order opened to it, by its plan."""
    plan = plans.loaded(order.plan) if order.plan else None
    return {(cell.account, cell.folder): cell.after for cell in plan.gains} if plan else {}
