"""What is told with a grant besides the kernel's entry, and whether it may say too much."""

from collections.abc import Sequence

from recert.connectors.posix import to_reading
from recert.connectors.posix.permissions.identities import Identity
from recert.connectors.proftpd.access.explain import reasons
from recert.connectors.proftpd.access.listener import Door, Ground
from recert.connectors.proftpd.authentication.account_files import UNIX
from recert.connectors.rights import Rights


def more_of(doors: Sequence[Door], ground: Ground, pam_is_unclear: bool) -> to_reading.More:
    """For each account the blocks and switches of every door by which it comes in."""
    tree = ground.tree
    memo: dict[tuple[object, ...], tuple[str, ...]] = {}

    def more(identity: Identity, folder: str, rights: Rights) -> tuple[tuple[str, ...], bool]:
        texts: list[str] = []
        widened = folder in ground.future
        if widened:
            texts.append("made at the first sign-in (CreateHome)")
        open_doors = [door for door in doors if not door.refusal(identity.account, tree)]
        for door in open_doors:
            bit = door.identities.of(identity.account)
            view = door.screen.view_of(bit)
            if view is None:
                continue
            key = (door.server, bit, door.screen.places(view, folder))
            if key not in memo:
                memo[key] = reasons(door.screen, view, folder, bit)
            prefix = f"{door.title}: " if len(open_doors) > 1 else ""
            texts += [f"{prefix}{text}" for text in memo[key]]
            if any(
                f"{folder}/".startswith(f"{one}/")
                for one in door.elsewhere.get(identity.account, ())
            ):
                texts.append(f"{prefix}shown in its root by VRootAlias")
            widened |= door.screen.is_doubtful(folder, bit, rights)
            session = door.sessions[bit.bit_length() - 1]
            if session is not None and session.doubts:
                texts += [f"{prefix}{text}" for text in session.doubts]
                widened = True
            is_system = session is not None and session.entry.source == UNIX
            widened |= pam_is_unclear and is_system
        return tuple(texts), widened

    return more
