"""The paths by which a folder is named besides its own: symbolic links, as clients type them.

By FTP the daemon judges DELE and RNFR by the path as it is typed, and everything else by the real
path. So a rule on a folder says nothing about a delete by a link, and the other way round.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath

from recert.connectors.contract import ServerRefusedUs
from recert.connectors.hosts import Host, commands
from recert.connectors.posix.permissions.acl import ENTER
from recert.connectors.posix.permissions.identities import Identities
from recert.connectors.posix.permissions.scan import Tree

_DEEPEST = 3  # links on the way to links
_VANISHED = ": No such file or directory"


def folder_links(host: Host, roots: Iterable[str]) -> dict[str, str]:
    """The links to folders below the roots: path -> what stands in the link."""
    data = b"".join(os.fsencode(root) + b"\0" for root in roots)
    if not data:
        return {}
    answer = host.run(commands.FIND_LINKS, data)
    lines = [line for line in answer.errors.splitlines() if not line.endswith(_VANISHED)]
    if not answer.ok and lines:
        raise ServerRefusedUs(f"Some links may be unseen: {lines[0]}.")
    fields = os.fsdecode(answer.out).split("\0")[:-1]
    return dict(zip(fields[::2], fields[1::2], strict=True))


@dataclass(frozen=True)
class Name:
    """Another path of a folder, and the accounts that can type it."""

    path: str
    accounts: int


@dataclass
class Names:
    """Other paths of folders at one server, for sessions that are shut in different roots."""

    tree: Tree
    who: Identities
    roots: Mapping[str, int]  # real path of a root -> the accounts in it
    links: Mapping[str, str]
    _to: dict[str, list[Name]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for root, accounts in self.roots.items():
            for path, text in self.links.items():
                if not f"{path}/".startswith(f"{root.rstrip('/')}/"):
                    continue
                target = self._target(root, path, text)
                if target is not None:
                    reached = self._reach(root, dirname(path), accounts)
                    self._to.setdefault(target, []).append(Name(path, reached))

    def __bool__(self) -> bool:
        return bool(self._to)

    def of(self, folder: str, depth: int = 0) -> Iterator[Name]:
        """The other paths of one folder."""
        if depth > _DEEPEST:
            return
        place, below = folder, ""
        while place:
            for name in self._to.get(place, ()):
                yield Name(f"{name.path}{below}", name.accounts)
                for outer in self.of(dirname(name.path), depth + 1):
                    last = name.path.rpartition("/")[2]
                    yield Name(f"{outer.path}/{last}{below}", name.accounts & outer.accounts)
            if place == "/":
                return
            below = f"/{place.rpartition('/')[2]}{below}"
            place = dirname(place)

    def _target(self, root: str, path: str, text: str, depth: int = 0) -> str | None:
        """The real folder behind a link inside a root; None outside of it."""
        inner = path.removeprefix(root.rstrip("/")) or "/"
        place = normpath(join(dirname(inner), text)).replace("//", "/")
        real = f"{root.rstrip('/')}{place}".rstrip("/") or "/"
        if real in self.tree.position:
            return real
        if depth > _DEEPEST:
            return None
        for link, further in self.links.items():
            if f"{real}/".startswith(f"{link}/"):
                behind = self._target(root, link, further, depth + 1)
                return None if behind is None else f"{behind}{real[len(link) :]}"
        return None

    def _reach(self, root: str, folder: str, accounts: int) -> int:
        """Who can walk from the root to this folder."""
        able, position = accounts, self.tree.position.get(folder, -1)
        if position < 0:
            return 0
        while position >= 0:
            ancestor = self.tree.folders[position]
            able &= self.who.may(ancestor.node, ENTER)
            if ancestor.path == root:
                break
            position = ancestor.above
        return able
