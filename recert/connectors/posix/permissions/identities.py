"""Accounts with uid, gid and groups, numbered by bits; sets of accounts are integers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from recert.connectors.posix.permissions.acl import READ, STICKY, WRITE, Acl, Node


@dataclass(frozen=True)
class Identity:
    """What a session of the account runs as. `groups` holds the primary group too."""

    account: str
    uid: int
    gid: int
    groups: frozenset[int]


class Identities:
    """All accounts of a reading. The bit `1 << number` stands for one of them."""

    def __init__(self, known: Sequence[Identity]) -> None:
        self._known = list(known)
        self._number = {one.account: number for number, one in enumerate(known)}
        self._memo: dict[tuple[Node | Acl, int, int, int], int] = {}
        self.everybody = (1 << len(known)) - 1
        self.by_uid: dict[int, int] = {}
        self.by_gid: dict[int, int] = {}
        for number, one in enumerate(known):
            self.by_uid[one.uid] = self.by_uid.get(one.uid, 0) | 1 << number
            for gid in one.groups:
                self.by_gid[gid] = self.by_gid.get(gid, 0) | 1 << number

    @property
    def names(self) -> list[str]:
        """All accounts in their order."""
        return list(self._number)

    def of(self, account: str) -> int:
        """The set of this account alone; empty when it is not known."""
        number = self._number.get(account)
        return 0 if number is None else 1 << number

    def get(self, account: str) -> Identity:
        return self._known[self._number[account]]

    def members(self, mask: int) -> Iterator[Identity]:
        """The accounts of a set, in their order."""
        while mask:
            lowest = mask & -mask
            yield self._known[lowest.bit_length() - 1]
            mask ^= lowest

    @cached_property
    def superusers(self) -> int:
        """The accounts of uid 0, whom the kernel does not restrict."""
        return self.by_uid.get(0, 0)

    def may(self, node: Node, wanted: int) -> int:
        """Who gets all of `wanted` (r=4, w=2, x=1) at once on this file or folder."""
        return self._holders(node.access, node.uid, node.gid, wanted)

    def may_in_new_file(self, node: Node, wanted: int) -> int:
        """Who gets all of `wanted` on a file that somebody else would put into this folder: its
        default ACL decides, or without one the folder's own bits stand for it."""
        if node.default is None:
            return self.may(node, wanted)
        default = node.default
        if default.mask is not None:  # a client asks for 0666, which becomes the new mask
            default = default._replace(mask=default.mask & (READ | WRITE))
        return self._holders(default, -1, node.gid, wanted)

    def owners(self, node: Node) -> int:
        return self.by_uid.get(node.uid, 0)

    def may_remove(self, node: Node) -> int:
        """Who may take away or rename what others put into this folder."""
        allowed = self.may(node, WRITE | 1)
        if node.mode & STICKY:
            allowed &= self.owners(node) | self.superusers
        return allowed

    def _holders(self, acl: Acl, uid: int, gid: int, wanted: int) -> int:
        key = (acl, uid, gid, wanted)
        holders = self._memo.get(key)
        if holders is None:
            holders = self._memo[key] = self._decide(acl, uid, gid, wanted)
        return holders

    def _decide(self, acl: Acl, uid: int, gid: int, wanted: int) -> int:
        """The kernel's rule: the first class that fits decides alone; of groups one entry must
        hold everything that is wanted."""
        granted = self.superusers
        owner = self.by_uid.get(uid, 0)
        if acl.user & wanted == wanted:
            granted |= owner
        rest = self.everybody & ~owner
        if acl.is_dormant:
            acl = Acl(acl.user, 0, acl.other)
        for named, perm in acl.users:
            those = self.by_uid.get(named, 0) & rest
            if perm & acl.limit & wanted == wanted:
                granted |= those
            rest &= ~those
        matched = 0
        for named, perm in ((gid, acl.group), *acl.groups):
            those = self.by_gid.get(named, 0) & rest
            matched |= those
            if perm & acl.limit & wanted == wanted:
                granted |= those
        if acl.other & wanted == wanted:
            granted |= rest & ~matched
        return granted


def allowed_by(acl: Acl, owning_group: int, identity: Identity) -> int:
    """The permission bits that an account which is not the owner gets, each by itself."""
    if acl.is_dormant:
        return 0 if owning_group in identity.groups else acl.other
    named = acl.named_user(identity.uid)
    if named is not None:
        return named & acl.limit
    mine = [
        perm for gid, perm in ((owning_group, acl.group), *acl.groups) if gid in identity.groups
    ]
    if mine:
        total = 0
        for perm in mine:
            total |= perm & acl.limit
        return total
    return acl.other
