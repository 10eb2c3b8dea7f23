"""No change takes the last administrator from a server: the last enabled account that can give
others access there. Such a change is held until a snapshot shows a successor."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from recert.changes.models import GIVING, Order, OrderState
from recert.connectors.contract import AccountKind
from recert.connectors.rights import Rights
from recert.inventory.models import Account, Folder, Grant, Server, Snapshot, Source

# What an order of these has taken, or is about to, the newest snapshot may not show yet.
ON_ITS_WAY = (
    OrderState.APPLYING,
    OrderState.UNKNOWN,
    OrderState.APPLIED,
    OrderState.MANUAL,
)


@dataclass(frozen=True)
class _Power:
    """One right to give others access, as the newest snapshot shows it."""

    account_id: int
    folder: str
    via: str


def why_held(session: Session, order: Order, newest: Snapshot) -> str:
    """What stands at the order when nobody would be left; "" when it may go on."""
    if order.gives or order.rights_wanted & Rights.SHARE:
        return ""
    powers = _powers(session, order.server_id)
    mine = [one for one in powers if one.account_id == order.account_id]
    if not mine or any(not _takes(order, one) for one in mine):
        return ""
    going = _on_their_way(session, order, newest)
    others = (one for one in powers if one.account_id != order.account_id)
    if any(not any(_takes(other, one) for other in going) for one in others):
        return ""
    server = session.get_one(Server, order.server_id)
    return (
        f"Held: {order.account} is the last account that is enabled and can give others access on "
        f"{server.name}. Give this right to a successor there; the change goes on by itself when "
        "the next snapshot shows them."
    )


def _powers(session: Session, server_id: int) -> list[_Power]:
    query = (
        select(Grant.account_id, Folder.path, Source.text)
        .join(Account, Account.id == Grant.account_id)
        .join(Folder, Folder.id == Grant.folder_id)
        .join(Source, Source.id == Grant.source_id)
        .where(
            Grant.server_id == server_id,
            Grant.gone_snapshot_id.is_(None),
            Grant.rights.bitwise_and(int(Rights.SHARE)) != 0,
            Account.enabled,
            Account.gone_snapshot_id.is_(None),
            Account.kind != AccountKind.ANONYMOUS,
        )
    )
    return [_Power(*row) for row in session.execute(query)]


def _takes(order: Order, power: _Power) -> bool:
    """Whether this change ends this right."""
    if order.account_id != power.account_id or order.rights_wanted & Rights.SHARE:
        return False
    if order.folder:
        return order.folder == power.folder
    if not order.group:
        return True
    return all(f"group {order.group}" in part for part in power.via.split("; "))


def _on_their_way(session: Session, order: Order, newest: Snapshot) -> Sequence[Order]:
    done = (Order.state == OrderState.VERIFIED) & (Order.verified_at >= newest.started_at)
    query = select(Order).where(
        Order.server_id == order.server_id,
        Order.account_id != order.account_id,
        Order.kind.not_in(GIVING),
        or_(Order.state.in_(ON_ITS_WAY), done),
    )
    return session.scalars(query).all()
