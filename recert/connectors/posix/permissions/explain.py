"""Explains in text why the kernel gives an account its permissions in a folder."""

from collections.abc import Callable

from recert.connectors.posix.permissions.acl import Acl, Node, rwx
from recert.connectors.posix.permissions.identities import Identity

GroupName = Callable[[int], str]


def reason(identity: Identity, node: Node, group_name: GroupName) -> str:
    """The class of the folder's permissions that decides about this account."""
    if identity.uid == 0:
        return "superuser"
    where = f"folder mode {node.mode:04o}" if node.access.is_plain else "folder ACL"
    if identity.uid == node.uid:
        return f"owner of the folder, {where}{_own(node.access.user, node.access)}"
    if node.access.is_dormant and node.gid not in identity.groups:
        return f"everybody, {where} {rwx(node.access.other)} (empty mask: no entry counts)"
    named = node.access.named_user(identity.uid)
    if named is not None:
        return f"own entry {rwx(named)} in the {where}{_masked(node.access)}"
    mine = [
        (gid, perm)
        for gid, perm in ((node.gid, node.access.group), *node.access.groups)
        if gid in identity.groups
    ]
    if mine:
        names = " and ".join(dict.fromkeys(group_name(gid) for gid, _ in mine))
        return f"member of group {names}, {where}{_groups(mine, node.access)}"
    return f"everybody, {where}{_own(node.access.other, node.access)}"


def _own(perm: int, acl: Acl) -> str:
    return "" if acl.is_plain else f" {rwx(perm)}"


def _groups(mine: list[tuple[int, int]], acl: Acl) -> str:
    if acl.is_plain:
        return ""
    return " " + " and ".join(rwx(perm) for _, perm in mine) + _masked(acl)


def _masked(acl: Acl) -> str:
    return "" if acl.mask in (None, 7) else f" (mask {rwx(acl.limit)})"
