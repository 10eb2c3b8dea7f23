"""The smallest edit of one account that makes a change true, and its proof."""

import difflib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from recert.connectors.changes import (
    Change,
    CloseAccount,
    CredentialKind,
    JoinGroup,
    LeaveGroup,
    NewCredential,
    OpenAccount,
    RotateCredential,
    SetRights,
)
from recert.connectors.contract import (
    CannotExpress,
    Cell,
    EditedByOthers,
    NameTaken,
    Plan,
    ServerDataInvalid,
)
from recert.connectors.embedded import evaluate, paths
from recert.connectors.embedded.format import Account, Permissions
from recert.connectors.embedded.parts import (
    NO_ACCOUNT,
    Native,
    as_text,
    digest,
    key_of,
    masked,
    text_of,
    with_text,
)
from recert.connectors.embedded.passwords import NOBODYS, parse_password
from recert.connectors.rights import Rights, names, say
from recert.foundation import clock


def make_plan(native: Native, change: Change, title: str) -> Plan:
    """The plan for one change; CannotExpress when this file cannot state it."""
    before = text_of(native, change)
    if before == NO_ACCOUNT and not isinstance(change, OpenAccount):
        raise CannotExpress(f"There is no account {change.account!r} in the permission file.")
    return _plan(native, change, before, _after(native, change, before), title)


def make_undo(native: Native, applied: Plan, title: str) -> Plan:
    """The plan that puts back `applied.before`; EditedByOthers when `after` does not stand."""
    change = applied.change
    if text_of(native, change) != applied.after:
        raise EditedByOthers(f"The entries of account {change.account!r} were changed again.")
    before = with_text(native, change, applied.before)
    if isinstance(change, SetRights):
        account = before.permissions.accounts[change.account]
        restored = evaluate.access(before.permissions, account, change.folder).rights
        change = replace(change, rights=restored)
    return _plan(native, change, applied.after, applied.before, title)


def _after(native: Native, change: Change, before: str) -> str:
    """The part of the file that the change is about, as it shall be."""
    accounts = native.permissions.accounts
    match change:
        case SetRights():
            account = accounts[change.account]
            _check_folder(account, change)
            if evaluate.access(native.permissions, account, change.folder).rights == change.rights:
                return before
            return as_text(_entries(native, account, change))
        case JoinGroup():
            return _joined(native, accounts[change.account], change, before)
        case LeaveGroup():
            return _left(native, accounts[change.account], change, before)
        case CloseAccount():
            return as_text(False)
        case OpenAccount():
            return _opened(native, change, before)
        case RotateCredential():
            return as_text(digest(_stored(change.credential)))


def _check_folder(account: Account, change: SetRights) -> None:
    if why := paths.complaint(change.folder):
        raise CannotExpress(f"Folder {change.folder!r}: {why}.")
    if change.rights & Rights.SHARE:
        raise CannotExpress("This server has no right 'share'.")
    if not paths.is_within(account.home, change.folder):
        raise CannotExpress(
            f"Folder {change.folder!r} lies outside the home {account.home!r}"
            f" of account {change.account!r}."
        )


def _joined(native: Native, account: Account, change: JoinGroup, before: str) -> str:
    """Where an entry of the group takes rights away, joining it would close folders: that is
    never done."""
    _check_groups(native.permissions, (change.group,))
    if change.group in account.groups:
        return before
    after = as_text([*account.groups, change.group])
    lost = [cell for cell in _cells(native, change, after) if cell.before & ~cell.after]
    if lost:
        raise CannotExpress(
            f"In group {change.group} the account could do less in {lost[0].folder}: "
            f"{say(lost[0].before & ~lost[0].after)}. Change the entries of the group first."
        )
    return after


def _left(native: Native, account: Account, change: LeaveGroup, before: str) -> str:
    """Where an entry of the group takes rights away, leaving it would give some: that is never
    done."""
    if change.group not in account.groups:
        return before
    after = as_text([name for name in account.groups if name != change.group])
    won = [cell for cell in _cells(native, change, after) if cell.after & ~cell.before]
    if won:
        raise CannotExpress(
            f"Without group {change.group} the account could do more in {won[0].folder}: "
            f"{say(won[0].after & ~won[0].before)}. Change the entries of the group first."
        )
    return after


def _opened(native: Native, change: OpenAccount, before: str) -> str:
    """A new entry, or an old one that lets its holder in again."""
    _check_groups(native.permissions, change.groups)
    expires = {"expires": change.expires.isoformat()} if change.expires else {}
    if before != NO_ACCOUNT:
        return _reopened(native, change, before, expires)
    if why := paths.complaint(change.home):
        raise CannotExpress(f"Home {change.home!r}: {why}.")
    stated: dict[str, Any] = {
        "password": _stored(change.credential) if change.credential else NOBODYS,
        "home": change.home,
        "name": change.display_name,
        "email": change.email,
        "groups": list(change.groups),
        **expires,
    }
    text = as_text({key: value for key, value in masked(stated).items() if value})
    try:
        with_text(native, change, text)
    except ServerDataInvalid as error:
        raise CannotExpress(f"The account cannot be written. {error.message}") from error
    return text


def _reopened(native: Native, change: OpenAccount, before: str, expires: dict[str, str]) -> str:
    """The entry without what keeps its holder out. Without leave to reopen it stays as it is, and
    must already be what is wanted."""
    account = native.permissions.accounts[change.account]
    if not change.reopen:
        here = (account.home, account.enabled, account.expires)
        is_other = bool(change.email) and account.email != change.email
        wanted = (change.home, True, change.expires)
        if is_other or here != wanted or not {*change.groups} <= {*account.groups}:
            raise NameTaken(f"Account: {change.account!r}.")
        return before
    entry = dict(native.document["accounts"][change.account])
    entry.pop("expires", None)
    entry.pop("enabled", None)
    entry.update(expires)
    if change.credential:
        entry["password"] = _stored(change.credential)
    return as_text(masked(entry))


def _check_groups(permissions: Permissions, groups: Sequence[str]) -> None:
    for group in groups:
        if group not in permissions.groups:
            raise CannotExpress(f"There is no group {group!r} in the permission file.")


def _stored(credential: NewCredential) -> str:
    """A password hash that this server can check."""
    if credential.kind is not CredentialKind.PASSWORD_HASH:
        raise CannotExpress("This server knows passwords only, no keys.")
    try:
        parse_password(credential.text)
    except ValueError as error:
        raise CannotExpress(f"The password hash is refused: {error}.") from error
    return credential.text


def fingerprint(native: Native, change: Change) -> str:
    """SHA-256 over everything a plan for this change is made from."""
    account = native.document["accounts"].get(change.account, {})
    named = {*account.get("groups", []), *_groups_of(change)}
    groups = {name: native.document["groups"].get(name) for name in named}
    below = [
        folder
        for folder in native.permissions.boundaries
        if not isinstance(change, SetRights) or _is_below(change.folder, folder)
    ]
    stated = json.dumps([account, groups, below], sort_keys=True)
    return hashlib.sha256(stated.encode()).hexdigest()


def _groups_of(change: Change) -> Sequence[str]:
    """Groups that the change names and the account need not be in yet."""
    match change:
        case JoinGroup():
            return (change.group,)
        case OpenAccount():
            return change.groups
        case _:
            return ()


def edited(native: Native, plan: Plan) -> bytes:
    """The new file, proven to differ from the old one in the planned place only."""
    changed = with_text(native, plan.change, plan.after)
    content = (as_text(changed.document) + "\n").encode()
    again = Native.of(content)
    untouched = _without(native, plan.change) == _without(again, plan.change)
    if not untouched or text_of(again, plan.change) != plan.after:
        raise ServerDataInvalid("The changed file does not differ from the old one as planned.")
    return content


def _entries(native: Native, account: Account, change: SetRights) -> dict[str, str]:
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
    side_effects: tuple[Cell, ...] = ()
    gains: tuple[Cell, ...] = ()
    if before != after:
        cells = _cells(native, change, after)
        if isinstance(change, SetRights):
            side_effects = tuple(cell for cell in cells if cell.folder != change.folder)
        else:
            gains = tuple(cell for cell in cells if cell.after & ~cell.before)
    place = ".".join(filter(None, ("accounts", change.account, key_of(change))))
    return Plan(
        change=change,
        before=before,
        after=after,
        diff=_diff(before, after, f"{title} {place}"),
        fingerprint=fingerprint(native, change),
        side_effects=side_effects,
        gains=gains,
    )


def _diff(before: str, after: str, header: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), header, header, n=1000, lineterm=""
    )
    return "\n".join(lines)


def _cells(native: Native, change: Change, after: str) -> list[Cell]:
    """The cells of the account that would be other ones, found by evaluating both sides. Whoever
    cannot sign in before an account is opened can do nothing before."""
    is_opened, now = isinstance(change, OpenAccount), clock.now()
    then = with_text(native, change, after).permissions
    sides = [(side, side.accounts.get(change.account)) for side in (native.permissions, then)]
    cells = []
    for folder in paths.parents_first({*native.permissions.boundaries, *then.boundaries}):
        was, will = (
            evaluate.access(side, account, folder).rights
            if account and not (is_opened and not account.is_active(now))
            else Rights.NONE
            for side, account in sides
        )
        if was != will:
            cells.append(Cell(change.account, folder, was, will))
    return cells


def _without(native: Native, change: Change) -> str:
    """Everything else, order included."""
    nothing = NO_ACCOUNT if isinstance(change, OpenAccount) else "null"
    if isinstance(change, RotateCredential):
        nothing = as_text(NOBODYS)
    return json.dumps(with_text(native, change, nothing).document)


def _is_below(folder: str, other: str) -> bool:
    return other != folder and paths.is_within(folder, other)
