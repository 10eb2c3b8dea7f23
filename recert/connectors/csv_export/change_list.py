"""Changes as rows for a person who carries them out in the product."""

import csv
import io
from collections.abc import Iterable, Sequence

from recert.connectors.contract import Change, Plan
from recert.connectors.rights import Rights, names

_HEADER = (
    *("action", "account", "folder", "rights_now", "rights_wanted", "native_rights"),
    "granted_by",  # the entry that gives it, often a group's: nothing is found at the account
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def change_list(plans: Iterable[Plan]) -> str:
    """The plans as CSV; cells that a spreadsheet would execute are made harmless."""
    rows = [plan.after for plan in plans if not plan.is_empty]
    return "".join(row + "\r\n" for row in [_line(_HEADER), *rows])


def row_of(change: Change, now: Rights, native: str, via: str = "") -> str:
    """One row without its line end. `via` names the entry that gives the rights."""
    cells = (
        _action(now, change.rights),
        change.account,
        change.folder,
        rights_text(now),
        rights_text(change.rights),
        native,
        via,
    )
    return _line([_harmless(cell) for cell in cells])


def rights_text(rights: Rights) -> str:
    return " ".join(names(rights)) or "none"


def _action(now: Rights, wanted: Rights) -> str:
    if not wanted:
        return "revoke"
    if not wanted & ~now:
        return "reduce"
    return "change" if now & ~wanted else "grant"


def _harmless(cell: str) -> str:
    return "'" + cell if cell.startswith(_FORMULA) else cell


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()
