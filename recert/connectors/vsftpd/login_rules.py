"""Who can log in to vsftpd, as which user the session runs, and in which jail."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from recert.connectors.contract import AccountKind
from recert.connectors.posix.pam.stack import Login, doubts, refusal
from recert.connectors.posix.permissions.accounts import Passwd
from recert.connectors.vsftpd import command_filter
from recert.connectors.vsftpd.facts import Facts
from recert.connectors.vsftpd.options import Options


@dataclass(frozen=True)
class Session:
    """One account and what its session would be."""

    account: str
    kind: AccountKind
    runs_as: Passwd | None
    options: Options
    refused: str = ""  # why the login fails
    start: str = ""  # the folder of the session before links are resolved
    is_jailed: bool = False
    as_anonymous: bool = False  # also guests without the privileges of local users
    person: Passwd | None = None
    home: str = ""  # of the user it runs as, with the token replaced
    doubts: tuple[str, ...] = ()  # why the login may fail after all


def sessions(facts: Facts, day: date) -> Iterator[Session]:
    """All accounts: system users, virtual users and the anonymous one."""
    for name in facts.users.passwd:
        yield _local(facts, name, day)
    for name in facts.guests:
        if name not in facts.users.passwd:
            yield _local(facts, name, day)
    for name in facts.others:
        if name not in facts.users.passwd:
            session = _local(facts, name, day)
            if not session.refused:  # else it is the rest of an account
                yield session
    yield _anonymous(facts)


def _refused_by_list(facts: Facts, *names: str) -> str:
    """The user list is looked at before the password."""
    options = facts.options
    if not options.is_on("userlist_enable"):
        return ""
    file = options.text("userlist_file")
    listed = any(name in facts.user_list for name in names)
    if options.is_on("userlist_deny"):
        return f"listed in {file}" if listed else ""
    return "" if listed else f"not listed in {file}"


def _anonymous(facts: Facts) -> Session:
    user = facts.options.text("ftp_username")
    own = facts.of(user)
    options = facts.options if isinstance(own, str) else own
    runs_as = facts.users.passwd.get(user)
    refused = ""
    if facts.nobody:
        refused = f"vsftpd refuses everybody: {facts.nobody}"
    elif not facts.options.is_on("anonymous_enable"):
        refused = f"anonymous logins are off ({facts.options.at('anonymous_enable')})"
    elif isinstance(own, str):
        refused = own
    elif runs_as is None:
        refused = f"the system user {user} does not exist"
    elif all(_refused_by_list(facts, name) for name in ("anonymous", "ftp")):
        refused = _refused_by_list(facts, "anonymous")
    elif not command_filter.can_sign_in(facts.options):
        refused = "USER or PASS is denied"
    home = runs_as.home if runs_as else ""
    return Session(
        account="anonymous",
        kind=AccountKind.ANONYMOUS,
        runs_as=runs_as,
        options=options,
        refused=refused,
        start=os.path.join(home, options.text("anon_root")) if home else "",
        is_jailed=True,
        as_anonymous=True,
        home=home,
    )


def _local(facts: Facts, name: str, day: date) -> Session:
    own = facts.of(name)
    options = facts.options if isinstance(own, str) else own
    person = facts.users.passwd.get(name)
    is_guest = options.is_on("guest_enable")
    runs_as = facts.users.passwd.get(options.text("guest_username")) if is_guest else person
    as_anonymous = is_guest and not options.is_on("virtual_use_local_privs")
    login = _login(facts, name, person, day)
    refused = _refusal(facts, login, own)
    if not refused and runs_as is None:
        refused = "the system user that it would run as does not exist"
    token = options.text("user_sub_token")
    home = _filled(runs_as.home if runs_as else "", token, name)
    start = os.path.join(home, _filled(options.text("local_root"), token, name)) if home else ""
    jailed = as_anonymous or _is_jailed(facts, name)
    # What stands in the home comes before local_root.
    outer, _, inner = home.partition("/./")
    if options.is_on("passwd_chroot_enable") and inner:
        start = (outer or "/") if jailed else home
    return Session(
        account=name,
        kind=_kind(person),
        runs_as=runs_as,
        options=options,
        refused=refused,
        start=start,
        is_jailed=jailed,
        as_anonymous=as_anonymous,
        person=person,
        home=home,
        doubts=doubts(facts.pam, login) if not refused else (),
    )


def _filled(path: str, token: str, name: str) -> str:
    return path.replace(token, name) if token else path


def _kind(person: Passwd | None) -> AccountKind:
    is_system = person is not None and person.uid < 1000
    return AccountKind.SERVICE if is_system else AccountKind.PERSON


def _login(facts: Facts, name: str, person: Passwd | None, day: date) -> Login:
    shadow = facts.users.shadow
    groups = facts.users.groups_of(name, person.gid) if person else frozenset()
    return Login(
        name=name,
        passwd=person,
        shadow=shadow.get(name) if shadow is not None else None,
        shells=facts.shells,
        day=day,
        groups=frozenset(facts.users.group_name(gid) for gid in groups),
    )


def _refusal(facts: Facts, login: Login, own: Options | str) -> str:
    if facts.nobody:
        return f"vsftpd refuses everybody: {facts.nobody}"
    if not facts.options.is_on("local_enable"):
        return f"local logins are off ({facts.options.at('local_enable')})"
    if login.name in ("anonymous", "ftp") and facts.options.is_on("anonymous_enable"):
        return "this name logs in as anonymous"
    if not command_filter.can_sign_in(facts.options):
        return "USER or PASS is denied"
    refused = _refused_by_list(facts, login.name) or refusal(facts.pam, login)
    if not refused and facts.chroot_list is None:
        path = facts.options.text("chroot_list_file")
        return f"{path} (chroot_list_file, {facts.options.at('chroot_list_enable')}) is missing"
    return refused or (own if isinstance(own, str) else "")


def _is_jailed(facts: Facts, name: str) -> bool:
    """Decided from the main file, before the own file is read."""
    listed = facts.options.is_on("chroot_list_enable") and name in (facts.chroot_list or ())
    return facts.options.is_on("chroot_local_user") != listed
