"""Restrictions besides sections and limits: protocols, links to roots, guarded etc and lib."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from recert.connectors.posix.permissions.evaluate import ORDER, Masks
from recert.connectors.proftpd.configuration.sections import Section, nearest, on
from recert.connectors.rights import Rights

_GUARDED = ("etc", "lib")
_LEFT = (Rights.LIST, Rights.DOWNLOAD, Rights.CHMOD)
_UPLOAD = ORDER.index(Rights.UPLOAD)


def speaks(level: Section, protocol: str) -> str:
    """Why no client of this protocol gets in by Protocols; empty when it does."""
    directive = nearest(level, "protocols")
    if directive is None:
        return ""
    declared = {argument.lower() for argument in directive.args}
    *_, server = level.chain()
    with_tls = on(server.value("tlsengine"), False)
    names = {protocol, "ftps"} if protocol == "ftp" and with_tls else {protocol}
    return "" if declared & names else f"{protocol} is not in Protocols at {directive.place}"


def other_ways(server: Section, protocol: str) -> Iterator[str]:
    """Ways in that need neither a password nor a key of the account: certificates, other hosts."""
    if protocol == "sftp":
        directive = server.value("sftpauthorizedhostkeys")
    else:
        options = server.value("tlsoptions")
        by_file = options is not None and "allowdotlogin" in map(str.lower, options.args)
        directive = server.value("tlsusername") or (options if by_file else None)
    if directive is not None:
        yield f"{directive.statement.keyword} at {directive.place} may let it in"


def allows_links(server: Section) -> bool:
    """Whether the way to a root may lead over symbolic links."""
    return on(server.value("allowchrootsymlinks"), True)


class Guard(NamedTuple):
    """Folders etc and lib directly in a root are guarded against changes (RLimitChroot)."""

    roots: Mapping[str, int]  # real path of a root -> the accounts that are shut in there

    def accounts(self, folder: str) -> int:
        """Who is kept from changing something in this folder."""
        guarded = 0
        for name in _GUARDED:
            at = f"{folder}/".find(f"/{name}/")
            while at >= 0:
                guarded |= self.roots.get(folder[:at], 0)
                at = f"{folder}/".find(f"/{name}/", at + 1)
        return guarded

    def left(self, masks: Masks, folder: str, may_store_unique: int) -> Masks:
        """What the guard leaves. By FTP it does not see STOU, which names its file itself."""
        kept_out = self.accounts(folder)
        if not kept_out:
            return masks
        remaining = [
            mask if right in _LEFT else mask & ~kept_out
            for right, mask in zip(ORDER, masks, strict=True)
        ]
        remaining[_UPLOAD] |= masks[_UPLOAD] & kept_out & may_store_unique
        return tuple(remaining)


def guard_of(server: Section, roots: Sequence[tuple[str, int]]) -> Guard:
    """The guard of one server; it can be switched off."""
    if not on(server.value("rlimitchroot"), True):
        return Guard({})
    known: dict[str, int] = {}
    for root, account in roots:
        if root != "/":
            known[root] = known.get(root, 0) | account
    return Guard(known)
