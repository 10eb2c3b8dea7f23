"""Who can log in over SSH, with which jail and which SFTP server."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from recert.connectors.contract import AccountKind
from recert.connectors.openssh import keys, request_filter
from recert.connectors.openssh.facts import Facts
from recert.connectors.openssh.request_filter import Server
from recert.connectors.openssh.syntax import Line, matches
from recert.connectors.posix.pam.stack import Login, refusal
from recert.connectors.posix.permissions.accounts import Passwd, Shadow, today_in_days

ANY_SERVER = Server()
_BY_OTHERS = ("hostbasedauthentication", "gssapiauthentication", "kerberosauthentication")
_NO_SHELLS = ("nologin", "false")


@dataclass(frozen=True)
class Session:
    """The SFTP session that one account would get, or why it is refused."""

    user: Passwd
    refused: str = ""
    jail: str = ""  # empty: not jailed
    server: Server = ANY_SERVER
    server_place: str = ""  # file:line of the statement that decides about the server
    notes: tuple[str, ...] = ()
    widened: bool = False
    keys: int | None = None  # None: a command or an authority lets in keys that nobody lists

    @property
    def kind(self) -> AccountKind:
        return AccountKind.SERVICE if self.user.uid < 1000 else AccountKind.PERSON


def sessions(facts: Facts, now: datetime) -> Iterator[Session]:
    """All accounts of the machine."""
    for user in facts.users.passwd.values():
        yield _session(facts, user, now)


def _session(facts: Facts, user: Passwd, now: datetime) -> Session:
    jail = _jail(facts, user)
    opening = _keys(facts, user, now)
    server, place, notes = _server(facts, user, jail, opening)
    refused = (
        _refused_by_lists(facts, user)
        or _refused_by_shell(facts, user, jail)
        or _refused_by_state(facts, user, now)
        or _no_way_in(facts, user, opening)
        or server.broken
        or (
            f"bound to the command {server.not_sftp!r}, which is not SFTP"
            if server.not_sftp
            else ""
        )
    )
    return Session(
        user=user,
        refused=refused,
        jail=jail,
        server=server,
        server_place=place,
        notes=(
            *notes,
            *_unclear(server, place),
            *_other_ways(facts, user.name),
            *_by_address(facts, user),
        ),
        widened=bool(facts.pam.not_understood or facts.users.doubts or server.unknown)
        or bool(_other_ways(facts, user.name))
        or bool(_by_address(facts, user))
        or any(key.from_somewhere for key in opening)
        or bool(facts.arguments(user.name, "authorizedkeyscommand")),
        keys=None if _lets_in_others(facts, user.name) else len(opening),
    )


def _unclear(server: Server, place: str) -> tuple[str, ...]:
    if not server.unknown:
        return ()
    return (f"what the command at {place} runs is not understood; it may be an SFTP server",)


def _other_ways(facts: Facts, name: str) -> tuple[str, ...]:
    """Ways in by other machines and tickets, about which no file of this machine says more."""
    return tuple(
        f"{keyword} at {line.place} may let it in"
        for keyword in _BY_OTHERS
        if facts.is_on(name, keyword, default=False) and (line := facts.line(name, keyword))
    )


def _lets_in_others(facts: Facts, name: str) -> bool:
    """Whether keys that are in no file of the account may open it."""
    return any(
        facts.arguments(name, keyword)[:1] not in ((), ("none",))
        for keyword in ("authorizedkeyscommand", "trustedusercakeys")
    )


def _jail(facts: Facts, user: Passwd) -> str:
    arguments = facts.arguments(user.name, "chrootdirectory")
    if not arguments or arguments[0].lower() == "none":
        return ""
    return keys.expand(arguments[0], user)


def _names_in(lines: Iterable[Line]) -> Iterator[tuple[str, str]]:
    for line in lines:
        for name in line.values:
            yield name, line.place


def _refused_by_lists(facts: Facts, user: Passwd) -> str:
    """DenyUsers, AllowUsers, DenyGroups, AllowGroups: all must pass. A pattern with "@host" is
    taken to let in."""
    values = facts.values[user.name]
    for pattern, place in _names_in(values.get("denyusers", [])):
        if "@" not in pattern and _fits_one(pattern, user.name):
            return f"named by DenyUsers at {place}"
    allowed = list(_names_in(values.get("allowusers", [])))
    if allowed and not any(
        _fits_one(pattern.partition("@")[0], user.name) for pattern, _ in allowed
    ):
        return f"not named by AllowUsers at {allowed[0][1]}"
    groups = [facts.users.group_name(gid) for gid in facts.users.groups_of(user.name, user.gid)]
    for pattern, place in _names_in(values.get("denygroups", [])):
        if any(_fits_one(pattern, group) for group in groups):
            return f"in a group of DenyGroups at {place}"
    allowed = list(_names_in(values.get("allowgroups", [])))
    if allowed and not any(_fits_one(pattern, group) for pattern, _ in allowed for group in groups):
        return f"in no group of AllowGroups at {allowed[0][1]}"
    return ""


def _by_address(facts: Facts, user: Passwd) -> tuple[str, ...]:
    """Where the lists let the account in from some addresses only."""
    values = facts.values[user.name]
    denied = [
        place
        for pattern, place in _names_in(values.get("denyusers", []))
        if "@" in pattern and _fits_one(pattern.partition("@")[0], user.name)
    ]
    allowed = [
        (pattern, place)
        for pattern, place in _names_in(values.get("allowusers", []))
        if _fits_one(pattern.partition("@")[0], user.name)
    ]
    only = [place for _, place in allowed] if all("@" in pattern for pattern, _ in allowed) else []
    locations = dict.fromkeys((*denied, *only))
    return tuple(f"depends on the client's address at {place}" for place in locations)


def _fits_one(pattern: str, name: str) -> bool:
    """Whether one pattern fits, in lists separated by blanks: a comma is an ordinary character."""
    if pattern.startswith("!"):
        return False
    return matches(pattern, name) if "," not in pattern else pattern == name


def _refused_by_shell(facts: Facts, user: Passwd, jail: str) -> str:
    """Outside of a jail the shell must be a program, whichever."""
    if jail:
        return ""
    shell = user.shell or "/bin/sh"
    fact = facts.files.get(shell)
    if fact is None:
        return f"its shell {shell} does not exist"
    return "" if fact.is_file and fact.mode & 0o111 else f"its shell {shell} is no program"


def _refused_by_state(facts: Facts, user: Passwd, now: datetime) -> str:
    if user.uid == 0:
        arguments = facts.arguments("root", "permitrootlogin")
        if arguments and arguments[0].lower() == "no":
            return "PermitRootLogin is off"
    shadow = _shadow(facts, user)
    if facts.is_on(user.name, "usepam", default=False):
        groups = facts.users.groups_of(user.name, user.gid)
        login = Login(
            user.name,
            user,
            shadow,
            frozenset(),
            now.date(),
            by_password=False,
            groups=frozenset(map(facts.users.group_name, groups)),
        )
        return refusal(facts.pam, login)
    if shadow is None:
        return ""
    if shadow.is_marked:
        return "locked (and UsePAM is off)"
    if shadow.expires is not None and today_in_days(now.date()) > shadow.expires:
        return f"account expired on {shadow.expiry}"
    return ""


def _shadow(facts: Facts, user: Passwd) -> Shadow | None:
    return facts.users.shadow.get(user.name) if facts.users.shadow is not None else None


def _keys(facts: Facts, user: Passwd, now: datetime) -> list[keys.Key]:
    """The keys that open the account."""
    if not facts.is_on(user.name, "pubkeyauthentication", default=True):
        return []
    strict = facts.is_on(user.name, "strictmodes", default=True)
    groups = facts.users.groups_of(user.name, user.gid)
    usable: list[keys.Key] = []
    for path in facts.key_files(user):
        fact = facts.files.get(path)
        if fact is None or not keys.is_readable(fact, user, groups, facts.key_acls.get(path)):
            continue
        around = [path, *keys.folders_above(path, user.home)]
        if strict and not all(
            keys.is_trusted(facts.files.get(ancestor), user) for ancestor in around
        ):
            continue
        content = facts.contents.get(path, b"")
        usable += [key for key in keys.keys_of(content) if key.expires is None or key.expires > now]
    return usable


def _no_way_in(facts: Facts, user: Passwd, opening: list[keys.Key]) -> str:
    """Why neither a key nor a password opens the account, "" when one does."""
    name = user.name
    has_key = bool(opening) or _lets_in_others(facts, name)
    others = bool(_other_ways(facts, name))
    methods = facts.arguments(name, "authenticationmethods")
    by_password = _password_opens(facts, user)
    if not methods or methods == ("any",):
        return "" if has_key or by_password or others else "no key opens it, and no password either"
    possible = {
        "publickey": has_key,
        "password": by_password,
        "keyboard-interactive": by_password,
    }
    for method in methods:
        steps = [step.partition(":")[0] for step in method.split(",")]
        if all(possible.get(step, True) for step in steps):
            return ""
    return f"it has not what AuthenticationMethods {' '.join(methods)} asks for"


def _password_opens(facts: Facts, user: Passwd) -> bool:
    name = user.name
    allowed = facts.is_on(name, "passwordauthentication", default=True) or facts.is_on(
        name, "kbdinteractiveauthentication", default=True
    )
    if not allowed:
        return False
    arguments = facts.arguments("root", "permitrootlogin")
    if user.uid == 0 and (not arguments or arguments[0].lower() != "yes"):
        return False
    shadow = _shadow(facts, user)
    if shadow is None:
        return True
    if shadow.is_empty:
        return facts.is_on(name, "permitemptypasswords", default=False)
    if not shadow.is_locked:
        return True
    # A module that does not ask shadow may know another password of the account.
    return facts.pam.has_other_passwords and facts.is_on(name, "usepam", default=False)


def _server(
    facts: Facts, user: Passwd, jail: str, opening: list[keys.Key]
) -> tuple[Server, str, tuple[str, ...]]:
    """The SFTP server of a session, the location of its statement, and notes. ForceCommand wins
    over a key's command, which wins over the subsystem."""
    shell = (user.shell or "/bin/sh").rpartition("/")[2]
    forced = facts.line(user.name, "forcecommand")
    if forced is not None and forced.rest.strip().lower() != "none":
        return (
            _runnable(request_filter.of_command(forced.rest), facts, user, jail),
            forced.place,
            (),
        )
    line = facts.line(user.name, "subsystem sftp")
    if line is None:
        return Server(not_sftp="no Subsystem sftp"), "", ()
    notes = () if shell in _NO_SHELLS or jail else ("has a shell besides SFTP",)
    server = _runnable(request_filter.of_command(" ".join(line.values[1:])), facts, user, jail)
    bound = [key.command for key in opening if key.command is not None]
    if bound and len(bound) == len(opening):
        # A client that has several keys chooses the one that permits most.
        servers = [_runnable(request_filter.of_command(one), facts, user, jail) for one in bound]
        return max(servers, key=_breadth), "command= of its key", ()
    return server, line.place, notes


def _breadth(server: Server) -> int:
    return 0 if server.broken or server.not_sftp else 1 + server.rights.bit_count()


def _runnable(server: Server, facts: Facts, user: Passwd, jail: str) -> Server:
    """A program of its own is started by the shell, and in a jail both have to lie there."""
    shell = user.shell or "/bin/sh"
    if server.is_external and shell.rpartition("/")[2] in _NO_SHELLS:
        return Server(broken=f"the SFTP program is started by its shell {shell}, which refuses")
    if server.is_external and jail:
        if facts.files.get(f"{jail.rstrip('/')}{shell}") is None:
            return Server(broken=f"its shell {shell} is not inside of the jail")
        return replace(server, unknown=server.unknown or "a program inside of the jail")
    return server
