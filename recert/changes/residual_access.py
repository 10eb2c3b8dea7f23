"""What a removal leaves behind: the same directory through another server, and keys that still
open an account which reaches nothing."""

from typing import Any

from sqlalchemy import and_, exists, func, select
from sqlalchemy.orm import Session

from recert.changes.models import Order, OrderKind, OrderState
from recert.changes.readback import EffectiveAccess
from recert.inventory import shared_storage
from recert.inventory.models import Snapshot, SnapshotState
from recert.inventory.shared_storage import Way

TAKES = (OrderKind.REVOKE, OrderKind.REDUCE, OrderKind.LEAVE)


def open_elsewhere(session: Session, order: Order) -> list[Way]:
    """Through which other servers the holder still has more in the folder than the order leaves
    them. What was removed there after the last snapshot does not count."""
    if order.kind not in TAKES or order.folder_id is None or order.account_id is None:
        return []
    pair = (order.account_id, order.folder_id)
    found = shared_storage.ways(session, {pair}).get(pair, [])
    more = [way for way in found if way.rights & ~order.rights_wanted]
    return [way for way in more if not _taken_since(session, way)]


def _taken_since(session: Session, way: Way) -> bool:
    newest = (
        select(func.max(Snapshot.started_at))
        .where(Snapshot.server_id == way.server_id, Snapshot.state == SnapshotState.COMPLETE)
        .scalar_subquery()
    )
    here = and_(Order.account_id == way.account_id, Order.folder_id == way.folder_id)
    done = and_(Order.state == OrderState.VERIFIED, Order.verified_at > newest)
    took = and_(Order.kind == OrderKind.REVOKE, here, done)
    return bool(session.scalar(select(exists(select(Order.id).where(took)))))


def left_over(session: Session, order: Order, access: EffectiveAccess) -> dict[str, Any]:
    """What a verified order leaves, to be kept with it; empty when there is nothing to say."""
    if order.kind not in TAKES:
        return {}
    found: dict[str, Any] = {}
    if elsewhere := open_elsewhere(session, order):
        found["elsewhere"] = [way.text for way in elsewhere]
    keys = access.keys.get(order.account) or 0
    if keys and access.reaches_nothing(order.account):
        found["keys"] = keys
    return found


def as_sentence(left: dict[str, Any]) -> str:
    """The same as sentences that follow another one."""
    text = ""
    if ways := left.get("elsewhere"):
        text += f" Still reachable then through server {', '.join(ways)}."
    if keys := left.get("keys"):
        some = f"{keys} keys still open" if keys > 1 else "1 key still opens"
        text += (
            f" This account reaches nothing any more, but {some} it; close the account to be done."
        )
    return text
