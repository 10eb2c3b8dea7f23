"""Asking for a change: orders of campaigns by ids, all others in the names of the server."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.changes.models import Order, OrderKind, OrderState
from recert.changes.service import written
from recert.connectors.changes import (
    Change,
    CloseAccount,
    JoinGroup,
    LeaveGroup,
    OpenAccount,
    RotateCredential,
    SetRights,
    to_json,
)
from recert.connectors.contract import CannotExpress
from recert.connectors.rights import Rights
from recert.foundation.errors import BadInput, NotFound
from recert.inventory import queries as inventory
from recert.inventory.models import Account, Folder, Server
from recert.trail.act import Act


class NoSuchAccount(NotFound):
    """The newest snapshot of the server has no account of this name."""


class AccountExists(BadInput):
    """The server has an account of this name already. Choose another name, or reopen the account
    when it belongs to the same holder."""


class NoSuchFolder(NotFound):
    """The newest snapshot of the server has no such folder."""


def propose(
    act: Act, origin: str, account_id: int, folder_id: int, rights_before: int, rights_wanted: int
) -> Order:
    """Writes an order down; asking again for the same origin returns the first."""
    known = act.session.scalar(select(Order).where(Order.origin == origin))
    if known is not None:
        return known
    account, folder = (
        act.session.get_one(Account, account_id),
        act.session.get_one(Folder, folder_id),
    )
    order = Order(
        origin=origin,
        server_id=account.server_id,
        account_id=account.id,
        folder_id=folder.id,
        kind=OrderKind.REDUCE if rights_wanted else OrderKind.REVOKE,
        account=account.name,
        folder=folder.path,
        rights_before=rights_before,
        rights_wanted=rights_wanted,
        state=OrderState.QUEUED,
        next_at=act.now,
        created_at=act.now,
        created_by=act.actor.name,
    )
    return written(act, order)


def propose_exit(act: Act, origin: str, account_id: int, group: str = "") -> Order:
    """An account shall leave a group, or shall be closed when none is named. Asking again for the
    same origin returns the first order."""
    known = act.session.scalar(select(Order).where(Order.origin == origin))
    if known is not None:
        return known
    account = act.session.get_one(Account, account_id)
    order = Order(
        origin=origin,
        server_id=account.server_id,
        account_id=account.id,
        folder_id=None,
        kind=OrderKind.LEAVE if group else OrderKind.CLOSE,
        account=account.name,
        folder="",
        group=group,
        rights_before=0,
        rights_wanted=0,
        state=OrderState.QUEUED,
        next_at=act.now,
        created_at=act.now,
        created_by=act.actor.name,
    )
    return written(act, order)


def request(
    act: Act,
    origin: str,
    server: Server,
    change: Change,
    *,
    reason: str = "",
    held: Rights | None = None,
) -> Order:
    """Writes an order for any change, in the names of the server; asking again for the same origin
    returns the first. NoSuchAccount or NoSuchFolder when the newest snapshot does not have it. A
    change that the kind of server does not offer becomes a task for a person."""
    known = act.session.scalar(select(Order).where(Order.origin == origin))
    if known is not None:
        return known
    account = inventory.account_by_name(act.session, server.id, change.account)
    if (
        account is None
        and not isinstance(change, OpenAccount)
        and not _is_being_opened(act, server, change.account)
    ):
        raise NoSuchAccount(f"Server {server.name}: {change.account!r}.")
    if account is not None and isinstance(change, OpenAccount) and not change.reopen:
        raise AccountExists(f"Server {server.name}: {change.account!r}.")
    order = Order(
        origin=origin,
        server_id=server.id,
        account_id=account.id if account else None,
        folder_id=None,
        kind=_kind_of(change),
        account=change.account,
        folder="",
        rights_before=0,
        rights_wanted=0,
        wanted=to_json(change),
        state=OrderState.QUEUED,
        next_at=act.now,
        created_at=act.now,
        created_by=act.actor.name,
        reason=reason,
    )
    match change:
        case SetRights():
            _set_rights(act.session, order, change, held)
        case JoinGroup() | LeaveGroup():
            order.group = change.group
    return written(act, order)


def _is_being_opened(act: Act, server: Server, account: str) -> bool:
    """Whether an order that still counts opens an account which no snapshot has yet."""
    query = select(Order.id).where(
        Order.server_id == server.id,
        Order.account == account,
        Order.kind == OrderKind.OPEN,
        Order.state != OrderState.CANCELLED,
    )
    return act.session.scalar(query.limit(1)) is not None


def _set_rights(session: Session, order: Order, change: SetRights, held: Rights | None) -> None:
    """What the account has now, and whether the change gives or takes."""
    folder = inventory.folder_by_path(session, order.server_id, change.folder)
    if folder is None:
        raise NoSuchFolder(f"Folder {change.folder!r}.")
    if held is None:
        held = inventory.rights_in(session, order.account_id, folder)
    order.folder_id, order.folder = folder.id, change.folder
    order.rights_before, order.rights_wanted = int(held), int(change.rights)
    if change.rights & ~held:
        order.kind = OrderKind.GRANT
    else:
        order.kind = OrderKind.REDUCE if change.rights else OrderKind.REVOKE


def _kind_of(change: Change) -> OrderKind:
    match change:
        case SetRights():
            return OrderKind.GRANT
        case JoinGroup():
            return OrderKind.JOIN
        case LeaveGroup():
            return OrderKind.LEAVE
        case OpenAccount():
            return OrderKind.OPEN
        case CloseAccount():
            return OrderKind.CLOSE
        case RotateCredential():
            raise CannotExpress("Credentials are not changed by an order yet.")
