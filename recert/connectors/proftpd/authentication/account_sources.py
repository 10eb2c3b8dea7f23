"""The sources of accounts that the servers ask, read once each."""

import re
from functools import partial

from recert.connectors.contract import ConnectorError
from recert.connectors.hosts import FileMissing, Host
from recert.connectors.posix.permissions.accounts import SystemUsers
from recert.connectors.posix.permissions.password_fields import second_field
from recert.connectors.proftpd.access.login_rules import PAM, known_modules
from recert.connectors.proftpd.authentication import account_files, sql_accounts, sql_servers
from recert.connectors.proftpd.authentication.account_files import FILE, SQL, UNIX, Book
from recert.connectors.proftpd.authentication.sql_accounts import Columns
from recert.connectors.proftpd.configuration.sections import Section, on
from recert.connectors.proftpd.daemon import Known

_SOURCES = {FILE, SQL, UNIX, PAM}
# They ask for more (a code, a slower answer) and know no account.
_NO_SOURCES = {"mod_auth_otp.c", "mod_delay.c", "mod_sftp_pam.c"}
# What says that a module is asked for accounts.
_SWITCHES = {
    "mod_ldap.c": ("ldapusers", "ldapserver"),
    "mod_radius.c": ("radiusengine",),
}


def read_books(host: Host, known: Known) -> None:
    shared: dict[tuple[str, ...], Book] = {}
    books: dict[Section, list[Book]] = {}
    for server, _ in known.layout.open_servers():
        books[server] = []
        for module in known_modules(server, known.loaded):
            _note_unread(known, server, module)
            if module == UNIX and known.facts.users.doubts:
                doubts = known.layout.doubts.setdefault(server.statement, [])
                doubts += known.facts.users.doubts
            for problem in known.facts.users.problems if module == UNIX else ():
                _note(known, problem)
            book = _book(host, known, server, module, shared)
            if book is not None:
                books[server].append(book)
    known.facts.books = books
    for book in shared.values():
        if book.module != UNIX:
            account_files.note_strangers(book)
        known.warnings += [f"{remark}." for remark in book.remarks]
        known.warnings += [
            f"The account {one.name!r} of {book.title} has an {one.password.value}."
            for one in book.entries.values()
            if one.password is account_files.Password.EMPTY
        ]


def _note_unread(known: Known, server: Section, module: str) -> None:
    """A source whose accounts nobody here can list makes the reading partial."""
    if module in _SOURCES or module in _NO_SOURCES:
        return
    directive = server.value("authorder")
    if module in _SWITCHES:
        directive = next(filter(None, map(server.value, _SWITCHES[module])), None)
        if directive is None or (directive.name.endswith("engine") and not on(directive, False)):
            return
    place = directive.place if directive else None
    where = (
        f"{place.file}:{place.line}: {directive.statement.keyword}" if place and directive else ""
    )
    _note(known, f"{where}: the accounts of {module} cannot be read; they are not listed")


def _note(known: Known, problem: str) -> None:
    if problem not in known.problems:
        known.problems.append(problem)


def _book(
    host: Host, known: Known, server: Section, module: str, shared: dict[tuple[str, ...], Book]
) -> Book | None:
    if module == UNIX:
        return shared.setdefault((UNIX,), _system(known.facts.users))
    if module == FILE:
        return _from_files(host, known, server, shared)
    if module == SQL and SQL in known.loaded and not _is_off(server.value("sqlengine")):
        return _from_database(host, known, server, shared)
    return None


def _is_off(directive: Section | None) -> bool:
    """SQLEngine knows on, off, auth and log; the last one asks the database for no account."""
    return directive is not None and directive.args[:1] in (("off",), ("log",))


def _system(users: SystemUsers) -> Book:
    book = Book(UNIX, "the system's users")
    for one in users.passwd.values():
        book.add(
            account_files.Entry(
                one.name, one.uid, one.gid, one.home, one.shell, UNIX, gecos=one.gecos
            )
        )
    for group in users.groups:
        book.add_group(group.name, group.gid, group.members)
    return book


def _from_files(
    host: Host, known: Known, server: Section, shared: dict[tuple[str, ...], Book]
) -> Book | None:
    user_file, group_file = server.value("authuserfile"), server.value("authgroupfile")
    if user_file is None or not user_file.args:
        return None
    paths = (user_file.args[0], group_file.args[0] if group_file and group_file.args else "")
    if (FILE, *paths, *user_file.args[1:]) in shared:
        return shared[FILE, *paths, *user_file.args[1:]]
    book = Book(FILE, known.configuration.title(paths[0]))
    known.account_files.update(path for path in paths if path)
    for path in filter(None, paths):
        host.withhold(path, second_field(account_files.state_of))
    for path, reader in zip(
        paths, (account_files.read_passwords, account_files.read_groups), strict=True
    ):
        if path:
            raw = _content(host, known, path)
            reader(raw, book)
    _warn_of_mode(host, known, paths[0])
    _restrict(book, user_file, known, server)
    shared[FILE, *paths, *user_file.args[1:]] = book
    return book


def _content(host: Host, known: Known, path: str) -> bytes:
    """A source that cannot be read leaves accounts unseen, which makes the reading partial."""
    try:
        return host.read(path)
    except ConnectorError as error:
        _note(known, f"{path}: {error.message}")
        return b""


def _warn_of_mode(host: Host, known: Known, path: str) -> None:
    fact = host.stat(path)
    if fact is not None and fact.mode & 0o007:
        known.warnings.append(
            f"{path} is open to everybody (mode {fact.mode:04o}): the daemon will not start again."
        )


def _restrict(book: Book, directive: Section, known: Known, server: Section) -> None:
    """AuthUserFile FILE id 1000-2000: others are not known to the daemon."""
    options = directive.args[1:]
    for key, value in zip(options[::2], options[1::2], strict=False):
        numbers = re.fullmatch(r"(\d+)-(\d+)", value)
        if key == "id" and numbers:
            low, high = int(numbers[1]), int(numbers[2])
            kept = {name: one for name, one in book.entries.items() if low <= one.uid <= high}
            book.entries = kept
        else:
            known.layout.doubts.setdefault(server.statement, []).append(
                f"not understood: AuthUserFile ... {key} at {directive.place}"
            )


def _from_database(
    host: Host, known: Known, server: Section, shared: dict[tuple[str, ...], Book]
) -> Book | None:
    database = sql_accounts.settings_of(server)
    for text, directive in database.doubts:
        place = directive.place
        _note(
            known,
            f"{place.file}:{place.line}: {directive.statement.keyword}: {text}; its accounts are "
            "not listed",
        )
    columns = database.columns
    if columns is None:
        return None
    key = (SQL, repr(columns))
    if columns.backend != "sqlite3":
        return _from_remote(known, server, columns, shared)
    if key not in shared:
        title = known.configuration.title(columns.file)
        known.account_files.add(columns.file)
        try:
            host.withhold(f"{columns.file}-wal", sql_accounts.left_out)
            journal = _optional(host, f"{columns.file}-wal")
            host.withhold(
                columns.file, partial(sql_accounts.kept, journal=journal, columns=columns)
            )
            raw = host.read(columns.file)
            shared[key] = sql_accounts.read(raw, journal, columns, title)
        except ConnectorError as error:
            _note(known, f"{columns.file}: {error.message}")
            shared[key] = Book(SQL, title)
    return shared[key]


def _from_remote(
    known: Known, server: Section, columns: Columns, shared: dict[tuple[str, ...], Book]
) -> Book | None:
    """Through the account that the settings name; without one the accounts are not listed."""
    connect = server.value("sqlconnectinfo")
    if connect is None:
        return None
    where = f"{connect.place.file}:{connect.place.line}: {connect.statement.keyword}"
    if why := sql_servers.why_not(known.settings, columns):
        _note(
            known,
            f"{where}: the accounts of this {columns.backend} database are not listed, because "
            f"{why}",
        )
        return None
    key = (SQL, repr(columns))
    if key not in shared:
        title = f"the database {columns.file.partition('@')[0]}"
        try:
            shared[key] = sql_servers.read(known.settings, columns, title)
        except ConnectorError as error:
            _note(known, f"{where}: {error.message}")
            shared[key] = Book(SQL, title)
    return shared[key]


def _optional(host: Host, path: str) -> bytes | None:
    try:
        return host.read(path)
    except FileMissing:
        return None
