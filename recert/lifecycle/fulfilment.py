"""Fulfilling the change items of a governance suite: each becomes orders, or is refused with a
reason that administrators find by its number.

The suite sends an item again when it is not sure, and retries what we refuse. The same number with
the same content gets the same answer; a refusal is looked at anew, because its cause may be gone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.changes import requests
from recert.changes.models import Order
from recert.connectors.changes import (
    Change,
    CloseAccount,
    JoinGroup,
    LeaveGroup,
    SetRights,
)
from recert.connectors.rights import Rights
from recert.foundation.db import one_at_a_time
from recert.foundation.errors import BadInput, NotFound, RecertError
from recert.inventory import account_persons
from recert.inventory import queries as inventory
from recert.inventory.models import Server
from recert.lifecycle import change_items, current_access, provisioning
from recert.lifecycle.change_items import ItemInvalid, Requested, RequestType
from recert.lifecycle.entitlements import Entitlement, FolderAccess, entitlement_of
from recert.lifecycle.models import ChangeItem
from recert.people import queries as people
from recert.trail.act import Act
from recert.trail.actions import Action

NOTHING_TO_DO = "Nothing to do: it is so already."


class Refused(BadInput):
    """The change item cannot be fulfilled."""


class OtherContent(RecertError):
    """A change item of this number was answered already, and it asked for something else."""


@dataclass(frozen=True)
class Answer:
    """The answer to the suite. `fulfilment_id` names the item in our pages and logs."""

    fulfilment_id: str
    comment: str
    refused: bool = False


@dataclass(frozen=True)
class _Outcome:
    comment: str
    orders: Sequence[Order] = ()


def fulfil(act: Act, server: Server, body: object) -> Answer:
    """Answers one item. OtherContent when its number stood for something else before; ItemInvalid
    when it has no number by which anybody could find it."""
    number, digest = change_items.number_of(body), change_items.digest(body)
    if not number:
        raise ItemInvalid("changeItemId must be a number.")
    one_at_a_time(act.session, f"change items of server {server.id}")
    provisioning.hold(act.session, server)
    here = (ChangeItem.server_id == server.id, ChangeItem.number == number)
    known = act.session.scalar(select(ChangeItem).where(*here))
    if known is not None:
        known.tries, known.last_at = known.tries + 1, act.now
        if not known.refused:
            if known.content_sha256 != digest:
                raise OtherContent(f"Item {number}.")
            return Answer(known.ref, known.comment)
    item = known or _new(act, server, number)
    item.content_sha256 = digest
    outcome: _Outcome | None = None
    try:
        requested = change_items.parse(body)
        _describe(item, requested)
        with act.session.begin_nested():
            outcome = _HANDLERS[requested.type](act, server, requested)
        item.refused, item.comment = False, outcome.comment
        item.order_ids = [order.id for order in outcome.orders]
    except (BadInput, NotFound) as error:
        item.refused, item.comment, item.order_ids = True, str(error), []
    act.session.flush()
    _record(act, server, item)
    return Answer(item.ref, item.comment, item.refused)


def _new(act: Act, server: Server, number: str) -> ChangeItem:
    item = ChangeItem(
        server_id=server.id,
        number=number,
        content_sha256="",
        request_type="",
        comment="",
        order_ids=[],
        token=act.actor.name,
        first_at=act.now,
        last_at=act.now,
        tries=1,
    )
    act.session.add(item)
    return item


def _describe(item: ChangeItem, requested: Requested) -> None:
    item.request_type = requested.type.value
    item.account, item.entitlement = requested.account, requested.entitlement
    item.person = requested.email or requested.person
    item.requester, item.reason = requested.requester, requested.reason


def _record(act: Act, server: Server, item: ChangeItem) -> None:
    details = {
        "server": server.name,
        "number": item.number,
        "type": item.request_type,
        "content_sha256": item.content_sha256,
        "requester": item.requester,
        "comment": item.comment,
        "orders": item.order_ids,
    }
    action = Action.FULFILMENT_REFUSED if item.refused else Action.FULFILMENT_ACCEPTED
    act.record(action, item.ref, details)


def _account(session: Session, server: Server, requested: Requested) -> str:
    """The name of the account that is meant, by our id or by its name on the server."""
    named = requested.account
    if not named:
        raise Refused("The item names no account.")
    by_id = current_access.account_name(session, server, named)
    if by_id is not None:
        return by_id
    plain = named.removeprefix(f"{server.name}:")
    if inventory.account_by_name(session, server.id, plain) is None:
        raise Refused(f"Server {server.name} has no account {plain!r}.")
    return plain


def _accounts_of(session: Session, server: Server, requested: Requested) -> list[str]:
    """The accounts of the person whom the item is about."""
    if not requested.email:
        raise Refused("The item names no mail address of the person.")
    return current_access.accounts_of(session, server, requested.email)


def _entitlement(requested: Requested) -> Entitlement:
    if not requested.entitlement:
        raise Refused("The item names no permission.")
    return entitlement_of(requested.entitlement)


def _remove_from_account(act: Act, server: Server, requested: Requested) -> _Outcome:
    account = _account(act.session, server, requested)
    return _removed(act, server, requested, [account])


def _remove_from_person(act: Act, server: Server, requested: Requested) -> _Outcome:
    """Of the account that is named, else of each account of the person that holds it."""
    if requested.account:
        return _remove_from_account(act, server, requested)
    return _removed(act, server, requested, _accounts_of(act.session, server, requested))


def _removed(act: Act, server: Server, requested: Requested, accounts: list[str]) -> _Outcome:
    entitlement = _entitlement(requested)
    holding = [
        account
        for account in accounts
        if provisioning.will_hold(act.session, server, account, entitlement)
    ]
    return _ordered(act, server, requested, [_taking(name, entitlement) for name in holding])


def _taking(account: str, entitlement: Entitlement) -> Change:
    if isinstance(entitlement, FolderAccess):
        return SetRights(account, entitlement.folder, Rights.NONE)
    return LeaveGroup(account, entitlement.group)


def _add(act: Act, server: Server, requested: Requested) -> _Outcome:
    """To the account that is named, else to the only one of the person: the suite does not tell
    which is meant."""
    entitlement = _entitlement(requested)
    if requested.account:
        account = _account(act.session, server, requested)
    else:
        accounts = _accounts_of(act.session, server, requested)
        if not accounts:
            raise Refused(f"{requested.email} has no account on server {server.name}.")
        if len(accounts) > 1:
            raise Refused(
                f"{requested.email} has {len(accounts)} accounts on server {server.name}: "
                f"{', '.join(accounts)}. Name the account in the item."
            )
        (account,) = accounts
    if requested.ends_at is not None:
        raise Refused("Access with an end date is not offered yet.")
    if isinstance(entitlement, FolderAccess):
        held = provisioning.rights_wanted(act.session, server, account, entitlement.folder)
        wanted = held | entitlement.rights
        changes: list[Change] = [SetRights(account, entitlement.folder, wanted)]
        return _ordered(act, server, requested, changes if wanted != held else [])
    has = provisioning.will_hold(act.session, server, account, entitlement)
    join = JoinGroup(account, entitlement.group)
    return _ordered(act, server, requested, [] if has else [join])


def _remove_account(act: Act, server: Server, requested: Requested) -> _Outcome:
    account = _account(act.session, server, requested)
    return _ordered(act, server, requested, [CloseAccount(account)])


def _remove_accounts_of_person(act: Act, server: Server, requested: Requested) -> _Outcome:
    accounts = _accounts_of(act.session, server, requested)
    return _ordered(act, server, requested, [CloseAccount(account) for account in accounts])


def _open_account(act: Act, server: Server, requested: Requested) -> _Outcome:
    if not requested.email:
        raise Refused("The item names no mail address of the person.")
    if current_access.accounts_of(act.session, server, requested.email):
        return _Outcome(NOTHING_TO_DO)
    login = requested.login or requested.email.partition("@")[0].lower()
    profile = provisioning.open_account(
        act, server, login, email=requested.email, display_name=requested.person, external_id=""
    )
    order = act.session.get_one(Order, profile.order_id)
    return _Outcome(f"Order {order.id}: carried out and verified by Recert.", [order])


def _unlink(act: Act, server: Server, requested: Requested) -> _Outcome:
    """The person does not belong to the account. No rights change."""
    account = _account(act.session, server, requested)
    account_persons.join_by_program(act, server, account, None)
    return _Outcome(f"Account {account} belongs to nobody now.")


def _link(act: Act, server: Server, requested: Requested) -> _Outcome:
    account = _account(act.session, server, requested)
    person = people.person_by_email(act.session, requested.email)
    if person is None:
        raise Refused(f"Recert knows nobody with the address {requested.email!r}.")
    account_persons.join_by_program(act, server, account, person.id)
    return _Outcome(f"Account {account} belongs to {person.email} now.")


def _ordered(act: Act, server: Server, requested: Requested, changes: Sequence[Change]) -> _Outcome:
    """An order for each change, whose origin names the item."""
    orders = []
    for change in changes:
        origin = f"{provisioning.CHANGE_ITEM}{server.id}:{requested.number}:{change.account}"
        reason = requested.reason or f"Change item {requested.number} of the governance suite."
        held = (
            provisioning.rights_wanted(act.session, server, change.account, change.folder)
            if isinstance(change, SetRights)
            else None
        )
        orders.append(requests.request(act, origin, server, change, reason=reason, held=held))
    if not orders:
        return _Outcome(NOTHING_TO_DO)
    numbers = ", ".join(str(order.id) for order in orders)
    name = "Order" if len(orders) == 1 else "Orders"
    return _Outcome(f"{name} {numbers}: carried out and verified by Recert.", orders)


_HANDLERS: dict[RequestType, Callable[[Act, Server, Requested], _Outcome]] = {
    RequestType.REMOVE_ACCOUNT_PERMISSION: _remove_from_account,
    RequestType.REMOVE_PERMISSION_ASSIGNMENT: _remove_from_person,
    RequestType.ADD_PERMISSION_TO_USER: _add,
    RequestType.MODIFY_PERMISSION_ASSIGNMENT: _add,
    RequestType.REMOVE_ACCOUNT: _remove_account,
    RequestType.REMOVE_ACCOUNT_ASSIGNMENT: _unlink,
    RequestType.ADD_USER_TO_ACCOUNT: _link,
    RequestType.ADD_APPLICATION_TO_USER: _open_account,
    RequestType.REMOVE_APPLICATION_FROM_USER: _remove_accounts_of_person,
}


def items(session: Session, *, refused: bool = False, size: int = 100) -> Sequence[ChangeItem]:
    """The newest items, or only those that were refused."""
    query = select(ChangeItem).order_by(ChangeItem.last_at.desc(), ChangeItem.id.desc())
    if refused:
        query = query.where(ChangeItem.refused)
    return session.scalars(query.limit(size)).all()
