"""Who can log in to Pure-FTPd, as which uid, and in which jail."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date

from recert.connectors.contract import AccountKind
from recert.connectors.hosts import Host
from recert.connectors.posix.pam.stack import Login, Pam, doubts, refusal, shells_of
from recert.connectors.posix.permissions.accounts import (
    Passwd,
    SystemUsers,
    lines_of,
    password_has_run_out,
    today_in_days,
)
from recert.connectors.posix.permissions.created_homes import FutureHome
from recert.connectors.posix.permissions.password_fields import second_field
from recert.connectors.pureftpd import puredb
from recert.connectors.pureftpd.known_options import Options
from recert.connectors.pureftpd.puredb import Record

ANONYMOUS_USERS = ("_ftp", "ftp")
_UNKNOWN_METHODS = ("extauth", "ldap", "mysql", "pgsql")
_FOLDER_UMASK = 0o022  # the built-in one
_EVERYWHERE = ("0.0.0.0/0",)


@dataclass
class Facts:
    """Options, accounts and lists of one Pure-FTPd."""

    options: Options
    users: SystemUsers
    pam: Pam
    shells: frozenset[str]
    records: dict[str, Record] = field(default_factory=dict)  # what the server obeys
    stated: dict[str, Record] = field(default_factory=dict)  # what the text file says
    database: str = ""
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Session:
    """One account and what its session would be."""

    account: str
    kind: AccountKind
    uid: int = -2
    gid: int = -2
    groups: frozenset[int] = frozenset()
    refused: str = ""
    home: str = ""  # where it starts, "/./" taken out
    jail: str = ""  # empty: not jailed
    is_trusted: bool = False  # member of the trusted group, for whom some limits do not hold
    person: Passwd | None = None
    is_virtual: bool = False
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()  # what may refuse it after all

    @property
    def is_anonymous(self) -> bool:
        return self.kind is AccountKind.ANONYMOUS


def future_home(options: Options, session: Session, path: str) -> FutureHome | None:
    """The home that CreateHomeDir makes at the first sign-in; the anonymous login gets none."""
    if not options.is_on("CreateHomeDir") or session.refused or session.is_anonymous:
        return None
    words = re.split(r"[\s:]+", options.values.get("Umask", ""))
    umask = int(words[1], 8) if len(words) > 1 else _FOLDER_UMASK
    return FutureHome(path, session.uid, session.gid, 0o777 & ~umask, (0, 0, 0o755))


def text_file_of(database: str) -> str:
    """The file from which `pure-pw mkdb` makes the database."""
    return database.removesuffix(".pdb") + ".passwd"


def read(host: Host, options: Options, prefix: str = "") -> Facts:
    """Everything that is consulted at a login."""
    facts = Facts(
        options=options,
        users=SystemUsers.read(host),
        pam=Pam.read(host, "pure-ftpd", prefix),
        shells=shells_of(host.read_many(["/etc/shells"])["/etc/shells"]),
    )
    for method in options.methods:
        if method.name == "puredb":
            facts.database = method.value
            host.withhold(method.value, puredb.without_passwords)
            facts.records = puredb.records(host.read(method.value))
            text = text_file_of(method.value)
            host.withhold(text, second_field(puredb.state_of))
            lines = lines_of(host.read_many([text])[text])
            found = (puredb.of_line(line) for line in lines if not line.startswith("#"))
            for record in found:
                if record is not None:
                    facts.stated.setdefault(record.name, record)
        elif method.name in _UNKNOWN_METHODS:
            facts.problems.append(
                f"{method.place}: accounts come from {method.name} ({method.value}), which Recert "
                "cannot list"
            )
    names = {method.name for method in options.methods}
    if "pam" in names:
        facts.warnings += [f"Not understood: {one}." for one in facts.pam.not_understood]
    if names & {"pam", "unix"}:
        facts.problems += facts.users.problems
    facts.warnings += facts.users.doubts
    return facts


def sessions(facts: Facts, day: date) -> Iterator[Session]:
    """All accounts: virtual users, system users and the anonymous one."""
    names = [method.name for method in facts.options.methods]
    for name in {**facts.records, **facts.stated}:
        # One that is not in the database yet hides nobody: the server does not know it.
        is_known = name in facts.records and _comes_first(names)
        if is_known or name not in facts.users.passwd:
            yield _limited(facts, _virtual(facts, name))
    for user in facts.users.passwd.values():
        if user.name not in facts.records or not _comes_first(names):
            yield _limited(facts, _system(facts, user, names, day))
    yield _anonymous(facts)


def _comes_first(names: list[str]) -> bool:
    """Whether virtual users hide system users of the same name."""
    return "puredb" in names and not any(
        method in names[: names.index("puredb")] for method in ("unix",)
    )


def _limited(facts: Facts, session: Session) -> Session:
    """What holds for all accounts with a password."""
    least = facts.options.number("MinUID") or 0
    refused = session.refused
    if not refused and session.uid < least:
        refused = f"its number {session.uid} is below MinUID {least}"
    if not refused and facts.options.is_on("AnonymousOnly"):
        refused = "this name logs in as anonymous (AnonymousOnly)"
    return replace(session, refused=refused)


def _virtual(facts: Facts, name: str) -> Session:
    record = facts.records.get(name)
    pending = record is None
    if record is None:
        record = facts.stated[name]
    refused = ""
    notes: tuple[str, ...] = ()
    if pending:
        refused = "not in the database yet (pure-pw mkdb)"
    elif not record.has_password:
        refused = "its password is locked"
    elif record.deny_client in _EVERYWHERE:
        refused = "no client may use it (deny_client)"
    elif record.times == "0-0":
        refused = "no time of day is left for it"
    else:
        notes = _notes(facts, record)
    return _session(
        facts, name, record.uid, record.gid, record.home, refused, notes=notes, is_virtual=True
    )


def _notes(facts: Facts, record: Record) -> tuple[str, ...]:
    """What we do not know of a client: where it is, and when it comes."""
    found = []
    if record.allow_client:
        found.append(f"only from {record.allow_client}")
    if record.deny_client:
        found.append(f"not from {record.deny_client}")
    if record.times and record.times not in ("0000-2359", "0-2359"):
        found.append(f"only at {record.times}")
    if record.name not in facts.stated:
        found.append("removed from the text file, but the database still has it")
    return tuple(found)


def _system(facts: Facts, user: Passwd, names: list[str], day: date) -> Session:
    reasons = []
    for method in names:
        if method == "unix":
            reasons.append(_refused_by_unix(facts, user, day))
            break  # it knows the name, so its word is final
        if method == "pam":
            reasons.append(_refused_by_pam(facts, user, day))
            if not reasons[-1]:
                break
    refused = reasons[-1] if reasons else "system accounts cannot log in"
    session = _session(facts, user.name, user.uid, user.gid, user.home, refused, person=user)
    if refused or "pam" not in names:
        return session
    return replace(session, doubts=doubts(facts.pam, _login(facts, user, day)))


def _refused_by_unix(facts: Facts, user: Passwd, day: date) -> str:
    """Its own reading of passwd and shadow: 0 as expiry or last change means nothing."""
    if user.shell not in facts.shells and user.shell != "ftp":
        return f"shell {user.shell} is not in /etc/shells"
    shadow = facts.users.shadow.get(user.name) if facts.users.shadow is not None else None
    if shadow is None:
        return ""
    if shadow.is_locked or shadow.is_empty:
        return "password locked" if shadow.is_locked else "password empty"
    if shadow.expires and today_in_days(day) >= shadow.expires:
        return f"account expired on {shadow.expiry}"
    if shadow.last_change and password_has_run_out(shadow, day):
        return "password ran out"
    return ""


def _refused_by_pam(facts: Facts, user: Passwd, day: date) -> str:
    return refusal(facts.pam, _login(facts, user, day))


def _login(facts: Facts, user: Passwd, day: date) -> Login:
    shadow = facts.users.shadow
    groups = facts.users.groups_of(user.name, user.gid)
    return Login(
        name=user.name,
        passwd=user,
        shadow=shadow.get(user.name) if shadow is not None else None,
        shells=facts.shells,
        day=day,
        groups=frozenset(map(facts.users.group_name, groups)),
    )


def _session(
    facts: Facts,
    name: str,
    uid: int,
    gid: int,
    home: str,
    refused: str,
    *,
    person: Passwd | None = None,
    is_virtual: bool = False,
    notes: tuple[str, ...] = (),
) -> Session:
    """Groups come from the first name that has the uid, whoever logs in."""
    first = facts.users.first_with_uid(uid)
    groups = facts.users.groups_of(first, gid) if first is not None else frozenset({gid})
    trusted_group = facts.options.number("TrustedGID")
    is_trusted = trusted_group is not None and trusted_group in groups
    everybody = facts.options.is_on("ChrootEveryone")
    before, dot, _after = home.partition("/./")
    jail = ""
    if dot:
        jail = before or "/"
    elif everybody or (trusted_group is not None and not is_trusted):
        jail = home
    is_system = person is not None and uid < 1000
    return Session(
        account=name,
        kind=AccountKind.SERVICE if is_system else AccountKind.PERSON,
        uid=uid,
        gid=gid,
        groups=groups,
        refused=refused,
        home=home.replace("/./", "/"),
        jail=jail,
        is_trusted=is_trusted and not everybody,
        person=person,
        is_virtual=is_virtual,
        notes=notes,
    )


def _anonymous(facts: Facts) -> Session:
    found = [facts.users.passwd[name] for name in ANONYMOUS_USERS if name in facts.users.passwd]
    refused = ""
    if facts.options.is_on("NoAnonymous"):
        refused = "anonymous logins are off (NoAnonymous)"
    elif not found:
        refused = "the system user of anonymous logins does not exist"
    user = found[0] if found else None
    home = user.home if user else ""
    return Session(
        account="anonymous",
        kind=AccountKind.ANONYMOUS,
        uid=user.uid if user else -2,
        gid=user.gid if user else -2,
        groups=facts.users.groups_of(user.name, user.gid) if user else frozenset(),
        refused=refused,
        home=home.replace("/./", "/"),
        jail=home.partition("/./")[0],
    )
