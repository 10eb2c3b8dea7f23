"""The first half of a snapshot: what a connector says goes into temporary tables, as a stream.

Names become small numbers here, so that the memory needed grows with the number of accounts,
folders and sources, never with the number of grants. Nothing of this touches the real tables.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.engine import Connection

from recert.connectors.contract import GrantFact, Reading, ServerDataInvalid
from recert.foundation import bulk

STAGED = {
    "staged_account": "no INTEGER PRIMARY KEY, name TEXT NOT NULL",
    "staged_folder": "no INTEGER PRIMARY KEY, path TEXT NOT NULL, parent TEXT",
    "staged_source": "no INTEGER PRIMARY KEY, text TEXT NOT NULL",
    "staged_member": "group_name TEXT NOT NULL, account_name TEXT NOT NULL",
    "staged_grant": (
        "content_hash BIGINT NOT NULL, account_no INTEGER NOT NULL, folder_no INTEGER NOT NULL,"
        " rights INTEGER NOT NULL, source_no INTEGER NOT NULL, native TEXT NOT NULL,"
        " widened INTEGER NOT NULL"
    ),
}


@dataclass
class Numbers:
    """A number for each name, in order of appearance."""

    known: dict[str, int] = field(default_factory=dict)

    def of(self, name: str) -> int:
        """The number of a name, a new one when it is new."""
        return self.known.setdefault(name, len(self.known) + 1)

    def rows(self) -> Iterator[tuple[int, str]]:
        """(number, name) for the staging table."""
        return ((number, name) for name, number in self.known.items())


@dataclass(frozen=True)
class Staged:
    """How much was read."""

    accounts: int
    folders: int
    grants: int


def content_hash(fact: GrantFact) -> int:
    """A stable signed 64-bit hash of everything a grant says."""
    key = "\0".join(
        (
            fact.account,
            fact.folder,
            str(int(fact.rights)),
            fact.native,
            str(fact.widened),
            *fact.via,
        )
    )
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), signed=True)


def _known(numbers: Numbers, name: str) -> int:
    number = numbers.known.get(name)
    if number is None:
        raise ServerDataInvalid(f"A grant speaks of {name!r}, which the reading does not name.")
    return number


def stage(connection: Connection, reading: Reading) -> Staged:
    """Streams a reading into temporary tables of this connection."""
    for table, columns in STAGED.items():
        connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
        connection.execute(text(f"CREATE TEMPORARY TABLE {table} ({columns})"))
    accounts, folders, sources = Numbers(), Numbers(), Numbers()
    for account in reading.accounts:
        accounts.of(account.name)
    for path in reading.folders:
        folders.of(path)
    wanted = (
        "content_hash",
        "account_no",
        "folder_no",
        "rights",
        "source_no",
        "native",
        "widened",
    )
    rows = (
        (
            content_hash(fact),
            _known(accounts, fact.account),
            _known(folders, fact.folder),
            int(fact.rights),
            sources.of("; ".join(fact.via)),
            fact.native,
            int(fact.widened),
        )
        for fact in reading.grants
    )
    bulk.insert(connection, "staged_grant", wanted, rows)
    bulk.insert(connection, "staged_account", ("no", "name"), accounts.rows())
    paths = folders.known
    named = ((number, path, _parent(path, paths)) for path, number in paths.items())
    bulk.insert(connection, "staged_folder", ("no", "path", "parent"), named)
    bulk.insert(connection, "staged_source", ("no", "text"), sources.rows())
    members = ((group.name, name) for group in reading.groups for name in group.members)
    bulk.insert(connection, "staged_member", ("group_name", "account_name"), members)
    connection.execute(text("CREATE INDEX staged_grant_hash ON staged_grant (content_hash)"))
    if connection.dialect.name == "postgresql":
        for table in STAGED:
            connection.execute(text(f"ANALYZE {table}"))
    counted = connection.execute(text("SELECT count(*) FROM staged_grant")).scalar_one()
    return Staged(len(accounts.known), len(folders.known), counted)


def _parent(path: str, known: dict[str, int]) -> str | None:
    """The nearest boundary above a path."""
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        if path in known:
            return path
    return None
