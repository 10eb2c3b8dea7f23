"""Computes effective rights from permissions: for every folder, which accounts can do what in it.

Pure. A right is something a client can try, so the rules are the kernel's, within the account's
jail; what the daemon itself forbids is taken away by the kind's `screen`.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from recert.connectors.posix.permissions.acl import ENTER, READ, STICKY, WRITE, Node
from recert.connectors.posix.permissions.identities import Identities
from recert.connectors.posix.permissions.scan import Folder, Tree
from recert.connectors.rights import Rights

ORDER = (
    *(Rights.LIST, Rights.DOWNLOAD, Rights.UPLOAD, Rights.OVERWRITE, Rights.DELETE),
    *(Rights.RENAME, Rights.MKDIR, Rights.RMDIR, Rights.CHMOD),
)
Masks = tuple[int, ...]  # for each right of ORDER the set of accounts that have it
NOBODY: Masks = (0,) * len(ORDER)
Screen = Callable[[Folder, Masks], Masks]
_WRITES = tuple(right not in (Rights.LIST, Rights.DOWNLOAD) for right in ORDER)


class FolderRights(NamedTuple):
    """One folder and who can do what in it."""

    folder: Folder
    masks: Masks

    @property
    def path(self) -> str:
        return self.folder.path

    def rights(self, account: int) -> Rights:
        """The rights of one account (its bit)."""
        return rights_of(self.masks, account)


def rights_of(masks: Masks, account: int) -> Rights:
    """The rights that a set of masks gives to one account (its bit)."""
    rights = Rights.NONE
    for right, mask in zip(ORDER, masks, strict=True):
        if mask & account:
            rights |= right
    return rights


def masks_for(rights: Rights, accounts: int) -> Masks:
    """These rights for these accounts, nothing for others."""
    return tuple(accounts if right & rights else 0 for right in ORDER)


def both(one: Masks, other: Masks) -> Masks:
    """What one of them gives."""
    return tuple(a | b for a, b in zip(one, other, strict=True))


def limited(masks: Masks, allowed: Masks) -> Masks:
    """What is left of `masks` when only `allowed` passes."""
    return tuple(a & b for a, b in zip(masks, allowed, strict=True))


def not_own(
    who: Identities,
    folder: Folder,
    wanted: int,
    counts: Callable[[Node], bool] = lambda file: True,
    *,
    stands_in: bool = True,
) -> int:
    """Who may do `wanted` (r=4, w=2) with at least one regular file that somebody else put into
    the folder and that `counts`; where there is none of others, the folder stands for one, if it
    may."""
    able, judged = 0, 0
    for file in folder.files or ():
        others = who.everybody & ~who.owners(file)
        judged |= others
        if counts(file):
            able |= others & who.may(file, wanted)
    without = who.everybody & ~judged
    if without and stands_in:
        able |= without & who.may_in_new_file(folder.node, wanted)
    return able


def overwritable_by_creating(who: Identities, folder: Folder, level: int) -> int:
    """Who may open for writing, by a call that would also create, a file of somebody else: the
    switch fs.protected_regular (`level`) refuses that in sticky folders that others can write,
    unless the file belongs to the folder's owner."""
    node = folder.node
    guarded = node.mode & STICKY and (node.mode & 0o002 or (level > 1 and node.mode & 0o020))
    if not level or not guarded:
        return who.everybody
    stands_in = node.default is None or node.uid == 0
    allowed = not_own(who, folder, WRITE, lambda file: file.uid == node.uid, stands_in=stands_in)
    return allowed | who.superusers


def evaluate(
    tree: Tree,
    identities: Identities,
    jails: Mapping[str, str | tuple[str, ...]],
    screen: Screen | None = None,
    *,
    list_needs_enter: bool = True,
) -> list[FolderRights]:
    """The rights in every reported folder, parents first. `jails` gives each account that can
    log in the real path of its root, and of other folders in which a session may start; accounts
    without one have nothing."""
    starting: dict[str, int] = {}
    for account, folders in jails.items():
        for folder in (folders,) if isinstance(folders, str) else folders:
            starting[folder] = starting.get(folder, 0) | identities.of(account)
    return _Walk(tree, identities, starting, screen, list_needs_enter).result()


class _Walk:
    """One pass over the tree. Folders that look alike share their result."""

    def __init__(
        self,
        tree: Tree,
        identities: Identities,
        starting: Mapping[str, int],
        screen: Screen | None,
        list_needs_enter: bool,
    ) -> None:
        self._tree, self._who, self._starting = tree, identities, starting
        self._screen, self._list_needs_enter = screen, list_needs_enter
        self._files: dict[tuple[Node, frozenset[Node]], tuple[int, int]] = {}
        self._memo: dict[tuple[int, Node, frozenset[Node], bool], Masks] = {}

    def result(self) -> list[FolderRights]:
        switches = self._tree.mounts.switches()
        may_reach: list[int] = []  # for each folder: who gets into it
        frozen: list[bool] = []  # for each folder: whether it is mounted read-only
        folders: list[FolderRights] = []
        for folder in self._tree.folders:
            above = folder.above
            arrives = self._starting.get(folder.path, 0)
            if above >= 0:
                arrives |= may_reach[above]
            inherited = frozen[above] if above >= 0 else False
            is_frozen = switches.get(folder.path, inherited)
            frozen.append(is_frozen)
            may_reach.append(arrives & self._who.may(folder.node, ENTER))
            if folder.is_reported:
                masks = self._masks(folder, arrives, is_frozen)
                if self._screen is not None:
                    masks = self._screen(folder, masks)
                folders.append(FolderRights(folder, masks))
        return _joined(folders) if self._has_doubles(folders) else folders

    def _has_doubles(self, found: list[FolderRights]) -> bool:
        if len(self._tree.mounts.known) < 2:
            return False
        return len({one.folder.identity for one in found}) < len(found)

    def _masks(self, folder: Folder, arrives: int, is_frozen: bool) -> Masks:
        node, files = folder.node, frozenset(folder.files or ())
        key = (arrives, node, files, is_frozen)
        masks = self._memo.get(key)
        if masks is None:
            masks = self._judge(folder, files, arrives)
            if is_frozen:
                pairs = zip(masks, _WRITES, strict=True)
                masks = tuple(0 if writes else mask for mask, writes in pairs)
            self._memo[key] = masks
        return masks

    def _judge(self, folder: Folder, files: frozenset[Node], arrives: int) -> Masks:
        who, node = self._who, folder.node
        inside = arrives & who.may(node, ENTER)
        lists = (inside if self._list_needs_enter else arrives) & who.may(node, READ)
        readable, writable = self._in_files(folder, files)
        stores = inside & who.may(node, WRITE | ENTER)
        removes = inside & who.may_remove(node)
        changes_modes = inside & who.superusers
        return (
            *(lists, inside & readable, stores, inside & writable, removes),
            *(removes, stores, removes, changes_modes),
        )

    def _in_files(self, folder: Folder, files: frozenset[Node]) -> tuple[int, int]:
        """Who may read and who may write existing files of others."""
        node = folder.node
        known = self._files.get((node, files))
        if known is not None:
            return known
        readable = not_own(self._who, folder, READ)
        writable = not_own(self._who, folder, WRITE)
        self._files[node, files] = readable, writable
        return readable, writable


def _joined(found: list[FolderRights]) -> list[FolderRights]:
    """A folder that is mounted at two paths is one folder: what can be done by one path can be
    done to it."""
    union: dict[bytes, Masks] = {}
    for one in found:
        known = union.get(one.folder.identity, NOBODY)
        union[one.folder.identity] = both(known, one.masks)
    return [FolderRights(one.folder, union[one.folder.identity]) for one in found]
