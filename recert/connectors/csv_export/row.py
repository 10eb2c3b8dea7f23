"""One row of an export, read by the rules of docs/servers/csv.md; a bad row is a ValueError."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time

from recert.connectors import rights
from recert.connectors.contract import AccountKind
from recert.connectors.moments import in_utc
from recert.connectors.names import is_clean
from recert.connectors.rights import Rights, UnknownRight

REQUIRED = ("folder", "principal", "rights")
COLUMNS = {
    *REQUIRED,
    *("principal_type", "effect", "recursive", "via", "backend_path", "enabled", "email"),
    *("display_name", "owner_email", "last_login", "expires", "native_rights", "member_of"),
}
_LONGEST_FOLDER = 4096
_LONGEST_NAME = 256
_PROFILES = {
    "none": Rights.NONE,
    "see names": Rights.LIST,
    "drop-off": Rights.UPLOAD,
    "read": rights.READ,
    "read and add": rights.ADD,
    "edit": rights.EDIT,
    "full": rights.FULL,
}
_KINDS = {
    "user": AccountKind.PERSON,
    "link": AccountKind.SHARED,
    "anonymous": AccountKind.ANONYMOUS,
    "key": AccountKind.SERVICE,
}
_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
# What products write instead of "never".
_NEVER = {"last_login": MINYEAR, "expires": MAXYEAR}


@dataclass(frozen=True)
class Row:
    """What one row says: a statement about a folder, and facts about its principal."""

    line: int
    folder: str  # the identity: the physical place when the export gives one
    principal: str
    kind: AccountKind | None  # None: a group
    rights: Rights
    deny: bool
    recursive: bool
    via: str
    native: str
    enabled: bool | None
    email: str
    display_name: str
    last_login: datetime | None
    expires: datetime | None
    member_of: tuple[str, ...]


def read_row(line: int, cells: Mapping[str, str]) -> Row:
    """The row of the cells by column name; raises ValueError saying what is wrong."""
    for column, cell in cells.items():
        _refuse_controls(column, cell)
    kind = _kind(_lower_case(cells, "principal_type", "user"))
    _address(cells, "owner_email")
    member_of = tuple(_names(cells.get("member_of", "")))
    if kind is None and member_of:
        raise ValueError("member_of stands in the rows of members, not of groups")
    folder = _folder(cells["folder"], "folder")
    place = cells.get("backend_path", "").strip()
    return Row(
        line=line,
        folder=_folder(place, "backend_path") if place else folder,
        principal=_name(cells["principal"], "principal"),
        kind=kind,
        rights=_rights(cells["rights"]),
        deny=_choice(cells, "effect", "allow", ("allow", "deny")) == "deny",
        recursive=_choice(cells, "recursive", "yes", ("yes", "no")) == "yes",
        via=_via(cells.get("via", "").strip()),
        native=cells.get("native_rights", ""),
        enabled=_flag(cells),
        email=_address(cells, "email"),
        display_name=cells.get("display_name", "").strip(),
        last_login=_moment(cells, "last_login", time.min),
        expires=_moment(cells, "expires", time.max),
        member_of=member_of,
    )


def _refuse_controls(column: str, cell: str) -> None:
    text = re.sub(r"[\t\r\n]", "", cell) if column == "native_rights" else cell
    if not is_clean(text):
        raise ValueError(f"{column} holds a control character")


def _folder(text: str, column: str) -> str:
    path = unicodedata.normalize("NFC", text.strip()).replace("\\", "/")
    if re.match(r"[A-Za-z]:(/|$)", path):
        path = "/" + path
    if not path.startswith("/"):
        raise ValueError(f"{column} {text!r} is not an absolute path")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError(f"{column} {text!r} contains '..'")
    if len(path) > _LONGEST_FOLDER:
        raise ValueError(f"{column} is longer than {_LONGEST_FOLDER} characters")
    return "/" + "/".join(parts)


def _name(text: str, column: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise ValueError(f"{column} must have 1 to {_LONGEST_NAME} characters")
    return name


def _names(text: str) -> list[str]:
    return [_name(name, "member_of") for name in text.split("|") if name.strip()]


def _kind(value: str) -> AccountKind | None:
    if value == "group":
        return None
    if value not in _KINDS:
        raise ValueError(f"principal_type {value!r} is not known")
    return _KINDS[value]


def _rights(text: str) -> Rights:
    """Rights or profiles separated by | or blanks; one profile alone may have blanks in it."""
    whole = text.strip().lower()
    tokens = [whole] if whole in _PROFILES else whole.split("|" if "|" in whole else None)
    found = [_right(token.strip()) for token in tokens]
    if not found:
        raise ValueError("rights is empty; write none for no access")
    if Rights.NONE in found and len(found) > 1:
        raise ValueError("rights says none and something else")
    total = Rights.NONE
    for right in found:
        total |= right
    return total


def _right(token: str) -> Rights:
    if token in _PROFILES:
        return _PROFILES[token]
    try:
        return rights.parse([token])
    except UnknownRight as error:
        raise ValueError(f"rights has the unknown right {token!r}") from error


def _via(text: str) -> str:
    kind, colon, what = text.partition(":")
    value, what = kind.strip().lower(), what.strip()
    if not colon and value in ("", "direct", "default"):
        return value or "direct"
    if value == "group" and what:
        return f"group:{what}"
    if value == "inherited" and what:
        return f"inherited:{_folder(what, 'via')}"
    raise ValueError(f"via {text!r} is not direct, group:NAME, inherited:PATH or default")


def _lower_case(cells: Mapping[str, str], column: str, default: str) -> str:
    return cells.get(column, "").strip().lower() or default


def _choice(cells: Mapping[str, str], column: str, default: str, allowed: tuple[str, ...]) -> str:
    value = _lower_case(cells, column, default)
    if value not in allowed:
        raise ValueError(f"{column} {value!r} is not {' or '.join(allowed)}")
    return value


def _flag(cells: Mapping[str, str]) -> bool | None:
    if not _lower_case(cells, "enabled", ""):
        return None
    return _choice(cells, "enabled", "yes", ("yes", "no")) == "yes"


def _address(cells: Mapping[str, str], column: str) -> str:
    address = cells.get(column, "").strip()
    if address and not _ADDRESS.fullmatch(address):
        raise ValueError(f"{column} {address!r} is not a mail address")
    return address


def _moment(cells: Mapping[str, str], column: str, of_day: time) -> datetime | None:
    """None for nothing and for "never": neither says when."""
    text = cells.get(column, "").strip()
    if text.lower() in ("", "never"):
        return None
    try:
        if len(text) == len("2026-12-31"):
            found = datetime.combine(date.fromisoformat(text), of_day, UTC)
        else:
            found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{column} {text!r} is not an ISO 8601 date or time") from error
    if found.tzinfo is None:
        raise ValueError(f"{column} {text!r} has no zone")
    try:
        return in_utc(found, never=_NEVER[column])
    except ValueError as error:
        raise ValueError(f"{column} {text!r}: {error}") from error
