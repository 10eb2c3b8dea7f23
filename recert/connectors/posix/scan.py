"""Walking the folders of a machine: two commands, however many folders there are."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from recert.connectors.contract import ServerDataInvalid, ServerUnreachable
from recert.connectors.hosts import commands
from recert.connectors.hosts.ahead import Ahead
from recert.connectors.hosts.contract import Host, Stream
from recert.connectors.posix.acl import ENTER, Acl, Node, of_mode, parse_listing
from recert.connectors.posix.identities import Identities
from recert.connectors.posix.mounts import Mounts

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

    def files_named(self, passes: Callable[[str], bool]) -> set[Node]:
        """The kinds of files of which at least one has a name that passes."""
        return {node for name, node in self.named or () if passes(name)}


@dataclass
class Tree:
    """Folders, parents before children, and what could not be seen."""

    folders: list[Folder] = field(default_factory=list)
    position: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    mounts: Mounts = field(default_factory=Mounts)

    def add(self, path: str, node: Node, identity: bytes, *, reported: bool) -> Folder:
        above = self.position.get(path.rpartition("/")[0] or "/", -1) if path != "/" else -1
        folder = Folder(path, node, above, identity, reported)
        self.position[path] = len(self.folders)
        self.folders.append(folder)
        return folder

    def get(self, path: str) -> Folder | None:
        position = self.position.get(path)
        return None if position is None else self.folders[position]


def root_of(host: Host, settings: Mapping[str, str]) -> set[str]:
    """The folder that the setting `root` names, without links. Raises ServerUnreachable when it
    is not there: its disk may not be mounted."""
    root = settings.get("root")
    if not root:
        return set()
    place = host.resolve(root)
    if host.stat(place) is None:
        raise ServerUnreachable(f"The folder {root} (setting root) is not there.")
    return {place}


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
    instance) only the folder itself and the way. `keep_names`: of files too, for kinds that have
    rules about names; else only what sorts of files there are. `is_odd`: names of files that
    clients cannot type, for kinds that have such. What could not be seen is a problem of the tree;
    roots that do not exist are simply not in it."""
    tree = Tree(mounts=Mounts.read(host))
    starts = _outermost(roots)
    starts += [place for place in tree.mounts.below(starts) if place not in starts]
    way = sorted({*_spine(starts), *_spine(also), *also})
    # The long list is fetched while the ACLs are read: both commands run at once.
    ahead = Ahead(host.stream(commands.FIND_ALL, _names(starts)))
    try:
        acls = _acls(host, starts, way, tree)
        seen: dict[bytes, Node] = {}
        if way:
            these = host.stream(commands.FIND_THESE, _names(way))
            _walk(host, these, tree, acls, seen, reported=False)
        looks = (keep_names, is_odd)
        _walk(host, ahead, tree, acls, seen, reported=True, looks=looks)
    finally:
        ahead.abandon()
    return tree


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
        place = start
        while place != "/":
            place = os.path.dirname(place)
            above.add(place)
    return sorted(above)


def _names(paths: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)


def _acls(host: Host, starts: list[str], way: list[str], tree: Tree) -> Acls:
    """The ACLs at and below the starting points, and of the way to them. Recursion crosses
    mount points, so with some below the folders are named one by one."""
    found: Acls = {}
    below = _names(starts)
    if not tree.mounts.any_below(starts):
        sources = [(commands.ACL_ALL, below)]
    else:
        listed = host.stream(commands.FIND_FILES, below)
        sources = [(commands.ACL_THESE, b"".join(listed))]
    sources.append((commands.ACL_THESE, _names(way)))
    for command, data in sources:
        stream = host.stream(command, data)
        for entry in parse_listing(iter(stream)):
            found[entry.path] = (entry.access, entry.default)
        if stream.code == 127 or stream.errors.startswith("xargs: getfacl: No such file"):
            tree.problems.append(
                f"getfacl is missing on {host.title}, so ACLs are not known. "
                "Install the package acl."
            )
            return found
        _complain(tree, stream)
    return found


def _walk(
    host: Host,
    stream: Stream,
    tree: Tree,
    acls: Acls,
    seen: dict[bytes, Node],
    *,
    reported: bool,
    looks: tuple[bool, Callable[[str], bool] | None] = (False, None),
) -> None:
    """Reads find's answer; `seen` keeps one object for all equal permissions."""
    rest = b""
    last, folder = None, None
    for piece in stream:
        *records, rest = (rest + piece).split(b"\0")
        for record in records:
            head, _, tail = record.partition(b" ")
            if head[:1] == b"d":
                uid, gid, identity, path = tail.split(b" ", 3)
                node = _node(head, uid, gid, path, acls, seen)
                name = os.fsdecode(path)
                if name in tree.position:
                    tree.folders[tree.position[name]].is_reported |= reported
                else:
                    tree.add(name, node, identity, reported=reported)
            else:
                uid, gid, path = tail.split(b" ", 2)
                node = _node(head, uid, gid, path, acls, seen)
                place, _, file = path.rpartition(b"/")
                if place != last:
                    last, folder = place, tree.get(os.fsdecode(place))
                if folder is not None:
                    if folder.files is None:
                        folder.files = set()
                    if any(looks):
                        _look_at_name(folder, os.fsdecode(file), node, *looks)
                    folder.files.add(node)
    if rest:
        raise ServerDataInvalid(f"The list of folders of {host.title} breaks off.")
    _complain(tree, stream)


def _look_at_name(
    folder: Folder,
    name: str,
    node: Node,
    keep_names: bool,
    is_odd: Callable[[str], bool] | None,
) -> None:
    """Before the kind of file is added to the folder."""
    if keep_names:
        folder.named = folder.named or []
        folder.named.append((name, node))
    if is_odd is None:
        return
    if is_odd(name):
        if folder.plain is None:
            folder.plain = set(folder.files or ())
    elif folder.plain is not None:
        folder.plain.add(node)


def _node(
    head: bytes, uid: bytes, gid: bytes, path: bytes, acls: Acls, seen: dict[bytes, Node]
) -> Node:
    extended = acls.get(path) if acls else None
    if extended is not None:
        return Node(int(uid), int(gid), int(head[1:], 8), *extended)
    key = b"%b %b %b" % (head, uid, gid)
    node = seen.get(key)
    if node is None:
        mode = int(head[1:], 8)
        node = seen[key] = Node(int(uid), int(gid), mode, of_mode(mode))
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
    found = who.everybody if position >= 0 else 0
    while position >= 0:
        folder = tree.folders[position]
        found &= who.may(folder.node, ENTER)
        position = folder.above
    return found


def every_folder(tree: Tree) -> Iterator[str]:
    """The paths of the folders that are reported, parents first."""
    return (folder.path for folder in tree.folders if folder.is_reported)
