"""Paths of the server's tree: "/" is the directory with the files, "/finance/inbox" a folder."""

from collections.abc import Iterable, Iterator

from recert.connectors.names import is_clean

LONGEST = 4096


def complaint(path: str) -> str:
    """Why this is not a folder of a tree, or "" when it is one."""
    if not is_clean(path):
        return "control characters are not allowed in a path"
    if len(path) > LONGEST:
        return f"a path has at most {LONGEST} characters"
    if not path.startswith("/"):
        return "a path begins with /"
    if path != "/" and any(part in ("", ".", "..") for part in path[1:].split("/")):
        return "a path has no empty parts, no '.', no '..' and no / at its end"
    return ""


def parts(path: str) -> tuple[str, ...]:
    """The names on the way down; sorting by them puts parents before children."""
    return tuple(path[1:].split("/")) if path != "/" else ()


def parents_first(folders: Iterable[str]) -> tuple[str, ...]:
    """Each folder once, in the order of a walk down the tree."""
    return tuple(sorted(set(folders), key=parts))


def parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def upwards(folder: str) -> Iterator[str]:
    """The folder itself, then its parents up to "/"."""
    while folder != "/":
        yield folder
        folder = parent(folder)
    yield "/"


def is_within(top: str, folder: str) -> bool:
    """True when `folder` is `top` or lies below it."""
    return top in ("/", folder) or folder.startswith(top + "/")
