"""Numbers in addresses: one that no row can have is like one that no row has."""

from werkzeug.routing import IntegerConverter

MOST_DIGITS = 18  # both databases can take these


class Number(IntegerConverter):
    """`<int:...>` in a route; a longer one matches no page."""

    regex = rf"\d{{1,{MOST_DIGITS}}}"


def number(text: str) -> int:
    """A number of a query; ValueError makes Flask take the default."""
    if len(text) > MOST_DIGITS:
        raise ValueError(f"more than {MOST_DIGITS} digits")
    return int(text)
