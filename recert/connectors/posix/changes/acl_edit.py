"""Removes rights by ACL entries: the smallest edit, simulated before it is planned.

An entry for one user beats every group and everybody else, so it concerns nobody but that user.
What an entry cannot say (delete but not upload, for instance) is not attempted here.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from recert.connectors import names
from recert.connectors.changes import SetRights
from recert.connectors.contract import CannotExpress, Cell, ServerDataInvalid
from recert.connectors.hosts import Host, commands
from recert.connectors.posix.changes.comparison import ByView, compared
from recert.connectors.posix.permissions.acl import (
    ENTER,
    READ,
    WRITE,
    Acl,
    Listed,
    Node,
    parse_listing,
)
from recert.connectors.posix.permissions.created_homes import is_future
from recert.connectors.posix.permissions.evaluate import FolderRights, rights_of
from recert.connectors.posix.permissions.identities import Identity, allowed_by
from recert.connectors.posix.permissions.scan import Folder, Tree
from recert.connectors.posix.survey import Survey
from recert.connectors.rights import Rights, say

_IN_FOLDER = Rights.UPLOAD | Rights.DELETE | Rights.RENAME | Rights.MKDIR | Rights.RMDIR
READS = Rights.LIST | Rights.DOWNLOAD
_MOST_FILES = 100_000
_NO_PROGRAM, _MISSING = 127, "getfacl: No such file"


@dataclass(frozen=True)
class Wish:
    """The wanted permission bits of an account on one file or folder: `access` for itself,
    `default` for entries created in it later (None leaves the default ACL alone)."""

    access: int
    default: int | None = None


@dataclass(frozen=True)
class Outcome:
    """A simulated edit: the objects before and after, and the cells besides the wanted ones that
    would change."""

    before: tuple[Listed, ...]
    after: tuple[Listed, ...]
    side_effects: tuple[Cell, ...]


def region(
    folders: Sequence[FolderRights], kept: Collection[str], folder: str
) -> list[FolderRights]:
    """The folder and those below it that behave like it, without what lies at or below another
    boundary (`kept`)."""
    inside: list[FolderRights] = []
    outside: set[str] = set()
    for one in folders:
        if one.path != folder and not one.path.startswith(folder.rstrip("/") + "/"):
            continue
        above = os.path.dirname(one.path)
        if one.path != folder and (above in outside or one.path in kept):
            outside.add(one.path)
        else:
            inside.append(one)
    return inside


def try_entries(host: Host, survey: Survey, change: SetRights) -> Outcome:
    """The ACL edit for a change, proven by evaluation. CannotExpress says why there is none."""
    identity = survey.identities.get(change.account)
    me = survey.identities.of(change.account)
    by_view = survey.rights_by_view()
    folders, kept = survey.outlook(by_view)
    at = {one.path: one for one in folders}
    _check(change, identity, at, me)
    inside = region(folders, kept, change.folder)
    reasons: list[CannotExpress] = []
    best: Outcome | None = None
    for rights, wishes in _candidates(change, folders, inside, me):
        try:
            outcome = _tried(host, survey, change, rights, by_view, inside, wishes)
        except CannotExpress as error:
            reasons.append(error)
            continue
        if best is None or len(outcome.side_effects) < len(best.side_effects):
            best = outcome
        if not best.side_effects:
            break
    if best is None:
        raise reasons[0]
    return best


def _check(change: SetRights, identity: Identity, at: dict[str, FolderRights], me: int) -> None:
    if identity.uid == 0:
        raise CannotExpress("The account is the superuser; no folder permission stops it.")
    now = at[change.folder].rights(me)
    if change.rights & ~now:
        raise CannotExpress(
            f"The account has {say(now)}; Recert takes rights away and does not give any."
        )


Wishes = dict[str, Wish]


def _candidates(
    change: SetRights, folders: Sequence[FolderRights], inside: Sequence[FolderRights], me: int
) -> Iterator[tuple[Rights, Wishes]]:
    """Edits from the smallest to the largest; the later ones take more than is wanted."""
    if not change.rights:
        yield Rights.NONE, {change.folder: Wish(0)}
    keeps = _ways_to_keep(change, folders, inside, me)
    for rights in dict.fromkeys(
        (change.rights, change.rights & ~_IN_FOLDER, change.rights & READS, Rights.NONE)
    ):
        yield rights, _wishes(rights, inside, keeps)


def _wishes(rights: Rights, inside: Sequence[FolderRights], keeps: set[str]) -> Wishes:
    """Folders that may be closed are closed at their top; others get an entry each."""
    perm, files = permission_bits_for(rights)
    wishes: Wishes = {}
    closed: str | None = None
    for one in inside:
        if closed is not None and one.path.startswith(closed):
            continue
        if not rights and one.path not in keeps:
            wishes[one.path] = Wish(0)
            closed = one.path.rstrip("/") + "/"
        else:
            # Later entries get fewer bits rather than more: those of files, not of folders.
            wishes[one.path] = Wish(perm or ENTER, files | ENTER)
    return wishes


def permission_bits_for(rights: Rights) -> tuple[int, int]:
    """The permission bits (r=4, w=2, x=1) that the rights need on the folder and on its files."""
    files = READ if Rights.DOWNLOAD in rights else 0
    files |= WRITE if Rights.OVERWRITE in rights else 0
    folder = READ if Rights.LIST in rights else 0
    folder |= WRITE if rights & _IN_FOLDER else 0
    return folder | ENTER if rights else 0, files


def _ways_to_keep(
    change: SetRights, folders: Sequence[FolderRights], inside: Sequence[FolderRights], me: int
) -> set[str]:
    """Folders of the region through which the account still reaches something it shall keep."""
    region_paths = {one.path for one in inside}
    keeps: set[str] = set()
    for one in folders:
        below = one.path.startswith(change.folder.rstrip("/") + "/")
        if one.path in region_paths or not below or not rights_of(one.masks, me):
            continue
        path = os.path.dirname(one.path)
        while path.startswith(change.folder) and path not in keeps:
            keeps.add(path)
            path = os.path.dirname(path)
    return keeps


def _tried(
    host: Host,
    survey: Survey,
    change: SetRights,
    rights: Rights,
    by_view: ByView,
    inside: Sequence[FolderRights],
    wishes: Wishes,
) -> Outcome:
    """Carries the edit out on a copy of the tree and compares every cell."""
    identity = survey.identities.get(change.account)
    before = _objects(host, survey.tree, wishes)
    for_files = Wish(permission_bits_for(rights)[1])
    after = [_wished(one, identity, wishes, for_files) for one in before]
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    tree = _edited(survey.tree, before, after)
    then = survey.rights_by_view(tree)
    side_effects = compared(survey, change, by_view, then, inside, "an ACL entry")
    return Outcome(tuple(old for old, _ in pairs), tuple(new for _, new in pairs), side_effects)


def _wished(listed: Listed, identity: Identity, wishes: Wishes, for_files: Wish) -> Listed:
    """The account's own files are left to it: rights are about the files of others."""
    wish = wishes.get(os.fsdecode(listed.path))
    if wish is not None:
        return with_entry(listed, identity, wish)
    return listed if listed.uid == identity.uid else with_entry(listed, identity, for_files)


def _objects(host: Host, tree: Tree, wishes: Wishes) -> list[Listed]:
    """The folders that get an entry, and the files in those that stay open."""
    folders = [path for path in wishes if (one := tree.get(path)) and not is_future(one)]
    stays_open = [path for path in folders if wishes[path].access]
    listed = host.run(commands.FIND_FILES_IN, _nul(stays_open)).out if stays_open else b""
    files = []
    for record in filter(None, listed.split(b"\0")):
        links, _, path = record.partition(b" ")
        if links != b"1":
            raise CannotExpress(
                f"{os.fsdecode(path)} has another name elsewhere (a hard link), which an entry "
                "would close as well."
            )
        files.append(path)
    if len(files) > _MOST_FILES:
        raise CannotExpress(f"It would touch {len(files)} files, more than one edit should.")
    for path in files:
        if not names.is_clean(os.fsdecode(path)):
            raise CannotExpress("A file in the folder has a name with control characters.")
    wanted = [os.fsencode(path) for path in folders] + files
    return whole_acls(host, wanted)


def whole_acls(host: Host, paths: Sequence[bytes]) -> list[Listed]:
    """Every entry of these files and folders, as they are now."""
    if not paths:
        return []
    answer = host.run(commands.ACL_WHOLE, b"".join(path + b"\0" for path in paths))
    listed = {one.path: one for one in parse_listing(iter([answer.out]))}
    missing = [path for path in paths if path not in listed]
    if missing and (answer.code == _NO_PROGRAM or _MISSING in answer.errors):
        raise ServerDataInvalid(f"getfacl is missing on {host.title}. Install the package acl.")
    if missing:
        name = os.fsdecode(missing[0])
        raise CannotExpress(f"The ACL of {name} cannot be read: {answer.errors.strip()}")
    return [listed[path] for path in paths]


def _nul(paths: Sequence[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)


def with_entry(listed: Listed, identity: Identity, wish: Wish) -> Listed:
    """The object with an entry for the account. An owner is not bound by entries, so the account's
    own folder first passes to the superuser, for whom nothing changes. A default ACL is changed
    only where there is one: a new one would override everybody's umask."""
    is_owner = listed.uid == identity.uid
    current = listed.access.user if is_owner else allowed_by(listed.access, listed.gid, identity)
    access, uid, default = listed.access, listed.uid, listed.default
    if current & ~wish.access:
        uid = 0 if is_owner else listed.uid
        access = _set_entry(access, identity.uid, wish.access & current)
    if default is not None and wish.default is not None:
        current = allowed_by(default, listed.gid, identity)
        if current & ~wish.default:
            default = _set_entry(default, identity.uid, wish.default & current)
    return listed.changed(uid=uid, access=access, default=default)


def _set_entry(acl: Acl, uid: int, perm: int) -> Acl:
    """A new mask repeats the group's bits, so nobody else gains or loses by it. It must not be
    empty, or Linux would skip the entries."""
    users = tuple(sorted({**dict(acl.users), uid: perm}.items()))
    if acl.mask is None:
        return acl._replace(users=users, mask=acl.group or READ)
    others = dict(acl.users).keys() - {uid}
    if acl.is_dormant and not others and not acl.groups:
        return acl._replace(users=users, group=acl.group & ~READ, mask=READ)
    return acl._replace(users=users)


def _edited(tree: Tree, before: Sequence[Listed], after: Sequence[Listed]) -> Tree:
    """A copy of the tree with the new permissions."""
    changed = {os.fsdecode(new.path): new for new in after}
    copy = Tree(position=tree.position, mounts=tree.mounts)
    files: dict[str, list[tuple[str, Node]]] = {}  # every file of a folder that stays open
    for path, new in changed.items():
        if path not in tree.position:
            node = Node(new.uid, new.gid, _mode(new), new.access, new.default)
            place, name = os.path.split(path)
            files.setdefault(place, []).append((name, node))
    for folder in tree.folders:
        node = folder.node
        if folder.path in changed:
            new = changed[folder.path]
            mode = folder.node.mode & 0o7000 | _mode(new)
            node = Node(new.uid, new.gid, mode, new.access, new.default)
        other = Folder(folder.path, node, folder.above, folder.identity, folder.is_reported)
        other.files, other.named, other.plain = folder.files, folder.named, folder.plain
        if folder.path in files:
            other.files = {node for _, node in files[folder.path]}
            other.named = files[folder.path]
        copy.folders.append(other)
    return copy


def _mode(listed: Listed) -> int:
    middle = listed.access.group if listed.access.mask is None else listed.access.mask
    return listed.access.user << 6 | middle << 3 | listed.access.other
