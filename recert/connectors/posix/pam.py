"""What PAM would say to a login with the right password or key.

Only modules whose answer follows from files are judged. Any other is taken to say yes, and is
named, so that nobody believes we know.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from recert.connectors.contract import ConnectorError
from recert.connectors.hosts.contract import FileMissing, Host
from recert.connectors.posix.accounts import (
    Passwd,
    Shadow,
    lines_of,
    password_has_run_out,
    today_in_days,
)

_LINE = re.compile(r"^(-?\w+)\s+(\[[^\]]*\]|\w+)\s+(\S+)\s*(.*)$")
_INCLUDE = re.compile(r"^(-?\w+)\s+(include|substack)\s+(\S+)")
# They say nothing about who may log in.
_HARMLESS = frozenset(
    {
        *("pam_env.so", "pam_limits.so", "pam_permit.so", "pam_mail.so", "pam_motd.so"),
        *("pam_loginuid.so", "pam_umask.so", "pam_keyinit.so", "pam_lastlog.so", "pam_cap.so"),
        *("pam_faildelay.so", "pam_warn.so", "pam_echo.so", "pam_mkhomedir.so", "pam_cap.so"),
        *("pam_systemd.so", "pam_selinux.so", "pam_tty_audit.so", "pam_nologin.so"),
    }
)
_SIMPLE = {
    "required": {"success": "ok", "default": "bad"},
    "requisite": {"success": "ok", "default": "die"},
    "sufficient": {"success": "done", "default": "ignore"},
    "optional": {"success": "ok", "default": "ignore"},
}


@dataclass(frozen=True)
class Rule:
    """One line of a PAM stack."""

    control: dict[str, str]
    module: str
    arguments: tuple[str, ...]
    place: str  # file:line

    @property
    def options(self) -> dict[str, str]:
        """The arguments of the form key=value."""
        return dict(argument.partition("=")[::2] for argument in self.arguments)


@dataclass
class Pam:
    """The stacks of one service, and the list files that they name."""

    service: str
    stacks: dict[str, list[Rule]] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    not_understood: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, host: Host, service: str) -> "Pam":
        """The service's file with what it includes. PAM falls back to "other" when it is
        missing."""
        pam = cls(service)
        path = f"/etc/pam.d/{service}"
        if host.stat(path) is None:
            path = "/etc/pam.d/other"
        pam._read_file(host, path, set(), None)
        wanted = {
            rule.options["file"]
            for rules in pam.stacks.values()
            for rule in rules
            if rule.module == "pam_listfile.so" and "file" in rule.options
        }
        pam.lists = {
            path: lines_of(found) for path, found in host.read_many(sorted(wanted)).items()
        }
        pam.not_understood = sorted(
            f"PAM module {rule.module} at {rule.place}"
            for kind in ("auth", "account")
            for rule in pam.stacks.get(kind, ())
            if rule.module not in _HARMLESS and rule.module not in _JUDGES
        )
        return pam

    def _read_file(self, host: Host, path: str, seen: set[str], only: str | None) -> None:
        if path in seen:
            return
        try:
            raw = host.read(path).decode(errors="replace")
        except FileMissing:
            return
        text = raw.replace("\\\n", " ")
        for number, line in enumerate(text.split("\n"), 1):
            stripped = line.partition("#")[0].strip()
            if stripped.startswith("@include"):
                self._read_file(host, _pam_path(stripped.split()[1]), {*seen, path}, only)
            elif include := _INCLUDE.match(stripped):
                kind = include[1].lstrip("-")
                if only in (None, kind):
                    self._read_file(host, _pam_path(include[3]), {*seen, path}, kind)
            elif (found := _LINE.match(stripped)) and only in (None, found[1].lstrip("-")):
                rule = Rule(
                    _control(found[2]),
                    found[3].rpartition("/")[2],
                    tuple(found[4].split()),
                    f"{path}:{number}",
                )
                self.stacks.setdefault(found[1].lstrip("-"), []).append(rule)


def _pam_path(name: str) -> str:
    return name if name.startswith("/") else f"/etc/pam.d/{name}"


def _control(text: str) -> dict[str, str]:
    if not text.startswith("["):
        return _SIMPLE.get(text.lower(), _SIMPLE["required"])
    pairs = (part.partition("=") for part in text[1:-1].split())
    return {key: value for key, _, value in pairs}


@dataclass(frozen=True)
class Login:
    """Who wants in."""

    name: str
    passwd: Passwd | None
    shadow: Shadow | None
    shells: frozenset[str]
    day: date
    by_password: bool = True
    groups: frozenset[str] = frozenset()


Judge = Callable[[Login, Rule, Pam, str], str]  # "" is yes; else the reason for no


def refusal(pam: Pam, login: Login) -> str:
    """Why PAM refuses the login; empty when it lets it in, as far as we can know."""
    kinds = ("auth", "account") if login.by_password else ("account",)
    for kind in kinds:
        reason = _stack(pam, kind, login)
        if reason:
            return reason
    return ""


def _stack(pam: Pam, kind: str, login: Login) -> str:
    """Runs one stack as libpam does; the first failure that counts is the reason."""
    rules: Sequence[Rule] = pam.stacks.get(kind, ())
    failure, position = "", 0
    while position < len(rules):
        rule = rules[position]
        position += 1
        judge = _JUDGES.get(rule.module)
        reason = judge(login, rule, pam, kind) if judge else ""
        action = _action(rule.control, succeeded=not reason)
        if action.isdecimal():
            position += int(action)
        elif action == "die":
            return failure or reason
        elif action == "bad":
            failure = failure or reason
        elif action == "done" and not failure:
            return reason
    return failure


def _action(control: dict[str, str], *, succeeded: bool) -> str:
    if succeeded:
        return control.get("success", control.get("default", "ignore"))
    failing = {
        control[key] for key in ("auth_err", "perm_denied", "user_unknown") if key in control
    }
    return control.get("default", next(iter(failing), "ignore"))


def _unix(login: Login, rule: Rule, pam: Pam, kind: str) -> str:
    if login.passwd is None:
        return "no such system user"
    shadow = login.shadow
    if shadow is None:
        return ""
    if kind == "auth":
        if shadow.is_locked:
            return "password locked"
        if shadow.is_empty and not {"nullok", "nullok_secure"} & set(rule.arguments):
            return "password empty"
        return ""
    if shadow.expires is not None and today_in_days(login.day) >= shadow.expires:
        return f"account expired on {shadow.expiry}"
    if shadow.last_change == 0:
        return "password must be changed at the next login"
    if password_has_run_out(shadow, login.day):
        return "password ran out"
    if _must_change(shadow, login.day):
        return "password is too old and must be changed"
    return ""


def _must_change(shadow: Shadow, day: date) -> bool:
    if shadow.last_change is None or shadow.longest is None:
        return False
    return today_in_days(day) > shadow.last_change + shadow.longest


def _shells(login: Login, rule: Rule, pam: Pam, kind: str) -> str:
    if login.passwd is None:
        return "no such system user"
    shell = login.passwd.shell or "/bin/sh"
    return "" if shell in login.shells else f"shell {shell} is not in /etc/shells"


def _listfile(login: Login, rule: Rule, pam: Pam, kind: str) -> str:
    options = rule.options
    if options.get("item") not in ("user", "group"):
        return ""
    path = options.get("file", "")
    names = {login.name} if options["item"] == "user" else set(login.groups)
    listed = not names.isdisjoint(pam.lists.get(path, ()))
    if options.get("sense") == "deny":
        return f"listed in {path}" if listed else ""
    return "" if listed else f"not listed in {path}"


def _deny(login: Login, rule: Rule, pam: Pam, kind: str) -> str:
    return f"refused by pam_deny at {rule.place}"


_JUDGES: dict[str, Judge] = {
    "pam_unix.so": _unix,
    "pam_shells.so": _shells,
    "pam_listfile.so": _listfile,
    "pam_deny.so": _deny,
}


def shells_of(content: bytes | ConnectorError) -> frozenset[str]:
    """The shells of /etc/shells."""
    found: Iterable[str] = (line.partition("#")[0].strip() for line in lines_of(content))
    return frozenset(shell for shell in found if shell)
