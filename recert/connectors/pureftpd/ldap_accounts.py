"""Accounts of Pure-FTPd in a directory: the entries that the filter of its file finds.

The daemon searches for one login, takes the first entry that comes, and of each attribute the
first value.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from recert.connectors.account_databases import ldap
from recert.connectors.account_databases.ldap import Entry
from recert.connectors.contract import ConnectorError, ServerDataInvalid
from recert.connectors.pureftpd.source_file import SourceFile
from recert.connectors.pureftpd.virtual import Listed, VirtualUser, is_hash, number, why_no_id

_FILTER = r"(&(objectClass=posixAccount)(uid=\L))"
_HOME = "homeDirectory"
_STATUS, _PASSWORD = "FTPStatus", "userPassword"
_NAME = re.compile(r"[A-Za-z0-9 \-@_'.]{1,256}")
_ATTRIBUTE = re.compile(r"\(([A-Za-z][\w.-]*)=\\L\)")
_FORMS = {"{argon2}": "argon2", "{scrypt}": "scrypt", "{crypt}": "crypt"}


@dataclass(frozen=True)
class _Asking:
    """How the daemon asks, and what it takes when an entry does not say it."""

    source: SourceFile

    @property
    def filter(self) -> str:
        query = self.source.value("Filter") or _FILTER
        return query if query.startswith("(") else f"({query})"

    @property
    def home(self) -> str:
        return self.source.value("HomeDir") or _HOME

    @property
    def binds(self) -> bool:
        """Whether the directory judges the password, and not the daemon."""
        method = self.source.value("AuthMethod") or ("" if self._has_dn else "bind")
        return method.lower() == "bind"

    @property
    def _has_dn(self) -> bool:
        return bool(self.source.value("BindDN"))

    def number(self, entry: Entry, kind: str) -> int:
        """FTPuid before uidNumber before the default; a forced default before all."""
        default = number(self.source.value(f"Default{kind.upper()}"))
        if default and self.source.value(f"ForceDefault{kind.upper()}").lower() == "true":
            return default
        numbers = (number(_first(entry, name)) for name in (f"FTP{kind}", f"{kind}Number"))
        return next(filter(None, numbers), default)


def read(source: SourceFile, settings: Mapping[str, str]) -> Listed:
    """The accounts of the directory; a problem where some may be missing."""
    asking = _Asking(source)
    _refuse_what_the_daemon_refuses(source)
    attribute = _attribute_of_the_login(asking.filter)
    if not settings.get("ldap_url"):
        return _unlisted(source, "BaseDN", "ldap_url is not set")
    if not attribute:
        why = "it does not ask for an attribute that is equal to the login"
        return _unlisted(source, "Filter", why)
    start_tls = source.value("UseTLS").lower() == "true"
    wanted = [attribute, asking.home, _STATUS, _PASSWORD]
    wanted += ["FTPuid", "uidNumber", "FTPgid", "gidNumber"]
    try:
        with ldap.connected(settings, start_tls=start_tls) as search:
            everybody = asking.filter.replace(r"\L", "*", 1)
            entries = search(source.value("BaseDN"), everybody, wanted)
    except ConnectorError as error:
        return _unlisted(source, "BaseDN", error.message.rstrip("."))
    return _listed(asking, attribute, entries)


def _refuse_what_the_daemon_refuses(source: SourceFile) -> None:
    text = source.value("Filter") or _FILTER
    first = text.partition("\\")[2]
    if "%" in text or ("\\" in text and not first.startswith("L")):
        raise ServerDataInvalid(f"{source.at('Filter')}: Pure-FTPd refuses such a filter.")
    if source.value("AuthMethod").lower() not in ("", "bind", "password"):
        raise ServerDataInvalid(
            f"{source.at('AuthMethod')}: Pure-FTPd knows BIND and PASSWORD only."
        )


def _attribute_of_the_login(query: str) -> str:
    """The attribute of "(uid=\\L)", where no entry can be found without it."""
    match = _ATTRIBUTE.search(query)
    if match is None or r"\L" in query[match.end() :]:
        return ""
    operators: list[str] = []
    for at, character in enumerate(query[: match.start()]):
        if character == "(":
            operators.append(query[at + 1])
        elif character == ")":
            operators.pop()
    return match[1] if all(operator == "&" for operator in operators) else ""


def _unlisted(source: SourceFile, name: str, why: str) -> Listed:
    problem = f"{source.at(name)}: {source.keyword(name)}: the accounts of this directory are not "
    return Listed(problems=[f"{problem}listed: {why}"])


def _listed(asking: _Asking, attribute: str, entries: Sequence[Entry]) -> Listed:
    """An entry with two values of the attribute is two accounts with the same rights."""
    listed = Listed()
    by_login: dict[str, list[VirtualUser]] = {}
    for entry in entries:
        for login in dict.fromkeys(_values(entry, attribute)):
            user = _account(asking, login, entry)
            by_login.setdefault(_folded(login), []).append(user)
    for users in by_login.values():
        listed.users.append(users[0])
        if len({_what_counts(one) for one in users}) > 1:
            source = asking.source
            listed.problems.append(
                f"{source.at('BaseDN')}: several entries have the name {users[0].name!r}; "
                "Pure-FTPd takes the one that comes first, and which one is not known"
            )
    return listed


def _what_counts(user: VirtualUser) -> tuple[int, int, str, str]:
    return user.uid, user.gid, user.home, user.refused


def _folded(login: str) -> str:
    """Directories compare names without regard to case and to more than one blank."""
    return " ".join(login.casefold().split())


def _account(asking: _Asking, login: str, entry: Entry) -> VirtualUser:
    uid, gid = asking.number(entry, "uid"), asking.number(entry, "gid")
    home = _first(entry, asking.home) or asking.source.value("DefaultHomeDirectory")
    status = _first(entry, _STATUS)
    passed = ""
    if not _NAME.fullmatch(login):
        passed = "Pure-FTPd accepts no such letters in names"
    elif _has(entry, _STATUS) and status.lower() not in ("enabled", "true"):
        passed = f"its {_STATUS} is not enabled"
    elif not home:
        passed = f"it has no {asking.home}"
    refused = passed or why_no_id(uid, gid)
    notes: list[str] = []
    if not asking.binds and not refused:
        refused = _locked(entry)
        notes += _doubts(entry)
    return VirtualUser(
        login,
        "ldap",
        uid,
        gid,
        home,
        refused,
        tuple(notes) if not refused else (),
        passes_on=bool(passed),
    )


def _locked(entry: Entry) -> str:
    secret = _first(entry, _PASSWORD)
    form = _form(secret)
    if not form or is_hash(secret[len(form) :], _FORMS[form]):
        return ""
    return "its password is locked"


def _doubts(entry: Entry) -> Iterator[str]:
    secret = _first(entry, _PASSWORD)
    if not secret:
        yield f"ldap_url does not show whether it has a {_PASSWORD}"
    elif secret.startswith("{") and not _form(secret):
        yield f"Pure-FTPd takes its {_PASSWORD} for plain text"


def _form(secret: str) -> str:
    return next((one for one in _FORMS if secret.lower().startswith(one)), "")


def _has(entry: Entry, name: str) -> bool:
    return bool(entry.get(name.lower()))


def _first(entry: Entry, name: str) -> str:
    return next(iter(_values(entry, name)), "")


def _values(entry: Entry, name: str) -> list[str]:
    return [one.decode(errors="surrogateescape") for one in entry.get(name.lower(), ())]
