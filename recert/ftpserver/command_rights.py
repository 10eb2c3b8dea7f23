"""Which rights in which folders an FTP command needs.

The entries of a folder are governed by the rights in that folder. A path through symbolic links
demands the same rights in every folder it touches, so a link never widens anybody's rights.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recert.connectors.embedded import paths, tree
from recert.connectors.embedded.format import Permissions
from recert.connectors.rights import ALL, Rights


@dataclass(frozen=True)
class Demand:
    """At least one of these rights in this folder; None is outside the tree, where nobody has
    any."""

    folder: str | None
    rights: Rights


def of(root: Path, command: str, path: str) -> tuple[Demand, ...]:
    """All that must hold before `command` may touch the native `path`."""
    rights = _RIGHTS[command](path)
    itself = command in _ENTERING or (command in _LOOKING and os.path.isdir(path))
    folders = {_folder(tree_path, itself=itself) for tree_path in _tree_paths(root, path)}
    return tuple(Demand(folder, right) for folder in folders for right in rights)


def of_move(root: Path, source: str, target: str) -> tuple[Demand, ...]:
    """A rename; into another folder it is an upload too (for a folder also a mkdir), or it would
    add things where nothing may be added."""
    asked = of(root, "RNFR", source) + of(root, "RNTO", target)
    source_folders, target_folders = (
        {_folder(tree_path, itself=False) for tree_path in _tree_paths(root, path)}
        for path in (source, target)
    )
    if source_folders == target_folders:
        return asked
    adding = [Rights.UPLOAD, Rights.MKDIR] if os.path.isdir(source) else [Rights.UPLOAD]
    return asked + tuple(Demand(folder, right) for folder in target_folders for right in adding)


def is_named(root: Path, permissions: Permissions, path: str) -> bool:
    """True when an entry or a home names this native path."""
    return not _tree_paths(root, path).isdisjoint(permissions.named)


def moves_an_entry(root: Path, permissions: Permissions, source: str, target: str) -> bool:
    """True when a moved directory is, holds, or would become or hold a folder that an entry or a
    home names: rights belong to paths and must not travel."""
    if not os.path.isdir(source):
        return False
    moved = _tree_paths(root, source) | _tree_paths(root, target)
    return any(
        tree_path is None or any(paths.is_within(tree_path, named) for named in permissions.named)
        for tree_path in moved
    )


def _stored(path: str) -> list[Rights]:
    return [Rights.OVERWRITE if os.path.exists(path) else Rights.UPLOAD]


def _renamed_over(path: str) -> list[Rights]:
    return [Rights.RENAME, Rights.OVERWRITE] if os.path.lexists(path) else [Rights.RENAME]


def _always(right: Rights) -> Callable[[str], list[Rights]]:
    return lambda _path: [right]


_LOOKING = {"LIST", "NLST", "MLSD", "MLST", "STAT", "SIZE", "MDTM"}
_ENTERING = {"CWD", "CDUP", "STOU"}  # STOU is asked for the folder that gets the new file
_RIGHTS: dict[str, Callable[[str], list[Rights]]] = {
    **dict.fromkeys(_LOOKING, _always(Rights.LIST)),
    "CWD": _always(ALL),
    "CDUP": _always(ALL),
    "RETR": _always(Rights.DOWNLOAD),
    "STOR": _stored,
    "APPE": _stored,
    "STOU": _always(Rights.UPLOAD),
    "w": _always(Rights.UPLOAD),  # pyftpdlib's own question about the file that STOU made
    "DELE": _always(Rights.DELETE),
    "RNFR": _always(Rights.RENAME),
    "RNTO": _renamed_over,
    "MKD": _always(Rights.MKDIR),
    "RMD": _always(Rights.RMDIR),
    "SITE CHMOD": _always(Rights.CHMOD),
    "MFMT": _always(Rights.CHMOD),
}


def _tree_paths(root: Path, path: str) -> set[str | None]:
    """The paths in the server's tree that a native path touches: as written, the directory entry
    that it names, and the target of its links. None is outside the tree."""
    entry = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return {tree.from_native(root, native) for native in (path, entry, os.path.realpath(path))}


def _folder(tree_path: str | None, *, itself: bool) -> str | None:
    if tree_path is None or itself:
        return tree_path
    return paths.parent(tree_path) if tree_path != "/" else None
