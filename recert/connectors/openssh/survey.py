"""The survey of sshd: SFTP sessions, jails, and the requests that their server answers."""

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
    host: Host, settings: Mapping[str, str], now: datetime, last_logins: Mapping[str, datetime]
) -> Survey:
    """Reads the server and changes nothing. `last_logins` are times by account name."""
    facts = reading.read(host, settings)
    ways = [list(sessions(facts, now))]
    ways += [list(sessions(other, now)) for other in facts.elsewhere()]
    all_sessions = [session for view_sessions in ways for session in view_sessions]
    real_paths = host.resolve_many(
        {session.jail for session in all_sessions if session.jail.startswith("/")}
    )
    let_in = [session for session in all_sessions if not session.refused]
    jails = {real_paths[session.jail] for session in let_in if session.jail in real_paths}
    free = {
        session.user.home
        for session in let_in
        if not session.jail and session.user.home.startswith("/")
    }
    homes = set(host.resolve_many(free).values())
    roots = where_to_look(host, settings, jails, homes, facts.warnings)
    tree = scan(host, roots, also=[path for path in real_paths.values() if path != "/"])
    tree.problems += facts.problems
    identities = Identities([_identity(facts, session) for session in ways[0]])
    return Survey(
        accounts=_accounts(ways, real_paths, tree, last_logins),
        identities=identities,
        tree=tree,
        views=[_view(view_sessions, real_paths, identities) for view_sessions in ways],
        group_name=facts.users.group_name,
        groups=system_groups(facts.users, list(facts.users.passwd)),
        more=_reasons(
            {session.user.name: session for session in reversed(all_sessions)}, _differing(ways)
        ),
        warnings=facts.warnings,
        source=f"sshd, {settings['config']}",
    )


def _view(
    view_sessions: list[Session], real_paths: Mapping[str, str], identities: Identities
) -> View:
    """The view of clients from one sort of address."""

    def jails(now: Tree) -> dict[str, str | tuple[str, ...]]:
        return {
            session.user.name: real_paths[session.jail] if session.jail else "/"
            for session in view_sessions
            if not _refusal(session, real_paths, now)
        }

    return View(jails, _Screen(view_sessions, identities))


def _refusal(session: Session, real_paths: Mapping[str, str], tree: Tree) -> str:
    return session.refused or _refused_jail(session, real_paths, tree)


def _accounts(
    ways: list[list[Session]],
    real_paths: Mapping[str, str],
    tree: Tree,
    last_logins: Mapping[str, datetime],
) -> list[AccountFact]:
    """The accounts; each is enabled when clients from some address can log in."""
    accounts = []
    for of_account in zip(*ways, strict=True):
        refusals = [_refusal(session, real_paths, tree) for session in of_account]
        refused = refusals[0] if all(refusals) else ""
        accounts.append(_account(of_account[0], refused, last_logins.get(of_account[0].user.name)))
    return accounts


def _differing(ways: list[list[Session]]) -> set[str]:
    """Accounts whose rights depend on where the client is."""
    return {
        of_account[0].user.name
        for of_account in zip(*ways, strict=True)
        if len(set(of_account)) > 1
    }


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


def _refused_jail(session: Session, real_paths: Mapping[str, str], tree: Tree) -> str:
    """Every folder down to the jail must belong to root, and nobody else may write it."""
    if not session.jail:
        return ""
    if not session.jail.startswith("/"):
        return f"ChrootDirectory {session.jail} is no absolute path"
    position = tree.position.get(real_paths[session.jail], -1)
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

    def __init__(self, view_sessions: list[Session], identities: Identities) -> None:
        self._allowed: Masks = NOBODY
        for session in view_sessions:
            rights = masks_for(session.server.rights, identities.of(session.user.name))
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
