"""What a campaign asks about, beyond its servers: a folder, kinds of accounts, rights, changes.

The conditions are SQL, so that a million grants are chosen by one statement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, literal, not_, or_, select
from sqlalchemy.orm import Session

from recert.activity.models import LastUse
from recert.connectors.contract import AccountKind
from recert.connectors.rights import ALL, Rights
from recert.foundation.errors import BadInput
from recert.inventory import emergency_accounts
from recert.inventory.models import Account, Folder, FolderOwner, FolderRoute, Grant, Snapshot
from recert.inventory.queries import in_snapshot
from recert.people.models import Organisation, OrganisationKind, Person

MAX_SAMPLE = 1_000_000
_PRIME = 2_147_483_647


class Holder(StrEnum):
    """Whose accounts are asked about."""

    EMPLOYEE = "employee"
    PARTNER = "partner"
    SERVICE = "service"
    SHARED = "shared"
    ANONYMOUS = "anonymous"
    ORPHAN = "orphan"  # a personal account that belongs to nobody we know
    LEFT = "left"  # its person has left
    PRIVILEGED = "privileged"  # can give others access, on some folder of the server


@dataclass(frozen=True)
class Scope:
    """Which access is reviewed. An empty field does not limit it."""

    prefix: str = "/"
    classifications: tuple[str, ...] = ()
    holders: tuple[Holder, ...] = ()
    rights: Rights = Rights.NONE  # at least one of these
    unused_days: int = 0  # no sign-in and no transfer for so long
    unknown_unused: bool = False  # accounts without any known use count as unused too
    only_changes: bool = False  # new or changed since the last campaign on its server
    sample: int = 0  # so many, chosen by the seed
    seed: int = 0

    def as_json(self) -> dict[str, Any]:
        """The stored JSON."""
        return asdict(self) | {"rights": int(self.rights)}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Scope":
        """From the stored JSON, or from a template."""
        values = {name: kept[name] for name in cls.__dataclass_fields__ if name in kept}
        values["classifications"] = tuple(values.get("classifications", ()))
        values["holders"] = tuple(map(Holder, values.get("holders", ())))
        values["rights"] = Rights(values.get("rights", 0))
        return cls(**values)

    @property
    def is_not_about_folders(self) -> bool:
        """Whether it names no folders, so that groups lie in it."""
        return self.prefix == "/" and not self.classifications

    @property
    def description(self) -> list[str]:
        """What limits the scope, for pages and evidence; nothing when everything is in it."""
        limits = [] if self.prefix == "/" else [f"folder {self.prefix} and below"]
        if self.classifications:
            limits.append("folders classified " + " or ".join(self.classifications))
        if self.holders:
            limits.append("accounts that are " + " or ".join(self.holders))
        if self.rights:
            names = [str(right.name).lower() for right in Rights if right & self.rights]
            limits.append("access that can " + " or ".join(names))
        if self.unused_days:
            unknown = "; never seen counts too" if self.unknown_unused else ""
            limits.append(f"no sign-in or transfer for {self.unused_days} days{unknown}")
        if self.only_changes:
            limits.append("new or changed since the last campaign")
        if self.sample:
            limits.append(f"a random sample of {self.sample} (seed {self.seed})")
        return limits

    def check(self) -> None:
        """Raises BadInput naming what makes no sense."""
        if not 0 <= self.unused_days <= 3650:
            raise BadInput("“Not used for” must be a number of days up to 3650.")
        if not 0 <= self.sample <= MAX_SAMPLE:
            raise BadInput(f"A sample has at most {MAX_SAMPLE:,} items.")
        if self.sample and not 0 < self.seed < _PRIME:
            raise BadInput(f"The seed of a sample is a number from 1 to {_PRIME - 1}.")
        if self.rights & ~ALL:
            raise BadInput("The scope names a right that does not exist.")


EVERYTHING = Scope()


def in_folder(prefix: str, path: Any = Folder.path) -> ColumnElement[bool]:
    """The condition that a folder is the prefix or lies below it: a range, so that the index
    serves it ("0" is the character after "/")."""
    if prefix == "/":
        return literal(True)
    return or_(path == prefix, and_(path >= f"{prefix}/", path < f"{prefix}0"))


def conditions(scope: Scope, *, since: int | None, now: datetime) -> list[ColumnElement[bool]]:
    """What a grant must fulfil, joined to its folder and account. `since` is the snapshot that
    the last campaign on this server was about."""
    found = [in_folder(scope.prefix)]
    if scope.classifications:
        found.append(_classified(scope.classifications))
    if scope.holders:
        found.append(or_(*(is_held_by(holder) for holder in scope.holders)))
    if scope.rights:
        found.append(Grant.rights.op("&")(int(scope.rights)) != 0)
    if scope.unused_days:
        found.append(is_unused(scope, now=now))
        found.append(not_(emergency_accounts.is_emergency()))  # nobody should use it
    if scope.only_changes and since is not None:
        found.append(Grant.first_snapshot_id > since)
    return found


def is_unused(scope: Scope, *, now: datetime) -> ColumnElement[bool]:
    """The condition that an account was not used for so long: by its last sign-in, and by its
    transfers where logs are read. Nothing known is no proof, unless the scope takes it for one."""
    before = now - timedelta(days=scope.unused_days)
    transferred = select(LastUse.account_id).where(LastUse.account_id == Account.id)
    recent = exists(transferred.where(LastUse.at >= before).correlate(Account))
    idle = and_(or_(Account.last_login_at.is_(None), Account.last_login_at < before), not_(recent))
    return idle if scope.unknown_unused else and_(idle, not_(is_unknown()))


def is_unknown() -> ColumnElement[bool]:
    """The condition that neither a sign-in nor a transfer of an account is known."""
    any_use = select(LastUse.account_id).where(LastUse.account_id == Account.id)
    return and_(Account.last_login_at.is_(None), not_(exists(any_use.correlate(Account))))


def _classified(wanted: tuple[str, ...]) -> ColumnElement[bool]:
    return exists(
        select(FolderRoute.folder_id)
        .join(FolderOwner, FolderOwner.id == FolderRoute.folder_owner_id)
        .where(FolderRoute.folder_id == Folder.id, FolderOwner.classification.in_(wanted))
        .correlate(Folder)
    )


def is_held_by(holder: Holder) -> ColumnElement[bool]:
    """The condition that an account is one of these."""
    if holder in (Holder.SERVICE, Holder.SHARED, Holder.ANONYMOUS):
        return Account.kind == AccountKind(holder.value)
    if holder is Holder.ORPHAN:
        return and_(Account.person_id.is_(None), Account.kind == AccountKind.PERSON)
    if holder is Holder.PRIVILEGED:
        shares = select(Grant.account_id).where(
            Grant.rights.op("&")(int(Rights.SHARE)) != 0, Grant.gone_snapshot_id.is_(None)
        )
        return Account.id.in_(shares.correlate(None))
    if holder is Holder.LEFT:
        return _person(Person.active.is_(False))
    kind = OrganisationKind.OWN if holder is Holder.EMPLOYEE else OrganisationKind.PARTNER
    return _person(Organisation.kind == kind)


def _person(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists(
        select(Person.id)
        .join(Organisation, Organisation.id == Person.organisation_id)
        .where(Person.id == Account.person_id, condition)
        .correlate(Account)
    )


def sample_key(seed: int) -> ColumnElement[int]:
    """The number by which a sample is chosen, smallest first: the grant's hash modulo a prime,
    times the seed, modulo the prime. Anybody can compute it again."""
    return (func.abs(Grant.content_hash % _PRIME) * seed) % _PRIME


def boundary_of(session: Session, snapshot: Snapshot, folder: str) -> str:
    """The nearest folder at or above one in which somebody has rights; "" when there is none."""
    above = [folder[:at] or "/" for at, character in enumerate(folder) if character == "/"]
    grants = select(Grant.id).where(
        Grant.folder_id == Folder.id, in_snapshot(Grant, snapshot.id), Grant.rights != 0
    )
    nearest = (
        select(Folder.path)
        .where(
            Folder.server_id == snapshot.server_id,
            in_snapshot(Folder, snapshot.id),
            Folder.path.in_([*above, "/", folder]),
            grants.exists(),
        )
        .order_by(func.length(Folder.path).desc())
        .limit(1)
    )
    return session.scalar(nearest) or ""


def outside(
    session: Session, snapshots: Sequence[Snapshot], folder: str, names: dict[int, str]
) -> list[str]:
    """For each server on which a folder has no rights of its own: which folder answers for it."""
    found = []
    for snapshot in snapshots if folder != "/" else ():
        boundary = boundary_of(session, snapshot, folder)
        if boundary and boundary != folder:
            found.append(
                f"{folder} has no rights of its own on {names[snapshot.server_id]}: whoever has "
                f"access to {boundary} has it there. Launch the review for {boundary} to ask "
                "about it."
            )
    return found
