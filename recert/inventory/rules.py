"""Policy of the inventory, pure."""

from recert.foundation.errors import BadInput
from recert.inventory.models import Snapshot

SHRINK_PERCENT = 10
SHRINK_FROM = 20  # below that many entries a share says nothing


def shrunk(*, before: Snapshot, after: Snapshot) -> str:
    """Why the newer snapshot looks too small to be true; "" when it does not."""
    for what, old, new in (
        ("accounts", before.accounts, after.accounts),
        ("grants", before.grants, after.grants),
    ):
        much = old >= SHRINK_FROM and (old - new) * 100 > old * SHRINK_PERCENT
        if much or (what == "accounts" and old and not new):
            return f"{new} {what} where the last complete snapshot had {old}."
    return ""


def clean_path(text: str) -> str:
    """A folder path: absolute, `/` between names, no `.` or `..`, no trailing slash."""
    parts = [part for part in text.replace("\\", "/").split("/") if part]
    if not text.startswith(("/", "\\")) or any(part in (".", "..") for part in parts):
        raise BadInput(f"{text!r} is not an absolute folder path like /finance/in.")
    if not text.isprintable():
        raise BadInput(f"The folder path {text!r} contains control characters.")
    return "/" + "/".join(parts)
