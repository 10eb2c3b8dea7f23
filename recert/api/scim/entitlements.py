"""The entitlements of one server as SCIM Groups: a bundle of rights in a folder, or a group of the
server. Their members are the accounts that hold exactly this; to add or remove one is an order.

Groups can neither be made nor deleted here: they follow from the folders and groups of the server.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from scim2_models import (
    Group,
    GroupMember,
    InvalidFilterException,
    InvalidValueException,
    Meta,
    NotFoundException,
    Reference,
    SearchRequest,
)
from scim2_models.path import CompareOperator, Comparison
from scim2_server.storage import SearchPage
from sqlalchemy.orm import Session

from recert.inventory import queries as inventory
from recert.inventory.models import Server
from recert.lifecycle import current_access, provisioning
from recert.lifecycle.entitlements import (
    Entitlement,
    FolderAccess,
    NoSuchEntitlement,
    entitlement_of,
)
from recert.trail.act import Act

Members = Sequence[tuple[str, str]]  # ids and names of accounts

FIXED = "Entitlements follow from the folders and groups of the server. Change their members."


def search(session: Session, server: Server, request: SearchRequest[Any]) -> SearchPage:
    """One page, in a fixed order. The filters that clients use: id and displayName, eq."""
    everything = list(current_access.entitlements(session, server))
    if request.filter is not None:
        name, value = _equality(request.filter.ast)
        everything = [each for each in everything if _value(each, name) == value]
    start = request.start_index_0 or 0
    stop = None if request.count is None else start + request.count
    page = everything[start:stop]
    excluded = {str(path).rpartition(":")[2].lower() for path in request.excluded_attributes or ()}
    wanted = {str(path).rpartition(":")[2].lower() for path in request.attributes or ()}
    shows_members = "members" not in excluded and (not wanted or "members" in wanted)
    members = _members(session, server, page) if shows_members else {}
    read_at = _read_at(session, server)
    return SearchPage(
        len(everything), [_group(each, members.get(each.id), read_at) for each in page]
    )


def get(session: Session, server: Server, group_id: str, *, as_ordered: bool = False) -> Group:
    """One entitlement with its members. `as_ordered`: with those who hold it when what is under
    way is done, which is what a PATCH changes."""
    entitlement = _known(session, server, group_id)
    members = _members(session, server, [entitlement]).get(entitlement.id, [])
    group = _group(entitlement, members, _read_at(session, server))
    if as_ordered:
        group.members = _as_members(_as_ordered(session, server, entitlement, members))
    return group


def _as_ordered(
    session: Session, server: Server, entitlement: Entitlement, members: Members
) -> Members:
    """The members when what is under way is done."""
    ids = {name: each for each, name in members}
    for name in sorted(provisioning.holders_under_way(session, server, entitlement)):
        if not provisioning.will_hold(session, server, name, entitlement):
            ids.pop(name, None)
        elif account_id := current_access.account_id(session, server, name):
            ids.setdefault(name, account_id)
    return [(each, name) for name, each in ids.items()]


def update(act: Act, server: Server, wanted: Group, *, is_patch: bool) -> Group:
    """Orders what differs from the members that hold it now. A PUT without members leaves them."""
    entitlement = _known(act.session, server, wanted.id or "")
    if wanted.members is None and not is_patch:
        return get(act.session, server, entitlement.id)
    stored = _members(act.session, server, [entitlement]).get(entitlement.id, [])
    now = {name for _, name in _as_ordered(act.session, server, entitlement, stored)}
    then = {member.value for member in wanted.members or () if member.value}
    names = current_access.account_names(act.session, server, then)
    unknown = sorted(then - set(names))
    if unknown:
        raise InvalidValueException(detail=f"There is no account {unknown[0]!r} on this server.")
    kept = {*names.values()}
    provisioning.change_holders(
        act, server, entitlement, added=sorted(kept - now), removed=sorted(now - kept)
    )
    ordered = [(each, names[each]) for each in sorted(then)]
    return _group(entitlement, ordered, _read_at(act.session, server))


def _known(session: Session, server: Server, group_id: str) -> Entitlement:
    try:
        entitlement = entitlement_of(group_id)
    except NoSuchEntitlement as error:
        raise NotFoundException(detail=str(error)) from error
    if isinstance(entitlement, FolderAccess):
        if inventory.folder_by_path(session, server.id, entitlement.folder) is None:
            raise NotFoundException(detail=f"This server has no folder {entitlement.folder!r}.")
    elif inventory.group_by_name(session, server.id, entitlement.group) is None:
        raise NotFoundException(detail=f"This server has no group {entitlement.group!r}.")
    return entitlement


def _members(
    session: Session, server: Server, page: Sequence[Entitlement]
) -> dict[str, list[tuple[str, str]]]:
    """Ids and names of the holders of some entitlements."""
    found: dict[str, list[tuple[str, str]]] = {each.id: [] for each in page}
    for entitlement_id, account_id, name in current_access.holders(session, server, page):
        found[entitlement_id].append((account_id, name))
    return {each: sorted(pairs, key=lambda pair: pair[1]) for each, pairs in found.items()}


def _read_at(session: Session, server: Server) -> datetime | None:
    """When the server was last read completely."""
    newest = inventory.last_complete(session, server.id)
    return newest.finished_at if newest else None


def _group(entitlement: Entitlement, members: Members | None, read_at: datetime | None) -> Group:
    group: Group = Group(id=entitlement.id, display_name=entitlement.name)
    if members is not None:
        group.members = _as_members(members)
    text = "\n".join([entitlement.id, *sorted(each for each, _ in members or ())])
    group.meta = Meta(
        resource_type="Group",
        created=read_at,
        last_modified=read_at,
        version=f'W/"{hashlib.sha256(text.encode()).hexdigest()[:32]}"',
    )
    return group


def _as_members(members: Members) -> list[GroupMember]:
    return [
        GroupMember(value=each, display=name, ref=Reference(f"Users/{each}"), type="User")
        for each, name in members
    ]


def _equality(node: Any) -> tuple[str, str]:
    if not isinstance(node, Comparison) or node.op is not CompareOperator.eq:
        raise InvalidFilterException(detail="Groups are filtered by id eq or displayName eq.")
    name = node.attr_path.attr.lower()
    if name not in ("id", "displayname") or not isinstance(node.value, str):
        raise InvalidFilterException(detail="Groups are filtered by id eq or displayName eq.")
    return name, node.value if name == "id" else node.value.lower()


def _value(entitlement: Entitlement, name: str) -> str:
    return entitlement.id if name == "id" else entitlement.name.lower()
