"""Marks cells of tables so that no spreadsheet program runs them as a formula."""

import re
import string
from collections.abc import Sequence
from typing import Any

# Spreadsheets run a formula after blanks, also after those of zero width.
_BLANKS = r"[\s\x00-\x1f\u00ad\u180e\u200b-\u200f\u2060\ufeff]*"
# Full-width and small forms are taken for the plain ones by some programs.
_STARTS = r"[=+\-@\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b\u2212]"
# The mark itself is marked as well, so that taking one away always gives the text back.
_RUNS = re.compile(rf"[\t\r']|{_BLANKS}{_STARTS}")


def neutral(value: Any) -> Any:
    """A cell of a CSV file that no spreadsheet runs; one leading ' less gives the value back."""
    return f"'{value}" if isinstance(value, str) and _RUNS.match(value) else value


# No cell that begins with one of these, or with nothing, is ever run.
_HARMLESS = frozenset(string.ascii_lowercase + string.ascii_uppercase + string.digits + "/<") | {""}


def neutral_row(row: Sequence[Any]) -> list[Any]:
    """The cells of one row, none of which a spreadsheet runs. Fast, because most cells begin with
    an ASCII character of _HARMLESS."""
    return [
        cell if cell.__class__ is not str or cell[:1] in _HARMLESS else neutral(cell)
        for cell in row
    ]
