"""Accounts of Pure-FTPd in MySQL and PostgreSQL: the queries of its file, run for each login.

The daemon asks one query for each fact, and takes an answer of exactly one row and one column.
Who can be asked for follows from the query of the password (`listing`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recert.connectors.account_databases import listing, sql
from recert.connectors.account_databases.listing import Query
from recert.connectors.account_databases.sql import MYSQL, POSTGRES, Run
from recert.connectors.contract import ConnectorError
from recert.connectors.posix.permissions.accounts import SystemUsers
from recert.connectors.pureftpd.source_file import SourceFile
from recert.connectors.pureftpd.virtual import (
    Listed,
    VirtualUser,
    gid_of,
    is_hash,
    uid_of,
    why_no_id,
)

BACKENDS = {"mysql": MYSQL, "pgsql": POSTGRES}
_NAME = re.compile(r"[A-Za-z0-9 \-_'.:@+]+")


class _Unclear(Exception):
    """What a query finds depends on the client's session."""


@dataclass(frozen=True)
class _Asking:
    """The queries of one file and the database that answers them."""

    source: SourceFile
    backend: str
    system: SystemUsers
    run: Run
    # What queries find for many logins at once.
    found: dict[str, dict[str, list[Sequence[object]]]] = field(default_factory=dict)

    def _rows(self, name: str, query: Query, login: str) -> Sequence[Sequence[object]]:
        if name not in self.found:
            self.found[name] = listing.rows_by_login(self.run, query) or {}
        known = self.found[name].get(login)
        return self.run(query.of(login, self.backend)) if known is None else known

    def answer(self, name: str, login: str) -> str:
        """What the daemon gets for one login by the query of that name; empty is nothing."""
        query = _query(self.source, name)
        if not query.text:
            return ""
        rows = self._rows(name, query, login)
        if any(len(row) != 1 for row in rows):
            return ""
        values = {sql.text(row[0]) for row in rows}
        if query.dropped and len(values) > 1 and name != "GetPW":
            raise _Unclear(name)
        return values.pop() if len(rows) == 1 or (query.dropped and rows) else ""


def read(source: SourceFile, settings: Mapping[str, str], system: SystemUsers) -> Listed:
    """The accounts of the database; a problem where some may be missing."""
    backend = BACKENDS[source.method]
    why = sql.why_not(settings, backend, source.value("Database"))
    asked = [name for name in _asked(source) if _query(source, name).why_not]
    if not why and asked:
        return _unlisted(source, asked[0], _query(source, asked[0]).why_not)
    if why:
        return _unlisted(source, "GetPW", why)
    try:
        with sql.connected(settings) as run:
            return _listed(_Asking(source, backend, system, run))
    except ConnectorError as error:
        return _unlisted(source, "GetPW", error.message.rstrip("."))


def _asked(source: SourceFile) -> list[str]:
    """The queries that the daemon runs before it lets somebody in."""
    names = ["GetPW", "GetDir"]
    names += [] if source.value("DefaultUID") else ["GetUID"]
    names += [] if source.value("DefaultGID") else ["GetGID"]
    return [name for name in names if source.value(name)]


def _query(source: SourceFile, name: str) -> Query:
    text = source.value(name)
    return listing.read(text, BACKENDS[source.method]) if text else Query("")


def _unlisted(source: SourceFile, name: str, why: str) -> Listed:
    problem = f"{source.at(name)}: {source.keyword(name)}: the accounts of this database are not "
    return Listed(problems=[f"{problem}listed: {why}"])


def _listed(asking: _Asking) -> Listed:
    source = asking.source
    if not source.value("GetPW"):
        return Listed()
    names = listing.names(asking.run, _query(source, "GetPW"), asking.backend)
    if names.why_not:
        return _unlisted(source, "GetPW", names.why_not)
    listed = Listed()
    for login in names.names:
        try:
            listed.users.append(_account(asking, login))
        except _Unclear as unclear:
            (name,) = unclear.args
            listed.problems.append(
                f"{source.at(name)}: {source.keyword(name)}: what it finds for {login!r} depends "
                "on the client's session; the account is not shown"
            )
    if any(0 in (one.uid, one.gid) for one in listed.users):  # a user that we cannot look up
        listed.problems += asking.system.problems
    return listed


def _account(asking: _Asking, login: str) -> VirtualUser:
    source = asking.source
    if not _may_be_typed(login, asking.backend):
        why = "Pure-FTPd accepts no such letters in names"
        return VirtualUser(login, source.method, refused=why, passes_on=True)
    facts = {}
    for name, default in (("GetPW", ""), ("GetUID", "DefaultUID"), ("GetGID", "DefaultGID")):
        facts[name] = (default and source.value(default)) or asking.answer(name, login)
    facts["GetDir"] = asking.answer("GetDir", login)
    missing = next((name for name, value in facts.items() if not value), "")
    if missing:
        why = f"{source.keyword(missing)} does not find exactly one value"
        return VirtualUser(login, source.method, refused=why, passes_on=True)
    uid, gid = uid_of(facts["GetUID"], asking.system), gid_of(facts["GetGID"], asking.system)
    refused = why_no_id(uid, gid)
    if not is_hash(facts["GetPW"], source.value("Crypt")):
        refused = "its password is locked"
    notes = () if refused else _notes(asking, login)
    return VirtualUser(login, source.method, uid, gid, facts["GetDir"], refused, notes)


def _may_be_typed(login: str, backend: str) -> bool:
    """Whether the daemon accepts a spelling of the name. MySQL may treat a character with an
    accent as the plain one, so such a name may have an accepted spelling."""
    plain = (
        login
        if backend == POSTGRES
        else "".join(character for character in login if character.isascii())
    )
    return bool(_NAME.fullmatch(plain)) or (backend == MYSQL and not plain)


def _notes(asking: _Asking, login: str) -> tuple[str, ...]:
    source = asking.source
    notes = [
        f"only for some clients ({source.keyword(name)} at {source.at(name)})"
        for name in _asked(source)
        if _query(source, name).dropped
    ]
    if not login.isascii():
        notes.append("only when the database takes a plain spelling for its name")
    return tuple(notes)
