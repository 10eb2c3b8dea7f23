"""The part of the permission file that a change is about, as text: what a plan shows, compares
and puts back. Passwords stand in it as digests."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recert.connectors.changes import (
    Change,
    CloseAccount,
    JoinGroup,
    LeaveGroup,
    OpenAccount,
    RotateCredential,
    SetRights,
)
from recert.connectors.contract import CannotExpress
from recert.connectors.embedded.format import Permissions, read_document, understand
from recert.connectors.embedded.passwords import NOBODYS

NO_ACCOUNT = ""


@dataclass(frozen=True)
class Native:
    """The file at one moment: as JSON and understood."""

    document: Mapping[str, Any]
    permissions: Permissions

    @classmethod
    def of(cls, raw: bytes) -> "Native":
        document = read_document(raw)
        return cls(document, understand(document))


def as_text(part: object) -> str:
    return json.dumps(part, indent=2, ensure_ascii=False)


def key_of(change: Change) -> str:
    """The key of the account's entry that a change is about; empty for the whole entry."""
    match change:
        case SetRights():
            return "folders"
        case JoinGroup() | LeaveGroup():
            return "groups"
        case CloseAccount():
            return "enabled"
        case RotateCredential():
            return "password"
        case OpenAccount():
            return ""


def text_of(native: Native, change: Change) -> str:
    """The part as the file has it; "null" when it states nothing of it, NO_ACCOUNT when there is
    no such account."""
    entry = native.document["accounts"].get(change.account)
    if entry is None:
        return NO_ACCOUNT
    shown, key = masked(entry), key_of(change)
    return as_text(shown.get(key) if key else shown)


def with_text(native: Native, change: Change, text: str) -> Native:
    """The file as it would be with this part of the account; the old one is not touched."""
    accounts = dict(native.document["accounts"])
    key = key_of(change)
    if text == NO_ACCOUNT:
        accounts.pop(change.account, None)
    elif key:
        entry, part = dict(accounts[change.account]), json.loads(text)
        entry[key] = part
        if part is None:
            del entry[key]
        accounts[change.account] = _unmasked(entry, native, change)
    else:
        accounts[change.account] = _unmasked(json.loads(text), native, change)
    document = {**native.document, "accounts": accounts}
    return Native(document, understand(document))


def masked(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of an account with a digest in place of its password."""
    shown = dict(entry)
    if "password" in shown:
        shown["password"] = digest(shown["password"])
    return shown


def digest(password: str) -> str:
    """What stands for a stored password in plans."""
    return "sha256:" + hashlib.sha256(password.encode()).hexdigest()


def _unmasked(entry: dict[str, Any], native: Native, change: Change) -> dict[str, Any]:
    """The entry with its password again: the one in the file, the new one, or nobody's."""
    shown = entry.get("password")
    if shown is None:
        return entry
    known = [shown if not shown.startswith("sha256:") else NOBODYS, NOBODYS]
    stored = native.document["accounts"].get(change.account, {}).get("password")
    known += [stored] if stored else []
    if isinstance(change, OpenAccount | RotateCredential) and change.credential:
        known.append(change.credential.text)
    for password in known:
        if shown in (password, digest(password)):
            return {**entry, "password": password}
    raise CannotExpress(f"The former password of account {change.account!r} is not kept.")
