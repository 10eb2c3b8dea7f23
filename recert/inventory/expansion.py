"""Expands boundaries to every folder: each one behaves like the nearest boundary above it."""

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from recert.foundation.db import AnyRow


def rights_by(row: "AnyRow | Expanded", protocol: str | None) -> int:
    """The rights of a grant by one protocol; by any of them without one."""
    spoken = dict(pair.split("=") for pair in row.protocols.split())
    return int(spoken.get(protocol or "", row.rights))


class Expanded(NamedTuple):
    """One grant in one folder."""

    account: str
    folder: str
    rights: int
    via: str
    enabled: bool
    protocols: str = ""
    widened: bool = False


def expand(
    rows: Iterable[AnyRow], boundaries: Collection[str], folders: Iterable[str]
) -> Iterator[Expanded]:
    """The grants (ordered by folder) repeated for every folder, parents first. A boundary without
    any grant is a folder that nobody can access."""
    at = {folder: list(group) for folder, group in groupby(rows, key=lambda row: row.folder)}
    nearest: dict[str, str] = {}
    for folder in folders:
        above = folder.rpartition("/")[0] or "/"
        nearest[folder] = (
            folder if folder in boundaries or folder == "/" else nearest.get(above, "/")
        )
        for row in at.get(nearest[folder], ()):
            yield Expanded(
                row.account, folder, row.rights, row.via, row.enabled, row.protocols, row.widened
            )
