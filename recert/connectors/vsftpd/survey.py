"""The survey of vsftpd: sessions, jails, and the commands that its configuration leaves."""

from collections.abc import Mapping
from datetime import datetime

from recert.connectors.contract import AccountFact, AccountKind
from recert.connectors.hosts import Host
from recert.connectors.posix.permissions.acl import ENTER, READ, WRITE
from recert.connectors.posix.permissions.evaluate import (
    NOBODY,
    ORDER,
    Masks,
    both,
    limited,
    masks_for,
    not_own,
    overwritable_by_creating,
)
from recert.connectors.posix.permissions.identities import Identities, Identity
from recert.connectors.posix.permissions.scan import Folder, Tree, scan, walkers, where_to_look
from recert.connectors.posix.survey import Survey, View, system_groups
from recert.connectors.posix.to_reading import More
from recert.connectors.rights import FULL, Rights
from recert.connectors.vsftpd import command_filter
from recert.connectors.vsftpd import facts as reading
from recert.connectors.vsftpd.facts import Facts
from recert.connectors.vsftpd.login_rules import Session, sessions

_EVERYONE_READS = 4
_OVERWRITE = ORDER.index(Rights.OVERWRITE)


def survey(
    host: Host,
    settings: Mapping[str, str],
    now: datetime,
    last_logins: Mapping[str, datetime],
) -> Survey:
    """Reads the server and changes nothing. `last_logins` are times by account name."""
    facts = reading.read(host, settings)
    known_sessions = list(sessions(facts, now.date()))
    wanted = {
        path
        for session in known_sessions
        for path in (session.start, session.home)
        if path.startswith("/")
    }
    resolved = host.resolve_many(wanted)
    real_paths = {
        session.account: resolved[session.start]
        for session in known_sessions
        if session.start in resolved
    } | resolved
    let_in = [
        session
        for session in known_sessions
        if not session.refused and session.account in real_paths
    ]
    jails = {real_paths[session.account] for session in let_in if session.is_jailed}
    homes = {real_paths[session.account] for session in let_in if not session.is_jailed}
    roots = where_to_look(host, settings, jails, homes, facts.warnings)
    tree = scan(host, roots, also=[path for path in real_paths.values() if path != "/"])
    tree.problems += facts.problems
    return _survey(facts, known_sessions, real_paths, tree, last_logins)


def _survey(
    facts: Facts,
    known_sessions: list[Session],
    real_paths: Mapping[str, str],
    tree: Tree,
    last_logins: Mapping[str, datetime],
) -> Survey:
    identities = Identities([_identity(facts, session) for session in known_sessions])

    def refusal(session: Session, now: Tree) -> str:
        return session.refused or _refused_by_folder(session, real_paths, now, identities)

    def jails(now: Tree) -> dict[str, str | tuple[str, ...]]:
        return {
            session.account: real_paths[session.account] if session.is_jailed else "/"
            for session in known_sessions
            if not refusal(session, now)
        }

    screen = _Screen(known_sessions, identities, facts.protects_regular_files)
    return Survey(
        accounts=[
            _account(session, refusal(session, tree), last_logins.get(session.account))
            for session in known_sessions
        ],
        identities=identities,
        tree=tree,
        views=[View(jails, screen, list_needs_enter=False)],
        group_name=facts.users.group_name,
        groups=system_groups(
            facts.users, [session.account for session in known_sessions if session.person]
        ),
        more=_reasons({session.account: session for session in known_sessions}, facts),
        warnings=facts.warnings,
        source=f"vsftpd, {facts.config}",
    )


def _identity(facts: Facts, session: Session) -> Identity:
    user = session.runs_as
    if user is None:
        return Identity(session.account, -2, -2, frozenset())
    groups = facts.users.groups_of(user.name, user.gid)
    return Identity(session.account, user.uid, user.gid, groups)


def _account(session: Session, refused: str, last_login: datetime | None) -> AccountFact:
    person = session.person
    return AccountFact(
        name=session.account,
        enabled=not refused,
        kind=session.kind,
        display_name=person.display_name if person else "",
        email=person.email if person else "",
        last_login=last_login,
        note=refused,
    )


def _refused_by_folder(
    session: Session, real_paths: Mapping[str, str], tree: Tree, identities: Identities
) -> str:
    """The daemon enters the home, then the folder of the session, as the account (for anonymous
    logins, and guests like them, as root); a jail must not be writable for it. Without a jail a
    folder that cannot be entered is forgiven."""
    me = identities.of(session.account)
    start = real_paths.get(session.account, "")
    folder = tree.get(start)
    is_anonymous = session.kind is AccountKind.ANONYMOUS
    if session.as_anonymous:
        if folder is None:
            return f"its folder {session.start} does not exist"
    elif not walkers(tree, identities, real_paths.get(session.home, session.home)) & me:
        return f"its home {session.home} cannot be entered"
    elif not walkers(tree, identities, start) & me:
        return f"its folder {session.start} cannot be entered" if session.is_jailed else ""
    writable = folder is not None and identities.may(folder.node, WRITE) & me
    accepted = session.options.is_on("allow_writeable_chroot") and not is_anonymous
    if session.is_jailed and writable and not accepted:
        return f"the root of its jail {session.start} is writable, which vsftpd refuses"
    return ""


class _Screen:
    """Removes the rights that the configuration forbids. One object serves all folders."""

    def __init__(self, sessions: list[Session], identities: Identities, protected: int) -> None:
        self._who = identities
        self._protected = protected
        self._allowed: Masks = NOBODY
        self._only_public = 0  # those who see only what everybody may read
        self._must_enter = 0  # those for whom a folder that cannot be entered shows nothing
        for session in sessions:
            me = identities.of(session.account)
            rights = command_filter.allowed(session.options, as_anonymous=session.as_anonymous)
            self._allowed = both(self._allowed, masks_for(rights, me))
            if session.as_anonymous and session.options.is_on("anon_world_readable_only"):
                self._only_public |= me
            if not command_filter.can_name_only(session.options):
                self._must_enter |= me

    def __call__(self, folder: Folder, masks: Masks) -> Masks:
        masks = limited(masks, self._allowed)
        if self._protected and masks[_OVERWRITE]:  # the daemon opens so that it could create
            allowed = overwritable_by_creating(self._who, folder, self._protected)
            left = masks[_OVERWRITE] & allowed
            masks = (*masks[:_OVERWRITE], left, *masks[_OVERWRITE + 1 :])
        if self._must_enter & masks[0]:
            listing = masks[0] & (~self._must_enter | self._who.may(folder.node, ENTER))
            masks = (listing, *masks[1:])
        if not self._only_public & (masks[0] | masks[1]):
            return masks
        listing = masks[0]
        if not folder.node.mode & _EVERYONE_READS:
            listing &= ~self._only_public
        public = self._readable(folder)
        return (listing, masks[1] & (~self._only_public | public), *masks[2:])

    def _readable(self, folder: Folder) -> int:
        """Who can read at least one file of somebody else that everybody may read."""
        default = folder.node.default
        public = default.other if default is not None else folder.node.mode
        return not_own(
            self._who,
            folder,
            READ,
            lambda file: bool(file.mode & _EVERYONE_READS),
            stands_in=bool(public & _EVERYONE_READS),
        )


def _reasons(sessions_by_account: Mapping[str, Session], facts: Facts) -> More:
    """Explains what the configuration takes away, and marks what Recert cannot judge."""
    unclear = (*facts.unclear, *facts.users.doubts)
    texts: dict[str, tuple[str, ...]] = {}

    def more(identity: Identity, folder: str, rights: Rights) -> tuple[tuple[str, ...], bool]:
        session = sessions_by_account[identity.account]
        doubts = (*unclear, *session.doubts)
        if identity.account not in texts:
            left = command_filter.allowed(session.options, as_anonymous=session.as_anonymous)
            limits = command_filter.reasons(session.options, as_anonymous=session.as_anonymous)
            texts[identity.account] = (*(limits if left != FULL else ()), *doubts)
        return texts[identity.account], bool(doubts)

    return more
