"""Named queries of one's own (SQLUserInfo custom:/...) as queries that list everybody."""

import re

from recert.connectors.proftpd.configuration.sections import Section

_CUSTOM = "custom:"
# What a query about one account asks for: `column = '%U'`.
_ONE = re.compile(r"[\w.`\"]+\s*=\s*'?%(?:U|u|\{0\})'?|'?%(?:U|\{0\})'?\s*=\s*[\w.`\"]+")
_VARIABLE = re.compile(r"%(?:\{[^}]*\}|[A-Za-z])")
_USERS = {"by name": 0, "all": 3}
_GROUPS = {"by name": 0, "all": 4}


def is_custom(directive: Section) -> bool:
    return bool(directive.args) and directive.args[0].startswith(_CUSTOM)


def all_users(server: Section, directive: Section) -> str:
    """The query of all accounts: the fourth that is named, or the first without its condition on
    the name. Empty when neither can be run."""
    return _listing(server, directive, _USERS)


def all_groups(server: Section, directive: Section) -> str:
    """The query of all groups: the fifth that is named, or the first without its condition."""
    return _listing(server, directive, _GROUPS)


def _listing(server: Section, directive: Section, order: dict[str, int]) -> str:
    names = directive.args[0].removeprefix(_CUSTOM).strip("/").split("/")
    if len(names) > order["all"]:
        sql = _named(server, names[order["all"]])
        if sql and not _VARIABLE.search(sql):
            return sql
    sql, count = _ONE.subn("1 = 1", _named(server, names[order["by name"]]))
    return sql if count == 1 and not _VARIABLE.search(sql) else ""


def _named(server: Section, name: str) -> str:
    """SQLNamedQuery NAME SELECT "columns FROM ..." or FREEFORM "SELECT ..."."""
    for one in server.values("sqlnamedquery"):
        if len(one.args) > 2 and one.args[0] == name:
            kind, text = one.args[1].upper(), " ".join(one.args[2:])
            if kind == "SELECT":
                return f"SELECT {text}"
            return text if kind == "FREEFORM" else ""
    return ""
