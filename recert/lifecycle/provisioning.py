"""What an identity system writes about the accounts and entitlements of one server: orders, and
what it wants us to remember beside them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert.changes import plans, requests, service
from recert.changes.models import Order, OrderKind, OrderState
from recert.connectors.changes import (
    Change,
    CloseAccount,
    JoinGroup,
    LeaveGroup,
    OpenAccount,
    SetRights,
)
from recert.connectors.rights import Rights
from recert.foundation.db import one_at_a_time
from recert.foundation.errors import BadInput
from recert.inventory import queries as inventory
from recert.inventory.models import Server
from recert.lifecycle import current_access
from recert.lifecycle.entitlements import Entitlement, FolderAccess, Membership
from recert.lifecycle.models import ProvisionedAccount
from recert.lifecycle.since_snapshot import since_snapshot
from recert.trail.act import Act
from recert.trail.actions import Action

LONGEST_NAME = 256
ORIGIN, CHANGE_ITEM = "provision:", "change item:"  # what the origins of orders begin with
# These orders will not be carried out any more unless somebody sees to them.
STOPPED = (
    OrderState.CANCELLED,
    OrderState.CONFLICT,
    OrderState.BLOCKED,
    OrderState.NEEDS_ATTENTION,
    OrderState.STILL_REACHABLE,
    OrderState.VERIFIED,
)


class NameTaken(BadInput):
    """The server has an account of this name already, or had one that is closed. Choose another
    name; an administrator can reopen a closed account."""


def hold(session: Session, server: Server) -> None:
    """Until this transaction ends, nobody else orders by what an identity system wants there."""
    one_at_a_time(session, f"provision accounts of server {server.id}")


def open_account(
    act: Act, server: Server, name: str, *, email: str, display_name: str, external_id: str
) -> ProvisionedAccount:
    """Describes a new account and orders that it is opened. NameTaken when the name is in use, or
    was: whoever comes after never inherits what another account of the name had."""
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise BadInput(f"An account needs a name of 1 to {LONGEST_NAME} printable characters.")
    hold(act.session, server)
    known = inventory.account_by_name(act.session, server.id, name)
    if known is not None or current_access.profile_of(act.session, server, name) is not None:
        raise NameTaken(f"Account: {name!r}.")
    profile = describe(act, server, name)
    profile.email, profile.display_name, profile.external_id = email, display_name, external_id
    change = OpenAccount(name, display_name=display_name, email=email)
    order = _order(act, server, change, f"{ORIGIN}{profile.id}:open")
    profile.order_id = order.id
    return profile


def describe(act: Act, server: Server, name: str) -> ProvisionedAccount:
    """The row in which an identity system's view of an account is kept; a new one at first."""
    known = current_access.profile_of(act.session, server, name)
    if known is not None:
        known.changed_at = act.now
        return known
    profile = ProvisionedAccount(
        server_id=server.id,
        name=name,
        created_at=act.now,
        created_by=act.actor.name,
        changed_at=act.now,
        document={},
    )
    act.session.add(profile)
    act.session.flush()
    return profile


def redescribe(
    act: Act,
    server: Server,
    name: str,
    *,
    email: str,
    display_name: str,
    external_id: str,
    document: dict[str, Any],
) -> None:
    """What an identity system writes about an account now. The address joins it to a person in
    other systems, so every change of it stands in the trail."""
    profile = describe(act, server, name)
    new = {"email": email, "display_name": display_name, "external_id": external_id}
    old = {key: getattr(profile, key) for key in new}
    if new == old and document == profile.document:
        return
    for key, value in new.items():
        setattr(profile, key, value)
    profile.document = document
    details = {"server": server.name, "account": name, "before": old, "after": new}
    act.record(Action.ACCOUNT_DESCRIBED, _ref(profile), details)


def _ref(profile: ProvisionedAccount) -> str:
    return f"provisioned_account:{profile.id}"


def set_open(act: Act, server: Server, name: str, *, wanted: bool) -> None:
    """Orders that an account is closed, or that its holder is let in again. Nothing when it is so,
    or is on its way."""
    hold(act.session, server)
    if is_wanted_open(act.session, server, name) is wanted:
        return
    known = inventory.account_by_name(act.session, server.id, name)
    if wanted and known is not None and known.expires_at and known.expires_at <= act.now:
        return  # "active" of a whole document never lifts an end date
    if wanted and _was_closed_here(act.session, server, name):
        return  # what a review decided, no synchronisation takes back
    _call_off(act, server, name, CloseAccount(name) if wanted else OpenAccount(name, reopen=True))
    if is_wanted_open(act.session, server, name) is wanted:
        return
    change: Change = _reopening(act.session, server, name) if wanted else CloseAccount(name)
    _order(act, server, change, _origin(act.session, server, name))


def _was_closed_here(session: Session, server: Server, name: str) -> bool:
    """Whether the newest order that closed or opened the account closed it, and came from a review
    or a person: an administrator can undo it."""
    newest = session.scalars(
        select(Order)
        .where(
            Order.server_id == server.id,
            Order.account == name,
            Order.kind.in_([OrderKind.CLOSE, OrderKind.OPEN, OrderKind.UNDO]),
            Order.folder == "",
            Order.group == "",
            Order.state == OrderState.VERIFIED,
        )
        .order_by(Order.id.desc())
        .limit(1)
    ).first()
    if newest is None or newest.kind is not OrderKind.CLOSE:
        return False
    return not newest.origin.startswith((ORIGIN, CHANGE_ITEM))


def _reopening(session: Session, server: Server, name: str) -> OpenAccount:
    """With what is known of the holder, in case the account was never opened."""
    profile = current_access.profile_of(session, server, name)
    email, display_name = (profile.email, profile.display_name) if profile else ("", "")
    return OpenAccount(name, display_name=display_name, email=email, reopen=True)


def is_wanted_open(session: Session, server: Server, name: str) -> bool:
    """Whether the account is open, or will be when what is ordered is done."""
    for order in _under_way(session, server, name):
        match plans.change_of(order):
            case OpenAccount():
                return True
            case CloseAccount():
                return False
    since = since_snapshot(session, server)
    known = inventory.account_by_name(session, server.id, name)
    return since.open.get(name, known is not None and known.enabled)


def remove_account(act: Act, server: Server, name: str) -> None:
    """Closes the account and forgets what the identity system wrote about it. Nothing is deleted on
    the server."""
    set_open(act, server, name, wanted=False)
    profile = describe(act, server, name)
    profile.removed_at = act.now
    details = {"server": server.name, "account": name}
    act.record(Action.ACCOUNT_FORGOTTEN, _ref(profile), details)


def change_holders(
    act: Act,
    server: Server,
    entitlement: Entitlement,
    *,
    added: Iterable[str],
    removed: Iterable[str],
) -> None:
    """Orders that some accounts hold an entitlement, and that others do not any more."""
    hold(act.session, server)
    for name in added:
        if not will_hold(act.session, server, name, entitlement):
            _change_holder(act, server, name, entitlement, gives=True)
    for name in removed:
        if will_hold(act.session, server, name, entitlement):
            _change_holder(act, server, name, entitlement, gives=False)


def will_hold(session: Session, server: Server, name: str, entitlement: Entitlement) -> bool:
    """Whether an account holds an entitlement when what is ordered is done: what is under way can
    be taken back, and what is being taken can be ordered again."""
    for order in _under_way(session, server, name):
        match plans.change_of(order), entitlement:
            case SetRights(_, folder, rights), FolderAccess() if folder == entitlement.folder:
                return rights == entitlement.rights
            case JoinGroup(_, group), Membership() if group == entitlement.group:
                return True
            case LeaveGroup(_, group), Membership() if group == entitlement.group:
                return False
    return current_access.holds(session, server, name, entitlement)


def holders_under_way(session: Session, server: Server, entitlement: Entitlement) -> set[str]:
    """The names of accounts for which an order about this entitlement is under way."""
    at = (
        Order.folder == entitlement.folder
        if isinstance(entitlement, FolderAccess)
        else Order.group == entitlement.group
    )
    here = (Order.server_id == server.id, at, Order.state.not_in(STOPPED))
    return {*session.scalars(select(Order.account).where(*here))}


def rights_wanted(session: Session, server: Server, name: str, folder: str) -> Rights:
    """What an account can do in a folder when what is ordered is done."""
    for order in _under_way(session, server, name):
        match plans.change_of(order):
            case SetRights(_, path, rights) if path == folder:
                return rights
    return current_access.rights_now(session, server, name, folder)


def _change_holder(
    act: Act, server: Server, name: str, entitlement: Entitlement, *, gives: bool
) -> None:
    if isinstance(entitlement, FolderAccess):
        _change_rights(act, server, name, entitlement, gives=gives)
        return
    join, leave = JoinGroup(name, entitlement.group), LeaveGroup(name, entitlement.group)
    _call_off(act, server, name, leave if gives else join)
    if will_hold(act.session, server, name, entitlement) is not gives:
        change = join if gives else leave
        _order(act, server, change, _origin(act.session, server, name))


def _change_rights(
    act: Act, server: Server, name: str, entitlement: FolderAccess, *, gives: bool
) -> None:
    """One order from what is there to what shall be, in place of those that are not begun."""
    folder = entitlement.folder
    before = rights_wanted(act.session, server, name, folder)
    wanted = before | entitlement.rights if gives else Rights.NONE
    if wanted == before:
        return
    change = SetRights(name, folder, wanted)
    _call_off(act, server, name, change)
    held = rights_wanted(act.session, server, name, folder)
    if wanted != held:
        _order(act, server, change, _origin(act.session, server, name), held)


def _call_off(act: Act, server: Server, name: str, unwanted: Change) -> None:
    """Cancels what an identity system ordered about the same before and nobody has begun: two
    orders that contradict each other could end in either."""
    for order in _under_way(act.session, server, name):
        if order.origin.startswith(ORIGIN) and _is_about(plans.change_of(order), unwanted):
            service.cancel(act, order, "The identity system has ordered something else since.")


def _is_about(change: Change, other: Change) -> bool:
    match change, other:
        case SetRights(), SetRights():
            return change.folder == other.folder
        case OpenAccount(), OpenAccount():
            return change.reopen  # a new account is opened first, even if it is closed at once
        case _:
            return change == other


def _under_way(session: Session, server: Server, name: str) -> Iterable[Order]:
    """Orders about an account that are still going to be carried out, newest first."""
    query = select(Order).where(
        Order.server_id == server.id, Order.account == name, Order.state.not_in(STOPPED)
    )
    return session.scalars(query.order_by(Order.id.desc())).all()


def _origin(session: Session, server: Server, name: str) -> str:
    """A name for the next order about an account. The caller holds the lock of the server."""
    here = (Order.server_id == server.id, Order.account == name)
    count = session.scalar(select(func.count()).select_from(Order).where(*here)) or 0
    return f"{ORIGIN}{server.id}:{name}:{count + 1}"


def _order(
    act: Act, server: Server, change: Change, origin: str, held: Rights | None = None
) -> Order:
    reason = f"Provisioned by {act.actor.name}."
    return requests.request(act, origin, server, change, reason=reason, held=held)
