"""People of a source on their way into the register: first into a file, so that no connection to
the database waits for a directory, then into temporary tables of one connection."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import IO

from sqlalchemy import text
from sqlalchemy.engine import Connection

from recert.foundation import bulk
from recert.people.sources.contract import UNSTATED, PersonFact
from recert.people.synchronisation.models import LONGEST_KEY

COLUMNS = (
    *("entry", "key", "label", "ref", "manager_ref", "email", "name", "organisation"),
    *("department", "language", "active", "left_on", "states_left_on", "problem"),
)
# What the statements of plan and apply work on. `aside`: the entry is left out, and whoever it
# belongs to stays as they are. `want_active` and `want_left_on`: what the register shall hold.
STAGED = {
    "staged_person": (
        "entry INTEGER PRIMARY KEY, key TEXT NOT NULL, label TEXT NOT NULL, ref TEXT NOT NULL,"
        " manager_ref TEXT, email TEXT, name TEXT, organisation TEXT, department TEXT,"
        " language TEXT, active BOOLEAN, left_on DATE, states_left_on BOOLEAN NOT NULL,"
        " problem TEXT NOT NULL, person_id INTEGER, manager_entry INTEGER,"
        " want_active BOOLEAN, want_left_on DATE,"
        " aside BOOLEAN NOT NULL DEFAULT FALSE, adopted BOOLEAN NOT NULL DEFAULT FALSE,"
        " is_new BOOLEAN NOT NULL DEFAULT FALSE"
    ),
    "planned_leaver": "person_id INTEGER PRIMARY KEY",
    "planned_change": (
        "person_id INTEGER NOT NULL, field TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL"
    ),
}
_MAKE = tuple(f"CREATE TEMPORARY TABLE {name} ({columns})" for name, columns in STAGED.items())
_DROP = tuple(f"DROP TABLE IF EXISTS {name}" for name in STAGED)
INDEXES = (
    "CREATE INDEX staged_person_key ON staged_person (key)",
    "CREATE INDEX staged_person_ref ON staged_person (ref)",
    "CREATE INDEX staged_person_email ON staged_person (email)",
)
_MEMORY = 4 * 1024 * 1024

Row = tuple[object, ...]


@contextmanager
def spooled(facts: Iterable[PersonFact]) -> Iterator[IO[str]]:
    """The people of a source in an unnamed file that is gone at the end. An error of the source
    leaves nothing behind."""
    with tempfile.SpooledTemporaryFile(_MEMORY, "w+", encoding="utf-8") as file:
        for fact in facts:
            file.write(json.dumps(_row(fact), ensure_ascii=False) + "\n")
        file.seek(0)
        yield file


def _row(fact: PersonFact) -> Row:
    states_left_on = fact.left_on is not UNSTATED
    left_on = fact.left_on.isoformat() if isinstance(fact.left_on, date) else None
    problem, key = fact.problem, fact.key or fact.email
    if len(key) > LONGEST_KEY:
        problem, key = f"the key is longer than {LONGEST_KEY} characters", ""
    return (
        *(fact.entry, key, fact.label or fact.email, fact.ref),
        None if fact.manager_ref is UNSTATED else fact.manager_ref,
        *(fact.email or None, fact.name or None, fact.organisation or None),
        None if fact.department is UNSTATED else fact.department,
        None if fact.language is UNSTATED else fact.language,
        None if fact.active is UNSTATED else fact.active,
        *(left_on, states_left_on, problem),
    )


def stage(connection: Connection, file: IO[str]) -> int:
    """Loads a spooled source into temporary tables of this connection; how many entries."""
    drop(connection)
    for statement in _MAKE:
        connection.execute(text(statement))
    bulk.insert(connection, "staged_person", COLUMNS, (json.loads(line) for line in file))
    for index in INDEXES:
        connection.execute(text(index))
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE staged_person"))
    return int(connection.execute(text("SELECT count(*) FROM staged_person")).scalar_one())


def drop(connection: Connection) -> None:
    """Removes the temporary tables: a pooled connection would keep people for whoever gets it."""
    for statement in _DROP:
        connection.execute(text(statement))
