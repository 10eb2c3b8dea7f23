"""The smallest edit of one account that makes a change true, and its proof: of its folders, its
groups, or of the switch that lets it in."""

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
from recert.connectors.rights import Rights, names, say


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
    before = stands(native, change)
    if change.group or change.is_closing:
        return _plan(native, change, before, _shut(native, account, change), title)
    if evaluate.access(native.permissions, account, change.folder).rights == change.rights:
        return _plan(native, change, before, before, title)
    wanted = _wanted(native, account, change)
    return _plan(native, change, before, as_text(wanted), title)


def make_undo(native: Native, applied: Plan, title: str) -> Plan:
    """The plan that puts back `applied.before`; EditedByOthers when `after` does not stand."""
    change = applied.change
    if stands(native, change) != applied.after:
        raise EditedByOthers(f"The entries of account {change.account!r} were changed again.")
    before = _with(native, change, applied.before)
    if not change.folder:
        return _plan(native, change, applied.after, applied.before, title)
    account = _account(before.permissions, change)
    restored = evaluate.access(before.permissions, account, change.folder).rights
    back = replace(change, rights=restored)
    return _plan(native, back, applied.after, applied.before, title)


def stands(native: Native, change: Change) -> str:
    """The part of the account that a change is about, as the file has it; "null" when it says
    nothing of it, "" when there is no such account."""
    if change.account not in native.permissions.accounts:
        return ""
    return as_text(native.document["accounts"][change.account].get(_key(change)))


def _key(change: Change) -> str:
    if change.group:
        return "groups"
    return "enabled" if change.is_closing else "folders"


def as_text(part: object) -> str:
    return json.dumps(part, indent=2, ensure_ascii=False)


def fingerprint(native: Native, change: Change) -> str:
    """SHA-256 over everything a plan for this change is made from."""
    account = native.document["accounts"][change.account]
    groups = {name: native.document["groups"][name] for name in account.get("groups", [])}
    below = [
        folder
        for folder in native.permissions.boundaries
        if not change.folder or _is_below(change.folder, folder)
    ]
    seen = json.dumps([account, groups, below], sort_keys=True)
    return hashlib.sha256(seen.encode()).hexdigest()


def edited(native: Native, plan: Plan) -> bytes:
    """The new file, proven to differ from the old one in the planned place only."""
    changed = _with(native, plan.change, plan.after)
    content = (as_text(changed.document) + "\n").encode()
    again = Native.of(content)
    untouched = _without(native, plan.change) == _without(again, plan.change)
    if not untouched or stands(again, plan.change) != plan.after:
        raise ServerDataInvalid("The changed file does not differ from the old one as planned.")
    return content


def _account(permissions: Permissions, change: Change) -> Account:
    account = permissions.accounts.get(change.account)
    if account is None:
        raise CannotExpress(f"There is no account {change.account!r} in the permission file.")
    if not change.folder:
        return account
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


def _shut(native: Native, account: Account, change: Change) -> str:
    """The account's groups without this one, or its switch turned off. Where an entry of the
    group takes rights away, leaving it would give some: that is never done."""
    if change.is_closing:
        return as_text(False)
    if change.group not in account.groups:
        return as_text(native.document["accounts"][account.name].get("groups"))
    after = as_text([name for name in account.groups if name != change.group])
    then = _with(native, change, after).permissions
    for folder in native.permissions.boundaries:
        was = evaluate.access(native.permissions, account, folder).rights
        will = evaluate.access(then, then.accounts[account.name], folder).rights
        if will & ~was:
            raise CannotExpress(
                f"Without group {change.group} the account could do more in {folder}: "
                f"{say(will & ~was)}. Change the entries of the group first."
            )
    return after


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
        diff=_diff(before, after, f"{title} accounts.{change.account}.{_key(change)}"),
        fingerprint=fingerprint(native, change),
        side_effects=_side_effects(native, change, after)
        if before != after and change.folder
        else (),
    )


def _diff(before: str, after: str, header: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), header, header, n=1000, lineterm=""
    )
    return "\n".join(lines)


def _side_effects(native: Native, change: Change, after: str) -> tuple[Cell, ...]:
    """Cells other than the wanted one that differ, found by evaluating both sides."""
    then = _with(native, change, after).permissions
    sides = [(side, side.accounts[change.account]) for side in (native.permissions, then)]
    cells = []
    for folder in paths.parents_first({*native.permissions.boundaries, *then.boundaries}):
        was, will = (evaluate.access(side, account, folder).rights for side, account in sides)
        if was != will and folder != change.folder:
            cells.append(Cell(change.account, folder, was, will))
    return tuple(cells)


def _with(native: Native, change: Change, text: str) -> Native:
    """The file as it would be with this part of the account; the old one is not touched."""
    entry = dict(native.document["accounts"][change.account])
    part = json.loads(text)
    if part is None:
        entry.pop(_key(change), None)
    else:
        entry[_key(change)] = part
    document = {
        **native.document,
        "accounts": {**native.document["accounts"], change.account: entry},
    }
    return Native(document, understand(document))


def _without(native: Native, change: Change) -> str:
    """Everything else, order included."""
    return json.dumps(_with(native, change, "null").document)


def _is_below(folder: str, other: str) -> bool:
    return other != folder and paths.is_within(folder, other)
