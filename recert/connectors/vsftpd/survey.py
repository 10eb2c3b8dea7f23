"""What vsftpd gives: sessions, jails, and the commands that its configuration leaves."""

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
    seen: Mapping[str, datetime],
) -> Survey:
    """Reads everything; changes nothing. `seen` holds last logins by account."""
    facts = reading.read(host, settings)
    known = list(sessions(facts, now.date()))
    wanted = {path for one in known for path in (one.start, one.home) if path.startswith("/")}
    real = host.resolve_many(wanted)
    places = {one.account: real[one.start] for one in known if one.start in real} | real
    let_in = [one for one in known if not one.refused and one.account in places]
    jails = {places[one.account] for one in let_in if one.is_jailed}
    homes = {places[one.account] for one in let_in if not one.is_jailed}
    roots = where_to_look(host, settings, jails, homes, facts.warnings)
    tree = scan(host, roots, also=[p for p in places.values() if p != "/"])
    tree.problems += facts.problems
    return _survey(facts, known, places, tree, seen)


def _survey(
    facts: Facts,
    known: list[Session],
    places: Mapping[str, str],
    tree: Tree,
    seen: Mapping[str, datetime],
) -> Survey:
    identities = Identities([_identity(facts, one) for one in known])

    def refusal(session: Session, now: Tree) -> str:
        return session.refused or _refused_by_folder(session, places, now, identities)

    def jails(now: Tree) -> dict[str, str | tuple[str, ...]]:
        return {
            one.account: places[one.account] if one.is_jailed else "/"
            for one in known
            if not refusal(one, now)
        }

    screen = _Screen(known, identities, facts.protects_regular_files)
    return Survey(
        accounts=[_account(one, refusal(one, tree), seen.get(one.account)) for one in known],
        identities=identities,
        tree=tree,
        views=[View(jails, screen, list_needs_enter=False)],
        group_name=facts.users.group_name,
        groups=system_groups(facts.users, [one.account for one in known if one.person]),
        more=_reasons({one.account: one for one in known}, facts),
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
    session: Session, places: Mapping[str, str], tree: Tree, identities: Identities
) -> str:
    """The daemon enters the home, then the folder of the session, as the account (for anonymous
    logins, and guests like them, as root); a jail must not be writable for it. Without a jail a
    folder that cannot be entered is forgiven."""
    me = identities.of(session.account)
    place = places.get(session.account, "")
    folder = tree.get(place)
    is_anonymous = session.kind is AccountKind.ANONYMOUS
    if session.as_anonymous:
        if folder is None:
            return f"its folder {session.start} does not exist"
    elif not walkers(tree, identities, places.get(session.home, session.home)) & me:
        return f"its home {session.home} cannot be entered"
    elif not walkers(tree, identities, place) & me:
        return f"its folder {session.start} cannot be entered" if session.is_jailed else ""
    writable = folder is not None and identities.may(folder.node, WRITE) & me
    accepted = session.options.is_on("allow_writeable_chroot") and not is_anonymous
    if session.is_jailed and writable and not accepted:
        return f"the root of its jail {session.start} is writable, which vsftpd refuses"
    return ""


class _Screen:
    """Takes away what the configuration forbids. One object serves all folders."""

    def __init__(self, known: list[Session], identities: Identities, protected: int) -> None:
        self._who = identities
        self._protected = protected
        self._allowed: Masks = NOBODY
        self._only_public = 0  # those who see only what everybody may read
        self._must_enter = 0  # those for whom a folder that cannot be entered shows nothing
        for one in known:
            me = identities.of(one.account)
            rights = command_filter.allowed(one.options, as_anonymous=one.as_anonymous)
            self._allowed = both(self._allowed, masks_for(rights, me))
            if one.as_anonymous and one.options.is_on("anon_world_readable_only"):
                self._only_public |= me
            if not command_filter.can_name_only(one.options):
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


def _reasons(known: Mapping[str, Session], facts: Facts) -> More:
    """Adds what the configuration takes away, and marks what we cannot judge."""
    unclear = (*facts.unclear, *facts.users.doubts)
    texts: dict[str, tuple[str, ...]] = {}

    def more(identity: Identity, folder: str, rights: Rights) -> tuple[tuple[str, ...], bool]:
        session = known[identity.account]
        doubts = (*unclear, *session.doubts)
        if identity.account not in texts:
            left = command_filter.allowed(session.options, as_anonymous=session.as_anonymous)
            limits = command_filter.reasons(session.options, as_anonymous=session.as_anonymous)
            texts[identity.account] = (*(limits if left != FULL else ()), *doubts)
        return texts[identity.account], bool(doubts)

    return more
