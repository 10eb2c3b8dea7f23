"""Single values of the permission file: each is read strictly, or refused with its place."""

from collections.abc import Mapping
from datetime import MAXYEAR, UTC, date, datetime, time
from typing import Any

from recert.connectors.contract import AccountKind, ServerDataInvalid
from recert.connectors.embedded import paths
from recert.connectors.moments import in_utc
from recert.connectors.names import is_clean
from recert.connectors.rights import Rights, UnknownRight, parse

LONGEST_NAME = 256


def wrong(place: str, why: str) -> ServerDataInvalid:
    """The refusal of one place; hostile characters of the place are not repeated."""
    shown = "".join(character if is_clean(character) else "?" for character in place)
    return ServerDataInvalid(f"{shown}: {why}")


def as_text(value: object, place: str, *, may_be_empty: bool = False) -> str:
    if not isinstance(value, str):
        raise wrong(place, "must be text")
    if not is_clean(value):
        raise wrong(place, "control characters are not allowed")
    if not value and not may_be_empty:
        raise wrong(place, "must not be empty")
    return value


def as_flag(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        raise wrong(place, "must be true or false")
    return value


def as_mapping(value: object, place: str, known: set[str] | None = None) -> dict[str, Any]:
    """An object; with `known`, one that has no other keys."""
    if not isinstance(value, dict):
        raise wrong(place, "must be an object")
    for key in value:
        if known is not None and key not in known:
            raise wrong(place, f"unknown key {key!r}")
    return value


def required(entry: Mapping[str, Any], key: str, place: str = "") -> object:
    if key not in entry:
        raise wrong(f"{place}.{key}" if place else key, "is missing")
    return entry[key]


def as_rights(value: object, place: str) -> Rights:
    """Rights from their lower case names; an empty text means no access."""
    found = Rights.NONE
    for name in as_text(value, place, may_be_empty=True).split():
        try:
            right = parse([name])
        except UnknownRight as error:
            raise wrong(place, f"unknown right {name!r}") from error
        if right == Rights.SHARE or name != name.lower():
            raise wrong(place, f"this server has no right {name!r}")
        found |= right
    return found


def as_path(value: object, place: str) -> str:
    found = as_text(value, place)
    if why := paths.complaint(found):
        raise wrong(place, why)
    return found


def as_name(name: str, place: str) -> str:
    """The name of an account or a group."""
    place = f"{place}.{name}"
    as_text(name, place)
    if name != name.strip() or len(name) > LONGEST_NAME:
        raise wrong(place, f"a name has 1 to {LONGEST_NAME} characters and no outer blanks")
    return name


def as_kind(value: object, place: str) -> AccountKind:
    try:
        return AccountKind(as_text(value, place))
    except ValueError as error:
        raise wrong(place, f"must be one of {', '.join(AccountKind)}") from error


def as_expiry(value: object, place: str) -> datetime | None:
    """The last moment that works: a date lasts to its end, in UTC; a moment needs its zone. None
    in the year 9999, which means never."""
    written = as_text(value, place)
    try:
        if len(written) == len("2026-12-31"):
            found = datetime.combine(date.fromisoformat(written), time.max, UTC)
        else:
            found = datetime.fromisoformat(written)
    except ValueError as error:
        raise wrong(place, "must be a date or an ISO 8601 time with zone") from error
    if found.tzinfo is None:
        raise wrong(place, "a time needs its zone")
    try:
        return in_utc(found, never=MAXYEAR)
    except ValueError as error:
        raise wrong(place, str(error)) from error
