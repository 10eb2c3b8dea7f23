"""Homes that a daemon makes at the first sign-in: folders as they will be, in the tree of today.

An account whose home is not there yet can sign in all the same, and then it has a home. Leaving
it out would hide the account from everybody who reviews.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from recert.connectors.posix.permissions.acl import Node, of_mode
from recert.connectors.posix.permissions.scan import Folder, Tree

_MARK = b"not there yet: "


@dataclass(frozen=True)
class FutureHome:
    """One folder that will be made, and the folders above it that are missing as well."""

    path: str  # real path, as far as it exists
    uid: int
    gid: int
    mode: int
    above: tuple[int, int, int] = (0, 0, 0o711)  # uid, gid and mode of missing folders above


def add_homes(tree: Tree, homes: Iterable[FutureHome]) -> set[str]:
    """Adds those that are missing; returns their paths. Of several for one path the first
    counts, because whoever signs in first makes it."""
    added: set[str] = set()
    for home in homes:
        for place in [*_missing(tree, os.path.dirname(home.path)), home.path]:
            if place in tree.position:
                continue
            owner = (home.uid, home.gid, home.mode) if place == home.path else home.above
            uid, gid, mode = owner
            tree.add(
                place,
                Node(uid, gid, mode, of_mode(mode)),
                _MARK + os.fsencode(place),
                reported=True,
            )
            added.add(place)
    return added


def is_future(folder: Folder) -> bool:
    """True for a folder that no command can show or change yet."""
    return folder.identity.startswith(_MARK)


def _missing(tree: Tree, path: str) -> list[str]:
    missing: list[str] = []
    while path not in tree.position and path != "/":
        missing.append(path)
        path = os.path.dirname(path)
    return missing[::-1]
