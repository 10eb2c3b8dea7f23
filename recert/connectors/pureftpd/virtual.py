"""Virtual users of Pure-FTPd, from a PureDB, a database or a directory."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from recert.connectors.posix.permissions.accounts import SystemUsers
from recert.connectors.pureftpd.puredb import Record

_EVERYWHERE = ("0.0.0.0/0",)
_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?)(\d+)")
_NO_ID = 0xFFFF_FFFF  # setuid and setgid refuse it
_CRYPT = re.compile(
    r"\$(?!argon2).*|_[./0-9A-Za-z]{19}|[./0-9A-Za-z]{13}([./0-9A-Za-z]{11})*", re.DOTALL
)


@dataclass(frozen=True)
class VirtualUser:
    """One account of one source."""

    name: str
    method: str  # puredb, mysql, pgsql, ldap
    uid: int = -2
    gid: int = -2
    home: str = ""
    refused: str = ""
    notes: tuple[str, ...] = ()  # doubts about the account
    # The source does not decide about the name, so the next way to sign in is asked.
    passes_on: bool = False


@dataclass
class Listed:
    """The accounts of one source, and what may be missing among them."""

    users: list[VirtualUser] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def of_records(stored: Mapping[str, Record], stated: Mapping[str, Record]) -> list[VirtualUser]:
    """Those of the PureDB, and those of its text file that are not in it yet."""
    return [_of_record(name, stored, stated) for name in {**stored, **stated}]


def _of_record(
    name: str, stored: Mapping[str, Record], stated: Mapping[str, Record]
) -> VirtualUser:
    record = stored.get(name)
    if record is None:
        record = stated[name]
        refused = "not in the database yet (pure-pw mkdb)"
    else:
        refused = _refusal(record)
    return VirtualUser(
        name,
        "puredb",
        record.uid,
        record.gid,
        record.home,
        refused,
        () if refused else _notes(record, stated),
        passes_on=name not in stored,
    )


def _refusal(record: Record) -> str:
    if not record.has_password:
        return "its password is locked"
    if record.deny_client in _EVERYWHERE:
        return "no client may use it (deny_client)"
    return "no time of day is left for it" if record.times == "0-0" else ""


def _notes(record: Record, stated: Mapping[str, Record]) -> tuple[str, ...]:
    """What we do not know of a client: where it is, and when it comes."""
    notes = []
    if record.allow_client:
        notes.append(f"only from {record.allow_client}")
    if record.deny_client:
        notes.append(f"not from {record.deny_client}")
    if record.times and record.times not in ("0000-2359", "0-2359"):
        notes.append(f"only at {record.times}")
    if record.name not in stated:
        notes.append("removed from the text file, but the database still has it")
    return tuple(notes)


def number(value: str) -> int:
    """A uid or gid as the daemon reads it (strtoul); 0 is none."""
    match = _NUMBER.match(value)
    if match is None:
        return 0
    count = min(int(match[2]), 2**64 - 1)
    return (-count if match[1] == "-" else count) % 2**32


def why_no_id(uid: int, gid: int) -> str:
    """Why no session can have these numbers."""
    if 0 in (uid, gid):
        return "its number or that of its group is 0, which Pure-FTPd refuses"
    return (
        "its number or that of its group is -1, which the kernel refuses"
        if (_NO_ID in (uid, gid))
        else ""
    )


def uid_of(value: str, users: SystemUsers) -> int:
    """A number, or the name of a system user; 0 when it is neither."""
    user = users.passwd.get(value)
    return number(value) or (user.uid if user else 0)


def gid_of(value: str, users: SystemUsers) -> int:
    """A number, or the name of a group; 0 when it is neither."""
    return number(value) or next((one.gid for one in users.groups if one.name == value), 0)


def is_hash(secret: str, form: str) -> bool:
    """Whether a password can fit: `form` is argon2, scrypt, crypt, any, or else plain text."""
    fits = {
        "argon2": secret.startswith("$argon2"),
        "scrypt": secret.startswith("$7$"),
        "crypt": bool(_CRYPT.fullmatch(secret)),
    }
    return fits.get(form.lower(), any(fits.values()) if form.lower() == "any" else True)
