"""Walks the folders of a machine with two commands, however many folders there are."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from recert.connectors.contract import ServerDataInvalid, ServerUnreachable
from recert.connectors.hosts import commands
from recert.connectors.hosts.commands import Command
from recert.connectors.hosts.contract import Host, Stream
from recert.connectors.hosts.readahead import Ahead
from recert.connectors.posix.permissions.acl import ENTER, Acl, Node, of_mode, parse_listing
from recert.connectors.posix.permissions.identities import Identities
from recert.connectors.posix.permissions.mounts import Mounts

_VANISHED = ": No such file or directory"
_MOST_PROBLEMS = 20
Acls = dict[bytes, tuple[Acl, Acl | None]]


class Folder:
    """One folder. `above` is the position of its parent in the tree; -1 for "/"."""

    __slots__ = ("above", "files", "identity", "is_reported", "named", "node", "path", "plain")

    def __init__(self, path: str, node: Node, above: int, identity: bytes, reported: bool) -> None:
        self.path, self.node, self.above = path, node, above
        self.identity = identity  # device and inode: equal ones are one folder under two paths
        self.is_reported = reported  # False: looked at only because the way leads through it
        self.files: set[Node] | None = None  # the different kinds of regular files in it
        self.named: list[tuple[str, Node]] | None = None  # with names, where a kind asked for them
        self.plain: set[Node] | None = None  # kinds of files with plain names, if others are there

    def is_like(self, other: "Folder") -> bool:
        """Whether it is the same folder with the same permissions, its files' included."""
        return self._likeness() == other._likeness()

    def _likeness(self) -> tuple[object, ...]:
        return self.identity, self.node, self.files or None, self.plain, set(self.named or ())

    def files_named(self, passes: Callable[[str], bool]) -> set[Node]:
        """The kinds of files of which at least one has a name that passes."""
        return {node for name, node in self.named or () if passes(name)}


@dataclass
class Tree:
    """Folders, parents before children, and the problems of reading them."""

    folders: list[Folder] = field(default_factory=list)
    position: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    mounts: Mounts = field(default_factory=Mounts)
    keeps_names: bool = False
    is_odd: Callable[[str], bool] | None = None  # names of files that clients cannot type
    shared_nodes: dict[bytes, Node] = field(
        default_factory=dict
    )  # one object for all equal permissions

    def copy(self) -> "Tree":
        """A tree with the same folders and a problem list of its own."""
        return replace(self, problems=list(self.problems))

    def add(self, path: str, node: Node, identity: bytes, *, reported: bool) -> Folder:
        above = self.position.get(path.rpartition("/")[0] or "/", -1) if path != "/" else -1
        folder = Folder(path, node, above, identity, reported)
        self.position[path] = len(self.folders)
        self.folders.append(folder)
        return folder

    def at(self, path: str) -> Folder:
        """A folder that is known to be in the tree."""
        return self.folders[self.position[path]]

    def get(self, path: str) -> Folder | None:
        position = self.position.get(path)
        return None if position is None else self.folders[position]


@runtime_checkable
class KeepsTrees(Protocol):
    """A host that remembers what was walked, by what was asked for."""

    trees: dict[object, Tree]


def root_of(host: Host, settings: Mapping[str, str]) -> set[str]:
    """The folder that the setting `root` names, without links. Raises ServerUnreachable when it
    is not there: its disk may not be mounted."""
    root = settings.get("root")
    if not root:
        return set()
    real_path = host.resolve(root)
    if host.stat(real_path) is None:
        raise ServerUnreachable(f"The folder {root} (setting root) is not there.")
    return {real_path}


def where_to_look(
    host: Host,
    settings: Mapping[str, str],
    jails: set[str],
    homes: set[str],
    warnings: list[str],
) -> set[str]:
    """The folders to walk, real paths: the jails, and for accounts without one (`homes` are
    theirs) the folder of the setting `root`, or else their homes, with a warning."""
    if settings.get("root"):
        return (jails | root_of(host, settings)) - {"/"}
    if homes:
        warnings.append(
            "Some accounts are not jailed: only homes and jails are looked at. Set `root` to the "
            "folder that holds the files."
        )
    return (jails | homes) - {"/"}


def scan(
    host: Host,
    roots: Iterable[str],
    *,
    also: Iterable[str] = (),
    keep_names: bool = False,
    is_odd: Callable[[str], bool] | None = None,
) -> Tree:
    """All folders at and below the roots (real paths), and the way to them; of `also` (homes, for
    instance) only the folder itself and the way. `keep_names` keeps the names of files, for kinds
    that have rules about names; else only their distinct permissions are kept. `is_odd` marks file
    names that clients cannot type, for kinds that have such. Errors become problems of the tree;
    roots that do not exist are left out. A host that remembers trees is walked once."""
    roots, also = sorted(set(roots)), sorted(set(also))
    if not isinstance(host, KeepsTrees):
        return _scanned(host, roots, also, Tree(keeps_names=keep_names, is_odd=is_odd))
    key = (tuple(roots), tuple(also), keep_names, is_odd)
    if key not in host.trees:
        empty = Tree(keeps_names=keep_names, is_odd=is_odd)
        host.trees[key] = _scanned(host, roots, also, empty)
    return host.trees[key].copy()


def _scanned(host: Host, roots: Sequence[str], also: Sequence[str], tree: Tree) -> Tree:
    tree.mounts = Mounts.read(host)
    starts = _outermost(roots)
    starts += [place for place in tree.mounts.below(starts) if place not in starts]
    way = sorted({*_spine(starts), *_spine(also), *also})
    # The long list is fetched while the ACLs are read: both commands run at once.
    ahead = Ahead(host.stream(commands.FIND_ALL, _names(starts)))
    try:
        acls = _acls(host, starts, way, tree)
        if way:
            these = host.stream(commands.FIND_THESE, _names(way))
            _walk(host, these, tree, acls, reported=False)
        _walk(host, ahead, tree, acls, reported=True)
    finally:
        ahead.abandon()
    return tree


def reread_folders(
    host: Host, tree: Tree, paths: Collection[str], *, also: Collection[str] = ()
) -> Tree:
    """A copy of the tree in which these folders, or the folders of these files, are read again
    with their files; of `also` only the folders themselves. New folders are not looked for."""
    folders = {path if path in tree.position else os.path.dirname(path) for path in paths}
    existing = sorted(path for path in {*folders, *also} if path in tree.position)
    reported = [path for path in existing if path in folders and tree.at(path).is_reported]
    listed = host.run(commands.FIND_FILES_IN, _names(reported)).out if reported else b""
    files = [record.partition(b" ")[2] for record in listed.split(b"\0") if record]
    data = _names(existing) + b"".join(path + b"\0" for path in files)
    part = Tree(keeps_names=tree.keeps_names, is_odd=tree.is_odd, shared_nodes=tree.shared_nodes)
    if existing:
        acls = _acls_of(host, [(commands.ACL_THESE, data)], part)
        stream = host.stream(commands.FIND_THESE, data)
        _walk(host, stream, part, acls, reported=True)
    updated = replace(tree, folders=list(tree.folders), problems=[*tree.problems, *part.problems])
    for new in part.folders:
        old = tree.at(new.path)
        new.above, new.is_reported = old.above, old.is_reported
        if new.path not in folders:
            new.files, new.named, new.plain = old.files, old.named, old.plain
        updated.folders[tree.position[new.path]] = new
    return updated


def _outermost(roots: Iterable[str]) -> list[str]:
    """Sorted, without those that lie below others."""
    kept: list[str] = []
    for root in sorted(set(roots)):
        if not any(root == one or root.startswith(one.rstrip("/") + "/") for one in kept):
            kept.append(root)
    return kept


def _spine(starts: Iterable[str]) -> list[str]:
    """The folders above the starting points, from "/" downwards."""
    above = set()
    for start in starts:
        path = start
        while path != "/":
            path = os.path.dirname(path)
            above.add(path)
    return sorted(above)


def _names(paths: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)


def _acls(host: Host, starts: list[str], way: list[str], tree: Tree) -> Acls:
    """The ACLs at and below the starting points, and of the way to them. Recursion crosses
    mount points, so with some below the folders are named one by one."""
    below = _names(starts)
    if not tree.mounts.any_below(starts):
        sources = [(commands.ACL_ALL, below)]
    else:
        listed = host.stream(commands.FIND_FILES, below)
        sources = [(commands.ACL_THESE, b"".join(listed))]
    sources.append((commands.ACL_THESE, _names(way)))
    return _acls_of(host, sources, tree)


def _acls_of(host: Host, sources: Iterable[tuple[Command, bytes]], tree: Tree) -> Acls:
    acls: Acls = {}
    for command, data in sources:
        stream = host.stream(command, data)
        for entry in parse_listing(iter(stream)):
            acls[entry.path] = (entry.access, entry.default)
        if stream.code == 127 or stream.errors.startswith("xargs: getfacl: No such file"):
            tree.problems.append(
                f"getfacl is missing on {host.title}, so ACLs are not known. "
                "Install the package acl."
            )
            return acls
        _complain(tree, stream)
    return acls


def _walk(host: Host, stream: Stream, tree: Tree, acls: Acls, *, reported: bool) -> None:
    """Adds the folders and files of find's output to the tree."""
    shared_nodes = tree.shared_nodes
    rest = b""
    last, folder = None, None
    for piece in stream:
        *records, rest = (rest + piece).split(b"\0")
        for record in records:
            head, _, tail = record.partition(b" ")
            if head[:1] == b"d":
                uid, gid, identity, path = tail.split(b" ", 3)
                node = _node(head, uid, gid, path, acls, shared_nodes)
                name = os.fsdecode(path)
                if name in tree.position:
                    tree.folders[tree.position[name]].is_reported |= reported
                else:
                    tree.add(name, node, identity, reported=reported)
            else:
                uid, gid, path = tail.split(b" ", 2)
                node = _node(head, uid, gid, path, acls, shared_nodes)
                parent, _, file = path.rpartition(b"/")
                if parent != last:
                    last, folder = parent, tree.get(os.fsdecode(parent))
                if folder is not None:
                    if folder.files is None:
                        folder.files = set()
                    if tree.keeps_names or tree.is_odd is not None:
                        _look_at_name(tree, folder, os.fsdecode(file), node)
                    folder.files.add(node)
    if rest:
        raise ServerDataInvalid(f"The list of folders of {host.title} breaks off.")
    _complain(tree, stream)


def _look_at_name(tree: Tree, folder: Folder, name: str, node: Node) -> None:
    """Before the kind of file is added to the folder."""
    if tree.keeps_names:
        folder.named = folder.named or []
        folder.named.append((name, node))
    if tree.is_odd is None:
        return
    if tree.is_odd(name):
        if folder.plain is None:
            folder.plain = set(folder.files or ())
    elif folder.plain is not None:
        folder.plain.add(node)


def _node(
    head: bytes, uid: bytes, gid: bytes, path: bytes, acls: Acls, shared_nodes: dict[bytes, Node]
) -> Node:
    extended = acls.get(path) if acls else None
    if extended is not None:
        return Node(int(uid), int(gid), int(head[1:], 8), *extended)
    key = b"%b %b %b" % (head, uid, gid)
    node = shared_nodes.get(key)
    if node is None:
        mode = int(head[1:], 8)
        node = shared_nodes[key] = Node(int(uid), int(gid), mode, of_mode(mode))
    return node


def _complain(tree: Tree, stream: Stream) -> None:
    """What the command complained about, except things that went away while it ran."""
    if stream.code == 0:
        return
    lines = [line for line in stream.errors.splitlines() if line.strip()]
    serious = [line for line in lines if not line.endswith(_VANISHED)]
    if not lines:
        serious = [f"a command ended with code {stream.code}"]
    tree.problems += serious[:_MOST_PROBLEMS]
    if len(serious) > _MOST_PROBLEMS:
        tree.problems.append(f"and {len(serious) - _MOST_PROBLEMS} more")


def walkers(tree: Tree, who: Identities, path: str) -> int:
    """Who can walk from "/" into this folder; nobody when it is not in the tree."""
    position = tree.position.get(path, -1)
    able = who.everybody if position >= 0 else 0
    while position >= 0:
        folder = tree.folders[position]
        able &= who.may(folder.node, ENTER)
        position = folder.above
    return able


def every_folder(tree: Tree) -> Iterator[str]:
    """The paths of the folders that are reported, parents first."""
    return (folder.path for folder in tree.folders if folder.is_reported)
