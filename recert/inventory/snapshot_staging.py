"""The first half of a snapshot: a connector's reading is streamed into temporary tables.

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
    "staged_account": "no INTEGER PRIMARY KEY, name TEXT NOT NULL, id INTEGER",
    "staged_folder": "no INTEGER PRIMARY KEY, path TEXT NOT NULL, id INTEGER",
    "staged_source": "no INTEGER PRIMARY KEY, text TEXT NOT NULL, id INTEGER",
    "staged_member": "group_name TEXT NOT NULL, account_name TEXT NOT NULL",
    "staged_grant": (
        "content_hash BIGINT NOT NULL, account_no INTEGER NOT NULL, folder_no INTEGER NOT NULL,"
        " rights INTEGER NOT NULL, source_no INTEGER NOT NULL, native TEXT NOT NULL,"
        " widened BOOLEAN NOT NULL, protocols TEXT NOT NULL"
    ),
}


GRANT_COLUMNS = (
    *("content_hash", "account_no", "folder_no", "rights", "source_no", "native", "widened"),
    "protocols",
)


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


def content_hash(fact: GrantFact, rights: int, via: str) -> int:
    """A stable signed 64-bit hash of everything in a grant."""
    content = f"{fact.account}\0{fact.folder}\0{rights}\0{fact.native}\0{fact.widened}\0{via}"
    if fact.protocols:
        content += f"\0{protocols_text(fact)}"
    return int.from_bytes(hashlib.blake2b(content.encode(), digest_size=8).digest(), signed=True)


def protocols_text(fact: GrantFact) -> str:
    """How a grant keeps its rights by protocol: "ftp=3 sftp=7", or nothing."""
    return " ".join(f"{name}={int(rights)}" for name, rights in fact.protocols)


def _grant_rows(
    reading: Reading, accounts: dict[str, int], folders: dict[str, int], sources: Numbers
) -> Iterator[tuple[int, int, int, int, int, str, bool, str]]:
    for fact in reading.grants:
        rights, via = int(fact.rights), "; ".join(fact.via)
        try:
            account, folder = accounts[fact.account], folders[fact.folder]
        except KeyError as error:
            raise ServerDataInvalid(
                f"A grant speaks of {error.args[0]!r}, which the reading does not name."
            ) from error
        yield (
            content_hash(fact, rights, via),
            account,
            folder,
            rights,
            sources.of(via),
            fact.native,
            fact.widened,
            protocols_text(fact) if fact.protocols else "",
        )


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
    rows = _grant_rows(reading, accounts.known, folders.known, sources)
    bulk.insert(connection, "staged_grant", GRANT_COLUMNS, rows)
    bulk.insert(connection, "staged_account", ("no", "name"), accounts.rows())
    bulk.insert(connection, "staged_folder", ("no", "path"), folders.rows())
    bulk.insert(connection, "staged_source", ("no", "text"), sources.rows())
    members = ((group.name, name) for group in reading.groups for name in group.members)
    bulk.insert(connection, "staged_member", ("group_name", "account_name"), members)
    connection.execute(text("CREATE INDEX staged_grant_hash ON staged_grant (content_hash)"))
    if connection.dialect.name == "postgresql":
        for table in STAGED:
            connection.execute(text(f"ANALYZE {table}"))
    counted = connection.execute(text("SELECT count(*) FROM staged_grant")).scalar_one()
    return Staged(len(accounts.known), len(folders.known), counted)
