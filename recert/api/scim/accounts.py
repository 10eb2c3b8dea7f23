"""The accounts of one server as SCIM Users.

Reading shows what is so: `active` is what the newest snapshot and verified orders show. The answer
to a write shows what was ordered. Attributes that mean nothing to the server are kept as they were
sent, and returned.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from scim2_models import (
    InvalidValueException,
    Meta,
    Mutability,
    MutabilityException,
    NotFoundException,
    Required,
    SearchRequest,
    Uniqueness,
    UniquenessException,
)
from scim2_models import User as StandardUser
from scim2_server.storage import SearchPage
from sqlalchemy.orm import Session

from recert.api.scim.filters import SqlFilter
from recert.foundation.db import AnyRow
from recert.foundation.errors import BadInput
from recert.inventory.models import Server
from recert.lifecycle import current_access, provisioning
from recert.lifecycle.account_rows import AccountRows
from recert.lifecycle.provisioning import NameTaken
from recert.trail.act import Act


class User(StandardUser[Any]):
    """A user whose name never changes, as an account's on a server."""

    user_name: Annotated[str | None, Mutability.immutable, Uniqueness.server, Required.true] = None


# Columns of ours; the rest of what is sent stays in the document.
OURS = ("schemas", "id", "meta", "userName", "active", "groups", "externalId", "password")


def search(session: Session, server: Server, request: SearchRequest[Any]) -> SearchPage:
    """One page of accounts, in the order of their ids unless another one is asked for."""
    rows = AccountRows(session, server)
    where = SqlFilter(rows.columns).visit(request.filter.ast) if request.filter else None
    first_by = None
    if request.sort_by is not None:
        name = str(request.sort_by).rpartition(":")[2].lower()
        if name not in rows.columns:
            raise InvalidValueException(detail=f"Users cannot be sorted by {request.sort_by}.")
        first_by = rows.columns[name]
        if request.sort_order == SearchRequest.SortOrder.descending:
            first_by = first_by.desc()
    total, page = rows.page(where, first_by, request.start_index_0 or 0, request.count)
    return SearchPage(total, [_user(row) for row in page])


def get(session: Session, server: Server, user_id: str, *, as_ordered: bool = False) -> User:
    """One account. `as_ordered`: as it is when what is under way is done, which is what a PATCH
    changes."""
    row = AccountRows(session, server).one(user_id)
    if row is None:
        raise NotFoundException(detail=f"There is no account {user_id!r} on this server.")
    user = _user(row)  # its version is the one that was read
    if as_ordered:
        user.active = provisioning.is_wanted_open(session, server, row.name)
    return user


def create(act: Act, server: Server, sent: User) -> User:
    """Orders a new account; the answer is as it will be."""
    _check_texts(sent)
    email, display = _email_of(sent), _display_of(sent)
    try:
        profile = provisioning.open_account(
            act,
            server,
            sent.user_name or "",
            email=email,
            display_name=display,
            external_id=sent.external_id or "",
        )
    except NameTaken as error:
        raise UniquenessException(detail=str(error)) from error
    except BadInput as error:
        raise InvalidValueException(detail=str(error)) from error
    profile.document = _document(sent)
    if sent.active is False:
        provisioning.set_open(act, server, profile.name, wanted=False)
    act.session.flush()
    return _as_ordered(act, server, f"p{profile.id}", active=sent.active is not False)


def update(act: Act, server: Server, wanted: User) -> User:
    """Orders what differs from what is there; the answer is as it will be."""
    _check_texts(wanted)
    user_id = wanted.id or ""
    name = current_access.account_name(act.session, server, user_id)
    if name is None:
        raise NotFoundException(detail=f"There is no account {user_id!r} on this server.")
    if wanted.user_name != name:
        raise MutabilityException(
            detail="An account keeps its name: open another one and close this one."
        )
    provisioning.redescribe(
        act,
        server,
        name,
        email=_email_of(wanted),
        display_name=_display_of(wanted),
        external_id=wanted.external_id or "",
        document=_document(wanted),
    )
    if wanted.active is not None:  # a missing attribute never closes an account
        provisioning.set_open(act, server, name, wanted=wanted.active)
    act.session.flush()
    active = provisioning.is_wanted_open(act.session, server, name)
    return _as_ordered(act, server, user_id, active=active)


def delete(act: Act, server: Server, user_id: str) -> None:
    """Closes the account. Nothing is deleted on the server."""
    get(act.session, server, user_id)
    name = current_access.account_name(act.session, server, user_id)
    if name is None:
        raise NotFoundException(detail=f"There is no account {user_id!r} on this server.")
    provisioning.remove_account(act, server, name)


def _user(row: AnyRow, *, active: bool | None = None) -> User:
    document: dict[str, Any] = {**(row.document or {}), "id": row.id, "userName": row.name}
    document["active"] = bool(row.active) if active is None else active
    if row.display:
        document.setdefault("displayName", row.display)
    if row.email and not document.get("emails"):
        document["emails"] = [{"value": row.email, "type": "work"}]
    if row.external_id:
        document["externalId"] = row.external_id
    user: User = User.model_validate(document)
    changed: datetime | None = row.changed_at
    user.meta = Meta(
        resource_type="User",
        created=row.created_at,
        last_modified=changed,
        version=_version(document),
    )
    return user


def _as_ordered(act: Act, server: Server, user_id: str, *, active: bool) -> User:
    row = AccountRows(act.session, server).one(user_id)
    if row is None:
        raise NotFoundException(detail=f"There is no account {user_id!r} on this server.")
    return _user(row, active=active)


def _version(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, default=str)
    return f'W/"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def _document(sent: User) -> dict[str, Any]:
    """What was sent, without what stands in columns, and without any password."""
    whole: dict[str, Any] = sent.model_dump(mode="json")
    return {key: value for key, value in whole.items() if key not in OURS}


def _check_texts(sent: User) -> None:
    """What is kept in columns and shown to people is in one line, without control characters."""
    kept = {
        "externalId": sent.external_id or "",
        "emails": _email_of(sent),
        "displayName": _display_of(sent),
    }
    for name, text in kept.items():
        if not text.isprintable():
            raise InvalidValueException(detail=f"{name} has control characters.")


def _email_of(user: User) -> str:
    """The primary address, else the first."""
    emails = user.emails or []
    chosen = next((each for each in emails if each.primary), emails[0] if emails else None)
    return (chosen.value or "").strip() if chosen else ""


def _display_of(user: User) -> str:
    if user.display_name:
        return user.display_name
    if user.name is None:
        return ""
    parts: dict[str, str] = user.name.model_dump()
    both = (parts.get("givenName"), parts.get("familyName"))
    return parts.get("formatted") or " ".join(filter(None, both))
