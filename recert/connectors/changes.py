"""What can be asked of a server: a closed union of changes, whatever their reason.

Each names the state that shall hold afterwards, so that asking twice is asking once. A kind of
server declares which of them it can carry out (`Features.changes`); the others go to a person.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from recert.connectors.rights import Rights


class CredentialKind(StrEnum):
    PASSWORD_HASH = "password hash"  # noqa: S105  # in the form that the kind of server stores
    PUBLIC_KEY = "public key"


@dataclass(frozen=True)
class NewCredential:
    """What opens an account, as the server stores it: never the secret itself. Plans and logs
    show its digest only."""

    kind: CredentialKind
    text: str = field(repr=False)


@dataclass(frozen=True)
class SetRights:
    """The account shall have exactly these rights in this folder, and in the folders below that
    behave like it. Other boundaries keep what they have."""

    account: str
    folder: str
    rights: Rights  # NONE revokes


@dataclass(frozen=True)
class JoinGroup:
    """The account shall be a member of the group, whatever folders that opens."""

    account: str
    group: str


@dataclass(frozen=True)
class LeaveGroup:
    """The account shall not be a member of the group any more, whatever folders that closes."""

    account: str
    group: str


@dataclass(frozen=True)
class OpenAccount:
    """There shall be such an account, and it can sign in once it has a credential. With `reopen`
    an account of this name that is closed lets its holder in again, with the home, the groups and
    the rights that it kept; without, a name that exists is refused."""

    account: str
    home: str = "/"
    groups: tuple[str, ...] = ()
    expires: datetime | None = None
    display_name: str = ""
    email: str = ""
    credential: NewCredential | None = None
    reopen: bool = False


@dataclass(frozen=True)
class CloseAccount:
    """The account shall not get in any more. It is switched off and never deleted."""

    account: str


@dataclass(frozen=True)
class RotateCredential:
    """The account shall open with this credential, and with no other of its kind."""

    account: str
    credential: NewCredential


Change = SetRights | JoinGroup | LeaveGroup | OpenAccount | CloseAccount | RotateCredential

_KINDS: dict[str, type[Change]] = {
    "set rights": SetRights,
    "join group": JoinGroup,
    "leave group": LeaveGroup,
    "open account": OpenAccount,
    "close account": CloseAccount,
    "rotate credential": RotateCredential,
}
NAMES = {kind: name for name, kind in _KINDS.items()}


def opposite(change: JoinGroup | LeaveGroup | OpenAccount | CloseAccount) -> Change:
    """The change that takes another one back."""
    match change:
        case JoinGroup():
            return LeaveGroup(change.account, change.group)
        case LeaveGroup():
            return JoinGroup(change.account, change.group)
        case OpenAccount():
            return CloseAccount(change.account)
        case CloseAccount():
            return OpenAccount(change.account, reopen=True)


def to_json(change: Change) -> dict[str, Any]:
    """The change for the database. Credentials are left out: a plan is shown to many."""
    kept: dict[str, Any] = asdict(change)
    if "credential" in kept:
        kept["credential"] = None
    if kept.get("expires"):
        kept["expires"] = kept["expires"].isoformat()
    if "groups" in kept:
        kept["groups"] = list(kept["groups"])
    return {"kind": NAMES[type(change)], **kept}


def from_json(kept: dict[str, Any]) -> Change:
    """The change back from the database, without its credential."""
    values = {name: value for name, value in kept.items() if name != "kind"}
    if "kind" not in kept:  # written before there were kinds
        return _of_four_fields(**values)
    kind = _KINDS[kept["kind"]]
    if kind is SetRights:
        values["rights"] = Rights(values["rights"])
    if kind is OpenAccount:
        values["groups"] = tuple(values["groups"])
        if values["expires"]:
            values["expires"] = datetime.fromisoformat(values["expires"])
    if kind is RotateCredential:
        values["credential"] = NewCredential(CredentialKind.PASSWORD_HASH, "")
    return kind(**values)


def _of_four_fields(account: str, folder: str, rights: int, group: str = "") -> Change:
    if group:
        return LeaveGroup(account, group)
    return SetRights(account, folder, Rights(rights)) if folder else CloseAccount(account)
