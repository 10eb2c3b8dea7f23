"""Splits an SQL query into tokens, with the placeholders that a daemon fills in at a sign-in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

LOGIN = "login"  # a string that is the login and nothing else
LOGIN_INSIDE = "login inside"  # something in which the login stands
VARIABLE = "variable"  # something in which the client's address or port stands
NAME, STRING, NUMBER, SIGN = "name", "string", "number", "sign"

_TOKEN = re.compile(
    r"""(?P<blank>\s+)
    |(?P<remark>--|\#|/\*)
    |(?P<quoted>'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*"|`(?:[^`]|``)*`)
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<name>[A-Za-z_][\w$]*)
    |(?P<place>\\.)
    |(?P<sign>\|\||&&|::|<=>|<=|>=|<>|!=|[-+*/%=<>(),.;|&^~!:@\[\]?{}])""",
    re.VERBOSE | re.DOTALL,
)
_PLACEHOLDER = re.compile(r"\\(.)", re.DOTALL)
_FILLED_IN = "lipdr"


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int
    end: int

    def is_(self, *texts: str) -> bool:
        """One of these keywords or signs; a quoted name is none."""
        return self.kind in (NAME, SIGN) and self.text.upper() in texts


def tokens_of(query: str, *, double_quotes_are_text: bool) -> list[Token] | None:
    """None for a query with remarks, or with signs that no query has. Only MySQL takes "..." for
    text; elsewhere it is a name, in which a backslash means nothing."""
    if not double_quotes_are_text and any(
        placeholder[1].lower() not in _FILLED_IN for placeholder in _PLACEHOLDER.finditer(query)
    ):
        return None
    tokens, at = [], 0
    while at < len(query):
        match = _TOKEN.match(query, at)
        if match is None or match.lastgroup == "remark":
            return None
        at = match.end()
        if match.lastgroup != "blank":
            kind = _kind(str(match.lastgroup), match[0], double_quotes_are_text)
            tokens.append(Token(kind, match[0], match.start(), match.end()))
    return tokens


def _kind(group: str, text: str, double_quotes_are_text: bool) -> str:
    if group == "place":
        return VARIABLE if text[1].lower() != "l" else LOGIN_INSIDE
    if group != "quoted":
        return group
    is_text = text[0] == "'" or (text[0] == '"' and double_quotes_are_text)
    if is_text and text[1:-1] in ("\\L", "\\l"):
        return LOGIN
    filled_in = {placeholder[1].lower() for placeholder in _PLACEHOLDER.finditer(text)} & set(
        _FILLED_IN
    )
    if filled_in:
        return LOGIN_INSIDE if filled_in == {"l"} else VARIABLE
    return STRING if is_text else NAME


def filled(query: str, login: str) -> str:
    """The query for one login, which is escaped already."""
    return _PLACEHOLDER.sub(
        lambda placeholder: login if placeholder[1].lower() == "l" else placeholder[0], query
    )


def has_placeholders(tokens: Sequence[Token]) -> bool:
    """Whether something of the session is filled in, the login included."""
    return any(token.kind in (LOGIN, LOGIN_INSIDE, VARIABLE) for token in tokens)


def parts(tokens: Sequence[Token], *between: str) -> list[list[Token]]:
    """The tokens between signs or keywords that stand in no parentheses."""
    separated: list[list[Token]] = [[]]
    depth, ranges = 0, 0
    for token in tokens:
        depth += token.is_("(", "CASE") - token.is_(")", "END")
        if depth == 0 and token.is_("BETWEEN"):
            ranges += 1
        if depth == 0 and token.is_("AND") and ranges:
            ranges -= 1  # the AND of "BETWEEN 1 AND 5"
        elif depth == 0 and token.is_(*between):
            separated.append([])
            continue
        separated[-1].append(token)
    return separated
