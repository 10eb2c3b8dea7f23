"""Everything that the daemon consults, read from its machine in one go."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from recert.connectors.contract import ConnectorError, ServerRefusedUs
from recert.connectors.hosts import FileMissing, Host, commands
from recert.connectors.posix.accounts import SystemUsers, lines_of
from recert.connectors.posix.pam import Pam, shells_of
from recert.connectors.posix.secrets import second_field
from recert.connectors.proftpd import database, sources
from recert.connectors.proftpd.doors import SFTP, Layout, lay_out
from recert.connectors.proftpd.files import Configuration, Source, load
from recert.connectors.proftpd.logins import PAM, Facts, key_places, known_modules
from recert.connectors.proftpd.sections import Section, on
from recert.connectors.proftpd.sources import FILE, SQL, UNIX, Book

_DEFAULTS = "/etc/default/proftpd"
_DEFINE = re.compile(r"-D\s*([\w.-]+)")
_SOURCES = {FILE, SQL, UNIX, PAM}
_FIND = ("-files0-from", "-", "-xdev", "-name", ".ftpaccess", "-type", "f", "-print0")


@dataclass
class Known:
    """The configuration, its servers, and what stands behind them."""

    configuration: Configuration
    layout: Layout
    facts: Facts
    loaded: set[str]
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    account_files: set[str] = field(default_factory=set)


def source_of(host: Host) -> Source:
    """The files of a machine, as the configuration reader wants them."""

    def read(path: str) -> bytes | None:
        fact = host.stat(path)
        return host.read(path) if fact is not None and fact.is_file else None

    def names(path: str) -> list[str] | None:
        fact = host.stat(path)
        return host.names(path) if fact is not None and fact.is_folder else None

    return Source(read, names)


def configuration_of(host: Host, config: str, source: Source | None = None) -> Configuration:
    """The configuration as the daemon on this machine would read it."""
    try:
        text = host.read(_DEFAULTS).decode(errors="replace")
    except ConnectorError:
        text = ""
    options = [line for line in text.splitlines() if line.lstrip().startswith("OPTIONS")]
    defines = [name for line in options for name in _DEFINE.findall(line)]
    return load(config, source or source_of(host), defines=defines)


def read(host: Host, config: str, today: date) -> Known:
    """Raises what the host raises when the main file or the name service cannot be read."""
    configuration = configuration_of(host, config)
    layout = lay_out(configuration)
    lists = host.read_many(["/etc/shells", "/etc/ftpusers"])
    users = SystemUsers.read(host)
    facts = Facts(
        users=users,
        pam=None,
        shells=shells_of(lists["/etc/shells"]),
        ftpusers=frozenset(line.strip() for line in lines_of(lists["/etc/ftpusers"])),
        today=today,
    )
    known = Known(configuration, layout, facts, set(configuration.modules))
    _read_books(host, known)
    _read_pam(host, known)
    facts.keys = _keys(host, known)
    known.warnings += configuration.remarks
    known.warnings += [text for texts in layout.doubts.values() for text in texts]
    known.warnings += layout.remarks
    known.warnings = list(dict.fromkeys(known.warnings))
    return known


def _read_books(host: Host, known: Known) -> None:
    shared: dict[tuple[str, ...], Book] = {}
    books: dict[Section, list[Book]] = {}
    for server, _ in known.layout.open_servers():
        books[server] = []
        for module in known_modules(server, known.loaded):
            if module not in _SOURCES:
                order = server.value("authorder")
                place = f" at {order.place}" if order else ""
                known.layout.doubts.setdefault(server.statement, []).append(
                    f"not understood: account source {module}{place}"
                )
            if module == UNIX and known.facts.users.doubts:
                doubts = known.layout.doubts.setdefault(server.statement, [])
                doubts += known.facts.users.doubts
            book = _book(host, known, server, module, shared)
            if book is not None:
                books[server].append(book)
    known.facts.books = books
    for book in shared.values():
        if book.module != UNIX:
            sources.note_strangers(book)
        known.warnings += [f"{remark}." for remark in book.remarks]
        known.warnings += [
            f"The account {one.name!r} of {book.title} has an {one.password.value}."
            for one in book.entries.values()
            if one.password is sources.Password.EMPTY
        ]


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
            sources.Entry(one.name, one.uid, one.gid, one.home, one.shell, UNIX, gecos=one.gecos)
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
        host.withhold(path, second_field(sources.state_of))
    for path, reader in zip(paths, (sources.read_passwords, sources.read_groups), strict=True):
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
        known.problems.append(f"{path}: {error.message}")
        return b""


def _warn_of_mode(host: Host, known: Known, path: str) -> None:
    fact = host.stat(path)
    if fact is not None and fact.mode & 0o007:
        known.warnings.append(
            f"{path} is open to everybody (mode {fact.mode:04o}): the daemon will not start again."
        )


def _restrict(book: Book, directive: Section, known: Known, server: Section) -> None:
    """AuthUserFile FILE id 1000-2000: others are not known to the daemon."""
    words = directive.args[1:]
    for key, value in zip(words[::2], words[1::2], strict=False):
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
    found = database.settings_of(server)
    for text, directive in found.doubts:
        known.layout.doubts.setdefault(server.statement, []).append(
            f"not understood: {text} ({directive.statement.word}) at {directive.place}"
        )
    columns = found.columns
    if columns is None:
        return None
    key = (SQL, repr(columns))
    if key not in shared:
        title = known.configuration.title(columns.file)
        known.account_files.add(columns.file)
        try:
            host.withhold(f"{columns.file}-wal", database.left_out)
            journal = _optional(host, f"{columns.file}-wal")
            host.withhold(columns.file, partial(database.kept, journal=journal, columns=columns))
            raw = host.read(columns.file)
            shared[key] = database.read(raw, journal, columns, title)
        except ConnectorError as error:
            known.problems.append(f"{columns.file}: {error.message}")
            shared[key] = Book(SQL, title)
    return shared[key]


def _optional(host: Host, path: str) -> bytes | None:
    try:
        return host.read(path)
    except FileMissing:
        return None


def _read_pam(host: Host, known: Known) -> None:
    asked = [
        server
        for server, _ in known.layout.open_servers()
        if PAM in known_modules(server, known.loaded)
        and UNIX in known_modules(server, known.loaded)
        and on(server.value("authpam"), True)
    ]
    if asked:
        service = asked[0].value("authpamconfig")
        known.facts.pam = Pam.read(host, service.args[0] if service else "proftpd")
        for text in known.facts.pam.not_understood:
            known.warnings.append(f"not understood: {text}")


def _keys(host: Host, known: Known) -> dict[str, int]:
    """Key files with at least one key in them, and how many; asked only where SFTP is spoken."""
    wanted = {
        place
        for server, protocol in known.layout.open_servers()
        if protocol == SFTP
        for book in known.facts.books.get(server, ())
        for entry in book.entries.values()
        for place in key_places(server, entry)
        if place.startswith("/")
    }
    found = host.read_many(sorted(wanted))
    return {
        path: raw.count(b"BEGIN")
        for path, raw in found.items()
        if isinstance(raw, bytes) and b"BEGIN" in raw
    }


def ftpaccess_files(host: Host, roots: Iterable[str]) -> Mapping[str, bytes]:
    """The .ftpaccess files below the roots and what they say."""
    data = b"".join(root.encode(errors="surrogateescape") + b"\0" for root in roots)
    if not data:
        return {}
    answer = host.run(commands.program("", "find", *_FIND), data)
    vanished = ": No such file or directory"
    unseen = [line for line in answer.errors.splitlines() if not line.endswith(vanished)]
    if not answer.ok and unseen:
        raise ServerRefusedUs(f"Some .ftpaccess files may be unseen: {unseen[0]}.")
    listed = answer.out.decode(errors="surrogateescape").split("\0")
    contents = host.read_many([path for path in listed if path])
    for content in contents.values():
        if isinstance(content, ServerRefusedUs):
            raise content
    return {path: raw for path, raw in contents.items() if isinstance(raw, bytes) and raw}


def has_name_rules(layout: Layout) -> bool:
    """True when some section lets the names of files decide."""

    def speaks(section: Section) -> bool:
        return any(
            item.name in ("pathdenyfilter", "pathallowfilter") or speaks(item)
            for item in section.items
        )

    return any(speaks(server) for server in layout.servers)
