"""Paths of the configuration as they are for one account: ~, ~NAME, %u and %u[0]."""

import re
from collections.abc import Iterable, Mapping
from posixpath import normpath

from recert.connectors.proftpd.authentication.account_files import Book, Entry

_USER = re.compile(r"%u(?:\[(\d+)\])?")


def homes_of(books: Iterable[Book]) -> dict[str, str]:
    """The home of each name; of several sources the first counts."""
    found: dict[str, str] = {}
    for book in books:
        for name, entry in book.entries.items():
            found.setdefault(name, entry.home)
    return found


def at_home(path: str, entry: Entry, homes: Mapping[str, str]) -> str:
    """The path with everything replaced. A name that no source knows is left as it is, as the
    daemon leaves it."""
    if path.startswith("~"):
        name, slash, rest = path[1:].partition("/")
        home = homes.get(name) if name else entry.home
        if home is not None:
            path = f"{home.rstrip('/')}{slash}{rest}" or "/"
    return _USER.sub(lambda found: _letters(entry.name, found), path)


def _letters(name: str, found: re.Match[str]) -> str:
    """A letter that the name does not have leaves the words as they are."""
    if found[1] is None:
        return name
    return name[int(found[1]) :][:1] or found[0]


def leads_over_a_link(path: str, resolved: str) -> bool:
    """True when some part of the path is a symbolic link."""
    return path.startswith("/") and normpath(path).replace("//", "/") != resolved
