"""The server's tree on disk: where it lies and which folders it has."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from recert.connectors.embedded import paths
from recert.connectors.embedded.format import Permissions
from recert.connectors.file_store import as_connector_errors
from recert.connectors.names import is_clean


def root_of(file: Path, permissions: Permissions) -> Path:
    """The directory that is "/": `root` relative to the permission file's folder."""
    return Path(os.path.realpath(file.parent / permissions.root))


def native(root: Path, folder: str) -> str:
    """Where a folder of the tree lies on disk."""
    return str(root.joinpath(*paths.parts(folder)))


def from_native(root: Path, path: str) -> str | None:
    """The path in the tree; None when it lies outside."""
    top = str(root)
    if path == top:
        return "/"
    below = top if top.endswith("/") else top + "/"
    return "/" + path[len(below) :] if path.startswith(below) else None


def every_folder(root: Path, boundaries: Iterable[str]) -> Iterator[str]:
    """Every directory on disk and every boundary, parents first, links not followed.

    Directories whose names no client can send are left out with all below them.
    """
    known = set(boundaries)
    children: dict[str, set[str]] = {}
    for boundary in known:
        for folder in paths.upwards(boundary):
            if folder != "/":
                children.setdefault(paths.parent(folder), set()).add(folder)
    waiting = [("/", True)]
    while waiting:
        folder, exists = waiting.pop()
        if exists or folder in known:
            yield folder
        found = _directories(root, folder) if exists else set()
        below = found | children.get(folder, set())
        ordered = sorted(below, key=paths.parts, reverse=True)
        waiting.extend((child, child in found) for child in ordered)


def _directories(root: Path, folder: str) -> set[str]:
    top = "" if folder == "/" else folder
    place = Path(native(root, folder))
    with as_connector_errors(place), os.scandir(place) as entries:
        return {
            f"{top}/{entry.name}"
            for entry in entries
            if entry.is_dir(follow_symlinks=False) and is_clean(entry.name)
        }
