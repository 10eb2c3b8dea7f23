"""What sshd gives: SFTP sessions, jails, and the requests that their server answers."""

from collections.abc import Mapping
from datetime import datetime

from recert.connectors.contract import AccountFact
from recert.connectors.hosts import Host
from recert.connectors.openssh import facts as reading
from recert.connectors.openssh.facts import Facts
from recert.connectors.openssh.login_rules import Session, sessions
from recert.connectors.posix.permissions.evaluate import NOBODY, Masks, both, limited, masks_for
from recert.connectors.posix.permissions.identities import Identities, Identity
from recert.connectors.posix.permissions.scan import Folder, Tree, scan, where_to_look
from recert.connectors.posix.survey import Survey, View, system_groups
from recert.connectors.posix.to_reading import More
from recert.connectors.rights import FULL, Rights, say

_OTHERS_WRITE = 0o022


def survey(
    host: Host, settings: Mapping[str, str], now: datetime, seen: Mapping[str, datetime]
) -> Survey:
    """Reads everything; changes nothing. `seen` holds last logins by account."""
    facts = reading.read(host, settings)
    ways = [list(sessions(facts, now))]
    ways += [list(sessions(other, now)) for other in facts.elsewhere()]
    every = [one for known in ways for one in known]
    places = host.resolve_many({one.jail for one in every if one.jail.startswith("/")})
    let_in = [one for one in every if not one.refused]
    jails = {places[one.jail] for one in let_in if one.jail in places}
    free = {one.user.home for one in let_in if not one.jail and one.user.home.startswith("/")}
    homes = set(host.resolve_many(free).values())
    roots = where_to_look(host, settings, jails, homes, facts.warnings)
    tree = scan(host, roots, also=[place for place in places.values() if place != "/"])
    tree.problems += facts.problems
    identities = Identities([_identity(facts, one) for one in ways[0]])
    return Survey(
        accounts=_accounts(ways, places, tree, seen),
        identities=identities,
        tree=tree,
        views=[_view(known, places, identities) for known in ways],
        group_name=facts.users.group_name,
        groups=system_groups(facts.users, list(facts.users.passwd)),
        more=_reasons({one.user.name: one for one in reversed(every)}, _differing(ways)),
        warnings=facts.warnings,
        source=f"sshd, {settings['config']}",
    )


def _view(known: list[Session], places: Mapping[str, str], identities: Identities) -> View:
    """One way in: the sessions of clients from one sort of address."""

    def jails(now: Tree) -> dict[str, str | tuple[str, ...]]:
        return {
            one.user.name: places[one.jail] if one.jail else "/"
            for one in known
            if not _refusal(one, places, now)
        }

    return View(jails, _Screen(known, identities))


def _refusal(session: Session, places: Mapping[str, str], tree: Tree) -> str:
    return session.refused or _refused_jail(session, places, tree)


def _accounts(
    ways: list[list[Session]],
    places: Mapping[str, str],
    tree: Tree,
    seen: Mapping[str, datetime],
) -> list[AccountFact]:
    """An account is enabled when one of the ways lets it in."""
    found = []
    for ones in zip(*ways, strict=True):
        refusals = [_refusal(one, places, tree) for one in ones]
        refused = refusals[0] if all(refusals) else ""
        found.append(_account(ones[0], refused, seen.get(ones[0].user.name)))
    return found


def _differing(ways: list[list[Session]]) -> set[str]:
    """Accounts whose rights depend on where the client is."""
    return {ones[0].user.name for ones in zip(*ways, strict=True) if len(set(ones)) > 1}


def _identity(facts: Facts, session: Session) -> Identity:
    user = session.user
    groups = facts.users.groups_of(user.name, user.gid)
    return Identity(user.name, user.uid, user.gid, groups)


def _account(session: Session, refused: str, last_login: datetime | None) -> AccountFact:
    return AccountFact(
        name=session.user.name,
        enabled=not refused,
        kind=session.kind,
        display_name=session.user.display_name,
        email=session.user.email,
        last_login=last_login,
        note=refused,
        keys=session.keys,
    )


def _refused_jail(session: Session, places: Mapping[str, str], tree: Tree) -> str:
    """Every folder down to the jail must belong to root, and nobody else may write it."""
    if not session.jail:
        return ""
    if not session.jail.startswith("/"):
        return f"ChrootDirectory {session.jail} is no absolute path"
    position = tree.position.get(places[session.jail], -1)
    if position < 0:
        return f"its jail {session.jail} does not exist"
    while position >= 0:
        folder = tree.folders[position]
        if folder.node.uid != 0 or folder.node.mode & _OTHERS_WRITE:
            return f"sshd refuses the jail {session.jail}: {folder.path} is not root's alone"
        position = folder.above
    return ""


class _Screen:
    """Takes away what the flags of the SFTP server forbid. (A rename that links and unlinks falls
    back to a plain one where links of others' files are forbidden, so both are one right.)"""

    def __init__(self, known: list[Session], identities: Identities) -> None:
        self._allowed: Masks = NOBODY
        for one in known:
            rights = masks_for(one.server.rights, identities.of(one.user.name))
            self._allowed = both(self._allowed, rights)

    def __call__(self, folder: Folder, masks: Masks) -> Masks:
        return limited(masks, self._allowed)


def _reasons(known: Mapping[str, Session], differing: set[str]) -> More:
    texts: dict[str, tuple[str, ...]] = {}

    def more(identity: Identity, folder: str, rights: Rights) -> tuple[tuple[str, ...], bool]:
        session = known[identity.account]
        if identity.account not in texts:
            left = session.server.rights
            limits = (
                (f"the SFTP server leaves only {say(left)} ({session.server_place})",)
                if left & FULL != FULL
                else ()
            )
            texts[identity.account] = (*limits, *session.notes)
        depends = identity.account in differing
        also = ("depends on the client's address",) if depends else ()
        return (*texts[identity.account], *also), session.widened or depends

    return more
