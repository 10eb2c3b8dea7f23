"""Turns the rights in every folder into the facts of a reading: boundaries and grants."""

from collections.abc import Callable, Collection, Iterator, Sequence

from recert.connectors import names
from recert.connectors.contract import GrantFact
from recert.connectors.posix.permissions.acl import STICKY, Node
from recert.connectors.posix.permissions.evaluate import FolderRights, Masks, rights_of
from recert.connectors.posix.permissions.explain import GroupName, reason
from recert.connectors.posix.permissions.identities import Identities, Identity
from recert.connectors.rights import Rights, say

# (account, folder, rights) -> more reasons, and whether the grant may say too much
More = Callable[[Identity, str, Rights], tuple[tuple[str, ...], bool]]


def nothing_more(identity: Identity, folder: str, rights: Rights) -> tuple[tuple[str, ...], bool]:
    """For kinds in which only the kernel decides."""
    return (), False


def boundaries(
    found: Sequence[FolderRights], *by_view: Sequence[FolderRights]
) -> list[FolderRights]:
    """The folders in which somebody's rights differ from the folder above, in `found` or in one
    of the views."""
    kept: list[FolderRights] = []
    masks_at: dict[str, tuple[Masks, ...]] = {}
    for ones in zip(found, *by_view, strict=True):
        one = ones[0]
        masks = tuple(view.masks for view in ones)
        masks_at[one.path] = masks
        if one.path == "/" or masks_at.get(one.path.rpartition("/")[0] or "/") != masks:
            kept.append(one)
    return kept


def name_of(one: FolderRights) -> str:
    """The folder's path as it is kept."""
    return names.shown(one.path)


def grants(
    kept: Sequence[FolderRights],
    identities: Identities,
    group_name: GroupName,
    *,
    only: Collection[str] | None = None,
    more: More = nothing_more,
    protocols: Callable[[FolderRights], dict[str, Masks]] | None = None,
) -> Iterator[GrantFact]:
    """One grant for each account that can do something in a boundary."""
    wanted = identities.everybody
    if only is not None:
        wanted = 0
        for account in only:
            wanted |= identities.of(account)
    # Equal permissions and masks are mostly the same objects, so their identity is the key.
    reasons: dict[tuple[str, int], str] = {}
    by_masks: dict[tuple[int, int], Rights] = {}
    for one in kept:
        holders = 0
        for mask in one.masks:
            holders |= mask
        spoken = protocols(one) if protocols else {}
        folder, node = names.shown(one.path), one.folder.node
        for identity in identities.members(holders & wanted):
            bit = identities.of(identity.account)
            key = (id(one.masks), bit)
            rights = by_masks.get(key)
            if rights is None:
                rights = by_masks[key] = rights_of(one.masks, bit)
            why = reasons.get((identity.account, id(node)))
            if why is None:
                why = reasons[identity.account, id(node)] = reason(identity, node, group_name)
            extra, widened = more(identity, one.path, rights)
            by_protocol = _spoken(spoken, bit, rights)
            protocol_rights = tuple(f"by {name}: {say(allowed)}" for name, allowed in by_protocol)
            yield GrantFact(
                account=names.shown(identity.account),
                folder=folder,
                rights=rights,
                via=tuple(map(names.shown, (why, *extra, *protocol_rights))),
                native=_native(identity, node, rights),
                widened=widened,
                protocols=by_protocol,
            )


def _native(identity: Identity, node: Node, rights: Rights) -> str:
    """Text about what the rights do not express: own files can be removed in a sticky folder."""
    own_only = node.mode & STICKY and Rights.UPLOAD in rights and Rights.DELETE not in rights
    return "own files can be deleted and renamed (sticky folder)" if own_only else ""


def _spoken(spoken: dict[str, Masks], bit: int, rights: Rights) -> tuple[tuple[str, Rights], ...]:
    """The rights by protocol; empty when no protocol differs from the union."""
    by_protocol = {name: rights_of(masks, bit) for name, masks in spoken.items()}
    if all(allowed == rights for allowed in by_protocol.values()):
        return ()
    return tuple(by_protocol.items())
