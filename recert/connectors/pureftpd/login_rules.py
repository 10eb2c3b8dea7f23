"""Who can log in to Pure-FTPd, as which uid, and in which jail."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from recert.connectors.contract import AccountKind
from recert.connectors.hosts import Host
from recert.connectors.posix.pam.stack import Login, Pam, doubts, refusal, shells_of
from recert.connectors.posix.permissions.accounts import (
    Passwd,
    SystemUsers,
    password_has_run_out,
    today_in_days,
)
from recert.connectors.posix.permissions.created_homes import FutureHome
from recert.connectors.pureftpd import sources
from recert.connectors.pureftpd.known_options import Options
from recert.connectors.pureftpd.virtual import VirtualUser

ANONYMOUS_USERS = ("_ftp", "ftp")
_FOLDER_UMASK = 0o022  # the built-in one


@dataclass
class Facts:
    """Options, accounts and lists of one Pure-FTPd."""

    options: Options
    users: SystemUsers
    pam: Pam
    shells: frozenset[str]
    virtual: dict[str, VirtualUser] = field(default_factory=dict)
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
    umasks = re.split(r"[\s:]+", options.values.get("Umask", ""))
    umask = int(umasks[1], 8) if len(umasks) > 1 else _FOLDER_UMASK
    return FutureHome(path, session.uid, session.gid, 0o777 & ~umask, (0, 0, 0o755))


def read(host: Host, options: Options, settings: Mapping[str, str]) -> Facts:
    """Reads everything that the daemon consults at a login."""
    facts = Facts(
        options=options,
        users=SystemUsers.read(host),
        pam=Pam.read(host, "pure-ftpd", settings.get("prefix", "")),
        shells=shells_of(host.read_many(["/etc/shells"])["/etc/shells"]),
    )
    for number, method in enumerate(options.methods):
        if method.value and method.name in (one.name for one in options.methods[:number]):
            facts.problems.append(
                f"{method.place}: a second file of {method.name} is mixed with the first by the "
                "daemon; its accounts are not listed"
            )
            continue
        listed = sources.read(host, method, settings, facts.users)
        facts.problems += listed.problems
        for user in listed.users:
            _add(facts.virtual, user)
    names = {method.name for method in options.methods}
    if "pam" in names:
        facts.warnings += [f"Not understood: {one}." for one in facts.pam.not_understood]
    if names & {"pam", "unix"}:
        facts.problems += facts.users.problems
    facts.warnings += facts.users.doubts
    return facts


def _add(known: dict[str, VirtualUser], user: VirtualUser) -> None:
    """The first source that decides about a name counts."""
    if user.name not in known or (known[user.name].passes_on and not user.passes_on):
        known[user.name] = user


def sessions(facts: Facts, day: date) -> Iterator[Session]:
    """All accounts: virtual users, system users and the anonymous one."""
    names = [method.name for method in facts.options.methods]
    hidden = {one.name for one in facts.virtual.values() if _hides_system_users(one, names)}
    for virtual in facts.virtual.values():
        if virtual.name in hidden or virtual.name not in facts.users.passwd:
            yield _limited(facts, _virtual(facts, virtual))
    for user in facts.users.passwd.values():
        if user.name not in hidden:
            yield _limited(facts, _system(facts, user, names, day))
    yield _anonymous(facts)


def _hides_system_users(virtual: VirtualUser, names: list[str]) -> bool:
    """Whether its source decides about the name before the system's users are asked."""
    before = names[: names.index(virtual.method)]
    return not virtual.passes_on and "unix" not in before


def _limited(facts: Facts, session: Session) -> Session:
    """What holds for all accounts with a password."""
    least = facts.options.number("MinUID") or 0
    refused = session.refused
    if not refused and session.uid < least:
        refused = f"its number {session.uid} is below MinUID {least}"
    if not refused and facts.options.is_on("AnonymousOnly"):
        refused = "this name logs in as anonymous (AnonymousOnly)"
    return replace(session, refused=refused)


def _virtual(facts: Facts, user: VirtualUser) -> Session:
    return _session(
        facts,
        user.name,
        user.uid,
        user.gid,
        user.home,
        user.refused,
        notes=user.notes,
        is_virtual=True,
    )


def _system(facts: Facts, user: Passwd, names: list[str], day: date) -> Session:
    reasons = []
    for method in names:
        if method == "unix":
            reasons.append(_refused_by_unix(facts, user, day))
            break  # it knows the name, so its answer is final
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
    users = [facts.users.passwd[name] for name in ANONYMOUS_USERS if name in facts.users.passwd]
    refused = ""
    if facts.options.is_on("NoAnonymous"):
        refused = "anonymous logins are off (NoAnonymous)"
    elif not users:
        refused = "the system user of anonymous logins does not exist"
    user = users[0] if users else None
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
