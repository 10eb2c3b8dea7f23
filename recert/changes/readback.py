"""The independent second read: the effective access of some accounts, from a fresh reading."""

from collections.abc import Collection
from dataclasses import dataclass, field

from recert.connectors.contract import Connector, ServerDataInvalid


@dataclass
class EffectiveAccess:
    """Effective rights of the accounts looked at; no row means no access. `groups` are pairs of
    account and group, `open` are the accounts that can sign in."""

    known: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()
    groups: frozenset[tuple[str, str]] = frozenset()
    open: frozenset[str] = frozenset()
    keys: dict[str, int] = field(default_factory=dict)  # that open an account, where it is known

    def rights(self, account: str, folder: str) -> int:
        """What the account can do in the folder: a folder that is no boundary (any more) behaves
        like the nearest boundary above it."""
        return self.known.get((account, self._boundary(folder)), (0, ""))[0]

    def via(self, account: str, folder: str) -> str:
        """What still gives the access."""
        return self.known.get((account, self._boundary(folder)), (0, "nothing"))[1]

    def is_in(self, account: str, group: str) -> bool:
        """Whether the account is a member of the group; without a group, whether it gets in."""
        return (account, group) in self.groups if group else account in self.open

    def reaches_nothing(self, account: str) -> bool:
        """Whether somebody gets in with the account and can do nothing in any folder."""
        held = (rights for (who, _), (rights, _) in self.known.items() if who == account)
        return account in self.open and not any(held)

    def _boundary(self, folder: str) -> str:
        while folder not in self.folders and folder != "/":
            folder = folder.rpartition("/")[0] or "/"
        return folder


def look(connector: Connector, accounts: Collection[str]) -> EffectiveAccess:
    """Reads the accounts anew over a fresh connection. A partial reading proves nothing and is
    refused."""
    reading = connector.read(accounts)
    access = EffectiveAccess(
        folders=frozenset(reading.folders),
        groups=frozenset((who, group.name) for group in reading.groups for who in group.members),
        open=frozenset(one.name for one in reading.accounts if one.enabled),
        keys={one.name: one.keys for one in reading.accounts if one.keys is not None},
    )
    for fact in reading.grants:
        access.known[fact.account, fact.folder] = (int(fact.rights), "; ".join(fact.via))
    if reading.problems:
        raise ServerDataInvalid("It was read only in part: " + "; ".join(reading.problems))
    return access
