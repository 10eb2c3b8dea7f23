"""The survey of a server whose folders the kernel guards: its facts, and rights computed from
them."""

import hashlib
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from recert.connectors import names
from recert.connectors.contract import AccountFact, GroupFact, Reading
from recert.connectors.posix import to_reading
from recert.connectors.posix.permissions.accounts import SystemUsers
from recert.connectors.posix.permissions.evaluate import (
    NOBODY,
    FolderRights,
    Masks,
    Screen,
    both,
    evaluate,
)
from recert.connectors.posix.permissions.explain import GroupName
from recert.connectors.posix.permissions.identities import Identities
from recert.connectors.posix.permissions.scan import Tree


@dataclass(frozen=True)
class View:
    """One way in: a protocol, or clients from some addresses. `jails` tells for a tree which
    accounts can log in this way, and the real path of their root: a folder that is closed may
    end a login."""

    jails: Callable[[Tree], Mapping[str, str | tuple[str, ...]]]
    screen: Screen | None = None
    list_needs_enter: bool = True
    protocol: str = ""


@dataclass
class Survey:
    """What a kind found out. An account can do what it can do by one of the ways in."""

    accounts: Sequence[AccountFact]
    identities: Identities
    tree: Tree
    views: Sequence[View]
    group_name: GroupName
    groups: Sequence[GroupFact] = ()
    more: to_reading.More = to_reading.nothing_more
    warnings: list[str] = field(default_factory=list)
    source: str = ""

    def rights(self, tree: Tree | None = None) -> list[FolderRights]:
        """The rights in every folder; of another tree when a change is tried out."""
        return union(self.rights_by_view(tree))

    def outlook(
        self, by_view: Sequence[list[FolderRights]] | None = None
    ) -> tuple[list[FolderRights], set[str]]:
        """The rights in every folder, and the paths that are boundaries to a reviewer."""
        if by_view is not None and by_view is not self._by_view:
            folders = union(by_view)
            return folders, {one.path for one in to_reading.boundaries(folders, *by_view)}
        return self._found, {one.path for one in self._kept}

    # Of its own tree, judged once for however many orders.

    @cached_property
    def _by_view(self) -> list[list[FolderRights]]:
        return self.judged(self.tree)

    @cached_property
    def _found(self) -> list[FolderRights]:
        return union(self._by_view)

    @cached_property
    def _kept(self) -> list[FolderRights]:
        return to_reading.boundaries(self._found, *self._by_view)

    @cached_property
    def _fingerprint(self) -> str:
        return self.fingerprint(self._found)

    def rights_by_view(self, tree: Tree | None = None) -> list[list[FolderRights]]:
        """The rights in each folder by view, the folders in the same order. Those of the survey's
        own tree are computed once."""
        return self._by_view if tree is None or tree is self.tree else self.judged(tree)

    def judged(self, tree: Tree) -> list[list[FolderRights]]:
        """The rights of a tree by each view."""
        return [self.rights_of(view, tree) for view in self.views]

    def rights_of(self, view: View, tree: Tree | None = None) -> list[FolderRights]:
        """The rights of a tree by one view."""
        where = tree or self.tree
        return evaluate(
            where,
            self.identities,
            view.jails(where),
            view.screen,
            list_needs_enter=view.list_needs_enter,
        )

    def reading(self, accounts: Collection[str] | None = None) -> Reading:
        """The answer of `Connector.read`."""
        by_view, kept = self._by_view, self._kept
        only = None
        if accounts is not None:  # names as they are kept; hostile ones are kept in octal
            only = [one.name for one in self.accounts if names.shown(one.name) in accounts]
        return Reading(
            accounts=[_shown(one) for one in self.accounts if only is None or one.name in only],
            groups=[
                GroupFact(names.shown(one.name), tuple(map(names.shown, one.members)))
                for one in self.groups
            ],
            folders=[to_reading.name_of(one) for one in kept],
            grants=to_reading.grants(
                kept,
                self.identities,
                self.group_name,
                only=only,
                more=self.more,
                protocols=self._protocols(by_view),
            ),
            fingerprint=self._fingerprint,
            source=self.source,
            problems=[*map(names.shown, self.tree.problems)],
            warnings=[*map(names.shown, self.warnings)],
        )

    def _protocols(
        self, by_view: Sequence[Sequence[FolderRights]]
    ) -> Callable[[FolderRights], dict[str, Masks]] | None:
        """For a boundary the rights by protocol, where the ways in are protocols."""
        if not all(view.protocol for view in self.views):
            return None
        at = {one.path: number for number, one in enumerate(by_view[0])}

        def spoken(one: FolderRights) -> dict[str, Masks]:
            number = at[one.path]
            found: dict[str, Masks] = {}
            for view, rights in zip(self.views, by_view, strict=True):
                known = found.get(view.protocol, NOBODY)
                found[view.protocol] = both(known, rights[number].masks)
            return found

        return spoken

    def fingerprint(self, found: Sequence[FolderRights]) -> str:
        """Stands for every permission that was read and for what follows from it."""
        digest = hashlib.sha256()
        texts: dict[tuple[int, int], bytes] = {}  # equal ones are mostly the same objects
        for one in found:
            key = (id(one.folder.node), id(one.masks))
            text = texts.get(key)
            if text is None:
                text = texts[key] = repr((one.folder.node, one.masks)).encode()
                digest.update(text)
            digest.update(b"%d\0" % len(text) + os.fsencode(one.path) + text[:64])
        for account in self.accounts:
            digest.update(repr(account).encode(errors="surrogateescape"))
        return digest.hexdigest()


def _shown(fact: AccountFact) -> AccountFact:
    """The account as it can be kept: whatever the server's files hold."""
    return replace(
        fact,
        name=names.shown(fact.name),
        display_name=names.shown(fact.display_name),
        email=names.shown(fact.email),
        note=names.shown(fact.note),
    )


def union(by_view: Sequence[list[FolderRights]]) -> list[FolderRights]:
    """What one of the ways in gives."""
    if len(by_view) == 1:
        return by_view[0]
    united = []
    for ones in zip(*by_view, strict=True):
        masks = ones[0].masks
        for other in ones[1:]:
            masks = both(masks, other.masks)
        united.append(FolderRights(ones[0].folder, masks))
    return united


def system_groups(users: SystemUsers, accounts: Collection[str]) -> list[GroupFact]:
    """The groups of the machine with those members that are accounts of the server; a primary
    group counts as membership."""
    members: dict[str, list[str]] = {}
    for name in accounts:
        entry = users.passwd.get(name)
        for gid in sorted(users.groups_of(name, entry.gid)) if entry else ():
            members.setdefault(users.group_name(gid), []).append(name)
    return [GroupFact(name, tuple(members[name])) for name in sorted(members)]
