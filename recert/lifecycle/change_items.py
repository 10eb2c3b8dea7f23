"""Change items of OpenText Identity Governance, as its fulfilment targets send them.

Two shapes are read: the item as the suite holds it (profiles as objects, or as JSON text in a
string), and the short one that docs/identity/opentext.md gives as a script.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from recert.foundation.errors import BadInput

LONGEST = 1000  # characters of a text that is kept


class RequestType(StrEnum):
    """What an item asks for; the others of the suite are not about a server's access."""

    REMOVE_ACCOUNT_PERMISSION = "REMOVE_ACCOUNT_PERMISSION"
    REMOVE_PERMISSION_ASSIGNMENT = "REMOVE_PERMISSION_ASSIGNMENT"
    ADD_PERMISSION_TO_USER = "ADD_PERMISSION_TO_USER"
    MODIFY_PERMISSION_ASSIGNMENT = "MODIFY_PERMISSION_ASSIGNMENT"
    REMOVE_ACCOUNT = "REMOVE_ACCOUNT"
    REMOVE_ACCOUNT_ASSIGNMENT = "REMOVE_ACCOUNT_ASSIGNMENT"
    ADD_USER_TO_ACCOUNT = "ADD_USER_TO_ACCOUNT"
    ADD_APPLICATION_TO_USER = "ADD_APPLICATION_TO_USER"
    REMOVE_APPLICATION_FROM_USER = "REMOVE_APPLICATION_FROM_USER"


class ItemInvalid(BadInput):
    """The change item cannot be read."""


@dataclass(frozen=True)
class Requested:
    """One change item. Texts that it does not have are empty."""

    number: str
    type: RequestType
    account: str  # our id of the account, or its name on the server
    entitlement: str  # our id
    email: str  # of the person whom it is about
    login: str  # the name that a new account of theirs would get
    person: str
    requester: str
    reason: str
    ends_at: datetime | None


def parse(body: object) -> Requested:
    """Reads one item of either shape. ItemInvalid names the field; the values of a body are never
    repeated, since it may carry credentials of the target."""
    if not isinstance(body, Mapping):
        raise ItemInvalid("It must be a JSON object.")
    number = _number(body)
    account, permission = _profile(body, "accountProfile"), _profile(body, "permissionProfile")
    user = _profile(body, "userProfile") or _profile(body, "user")
    return Requested(
        number=number,
        type=_type(body),
        account=_first(account.get("accountId"), body.get("accountProvId"), body.get("account"))
        or _first(body.get("accountName")),
        entitlement=_first(
            permission.get("permissionId"), body.get("permProvId"), body.get("permission")
        ),
        email=_email(user),
        login=_first(user.get("login"), user.get("userName"), user.get("cn")),
        person=_first(body.get("userName"), user.get("displayName")),
        requester=_first(body.get("requesterName"), body.get("requester")),
        reason=_first(body.get("reason")),
        ends_at=_moment(body.get("end")),
    )


def number_of(body: object) -> str:
    """The number of an item that may be unreadable otherwise; empty when it has none."""
    try:
        return _number(body) if isinstance(body, Mapping) else ""
    except ItemInvalid:
        return ""


def digest(body: object) -> str:
    """Over what the item asks for, not over correlation ids or credentials around it."""
    if not isinstance(body, Mapping):
        return ""
    asked = {key: value for key, value in body.items() if key not in _NOT_CONTENT}
    text = json.dumps(asked, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _number(body: Mapping[str, Any]) -> str:
    number = str(body.get("changeItemId", ""))
    if not (number.isascii() and number.isdigit()) or len(number) > 20:
        raise ItemInvalid("changeItemId must be a number.")
    return number


def _type(body: Mapping[str, Any]) -> RequestType:
    name = _first(body.get("changeRequestType"), body.get("requestType"))
    try:
        return RequestType(name)
    except ValueError as error:
        raise ItemInvalid(
            "changeRequestType is none that Recert fulfils. Known: " + ", ".join(RequestType) + "."
        ) from error


def _profile(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ItemInvalid(f"{name} is neither an object nor JSON text.") from error
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise ItemInvalid(f"{name} is not an object.")
    return value


def _email(user: Mapping[str, Any]) -> str:
    emails = user.get("emails")
    if isinstance(emails, list):
        for each in emails:
            address = each.get("value") if isinstance(each, Mapping) else each
            if isinstance(address, str) and "@" in address:
                return _first(address)
    return _first(user.get("email"), user.get("mail"))


def _first(*values: object) -> str:
    """The first text among some values, without control characters."""
    for value in values:
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            text = str(value).strip()
            return "".join(c if c.isprintable() else " " for c in text)[:LONGEST]
    return ""


def _moment(value: object) -> datetime | None:
    """Milliseconds since 1970, as a number or as text; empty, zero and -1 mean never."""
    if value in (None, "", 0, "0", -1, "-1"):
        return None
    try:
        return datetime.fromtimestamp(int(str(value)) / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ItemInvalid("end is not a time in milliseconds since 1970.") from error


_NOT_CONTENT = ("DAAS_AUTH_INFO", "fulfillmentContext", "flowdata", "changeSetId", "serviceName")
