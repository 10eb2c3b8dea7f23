"""Changes as rows for a person who carries them out in the product."""

import csv
import io
from collections.abc import Iterable, Sequence

from recert.connectors.changes import (
    Change,
    CloseAccount,
    JoinGroup,
    LeaveGroup,
    OpenAccount,
    RotateCredential,
    SetRights,
)
from recert.connectors.contract import Plan
from recert.connectors.rights import Rights, names

_HEADER = (
    *("action", "account", "folder", "rights_now", "rights_wanted", "native_rights"),
    "granted_by",  # the entry that gives it, often a group's: nothing is found at the account
)
WHOLE_ACCOUNT = "the whole account"
_ACTIONS = ("revoke", "reduce", "grant", "change", "open account", "reopen account")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def change_list(plans: Iterable[Plan]) -> str:
    """The plans as CSV; cells that a spreadsheet would execute are made harmless."""
    rows = [plan.after for plan in plans if not plan.is_empty]
    return "".join(row + "\r\n" for row in [_line(_HEADER), *rows])


def row_of(change: Change, now: Rights, native: str, via: str = "") -> str:
    """One row without its line end. `now` are the rights in the folder of a SetRights; `via` names
    the entry that gives them."""
    action, place, before, after = _cells(change, now)
    cells = (action, change.account, place, before, after, native, via)
    return _line([_harmless(cell) for cell in cells])


def is_row(text: str) -> bool:
    """Whether it is a row of a change list, and no native part of a server's files."""
    return text.startswith(tuple(f"{action}," for action in _ACTIONS))


def _cells(change: Change, now: Rights) -> tuple[str, str, str, str]:
    """Action, place, what is there now, and what shall be."""
    match change:
        case SetRights():
            action = _action(now, change.rights)
            return action, change.folder, rights_text(now), rights_text(change.rights)
        case JoinGroup():
            return "grant", f"group {change.group}", "none", "member"
        case LeaveGroup():
            return "revoke", f"group {change.group}", "member", "none"
        case OpenAccount():
            action = "reopen account" if change.reopen else "open account"
            return action, WHOLE_ACCOUNT, "none", _account_text(change)
        case CloseAccount():
            return "revoke", WHOLE_ACCOUNT, "open", "none"
        case RotateCredential():
            return "change", f"{change.credential.kind.value} of the account", "old", "new"


def _account_text(change: OpenAccount) -> str:
    """What the account shall be like."""
    parts = [f"home {change.home}"]
    parts += [f"groups {', '.join(change.groups)}"] if change.groups else []
    parts += [f"until {change.expires:%Y-%m-%d}"] if change.expires else []
    parts += [f"name {change.display_name}"] if change.display_name else []
    parts += [f"email {change.email}"] if change.email else []
    return "; ".join(parts)


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
