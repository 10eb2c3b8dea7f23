"""How single PAM modules answer a login, by their arguments and the files that they read.

An answer is a return code of libpam and a reason. Modules that are in none of the tables may
answer anything: callers must consider success and refusal.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase

from recert.connectors.posix.permissions.accounts import (
    Passwd,
    Shadow,
    password_has_run_out,
    today_in_days,
)

SHELLS = "/etc/shells"
SUCCESS, IGNORE, REFUSED = "success", "ignore", "auth_err"
UNKNOWN_USER, EXPIRED, NEW_PASSWORD = "user_unknown", "acct_expired", "new_authtok_reqd"
BROKEN = "service_err"
MISSING, UNSAFE = "is missing", "is no regular file, or everybody may write it"


@dataclass(frozen=True)
class Rule:
    """One line of a PAM stack. `level` counts the substacks around it."""

    control: dict[str, str]
    module: str
    arguments: tuple[str, ...]
    place: str  # file:line
    level: int = 0

    @property
    def options(self) -> dict[str, str]:
        """The arguments of the form key=value."""
        return dict(argument.partition("=")[::2] for argument in self.arguments)


@dataclass(frozen=True)
class Login:
    """The account that logs in, and the facts that PAM modules test."""

    name: str
    passwd: Passwd | None
    shadow: Shadow | None
    shells: frozenset[str]
    day: date
    by_password: bool = True
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Answer:
    """A code of libpam, and why it is no "yes"."""

    code: str
    reason: str = ""


@dataclass
class Lists:
    """The files that modules look at."""

    lines: dict[str, list[str]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)  # MISSING or UNSAFE
    # Names of an account database by its path; None: it is there and cannot be read.
    names: dict[str, frozenset[str] | None] = field(default_factory=dict)
    # By the location of a rule: the answer of a table of a database server to a name.
    tables: dict[str, "Callable[[str, str], Answer | None]"] = field(default_factory=dict)
    in_any_case: set[str] = field(default_factory=set)  # names that may be typed in capitals


YES, PASSED_OVER = Answer(SUCCESS), Answer(IGNORE)
# None: it may be anything.
Judge = Callable[[Login, Rule, Lists, str], Answer | None]


def _unix(login: Login, rule: Rule, lists: Lists, kind: str) -> Answer:
    if login.passwd is None:
        return Answer(UNKNOWN_USER, "no such system user")
    shadow = login.shadow
    if shadow is None:
        return YES
    if kind == "auth":
        if shadow.is_locked:
            return Answer(REFUSED, "password locked")
        if shadow.is_empty and not {"nullok", "nullok_secure"} & set(rule.arguments):
            return Answer(REFUSED, "password empty")
        return YES
    if shadow.expires is not None and today_in_days(login.day) >= shadow.expires:
        return Answer(EXPIRED, f"account expired on {shadow.expiry}")
    if shadow.last_change == 0:
        return Answer(NEW_PASSWORD, "password must be changed at the next login")
    if password_has_run_out(shadow, login.day):
        return Answer("authtok_expired", "password ran out")
    if _must_change(shadow, login.day):
        return Answer(NEW_PASSWORD, "password is too old and must be changed")
    return YES


def _must_change(shadow: Shadow, day: date) -> bool:
    if shadow.last_change is None or shadow.longest is None:
        return False
    return today_in_days(day) > shadow.last_change + shadow.longest


def _shells(login: Login, rule: Rule, lists: Lists, kind: str) -> Answer:
    if login.passwd is None:
        return Answer(REFUSED, "no such system user")
    shell = login.passwd.shell or "/bin/sh"
    if shell in (login.shells or shells_in(lists.lines.get(SHELLS, ()))):
        return YES
    return Answer(REFUSED, f"shell {shell} is not in {SHELLS}")


def shells_in(lines: list[str] | tuple[str, ...]) -> frozenset[str]:
    """The shells of /etc/shells."""
    shells = (line.partition("#")[0].strip() for line in lines)
    return frozenset(shell for shell in shells if shell)


_LISTFILE = frozenset({"item", "sense", "file", "onerr", "apply"})


def _listfile(login: Login, rule: Rule, lists: Lists, kind: str) -> Answer | None:
    """pam_listfile reads arguments in order: a wrong one ends the call with the "onerr" answer
    set so far."""
    options: dict[str, str] = {}
    on_error = Answer(BROKEN, f"pam_listfile at {rule.place} fails")
    for argument in rule.arguments:
        key, _, value = argument.partition("=")
        wrong = key not in _LISTFILE and key != "quiet"
        wrong |= key == "sense" and value not in ("allow", "deny")
        if key == "onerr":
            if value not in ("succeed", "fail"):
                return Answer(BROKEN, f"pam_listfile at {rule.place} has a wrong argument")
            on_error = YES if value == "succeed" else Answer(BROKEN, on_error.reason)
        elif wrong:
            return on_error
        options[key] = value
    if not options.get("file") or "sense" not in options:
        return on_error
    return _listed(login, rule, lists, options, on_error)


def _listed(
    login: Login, rule: Rule, lists: Lists, options: dict[str, str], on_error: Answer
) -> Answer | None:
    item, path = options.get("item", ""), options["file"]
    if item not in ("user", "tty", "rhost", "ruser", "group", "shell"):
        return on_error
    if "apply" in options and item not in ("user", "ruser", "group"):
        who = options["apply"]
        if who in ("", "@"):
            return on_error
        applies = who[1:] in login.groups if who.startswith("@") else who == login.name
        if not applies:
            return PASSED_OVER
    if item in ("tty", "rhost", "ruser"):
        return None  # known at the sign-in only
    if item == "shell" and login.passwd is None:
        return on_error
    if path in lists.faults:
        unsafe = lists.faults[path] == UNSAFE
        if not unsafe and on_error is YES:
            return YES
        return Answer(REFUSED if unsafe else BROKEN, f"{path} {lists.faults[path]}")
    shell = login.passwd.shell if login.passwd else ""
    names = {"user": {login.name}, "shell": {shell}, "group": set(login.groups)}[item]
    listed = not names.isdisjoint(lists.lines.get(path, ()))
    if options["sense"] == "deny":
        return Answer(REFUSED, f"listed in {path}") if listed else YES
    return YES if listed else Answer(REFUSED, f"not listed in {path}")


def database_of(rule: Rule) -> str:
    """The file with the accounts of a rule whose module has a database of its own."""
    if rule.module == "pam_userdb.so":
        return f"{rule.options['db']}.db" if rule.options.get("db") else ""
    if rule.module == "pam_pwdfile.so":
        return rule.options.get("pwdfile") or (rule.arguments[0] if rule.arguments else "")
    return ""


def _database(login: Login, rule: Rule, lists: Lists, kind: str) -> Answer | None:
    """A readable database answers success exactly for the names in it."""
    path = database_of(rule)
    if not path:
        return Answer(BROKEN, f"{rule.module} at {rule.place} names no database")
    names = lists.names.get(path)
    if names is None or "key_only" in rule.arguments:
        return None
    if login.name in names:
        return YES
    if "unknown_ok" in rule.arguments:
        return PASSED_OVER
    return Answer(UNKNOWN_USER, f"not in {path}")


def _pwdfile(login: Login, rule: Rule, lists: Lists, kind: str) -> Answer | None:
    return None if kind == "account" else _database(login, rule, lists, kind)


_FLAGS = frozenset({"debug", "use_uid", "quiet", "quiet_fail", "quiet_success", "audit"})


def _succeed_if(login: Login, rule: Rule, lists: Lists, kind: str) -> Answer | None:
    """All conditions must hold; of none the module is a failure."""
    terms = [argument for argument in rule.arguments if argument not in _FLAGS]
    if "use_uid" in rule.arguments or not terms or len(terms) % 3:
        return None
    results = [
        _holds(login, *terms[at : at + 3], service=rule.place) for at in range(0, len(terms), 3)
    ]
    if False in results:
        return Answer(REFUSED, f"pam_succeed_if at {rule.place}: {' '.join(terms)}")
    return None if None in results else YES


def _holds(login: Login, left: str, sign: str, right: str, *, service: str) -> bool | None:
    user = login.passwd
    if left == "user" and sign in ("ingroup", "notingroup"):
        return (not login.groups.isdisjoint(right.split(":"))) == (sign == "ingroup")
    texts = {"user": login.name}
    if user is not None:
        texts |= {"uid": str(user.uid), "gid": str(user.gid), "shell": user.shell}
        texts["home"] = user.home
    value = texts.get(left)
    if value is None:
        return None
    if sign in ("lt", "le", "eq", "ge", "gt", "ne"):
        return _compared(value, sign, right)
    plain: dict[str, Callable[[], bool]] = {
        "=": lambda: value == right,
        "!=": lambda: value != right,
        "=~": lambda: fnmatchcase(value, right),
        "!~": lambda: not fnmatchcase(value, right),
        "in": lambda: value in right.split(":"),
        "notin": lambda: value not in right.split(":"),
    }
    if sign in ("<", "<=", ">=", ">"):
        return _compared(value, {"<": "lt", "<=": "le", ">=": "ge", ">": "gt"}[sign], right)
    return plain[sign]() if sign in plain else None


def _compared(value: str, sign: str, right: str) -> bool | None:
    if not (value.isdecimal() and right.isdecimal()):
        return None
    number, limit = int(value), int(right)
    return {
        "lt": number < limit, "le": number <= limit, "eq": number == limit,
        "ge": number >= limit, "gt": number > limit, "ne": number != limit,
    }[sign]  # fmt: skip


def _deny(login: Login, rule: Rule, lists: Lists, kind: str) -> Answer:
    return Answer(REFUSED, f"refused by pam_deny at {rule.place}")


def _permit(login: Login, rule: Rule, lists: Lists, kind: str) -> Answer:
    return YES


def _lastlog(login: Login, rule: Rule, lists: Lists, kind: str) -> Answer | None:
    """With "inactive" it refuses accounts without a recent login in its own log."""
    return None if any("inactive" in one for one in rule.arguments) else YES


JUDGES: dict[str, Judge] = {
    "pam_unix.so": _unix,
    "pam_shells.so": _shells,
    "pam_listfile.so": _listfile,
    "pam_userdb.so": _database,
    "pam_pwdfile.so": _pwdfile,
    "pam_succeed_if.so": _succeed_if,
    "pam_deny.so": _deny,
    "pam_permit.so": _permit,
    "pam_lastlog.so": _lastlog,
}
# Their answer is always the same, measured with libpam: (kind, module) -> the code, and why no
# argument changes it. For the other kind they may answer anything.
_SETS, _TELLS = "sets something for the session and refuses nobody", "tells something only"
_PASSES = "while /etc/nologin is there the machine goes down; that passes, and access is back"
CONSTANT = {
    ("auth", "pam_cap.so"): (SUCCESS, _SETS),
    ("auth", "pam_env.so"): (IGNORE, _SETS),
    ("auth", "pam_keyinit.so"): (IGNORE, _SETS),
    ("account", "pam_loginuid.so"): (SUCCESS, _SETS),
    ("auth", "pam_echo.so"): (SUCCESS, _TELLS),
    ("account", "pam_echo.so"): (SUCCESS, _TELLS),
    ("auth", "pam_mail.so"): (IGNORE, _TELLS),
    ("auth", "pam_faildelay.so"): (IGNORE, "sets how long a refusal takes"),
    ("auth", "pam_warn.so"): (IGNORE, _TELLS),
    ("account", "pam_warn.so"): (IGNORE, _TELLS),
    ("auth", "pam_nologin.so"): (IGNORE, _PASSES),
    ("account", "pam_nologin.so"): (IGNORE, _PASSES),
}
