"""The difference between two ACLs as single entries: a write that touches nothing else.

Restoring a whole ACL would silently take back what somebody else changed in the moment between our
last look and the write. Single entries leave everything else as it is then.
"""

import os
from collections.abc import Iterator

from recert.connectors.contract import EditedByOthers, ServerRefusedUs
from recert.connectors.hosts import Host, commands
from recert.connectors.posix.permissions.acl import Acl, Listed, rwx
from recert.foundation.failpoints import reach


def write(host: Host, place: str, old: Listed, new: Listed) -> None:
    """Turns `old` into `new`, entry by entry. EditedByOthers when an entry that others added
    meanwhile needs what we would take away."""
    data = os.fsencode(place) + b"\0"
    changed = [*_changed(old.access, new.access, "")]
    removed = [*_removed(old.access, new.access, "")]
    if new.default is not None:
        base = old.default or new.default._replace(users=(), groups=(), mask=None)
        if old.default is None:
            changed += _base(new.default, "d:")
        changed += _changed(base, new.default, "d:")
        removed += _removed(base, new.default, "d:")
    elif old.default is not None:
        removed += _whole(old.default, "d:")
    if changed or removed:
        answer = host.run(commands.edit_acl(",".join(changed), ",".join(removed)), data)
        if "Malformed access ACL" in answer.errors:
            raise EditedByOthers(f"{place} got other entries in this moment.")
        if not answer.ok:
            raise ServerRefusedUs(f"setfacl on {place}: {answer.errors.strip()}")
    reach("entries written")
    if old.uid != new.uid:
        answer = host.run(commands.give_to(new.uid), data)
        if not answer.ok:
            raise ServerRefusedUs(f"chown of {place}: {answer.errors.strip()}")


def _changed(old: Acl, new: Acl, prefix: str) -> Iterator[str]:
    for kind, was, wanted in (("u", old.user, new.user), ("g", old.group, new.group)):
        if was != wanted:
            yield f"{prefix}{kind}::{rwx(wanted)}"
    if old.other != new.other:
        yield f"{prefix}o::{rwx(new.other)}"
    for kind, before, after in (("u", old.users, new.users), ("g", old.groups, new.groups)):
        known = dict(before)
        for number, perm in after:
            if known.get(number) != perm:
                yield f"{prefix}{kind}:{number}:{rwx(perm)}"
    if new.mask is not None and new.mask != old.mask:
        yield f"{prefix}m::{rwx(new.mask)}"


def _removed(old: Acl, new: Acl, prefix: str) -> Iterator[str]:
    for kind, before, after in (("u", old.users, new.users), ("g", old.groups, new.groups)):
        for number in dict(before).keys() - dict(after).keys():
            yield f"{prefix}{kind}:{number}"
    if old.mask is not None and new.mask is None:
        yield f"{prefix}m:"


def _base(acl: Acl, prefix: str) -> Iterator[str]:
    yield f"{prefix}u::{rwx(acl.user)}"
    yield f"{prefix}g::{rwx(acl.group)}"
    yield f"{prefix}o::{rwx(acl.other)}"


def _whole(acl: Acl, prefix: str) -> Iterator[str]:
    yield from (f"{prefix}u:{number}" for number, _ in acl.users)
    yield from (f"{prefix}g:{number}" for number, _ in acl.groups)
    if acl.mask is not None:
        yield f"{prefix}m:"
    yield from (f"{prefix}{kind}:" for kind in "ugo")
