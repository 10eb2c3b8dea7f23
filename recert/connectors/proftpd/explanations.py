"""The explanations that ProFTPD adds to a grant, and whether the grant may be widened."""

from collections.abc import Sequence

from recert.connectors.posix import to_reading
from recert.connectors.posix.permissions.identities import Identity
from recert.connectors.proftpd.access.explain import reasons
from recert.connectors.proftpd.access.listener import Ground, Listener
from recert.connectors.proftpd.authentication.account_files import UNIX
from recert.connectors.rights import Rights


def more_of(listeners: Sequence[Listener], ground: Ground, pam_is_unclear: bool) -> to_reading.More:
    """A function that explains one account's rights in a folder by the blocks and switches of
    every listener it can use."""
    tree = ground.tree
    memo: dict[tuple[object, ...], tuple[str, ...]] = {}

    def more(identity: Identity, folder: str, rights: Rights) -> tuple[tuple[str, ...], bool]:
        texts: list[str] = []
        widened = folder in ground.future
        if widened:
            texts.append("made at the first sign-in (CreateHome)")
        open_listeners = [
            listener for listener in listeners if not listener.refusal(identity.account, tree)
        ]
        for listener in open_listeners:
            bit = listener.identities.of(identity.account)
            view = listener.screen.view_of(bit)
            if view is None:
                continue
            key = (listener.server, bit, listener.screen.sections(view, folder))
            if key not in memo:
                memo[key] = reasons(listener.screen, view, folder, bit)
            prefix = f"{listener.title}: " if len(open_listeners) > 1 else ""
            texts += [f"{prefix}{text}" for text in memo[key]]
            if any(
                f"{folder}/".startswith(f"{one}/")
                for one in listener.elsewhere.get(identity.account, ())
            ):
                texts.append(f"{prefix}shown in its root by VRootAlias")
            widened |= listener.screen.is_doubtful(folder, bit, rights)
            session = listener.sessions[bit.bit_length() - 1]
            if session is not None and session.doubts:
                texts += [f"{prefix}{text}" for text in session.doubts]
                widened = True
            is_system = session is not None and session.entry.source == UNIX
            widened |= pam_is_unclear and is_system
        return tuple(texts), widened

    return more
