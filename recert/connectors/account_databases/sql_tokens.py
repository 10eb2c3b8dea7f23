"""The tokens of an SQL query, with the places that a daemon fills in at a sign-in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

LOGIN = "login"  # a string that is the login and nothing else
LOGIN_INSIDE = "login inside"  # something in which the login stands
VARIABLE = "variable"  # something in which the client's address or port stands
NAME, STRING, NUMBER, SIGN = "name", "string", "number", "sign"

_WORD = re.compile(
    r"""(?P<blank>\s+)
    |(?P<remark>--|\#|/\*)
    |(?P<quoted>'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*"|`(?:[^`]|``)*`)
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<name>[A-Za-z_][\w$]*)
    |(?P<place>\\.)
    |(?P<sign>\|\||&&|::|<=>|<=|>=|<>|!=|[-+*/%=<>(),.;|&^~!:@\[\]?{}])""",
    re.VERBOSE | re.DOTALL,
)
_PLACE = re.compile(r"\\(.)", re.DOTALL)
_PLACES = "lipdr"


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
        one[1].lower() not in _PLACES for one in _PLACE.finditer(query)
    ):
        return None
    found, at = [], 0
    while at < len(query):
        match = _WORD.match(query, at)
        if match is None or match.lastgroup == "remark":
            return None
        at = match.end()
        if match.lastgroup != "blank":
            kind = _kind(str(match.lastgroup), match[0], double_quotes_are_text)
            found.append(Token(kind, match[0], match.start(), match.end()))
    return found


def _kind(group: str, text: str, double_quotes_are_text: bool) -> str:
    if group == "place":
        return VARIABLE if text[1].lower() != "l" else LOGIN_INSIDE
    if group != "quoted":
        return group
    is_text = text[0] == "'" or (text[0] == '"' and double_quotes_are_text)
    if is_text and text[1:-1] in ("\\L", "\\l"):
        return LOGIN
    filled_in = {one[1].lower() for one in _PLACE.finditer(text)} & set(_PLACES)
    if filled_in:
        return LOGIN_INSIDE if filled_in == {"l"} else VARIABLE
    return STRING if is_text else NAME


def filled(query: str, login: str) -> str:
    """The query for one login, which is escaped already."""
    return _PLACE.sub(lambda one: login if one[1].lower() == "l" else one[0], query)


def has_placeholders(tokens: Sequence[Token]) -> bool:
    """Whether something of the session is filled in, the login included."""
    return any(one.kind in (LOGIN, LOGIN_INSIDE, VARIABLE) for one in tokens)


def parts(tokens: Sequence[Token], *between: str) -> list[list[Token]]:
    """The tokens between signs or keywords that stand in no parentheses."""
    found: list[list[Token]] = [[]]
    depth, ranges = 0, 0
    for token in tokens:
        depth += token.is_("(", "CASE") - token.is_(")", "END")
        if depth == 0 and token.is_("BETWEEN"):
            ranges += 1
        if depth == 0 and token.is_("AND") and ranges:
            ranges -= 1  # the AND of "BETWEEN 1 AND 5"
        elif depth == 0 and token.is_(*between):
            found.append([])
            continue
        found[-1].append(token)
    return found
