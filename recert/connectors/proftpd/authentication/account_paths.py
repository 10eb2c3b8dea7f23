"""Paths of the configuration as they are for one account: ~, ~NAME, %u and %u[0]."""

import re
from collections.abc import Iterable, Mapping
from posixpath import normpath

from recert.connectors.proftpd.authentication.account_files import Book, Entry

_USER = re.compile(r"%u(?:\[(\d+)\])?")


def homes_of(books: Iterable[Book]) -> dict[str, str]:
    """The home of each name; of several sources the first counts."""
    match: dict[str, str] = {}
    for book in books:
        for name, entry in book.entries.items():
            match.setdefault(name, entry.home)
    return match


def at_home(path: str, entry: Entry, homes: Mapping[str, str]) -> str:
    """The path with everything replaced. A name that no source knows is left as it is, as the
    daemon leaves it."""
    if path.startswith("~"):
        name, slash, rest = path[1:].partition("/")
        home = homes.get(name) if name else entry.home
        if home is not None:
            path = f"{home.rstrip('/')}{slash}{rest}" or "/"
    return _USER.sub(lambda match: _character_of(entry.name, match), path)


def _character_of(name: str, match: re.Match[str]) -> str:
    """The account name, or its character at the index of %u[N]. An index past the end of the
    name leaves the text as it is, as the daemon does."""
    if match[1] is None:
        return name
    return name[int(match[1]) :][:1] or match[0]


def leads_over_a_link(path: str, resolved: str) -> bool:
    """True when some part of the path is a symbolic link."""
    return path.startswith("/") and normpath(path).replace("//", "/") != resolved
