"""The smallest edit of one account's folders that makes a change true, and its proof."""

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from recert.connectors.contract import (
    CannotExpress,
    Cell,
    Change,
    EditedByOthers,
    Plan,
    ServerDataInvalid,
)
from recert.connectors.embedded import evaluate, paths
from recert.connectors.embedded.format import Account, Permissions, read_document, understand
from recert.connectors.rights import Rights, names


@dataclass(frozen=True)
class Native:
    """The file at one moment: as JSON and understood."""

    document: Mapping[str, Any]
    permissions: Permissions

    @classmethod
    def of(cls, raw: bytes) -> "Native":
        document = read_document(raw)
        return cls(document, understand(document))


def make_plan(native: Native, change: Change, title: str) -> Plan:
    """The plan for one change; CannotExpress when this file cannot say it."""
    account = _account(native.permissions, change)
    before = folders_text(native, change.account)
    if evaluate.access(native.permissions, account, change.folder).rights == change.rights:
        return _plan(native, change, before, before, title)
    wanted = _wanted(native, account, change)
    return _plan(native, change, before, as_text(wanted), title)


def make_undo(native: Native, applied: Plan, title: str) -> Plan:
    """The plan that puts back `applied.before`; EditedByOthers when `after` does not stand."""
    change = applied.change
    if folders_text(native, change.account) != applied.after:
        raise EditedByOthers(f"The entries of account {change.account!r} were changed again.")
    before = _with_folders(native, change.account, applied.before)
    account = _account(before.permissions, change)
    restored = evaluate.access(before.permissions, account, change.folder).rights
    back = replace(change, rights=restored)
    return _plan(native, back, applied.after, applied.before, title)


def folders_text(native: Native, account: str) -> str:
    """The account's own entries as the file has them; "null" when it says nothing of folders,
    "" when there is no such account."""
    if account not in native.permissions.accounts:
        return ""
    return as_text(native.document["accounts"][account].get("folders"))


def as_text(folders: object) -> str:
    return json.dumps(folders, indent=2, ensure_ascii=False)


def fingerprint(native: Native, change: Change) -> str:
    """SHA-256 over everything a plan for this change is made from."""
    account = native.document["accounts"][change.account]
    groups = {name: native.document["groups"][name] for name in account.get("groups", [])}
    below = [folder for folder in native.permissions.boundaries if _is_below(change.folder, folder)]
    seen = json.dumps([account, groups, below], sort_keys=True)
    return hashlib.sha256(seen.encode()).hexdigest()


def edited(native: Native, plan: Plan) -> bytes:
    """The new file, proven to differ from the old one in the planned place only."""
    account = plan.change.account
    changed = _with_folders(native, account, plan.after)
    content = (as_text(changed.document) + "\n").encode()
    again = Native.of(content)
    untouched = _without_folders(native, account) == _without_folders(again, account)
    if not untouched or folders_text(again, account) != plan.after:
        raise ServerDataInvalid("The changed file does not differ from the old one as planned.")
    return content


def _account(permissions: Permissions, change: Change) -> Account:
    account = permissions.accounts.get(change.account)
    if account is None:
        raise CannotExpress(f"There is no account {change.account!r} in the permission file.")
    if why := paths.complaint(change.folder):
        raise CannotExpress(f"Folder {change.folder!r}: {why}.")
    if change.rights & Rights.SHARE:
        raise CannotExpress("This server has no right 'share'.")
    if not paths.is_within(account.home, change.folder):
        raise CannotExpress(
            f"Folder {change.folder!r} lies outside the home {account.home!r}"
            f" of account {change.account!r}."
        )
    return account


def _wanted(native: Native, account: Account, change: Change) -> dict[str, str]:
    """The account's entries after the change. The folders below are pinned parents first, so that
    only the topmost of those that would change gets an entry."""
    written = dict(native.document["accounts"][account.name].get("folders") or {})
    inherited = {place: own for place, own in account.folders.items() if place != change.folder}
    now = replace(account, folders=inherited)
    if evaluate.access(native.permissions, now, change.folder).rights == change.rights:
        written.pop(change.folder, None)
    else:
        now = _write(written, now, change.folder, change.rights)
    for below in native.permissions.boundaries:
        if _is_below(change.folder, below):
            kept = evaluate.access(native.permissions, account, below).rights
            if evaluate.access(native.permissions, now, below).rights != kept:
                now = _write(written, now, below, kept)
    return written


def _write(written: dict[str, str], account: Account, folder: str, rights: Rights) -> Account:
    """Adds one entry to the text and gives the account as it then is."""
    written[folder] = " ".join(names(rights))
    return replace(account, folders={**account.folders, folder: rights})


def _plan(native: Native, change: Change, before: str, after: str, title: str) -> Plan:
    return Plan(
        change=change,
        before=before,
        after=after,
        diff=_diff(before, after, f"{title} accounts.{change.account}.folders"),
        fingerprint=fingerprint(native, change),
        side_effects=_side_effects(native, change, after) if before != after else (),
    )


def _diff(before: str, after: str, header: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), header, header, n=1000, lineterm=""
    )
    return "\n".join(lines)


def _side_effects(native: Native, change: Change, after: str) -> tuple[Cell, ...]:
    """Cells other than the wanted one that differ, found by evaluating both sides."""
    then = _with_folders(native, change.account, after).permissions
    sides = [(side, side.accounts[change.account]) for side in (native.permissions, then)]
    cells = []
    for folder in paths.parents_first({*native.permissions.boundaries, *then.boundaries}):
        was, will = (evaluate.access(side, account, folder).rights for side, account in sides)
        if was != will and folder != change.folder:
            cells.append(Cell(change.account, folder, was, will))
    return tuple(cells)


def _with_folders(native: Native, account: str, text: str) -> Native:
    """The file as it would be with these entries; the old one is not touched."""
    entry = dict(native.document["accounts"][account])
    folders = json.loads(text)
    if folders is None:
        entry.pop("folders", None)
    else:
        entry["folders"] = folders
    document = {
        **native.document,
        "accounts": {**native.document["accounts"], account: entry},
    }
    return Native(document, understand(document))


def _without_folders(native: Native, account: str) -> str:
    """Everything else, order included."""
    return json.dumps(_with_folders(native, account, "null").document)


def _is_below(folder: str, other: str) -> bool:
    return other != folder and paths.is_within(folder, other)
