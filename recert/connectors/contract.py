"""What every kind of server offers. Frozen data in, frozen data out; no database, no Flask.

A connector never guesses: what it could not read it reports as a problem of the reading, which
makes the snapshot partial. It maps towards more rights when unsure and marks the grant `widened`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from recert.connectors.changes import (
    Change,
    CloseAccount,
    JoinGroup,
    LeaveGroup,
    OpenAccount,
    RotateCredential,
    SetRights,
)
from recert.connectors.rights import Rights
from recert.foundation.errors import RecertError


class ConnectorError(RecertError):
    """The server could not be read or changed."""


class ServerUnreachable(ConnectorError):
    """The server did not answer. Recert will try again."""


class ServerRefusedUs(ConnectorError):
    """The server refused our credentials. An administrator must look at the connection."""


class ServerDataInvalid(ConnectorError):
    """The server's permission data cannot be understood. Nothing was changed."""


class ServerBusy(ConnectorError):
    """The server could not take the change just now. Recert will try again."""


class NoSpace(ConnectorError):
    """The server has no space for the changed file. The old file is untouched."""


class EditedByOthers(ConnectorError):
    """Somebody else changed this access after the plan was made. Nothing was overwritten."""


class CannotExpress(ConnectorError):
    """This server cannot express the change. An administrator must do it by hand."""


class NameTaken(CannotExpress):
    """The server has another account of this name already. Choose another name, or reopen the
    account when it belongs to the same holder."""


class OutcomeUnknown(ConnectorError):
    """The connection broke after the change was sent. Recert will look again before it does
    more."""


class SettingsInvalid(ConnectorError):
    """The server's settings are not complete."""


@dataclass(frozen=True)
class Features:
    """What a kind can do; the pages offer only that."""

    can_write: bool  # orders are applied by us; else they become a change list
    changes: frozenset[type[Change]]  # what `plan` takes; CannotExpress refuses the others
    reads_last_login: bool = False
    ends_sessions: bool = False  # a revocation also stops live sessions
    can_undo: bool = False


class AccountKind(StrEnum):
    PERSON = "person"
    SERVICE = "service"
    SHARED = "shared"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True)
class AccountFact:
    """One login. `enabled` is the effective state: switched off or expired means False."""

    name: str
    enabled: bool = True
    kind: AccountKind = AccountKind.PERSON
    display_name: str = ""
    email: str = ""
    expires: datetime | None = None
    last_login: datetime | None = None  # None: not known, never "never"
    note: str = ""  # why it is not enabled, as a text
    keys: int | None = None  # how many authorized keys open it; None: not known, or no such way in


@dataclass(frozen=True)
class GroupFact:
    name: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class GrantFact:
    """What one account can effectively do in one folder, and which statements give it."""

    account: str
    folder: str
    rights: Rights
    via: tuple[str, ...]  # each a sentence fragment: "own entry at /in", "group sales at /in"
    native: str = ""
    widened: bool = False
    # Only where a server speaks several protocols and their rights differ: ("ftp", rights), ...
    # `rights` is then their union.
    protocols: tuple[tuple[str, Rights], ...] = ()


@dataclass
class Reading:
    """One look at a server. `grants` is a stream and read once; while it runs `problems` may
    grow, so whether the reading is complete is known at its end."""

    accounts: Sequence[AccountFact]
    groups: Sequence[GroupFact]
    folders: Sequence[str]  # boundaries, parents before children
    grants: Iterator[GrantFact]
    fingerprint: str  # SHA-256 of the raw answer
    source: str  # what was read, for the evidence: "file permissions.json"
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(
        default_factory=list
    )  # worth knowing; the reading is still complete


@dataclass(frozen=True)
class Cell:
    """One folder of one account, before and after a change: over all protocols, or over the one
    that is named, where the others hide what it loses."""

    account: str
    folder: str
    before: Rights
    after: Rights
    protocol: str = ""


@dataclass(frozen=True)
class Plan:
    """The exact native edit. `before` and `after` are the native text of the part that is edited;
    `fingerprint` stands for everything the plan was made from."""

    change: Change
    before: str
    after: str
    diff: str
    fingerprint: str
    side_effects: tuple[Cell, ...] = ()  # cells other than the wanted one that would change too
    note: str = ""
    # What the account itself could do more: the folders that a group opens, or an account has.
    gains: tuple[Cell, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True when the server is already as wanted."""
        return self.before == self.after


class Standing(StrEnum):
    """The state of the server compared with a plan."""

    BEFORE = "before"
    AFTER = "after"
    PARTLY = "partly"  # some parts of the plan stand; applying it again finishes it
    OTHER = "other"


@dataclass(frozen=True)
class LogSource:
    """Where a server writes what its accounts did, so that activity can be read later."""

    kind: str  # "transfers", "sign-ins" or "commands"
    path: str  # a file, or "syslog"
    format: str  # "xferlog", "vsftpd", "clf", ...
    what: str = ""  # what it does not show, as a text


@dataclass(frozen=True)
class Check:
    """One named test of a connection, with cause and remedy when it failed."""

    name: str
    passed: bool
    cause: str = ""
    remedy: str = ""


class Connector(Protocol):
    features: Features

    def checks(self) -> Iterator[Check]:
        """Named tests from "settings" to "read"; stops after the first that failed."""

    def read(self, accounts: Collection[str] | None = None) -> Reading:
        """Reads the server anew, all accounts or only some. Raises a ConnectorError when nothing
        could be read."""

    def for_one_run(self) -> AbstractContextManager["Connector"]:
        """For many orders in a row: a connector on one connection, whose readings and plans share
        one survey. It reads again what its own edits touched; before each order, ask it to
        `notice_edits`. `has_folder`, `standing` and what `apply` compares before it writes always
        come from the server itself."""

    def notice_edits(self, folder: str) -> None:
        """In a run: looks at a folder and at the way to it. When others changed something there,
        all is read anew by whoever asks next."""

    def every_folder(self) -> Iterator[str]:
        """Every folder that exists, not only boundaries, parents first."""

    def has_folder(self, folder: str) -> bool:
        """Whether the folder can be found just now. A missing one proves nothing. Kinds whose
        folders are entries of a file always say yes."""

    def log_sources(self) -> list[LogSource]:
        """Where the server writes down what its accounts did."""

    def log_roots(self) -> Mapping[str, str]:
        """The folders in which accounts are shut in, where transfer logs write paths as the
        account sees them; empty where they are real paths."""

    def plan(self, change: Change) -> Plan:
        """The smallest edit that makes the change true. Reads, never writes."""

    def undo_plan(self, applied: Plan) -> Plan:
        """The edit that restores `applied.before` exactly. EditedByOthers when `applied.after`
        does not stand any more."""

    def standing(self, plan: Plan) -> Standing:
        """Reads back which side of the plan stands on the server."""

    def apply(self, plan: Plan) -> bool | None:
        """Carries the plan out. EditedByOthers when the fingerprint moved; raises OutcomeUnknown
        when it may or may not have happened. Twice is as good as once. True when live sessions of
        the account were ended for it, False when there was none; None when that is not needed,
        because open sessions lose the rights at once, or not known."""


def check_supported(features: Features, change: Change) -> None:
    """Raises CannotExpress for a change that the kind does not carry out."""
    if type(change) not in features.changes:
        raise CannotExpress(f"This kind of server has no way for Recert to {_TASKS[type(change)]}.")


_TASKS: dict[type[Change], str] = {
    SetRights: "set the rights of one folder",
    JoinGroup: "add an account to a group",
    LeaveGroup: "take an account out of a group",
    OpenAccount: "open an account",
    CloseAccount: "close an account",
    RotateCredential: "change how an account signs in",
}
