"""What pam_mysql answers: the accounts of its table, read through `sql_url`.

The module keeps its options for a whole sign-in, so a rule has those of the rules before it as
well. What its own file says comes after the arguments. From 0.8.2, as Debian ships it.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from recert.connectors.account_databases import sql
from recert.connectors.account_databases.sql import MYSQL
from recert.connectors.contract import ConnectorError
from recert.connectors.hosts.contract import Host
from recert.connectors.posix.pam.modules import (
    BROKEN,
    EXPIRED,
    NEW_PASSWORD,
    REFUSED,
    UNKNOWN_USER,
    YES,
    Answer,
    Lists,
    Login,
    Rule,
)

MODULE = "pam_mysql.so"
_OUT_OF_DATE = "authtok_expired"
# How its file names what its arguments name.
_OF_THE_FILE = {
    "users.database": "db",
    "users.where_clause": "where",
    "users.table": "table",
    "users.user_column": "usercolumn",
    "users.password_column": "passwdcolumn",
    "users.status_column": "statcolumn",
    "users.password_crypt": "crypt",
}
_FORMS = {
    "0": "plain", "plain": "plain", "1": "crypt", "y": "crypt", "2": "mysql", "mysql": "mysql",
    "3": "md5", "md5": "md5", "4": "sha1", "sha1": "sha1",
    **dict.fromkeys(("5", "drupal7", "6", "joomla15", "7", "ssha"), "other"),
    **dict.fromkeys(("8", "sha512", "9", "sha256"), "other"),
}  # fmt: skip
# What a text must look like for a password to fit; others are not looked at.
_FITS = {
    "crypt": re.compile(r"\$.*|_[./0-9A-Za-z]{19}|[./0-9A-Za-z]{13}([./0-9A-Za-z]{11})*", re.S),
    "mysql": re.compile(r"\*[0-9A-F]{40}|[0-9a-f]{16}", re.I),
    "md5": re.compile(r"[0-9a-f]{32}", re.I),
    "sha1": re.compile(r"[0-9a-f]{40}", re.I),
}
_EXPIRED, _MUST_CHANGE = 1, 2
_SECRET = re.compile(rb"(passwd\s*=\s*)[^\s\]]+")


Row = tuple[str | None, str | None]  # the password and the status, as text


@dataclass
class Table:
    """The rows that a rule finds, by the name of which they are."""

    form: str = "plain"
    rows: dict[str, list[Row]] = field(default_factory=dict)
    alike: set[str] = field(default_factory=set)  # the names as MySQL may compare them
    ignores_case: bool = False  # MySQL compares names without regard to case

    def answer(self, name: str, kind: str) -> Answer | None:
        """None where it may be anything: the name stands there in another spelling."""
        if not self.form:
            return Answer(BROKEN, f"{MODULE} has a wrong argument (crypt)")
        rows = self.rows.get(name, [])
        if not rows:
            known = _folded(name) in self.alike
            return None if known else Answer(UNKNOWN_USER, "not in the database")
        if len(rows) == 2:
            return Answer(BROKEN, "in the database twice")
        if len(rows) > 2:
            return None  # the module takes one of them
        secret, status = rows[0]
        return _of_password(secret, self.form) if kind == "auth" else _of_status(secret, status)


def _of_password(secret: str | None, form: str) -> Answer | None:
    """Whether no password at all is one, differs between the versions of the module."""
    if secret is None:
        return None
    fits = form not in _FITS or _FITS[form].fullmatch(secret)
    return YES if fits else Answer(REFUSED, "its password in the database is locked")


def _of_status(secret: str | None, status: str | None) -> Answer:
    match = re.match(r"\s*([+-]?\d+)", status) if status is not None else None
    bits = _EXPIRED if status is None else int(match[1]) if match else 0
    if bits & _EXPIRED:
        return Answer(EXPIRED, "expired by the database")
    if bits & _MUST_CHANGE:
        code = NEW_PASSWORD if secret is None else _OUT_OF_DATE
        return Answer(code, "its password must be changed, by the database")
    return YES


def judge(login: Login, rule: Rule, lists: Lists, kind: str) -> Answer | None:
    """None when the table could not be read."""
    answer = lists.tables.get(rule.place)
    return answer(login.name, kind) if answer else None


def without_secrets(raw: bytes) -> bytes:
    """A PAM service or a file of the module as it may be kept."""
    return _SECRET.sub(rb"\1removed", raw)


def read(
    host: Host, rules: Sequence[Rule], settings: Mapping[str, str], lists: Lists
) -> Iterator[str]:
    """Adds the tables of the rules to the lists, and their names; tells which cannot be read."""
    known: dict[str, str] = {}
    for rule in rules:
        if rule.module != MODULE:
            continue
        known |= rule.options
        if path := known.get("config_file", ""):
            host.withhold(path, without_secrets)
            try:
                known |= _of_file(host.read(path))
            except ConnectorError as error:
                yield f"{rule.place}: {MODULE}: its accounts are not known: {error.message}"
                continue
        why = sql.why_not(settings, MYSQL, known.get("db", ""))
        if why:
            yield f"{rule.place}: {MODULE}: its accounts are not listed: {why}"
            continue
        try:
            table = _table(known, settings)
        except ConnectorError as error:
            yield f"{rule.place}: {MODULE}: its accounts are not listed: {error.message}"
            continue
        lists.tables[rule.place] = table.answer
        names = frozenset(table.rows)
        lists.names[f"{MODULE} {rule.place}"] = names
        lists.in_any_case |= names if table.ignores_case else set()


def _of_file(raw: bytes) -> dict[str, str]:
    """Lines "name = value" with a ";" at the end or none; "#" begins a remark in the first column
    only. A line of another form ends the reading, and what stands before it counts. A value that
    neither a ";" nor the end of its line follows is lost."""
    options = {}
    *lines, last = raw.decode(errors="surrogateescape").split("\n")
    for line in (*lines, *([last] if ";" in last else [])):
        bare = line.removesuffix("\r").strip(" \t")
        if not bare or line.startswith("#"):
            continue
        name, equals, value = bare.partition("=")
        value, _, behind = value.partition(";")
        if not equals or not name.strip() or " " in name.strip(" \t") or behind.strip(" \t"):
            break
        if name.strip(" \t") in _OF_THE_FILE:
            options[_OF_THE_FILE[name.strip(" \t")]] = value.strip(" \t")
    return options


def _table(known: Mapping[str, str], settings: Mapping[str, str]) -> Table:
    """Everybody whom the module's own query finds; where MySQL may take two names for one, it is
    asked."""
    table = Table(_FORMS.get(known.get("crypt", "0").lower(), ""))
    with sql.connected(settings) as run:
        for name, *row in run(_query(known)):
            if name is not None:
                table.rows.setdefault(sql.text(name), []).append(_row(row))
        names = sorted(table.rows)
        count = Counter(map(_folded, names))
        table.alike = set(count)
        other = next((one.swapcase() for one in names if one.swapcase() not in table.rows), "")
        table.ignores_case = bool(other and run(_query(known, other)))
        for name in names:
            if count[_folded(name)] > 1:
                table.rows[name] = [_row(row) for _, *row in run(_query(known, name))]
    return table


def _query(known: Mapping[str, str], name: str | None = None) -> str:
    """The module's query for the password and its query for the status as one."""
    column = known.get("usercolumn", "")
    picked = ", ".join((column, known.get("passwdcolumn", ""), known.get("statcolumn", "0")))
    conditions = [f"({known['where']})"] if known.get("where") else []
    if name is not None:
        escaped = name.replace("\\", "\\\\").replace("'", "\\'")
        conditions.insert(0, f"{column} = '{escaped}'")
    where = ("WHERE", " AND ".join(conditions)) if conditions else ()
    return " ".join(("SELECT", picked, "FROM", known.get("table", ""), *where))


def _row(cells: Sequence[object]) -> Row:
    secret, status = (None if cell is None else sql.text(cell) for cell in cells)
    return secret, status


def _folded(name: str) -> str:
    """As the most generous way of MySQL to compare: without case, accents, blanks at the end."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(one for one in plain if not unicodedata.combining(one)).rstrip()
