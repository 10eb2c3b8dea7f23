"""Who can log in to one server by one protocol, as which user, and in which root.

Pure: everything that must be read from the machine is in `Facts`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from recert.connectors.posix.pam.stack import Login, Pam, refusal
from recert.connectors.posix.permissions.accounts import (
    SystemUsers,
    password_has_run_out,
    today_in_days,
)
from recert.connectors.proftpd.access.limits import Judge
from recert.connectors.proftpd.access.login_guards import other_ways
from recert.connectors.proftpd.authentication.account_files import (
    FILE,
    SQL,
    UNIX,
    Book,
    Entry,
    Password,
)
from recert.connectors.proftpd.authentication.account_paths import at_home, homes_of
from recert.connectors.proftpd.authentication.user_expressions import Roster, all_groups
from recert.connectors.proftpd.configuration.listeners import SFTP
from recert.connectors.proftpd.configuration.sections import Kind, Section, nearest, on
from recert.connectors.proftpd.configuration.user_aliases import Aliases, Meaning

PAM, LDAP, RADIUS = "mod_auth_pam.c", "mod_ldap.c", "mod_radius.c"


@dataclass
class Facts:
    """What was read besides the configuration."""

    users: SystemUsers
    pam: Pam | None
    shells: frozenset[str]
    ftpusers: frozenset[str]
    today: date
    books: Mapping[Section, list[Book]] = field(default_factory=dict)  # in the order of the server
    keys: Mapping[str, int] = field(default_factory=dict)  # key files, and how many they hold


@dataclass(frozen=True)
class Session:
    """What one account gets at one listener."""

    entry: Entry
    groups: frozenset[str]
    gids: frozenset[int]
    refused: str = ""
    root: str = ""  # "" means no DefaultRoot; "~" and %u are replaced
    anonymous: Section | None = None
    root_is_at_home: bool = False  # written as "~": the daemon resolves it as the account
    homes: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    doubts: tuple[str, ...] = ()  # why the account may come in although we cannot be sure

    def expanded(self, path: str) -> str:
        """A path of the configuration as it is for this session."""
        return at_home(path, self.entry, self.homes)


def known_modules(server: Section, loaded: set[str]) -> list[str]:
    """The sources of accounts in the order in which the server asks them."""
    order = server.value("authorder")
    if order is not None:
        return [name.rstrip("*") for name in order.args]
    return [name for name in (SQL, LDAP, RADIUS, FILE, UNIX, PAM) if name in loaded]


def sessions(
    server: Section, protocol: str, facts: Facts, loaded: set[str], names: list[str]
) -> list[Session | None]:
    """A session for each name, in the same order; None for names the server does not know."""
    books = facts.books.get(server, [])
    collected: list[Session | None] = []
    aliases, homes = Aliases(server), homes_of(books)
    for typed in names:
        meant = aliases.meaning(typed) if protocol != SFTP else Meaning(typed)
        name, section = meant.user, meant.anonymous
        book = next((one for one in books if name in one.entries), None)
        if book is None:
            collected.append(None)
            continue
        groups, gids = book.groups_of(book.entries[name])
        groups |= _name_of_primary(book.entries[name].gid, books)
        session = Session(book.entries[name], frozenset(groups), frozenset(gids), homes=homes)
        session = (
            _as_anonymous(session, section, typed, books, facts)
            if section is not None
            else _as_account(session, book, server, protocol, facts, loaded)
        )
        collected.append(replace(session, refused=meant.refused or session.refused))
    return _with_roots(collected, server)


def _name_of_primary(gid: int, books: list[Book]) -> set[str]:
    """The first source that knows the number names the primary group, whosever account it is."""
    candidates = (book.gid_names[gid] for book in books if gid in book.gid_names)
    return {name for name in (next(candidates, None),) if name is not None}


def _as_anonymous(
    session: Session, section: Section, typed: str, books: list[Book], facts: Facts
) -> Session:
    """No password is asked, unless the section wants one. A Group there becomes the primary.
    With UserDirRoot whoever comes by an alias is shut in a folder of that name."""
    group = section.value("group")
    gids = set(session.gids)
    if group is not None and group.args:
        gids |= {book.gids[group.args[0]] for book in books if group.args[0] in book.gids}
    refused = _common_refusal(session.entry, section, facts)
    if not refused and on(nearest(section, "anonrequirepassword"), False):
        refused = "" if session.entry.password is not Password.LOCKED else "password locked"
    names = session.groups | ({group.args[0]} if group is not None and group.args else set())
    root = session.expanded(section.path)
    if on(section.value("userdirroot"), False) and typed != session.entry.name:
        root = f"{root.rstrip('/')}/{typed}"
    return replace(
        session,
        groups=frozenset(names),
        gids=frozenset(gids),
        refused=refused,
        root=root,
        anonymous=section,
    )


def _common_refusal(entry: Entry, section: Section, facts: Facts) -> str:
    """What refuses an account at every listener."""
    if entry.shut:
        return entry.shut
    if entry.uid == 0 and not on(nearest(section, "rootlogin"), False):
        return "the superuser may not log in (RootLogin is off)"
    if on(nearest(section, "useftpusers"), True) and entry.name in facts.ftpusers:
        return "listed in /etc/ftpusers"
    if (
        on(nearest(section, "requirevalidshell"), True)
        and entry.shell
        and entry.shell not in facts.shells
    ):
        return f"shell {entry.shell} is not in /etc/shells"
    return ""


def _as_account(
    session: Session, book: Book, server: Section, protocol: str, facts: Facts, loaded: set[str]
) -> Session:
    refused = _common_refusal(session.entry, server, facts)
    if not refused:
        refused = _credentials_refused(session.entry, book, server, protocol, facts, loaded)
        others = tuple(other_ways(server, protocol))
        if refused and others:
            return replace(session, doubts=others)
    return replace(session, refused=refused)


def _credentials_refused(
    entry: Entry, book: Book, server: Section, protocol: str, facts: Facts, loaded: set[str]
) -> str:
    """Why neither a password nor a key opens the account."""
    password = _password_refused(entry, book, server, facts, loaded)
    if _has_own_password(entry, server):
        password = ""
    if protocol != SFTP:
        return password
    methods = server.value("sftpauthmethods")
    chains = (
        [set(method.split("+")) for method in methods.args]
        if methods
        else [{"publickey"}, {"password"}]
    )
    key = _key_refused(entry, book, server, facts, loaded)
    for chain in chains:
        needs_key = "publickey" in chain
        needs_password = bool({"password", "keyboard-interactive"} & chain)
        if not (needs_key and key) and not (needs_password and password):
            return ""
    return "; ".join(filter(None, (password, key)))


def _has_own_password(entry: Entry, server: Section) -> bool:
    """A UserPassword directive opens the account whatever its source says."""
    return any(one.args[:1] == (entry.name,) for one in server.values("userpassword"))


def _password_refused(
    entry: Entry, book: Book, server: Section, facts: Facts, loaded: set[str]
) -> str:
    if book.module != UNIX:
        return entry.password.value if entry.password is Password.LOCKED else ""
    unix = _unix_refused(entry, facts)
    pam = _pam(server, facts, loaded)
    if pam is None:
        return unix
    shadow = (facts.users.shadow or {}).get(entry.name)
    login = Login(
        entry.name,
        facts.users.passwd.get(entry.name),
        shadow,
        facts.shells,
        facts.today,
        groups=frozenset(
            facts.users.group_name(gid) for gid in facts.users.groups_of(entry.name, entry.gid)
        ),
    )
    refused = refusal(pam, login)
    return refused if refused and (unix or _pam_decides(server)) else ""


def _pam(server: Section, facts: Facts, loaded: set[str]) -> Pam | None:
    """PAM's rules when the server asks PAM at all."""
    if PAM not in known_modules(server, loaded) or not on(server.value("authpam"), True):
        return None
    return facts.pam


def _pam_decides(server: Section) -> bool:
    """Whether PAM's refusal is final: with mod_auth_pam.c* it is; without the star mod_auth_unix
    is asked as well."""
    order = server.value("authorder")
    return order is not None and (f"{PAM}*" in order.args or UNIX not in order.args)


def _unix_refused(entry: Entry, facts: Facts) -> str:
    """Why mod_auth_unix refuses the account, "" when it does not."""
    if facts.users.shadow is None:
        return ""
    shadow = facts.users.shadow.get(entry.name)
    if shadow is None:
        return "no password"
    return "password locked" if shadow.is_locked else _expired(entry, facts)


def _expired(entry: Entry, facts: Facts) -> str:
    """An expiry on day 0 counts for PAM, but not for mod_auth_unix."""
    shadow = (facts.users.shadow or {}).get(entry.name)
    if shadow is None:
        return ""
    if shadow.expires and today_in_days(facts.today) > shadow.expires:
        return f"account expired on {shadow.expiry}"
    return "password ran out" if password_has_run_out(shadow, facts.today) else ""


def _key_refused(entry: Entry, book: Book, server: Section, facts: Facts, loaded: set[str]) -> str:
    if book.module == UNIX and _pam(server, facts, loaded) is None:
        expired = _expired(entry, facts)
        if expired:
            return expired
    for location in key_locations(server, entry):
        if not location.startswith("/") or location in facts.keys:
            return ""
    return "no key"


def key_locations(server: Section, entry: Entry) -> Iterator[str]:
    """Where the keys of an account are stored: file names, or "sql:..." and other URIs."""
    for directive in server.values("sftpauthorizeduserkeys"):
        for argument in directive.args:
            if not argument.startswith("file:"):
                yield argument
            else:
                yield at_home(argument.removeprefix("file:"), entry, {}).replace("//", "/")


def _with_roots(sessions: list[Session | None], server: Section) -> list[Session | None]:
    """Adds the first DefaultRoot whose group expression fits."""
    roster = Roster()
    for number, session in enumerate(sessions):
        if session is not None:
            roster.add(1 << number, session.entry.name, session.groups)
    open_ones = roster.everybody
    roots: dict[int, str] = {}
    for directive in server.values("defaultroot"):
        fitting = open_ones & (
            all_groups(directive.args[1:], roster) if len(directive.args) > 1 else -1
        )
        open_ones &= ~fitting
        for number in range(len(sessions)):
            if fitting >> number & 1:
                roots[number] = directive.args[0]
    return [
        session
        if session is None or session.anonymous is not None or number not in roots
        else replace(
            session,
            root=session.expanded(roots[number]),
            root_is_at_home=roots[number].startswith("~"),
        )
        for number, session in enumerate(sessions)
    ]


def login_limits(judge: Judge, level: Section, server: Section, *, lenient: bool = True) -> int:
    """Who passes the <Limit LOGIN> blocks. An <Anonymous> that lets somebody in by a block of its
    own overrules the server's."""
    allowed, _ = judge.login(server, lenient=lenient)
    if level is server or level.kind is not Kind.ANONYMOUS:
        return allowed
    own, named = judge.login(level, lenient=lenient)
    return own & (allowed | named)
