"""Derives all logins that a daemon's query for one login can find.

Pure-FTPd asks "SELECT Dir FROM users WHERE User='\\L'" with the login in the place of \\L. Nobody
can be listed by such a query; but where a row must be equal to the login in some column to be
found, the values of that column are all logins that there can be. What is not of this form is
not guessed at.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from recert.connectors.account_databases.sql import MYSQL, POSTGRES, Run, text
from recert.connectors.account_databases.sql_tokens import (
    LOGIN,
    NAME,
    NUMBER,
    STRING,
    VARIABLE,
    Token,
    filled,
    has_placeholders,
    parts,
    tokens_of,
)

_ENDS = ("GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FETCH", "WINDOW", "FOR", "LOCK")
_NEVER = ("UNION", "INTERSECT", "EXCEPT", "INTO", "PROCEDURE", ";")
_NO_COLUMNS = frozenset({"NOT", "NULL", "TRUE", "FALSE", "BINARY", "CASE", "SELECT", "EXISTS"})
_OF_THE_SESSION = "it depends on the client's address or port"
# A name that no account has, made of characters that the daemons accept in names.
_STRANGER = "recert.no-such-account.7f3a91c2"


@dataclass(frozen=True)
class Query:
    """One query about one login."""

    text: str
    logins: tuple[str, ...] = ()  # expressions: a row found has one of them equal to the login
    source: str = ""  # what stands behind FROM
    dropped: bool = False  # conditions about the session are left out of the text
    everybody: str = ""  # the query for all logins at once, where that is the same
    why_not: str = ""  # why only a client can have it run
    why_not_listed: str = ""

    def of(self, login: str, backend: str) -> str:
        """The query for one login, as the daemon's own library escapes it."""
        return filled(self.text, login.replace("'", "\\'" if backend == MYSQL else "''"))


@dataclass
class Names:
    """The logins that a query may find, or why they cannot be known."""

    names: list[str] = field(default_factory=list)
    why_not: str = ""


@lru_cache(maxsize=64)
def read(query: str, backend: str) -> Query:
    """A query as the configuration has it."""
    bare = query.strip().rstrip(";").rstrip()
    tokens = tokens_of(bare, double_quotes_are_text=backend == MYSQL)
    if not tokens or not tokens[0].is_("SELECT"):
        return Query(bare, why_not="it is no plain SELECT")
    if any(token.is_(*_NEVER) for token in tokens):
        return Query(bare, why_not="it is more than one SELECT")
    picked, source, condition, rest = _sections(tokens)
    others = (*picked, *source, *rest)
    if any(token.kind == VARIABLE for token in others):
        return Query(bare, why_not=_OF_THE_SESSION)
    without_session = _without_session(bare, condition, rest, backend)
    if without_session.why_not:
        return without_session
    logins = _logins(bare, condition, backend)
    why = ""
    if has_placeholders(others):
        why = "it names the login elsewhere than in its condition"
    elif logins is None:
        why = "its condition is not that a column is equal to the login"
    return replace(
        without_session,
        logins=tuple(sorted(logins or ())),
        source=_text(bare, source),
        everybody="" if why or rest else _for_everybody(bare, picked, source, condition, backend),
        why_not_listed=why,
    )


def _for_everybody(
    query: str,
    picked: Sequence[Token],
    source: Sequence[Token],
    condition: Sequence[Token],
    backend: str,
) -> str:
    """The login beside what is asked for; empty where a row might count in another way."""
    is_plain = _is_name(picked) or (len(picked) == 1 and picked[0].kind in (STRING, NUMBER))
    if not is_plain or len(parts(condition, "OR", "XOR", "||")) > 1:
        return ""
    login, others = "", []
    for part in parts(condition, *(("AND", "&&") if backend == MYSQL else ("AND",))):
        compared = _equality(query, part, backend)
        if compared and not login:
            (login,) = compared
        elif has_placeholders(part):
            return ""
        else:
            others.append(_text(query, part))
    if not login:
        return ""
    where = ("WHERE", " AND ".join(others)) if others else ()
    columns = f"{login}, {_text(query, picked)}"
    return " ".join(("SELECT", columns, "FROM", _text(query, source), *where))


def _sections(tokens: Sequence[Token]) -> tuple[list[Token], list[Token], list[Token], list[Token]]:
    """What stands behind SELECT, FROM and WHERE, and the rest."""
    sections: list[list[Token]] = [[], [], [], []]
    at = depth = 0
    for token in tokens[1:]:
        depth += token.is_("(") - token.is_(")")
        if depth == 0 and at == 0 and token.is_("FROM"):
            at = 1
        elif depth == 0 and at == 1 and token.is_("WHERE"):
            at = 2
        else:
            if depth == 0 and at in (1, 2) and token.is_(*_ENDS):
                at = 3
            sections[at].append(token)
    return sections[0], sections[1], sections[2], sections[3]


def _without_session(
    bare: str, condition: Sequence[Token], rest: Sequence[Token], backend: str
) -> Query:
    """Conditions about the session (its address, its port) are left out: without them the query
    finds more, never less."""
    both = ("AND", "&&") if backend == MYSQL else ("AND",)
    asked = parts(condition, *both)
    kept = [part for part in asked if not any(one.kind == VARIABLE for one in part)]
    if len(kept) == len(asked):
        return Query(bare)
    if len(parts(condition, "OR", "XOR", "||")) > 1 or rest:
        return Query(bare, why_not=_OF_THE_SESSION)
    left = " AND ".join(_text(bare, part) for part in kept) or "1 = 1"
    return Query(bare[: condition[0].start] + left, dropped=True)


def _text(query: str, tokens: Sequence[Token]) -> str:
    return query[tokens[0].start : tokens[-1].end] if tokens else ""


def _logins(query: str, tokens: Sequence[Token], backend: str) -> set[str] | None:
    """The expressions of which one must be equal to the login; None when others may be found."""
    either = ("OR", "||") if backend == MYSQL else ("OR",)
    both = ("AND", "&&") if backend == MYSQL else ("AND",)
    if any(token.is_("XOR") for token in tokens):
        return None
    choices = parts(tokens, *either)
    if len(choices) > 1:
        alternatives = [_logins(query, choice, backend) for choice in choices]
        return (
            None if None in alternatives else {one for some in alternatives for one in some or ()}
        )
    needed = parts(tokens, *both)
    if len(needed) > 1:
        every = (_logins(query, one, backend) for one in needed)
        return next((one for one in every if one is not None), None)
    if _is_enclosed(tokens):
        return _logins(query, tokens[1:-1], backend)
    return _equality(query, tokens, backend)


def _is_enclosed(tokens: Sequence[Token]) -> bool:
    """Whether the first parenthesis ends at the last token."""
    if len(tokens) < 3 or not tokens[0].is_("("):
        return False
    depth = 0
    for number, token in enumerate(tokens):
        depth += token.is_("(") - token.is_(")")
        if depth == 0:
            return number == len(tokens) - 1
    return False


def _equality(query: str, tokens: Sequence[Token], backend: str) -> set[str] | None:
    """COLUMN = '\\L' in either order."""
    sides = parts(tokens, "=")
    if len(sides) != 2:
        return None
    sides = [_bare(side, backend) for side in sides]
    for one, other in (sides, sides[::-1]):
        is_login = len(other) == 1 and other[0].kind == LOGIN
        if is_login and _is_column(one, backend):
            return {_text(query, one)}
    return None


def _bare(tokens: list[Token], backend: str) -> list[Token]:
    """A side without what only says how to compare."""
    if backend == MYSQL and len(tokens) > 1 and tokens[0].is_("BINARY"):
        tokens = tokens[1:]
    if len(tokens) > 2 and tokens[-2].is_("COLLATE"):
        tokens = tokens[:-2]
    if backend == POSTGRES and len(tokens) > 2 and tokens[-2].is_("::"):
        tokens = tokens[:-2]
    return tokens


def _is_column(tokens: Sequence[Token], backend: str) -> bool:
    """A column, or a function of columns and fixed values; in PostgreSQL also joined by ||."""
    if not tokens:
        return False
    pieces = parts(tokens, "||") if backend == POSTGRES else [list(tokens)]
    if len(pieces) > 1:
        return all(_is_value(piece, backend) for piece in pieces)
    is_call = len(tokens) > 2 and tokens[0].kind == NAME and _is_enclosed(tokens[1:])
    if is_call:
        arguments = parts(tokens[2:-1], ",")
        return all(_is_value(one, backend) for one in arguments)
    return _is_name(tokens)


def _is_value(tokens: Sequence[Token], backend: str) -> bool:
    fixed = len(tokens) == 1 and tokens[0].kind in (STRING, NUMBER)
    return fixed or _is_column(tokens, backend)


def _is_name(tokens: Sequence[Token]) -> bool:
    """NAME, TABLE.NAME or "NAME"."""
    for number, token in enumerate(tokens):
        if number % 2:
            if not token.is_("."):
                return False
        elif token.kind == STRING:
            if not token.text.startswith('"'):
                return False
        elif token.kind != NAME or token.text.upper() in _NO_COLUMNS:
            return False
    return len(tokens) % 2 == 1


def rows_by_login(run: Run, query: Query) -> dict[str, list[Sequence[object]]] | None:
    """What the query finds for each login of which no other is a spelling; None when it has to be
    run for each. Databases may take capitals, accents and blanks at the end for nothing."""
    if not query.everybody:
        return None
    by_login: dict[str, list[Sequence[object]]] = {}
    for login, *row in run(query.everybody):
        by_login.setdefault(text(login), []).append(row)
    if not all(map(str.isascii, by_login)):
        return None
    count = Counter(login.lower().rstrip() for login in by_login)
    return {login: rows for login, rows in by_login.items() if count[login.lower().rstrip()] == 1}


def names(run: Run, query: Query, backend: str) -> Names:
    """All logins that the query may find."""
    if query.why_not or query.why_not_listed:
        return Names(why_not=query.why_not or query.why_not_listed)
    if any(row and text(row[0]) for row in run(query.of(_STRANGER, backend))):
        return Names(why_not="it finds something for every login")
    logins: set[str] = set()
    for expression in query.logins:
        sql = " ".join(("SELECT DISTINCT", expression, "FROM", query.source))
        logins |= {text(row[0]) for row in run(sql)}
    return Names(sorted(logins - {""}))
