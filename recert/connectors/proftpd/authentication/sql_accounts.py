"""Accounts of mod_sql. An SQLite file is read from a copy of its bytes: the file itself is never
opened, so nothing can lock or change it, and it may lie on another machine."""

import re
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from recert.connectors.account_databases.sql import Run
from recert.connectors.account_databases.sql import text as _plain
from recert.connectors.contract import ServerDataInvalid
from recert.connectors.proftpd.authentication import sql_queries
from recert.connectors.proftpd.authentication.account_files import SQL, Book, Entry, Password
from recert.connectors.proftpd.configuration.sections import Section

_DEFAULT_COLUMNS = ("users", "userid", "passwd", "uid", "gid", "homedir", "shell")
_DEFAULT_GROUP_COLUMNS = ("groups", "groupname", "gid", "members")


@dataclass(frozen=True)
class Columns:
    """What a server says about its tables."""

    file: str  # of SQLite; of others the database as SQLConnectInfo names it
    users: tuple[str, ...] = _DEFAULT_COLUMNS
    groups: tuple[str, ...] = _DEFAULT_GROUP_COLUMNS
    users_where: str = ""
    groups_where: str = ""
    has_users: bool = True
    has_groups: bool = True
    uid: int | None = None  # SQLDefaultUID
    gid: int | None = None
    home: str = ""
    lowest_uid: int = 0
    lowest_gid: int = 0
    # SQLAuthTypes Plaintext: any text is a password. Backend: MySQL's own hashes begin with "*".
    plain: bool = False
    empty: bool = False  # SQLAuthTypes Empty: no text, any password
    backend: str = "sqlite3"
    all_users: str = ""  # a named query of one's own in place of the table
    all_groups: str = ""


@dataclass
class Settings:
    """The columns, or why they cannot be known."""

    columns: Columns | None = None
    doubts: list[tuple[str, Section]] = field(default_factory=list)


def settings_of(server: Section) -> Settings:
    """What the SQL directives of a server say."""
    settings = Settings()
    connect, info = server.value("sqlconnectinfo"), server.value("sqluserinfo")
    groups = server.value("sqlgroupinfo")
    if connect is None or not connect.args:
        return settings
    backend = _backend(server, connect)
    if backend not in ("sqlite3", "mysql", "postgres"):
        settings.doubts.append((f"Recert reads no {backend} database", connect))
        return settings
    if backend == "sqlite3" and not connect.args[0].startswith("/"):
        settings.doubts.append(("no full path of an SQLite file", connect))
        return settings
    columns = _columns(server, connect.args[0], info, groups)
    own = {}
    for directive, reader in ((info, sql_queries.all_users), (groups, sql_queries.all_groups)):
        if directive is None or not sql_queries.is_custom(directive):
            continue
        sql = reader(server, directive)
        if not sql:
            settings.doubts.append(
                ("its named queries do not list all accounts or groups", directive)
            )
            return settings
        own[directive.name] = sql
    for name in ("sqluserwhereclause", "sqlgroupwhereclause"):
        directive = server.value(name)
        if directive is not None and "%{" in " ".join(directive.args):
            settings.doubts.append(("a clause with variables of a session", directive))
            return settings
    settings.columns = replace(
        columns,
        backend=backend,
        all_users=own.get("sqluserinfo", ""),
        all_groups=own.get("sqlgroupinfo", ""),
    )
    return settings


def _backend(server: Section, connect: Section) -> str:
    """What SQLBackend names, or else what the address looks like."""
    backend = server.value("sqlbackend")
    if backend and backend.args:
        return backend.args[0].lower()
    return "sqlite3" if connect.args[0].startswith("/") else "mysql"


def _columns(server: Section, file: str, info: Section | None, groups: Section | None) -> Columns:
    users_on, groups_on = _switches(server)
    types = _types(server)
    lowest = _number(server, "sqlminid")
    return Columns(
        file=file,
        users=_wide(info, _DEFAULT_COLUMNS),
        groups=_wide(groups, _DEFAULT_GROUP_COLUMNS),
        users_where=_text(server, "sqluserwhereclause"),
        groups_where=_text(server, "sqlgroupwhereclause"),
        has_users=users_on,
        has_groups=groups_on,
        uid=_number(server, "sqldefaultuid"),
        gid=_number(server, "sqldefaultgid"),
        home=_text(server, "sqldefaulthomedir"),
        lowest_uid=_number(server, "sqlminuseruid") or lowest or 0,
        lowest_gid=_number(server, "sqlminusergid") or lowest or 0,
        plain=bool({"plaintext", "backend"} & types),
        empty="empty" in types,
    )


def _wide(directive: Section | None, default: tuple[str, ...]) -> tuple[str, ...]:
    if directive is None or len(directive.args) < len(default):
        return default
    return directive.args


def _text(server: Section, name: str) -> str:
    directive = server.value(name)
    return " ".join(directive.args) if directive else ""


def _number(server: Section, name: str) -> int | None:
    text = _text(server, name)
    return int(text) if text.isdecimal() else None


def _types(server: Section) -> set[str]:
    directive = server.value("sqlauthtypes")
    return {argument.lower() for argument in directive.args} if directive else set()


def _switches(server: Section) -> tuple[bool, bool]:
    """Whether users and groups come from the database."""
    directive = server.value("sqlauthenticate")
    if directive is None:
        return True, True
    switches = {argument.lower().rstrip("*") for argument in directive.args}
    if "off" in switches:
        return False, False
    return bool({"on", "users"} & switches), bool({"on", "groups"} & switches)


def left_out(journal: bytes) -> bytes:
    """An empty file in place of a journal: the result of `kept` includes its rows."""
    return b""


def kept(raw: bytes, journal: bytes | None, columns: Columns) -> bytes:
    """A database as it may be kept: the columns that are asked for, without passwords. Raises
    ServerDataInvalid when the same accounts would not come out of it."""
    try:
        cleaned = _without_passwords(raw, journal, columns)
    except sqlite3.Error as error:
        raise ServerDataInvalid(f"{error}.") from error
    if read(cleaned, None, columns, "") != read(raw, journal, columns, ""):
        raise ServerDataInvalid("The accounts of the database depend on more than its columns.")
    return cleaned


def _without_passwords(raw: bytes, journal: bytes | None, columns: Columns) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        new = Path(folder, "kept.db")
        with _opened(raw, journal) as old, closing(sqlite3.connect(new)) as copy:
            if columns.has_users:
                _copy(old, copy, columns.users[:7], columns.users_where, columns)
            if columns.has_groups:
                _copy(old, copy, columns.groups[:4], columns.groups_where)
            copy.commit()
        return new.read_bytes()


def _copy(
    old: sqlite3.Connection,
    copy: sqlite3.Connection,
    table_and_columns: tuple[str, ...],
    where: str,
    passwords: Columns | None = None,
) -> None:
    """Copy one table with the columns that are listed or used in its WHERE clause."""
    table, *fields = table_and_columns
    asked = {name.upper() for name in fields} | set(re.findall(r"\w+", where.upper()))
    every = [str(row[1]) for row in old.execute("SELECT * FROM pragma_table_info(?)", (table,))]
    names = [name for name in every if name.upper() in asked]
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    secret = fields[1].upper() if passwords else ""
    marks = ", ".join("?" * len(names))
    copy.execute(" ".join(("CREATE TABLE", table, "(", quoted, ")")))
    adding = " ".join(("INSERT INTO", table, "VALUES (", marks, ")"))
    for row in old.execute(_select(quoted, table)):
        cells = [
            _state_of(cell, passwords) if passwords and name.upper() == secret else cell
            for name, cell in zip(names, row, strict=True)
        ]
        copy.execute(adding, cells)


def _state_of(hashed: object, columns: Columns) -> str | None:
    text = str(hashed or "")
    if not text or _password(text, columns) is Password.LOCKED:
        return text and "!"
    return "removed"


@contextmanager
def _opened(raw: bytes, journal: bytes | None) -> Iterator[sqlite3.Connection]:
    """A copy of the database. What SQLite says rises as it is."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy.db")
        copy.write_bytes(raw)
        if journal:
            copy.with_name("copy.db-wal").write_bytes(journal)
        with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as database:
            database.text_factory = lambda value: value.decode(errors="surrogateescape")
            yield database


def read(raw: bytes, journal: bytes | None, columns: Columns, title: str) -> Book:
    """The accounts and groups; those that the daemon's own clause leaves out are shut."""
    try:
        with _opened(raw, journal) as database:
            return read_by(lambda sql: list(database.execute(sql)), columns, title)
    except (sqlite3.Error, ValueError) as error:
        raise ServerDataInvalid(f"{title}: {error}.") from error


def read_by(run: Run, columns: Columns, title: str) -> Book:
    """The accounts and groups of any database, by the SQL that the daemon is configured to run."""
    book = Book(SQL, title)
    if columns.has_users:
        _read_users(run, columns, book)
    if columns.has_groups:
        _read_groups(run, columns, book)
    return book


def _read_users(run: Run, columns: Columns, book: Book) -> None:
    if columns.all_users:
        allowed = everybody = [tuple(row)[:6] for row in run(columns.all_users)]
    else:
        table, *fields = columns.users[:7]
        picked = ", ".join("''" if name.upper() == "NULL" else name for name in fields)
        everybody = [tuple(row) for row in run(_select(picked, table))]
        allowed = [tuple(row) for row in run(_select(picked, table, columns.users_where))]
    names = {row[0] for row in allowed}
    for row in (*allowed, *(row for row in everybody if row[0] not in names)):
        name, hashed, uid, gid, home, shell = row
        if name is None:
            continue
        book.add(
            Entry(
                name=_plain(name),
                uid=_id(uid, columns.uid, columns.lowest_uid),
                gid=_id(gid, columns.gid, columns.lowest_gid),
                home=_plain(home) or columns.home,
                shell=_plain(shell),
                source=SQL,
                password=_password(hashed, columns),
                shut="" if row[0] in names else f"not in {columns.users_where}",
            )
        )


def _read_groups(run: Run, columns: Columns, book: Book) -> None:
    if columns.all_groups:
        rows = run(columns.all_groups)
    else:
        table, name, gid, members = columns.groups[:4]
        rows = run(_select(f"{name}, {gid}, {members}", table, columns.groups_where))
    for group, number, listed in (row[:3] for row in rows):
        names = [one.strip() for one in _plain(listed).split(",") if one.strip()]
        if group is not None and number is not None:
            book.add_group(_plain(group), int(_plain(number)), names)


def _select(picked: str, table: str, where: str = "") -> str:
    """A SELECT of tables, columns and a clause that the administrator configured as SQL text."""
    return " ".join(("SELECT", picked, "FROM", table, *(("WHERE", where) if where else ())))


def _id(value: object, default: int | None, lowest: int) -> int:
    text = _plain(value)
    number = int(text) if text.isdecimal() else None
    if number is None or number < lowest:
        return default if default is not None else (65533 if number is None else number)
    return number


def _password(hashed: object, columns: Columns) -> Password:
    text = _plain(hashed)
    if not text:
        return Password.EMPTY if columns.empty else Password.LOCKED
    if text[0] in "!*" and not columns.plain:
        return Password.LOCKED
    return Password.USABLE
