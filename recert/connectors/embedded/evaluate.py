"""Who can do what: pure functions from the permission file to effective rights.

The most specific path wins. At one path the account's own entry beats those of its groups, and
several groups are added together. Outside its home an account has nothing.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from recert.connectors.contract import AccountFact, GrantFact, GroupFact
from recert.connectors.embedded import paths
from recert.connectors.embedded.format import Account, Permissions
from recert.connectors.rights import Rights


@dataclass(frozen=True)
class Access:
    """Rights and the entries that give them."""

    rights: Rights
    via: tuple[str, ...]


NOTHING = Access(Rights.NONE, ())


def entry_at(permissions: Permissions, account: Account, folder: str) -> Access | None:
    """What the entries at exactly this folder say about the account; None when none does."""
    own = account.folders.get(folder)
    if own is not None:
        return Access(own, (f"own entry at {folder}",))
    speaking = [name for name in account.groups if folder in permissions.groups[name]]
    if not speaking:
        return None
    granted = Rights.NONE
    via = []
    for name in speaking:
        if rights := permissions.groups[name][folder]:
            granted |= rights
            via.append(f"group {name} at {folder}")
    return Access(granted, tuple(via))


def access(permissions: Permissions, account: Account, folder: str) -> Access:
    """What the account's entries give in the folder, whether or not it may sign in."""
    if not paths.is_within(account.home, folder):
        return NOTHING
    for place in paths.upwards(folder):
        entry = entry_at(permissions, account, place)
        if entry is not None:
            return entry
    return NOTHING


def account_fact(account: Account, last_login: datetime | None, now: datetime) -> AccountFact:
    return AccountFact(
        name=account.name,
        enabled=account.is_active(now),
        kind=account.kind,
        display_name=account.display_name,
        email=account.email,
        expires=account.expires,
        last_login=last_login,
        note=_why_inactive(account, now),
    )


def group_facts(permissions: Permissions) -> list[GroupFact]:
    return [GroupFact(name, permissions.members[name]) for name in permissions.groups]


def grants(
    permissions: Permissions, accounts: Collection[str] | None, now: datetime
) -> Iterator[GrantFact]:
    """Every grant of the active accounts (or of some), boundary by boundary, parents first."""
    asked = [
        account
        for account in permissions.accounts.values()
        if account.is_active(now) and (accounts is None or account.name in accounts)
    ]
    walk = _Walk(permissions, asked)
    for folder in permissions.boundaries:
        walk.enter(folder)
        for name, found in sorted(walk.visible.items()):
            yield GrantFact(name, folder, found.rights, found.via)


def _why_inactive(account: Account, now: datetime) -> str:
    if not account.enabled:
        return "switched off in the permission file"
    if account.expires is not None and account.is_expired(now):
        return f"expired on {account.expires.date().isoformat()}"
    return ""


_Before = tuple[str, Access | None, Access | None]


class _Walk:
    """Goes down the tree and carries what every account has where it stands.

    Only accounts that an entry or a home at a boundary speaks of can change there, so the work
    is entries plus grants, not accounts times boundaries, and the memory is the file's.
    """

    def __init__(self, permissions: Permissions, accounts: list[Account]) -> None:
        self.visible: dict[str, Access] = {}  # rights that are not empty, inside the home
        self._nearest: dict[str, Access] = {}  # what entries say, inside the home or not
        self._way: list[tuple[str, list[_Before]]] = []
        self._permissions = permissions
        self._spoken_of: dict[str, list[Account]] = {}
        self._members: dict[str, list[Account]] = {}
        for account in accounts:
            for folder in {account.home, *account.folders}:
                self._spoken_of.setdefault(folder, []).append(account)
            for group in account.groups:
                self._members.setdefault(group, []).append(account)
        self._groups_at: dict[str, list[str]] = {}
        for group, folders in permissions.groups.items():
            for folder in folders:
                self._groups_at.setdefault(folder, []).append(group)

    def enter(self, folder: str) -> None:
        """Steps to the next boundary in the order parents first."""
        while self._way and not paths.is_within(self._way[-1][0], folder):
            self._leave()
        touched = {account.name: account for account in self._touched(folder)}
        before = [(name, self._nearest.get(name), self.visible.get(name)) for name in touched]
        self._way.append((folder, before))
        for account in touched.values():
            self._step(account, folder)

    def _touched(self, folder: str) -> Iterator[Account]:
        yield from self._spoken_of.get(folder, ())
        for group in self._groups_at.get(folder, ()):
            yield from self._members.get(group, ())

    def _step(self, account: Account, folder: str) -> None:
        entry = entry_at(self._permissions, account, folder)
        nearest = entry or self._nearest.get(account.name)
        _put(self._nearest, account.name, nearest)
        is_visible = (
            nearest is not None and paths.is_within(account.home, folder) and nearest.rights
        )
        _put(self.visible, account.name, nearest if is_visible else None)

    def _leave(self) -> None:
        for name, nearest, visible in self._way.pop()[1]:
            _put(self._nearest, name, nearest)
            _put(self.visible, name, visible)


def _put(where: dict[str, Access], name: str, value: Access | None) -> None:
    if value is None:
        where.pop(name, None)
    else:
        where[name] = value
