"""What Pure-FTPd gives: sessions, jails, and what its switches take away."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from recert.connectors.contract import AccountFact
from recert.connectors.hosts import Host
from recert.connectors.posix.permissions.acl import READ, WRITE, Node
from recert.connectors.posix.permissions.created_homes import add_homes
from recert.connectors.posix.permissions.evaluate import ORDER, Masks, not_own
from recert.connectors.posix.permissions.identities import Identities, Identity
from recert.connectors.posix.permissions.scan import Folder, Tree, scan, where_to_look
from recert.connectors.posix.survey import Survey, View, system_groups
from recert.connectors.posix.to_reading import More
from recert.connectors.pureftpd import login_rules
from recert.connectors.pureftpd.known_options import Options
from recert.connectors.pureftpd.login_rules import Facts, Session, future_home
from recert.connectors.rights import FULL, Rights


def survey(
    host: Host,
    options: Options,
    settings: Mapping[str, str],
    now: datetime,
    seen: Mapping[str, datetime],
) -> Survey:
    """Reads everything; changes nothing. `seen` holds last logins by account."""
    facts = login_rules.read(host, options, settings)
    known = list(login_rules.sessions(facts, now.date()))
    wanted = {path for one in known for path in (one.jail, one.home) if path.startswith("/")}
    places = host.resolve_many(wanted)
    let_in = [one for one in known if not one.refused]
    jails = {places[one.jail] for one in let_in if one.jail in places}
    homes = {places[one.home] for one in let_in if not one.jail and one.home in places}
    roots = where_to_look(host, settings, jails, homes, facts.warnings)
    also = [place for place in places.values() if place != "/"]
    tree = scan(host, roots, also=also, keep_names=_looks_at_names(options), is_odd=is_odd)
    tree.problems += facts.problems
    homes_to_come = (
        future_home(options, one, places[one.home]) for one in known if one.home in places
    )
    future = add_homes(tree, (home for home in homes_to_come if home is not None))
    identities = Identities([Identity(o.account, o.uid, o.gid, o.groups) for o in known])
    members = [one.account for one in known if one.person is not None]
    return Survey(
        accounts=[
            _account(one, _refusal(one, places, tree), seen.get(one.account)) for one in known
        ],
        identities=identities,
        tree=tree,
        views=[_view(facts, known, places, identities)],
        group_name=facts.users.group_name,
        groups=system_groups(facts.users, members),
        more=_reasons(facts, known, future),
        warnings=facts.warnings,
        source=f"Pure-FTPd, {options.folder}",
    )


def _looks_at_names(options: Options) -> bool:
    """Names that begin with a dot are special to anonymous logins, and to others by a switch."""
    prohibits = ("ProhibitDotFilesRead", "ProhibitDotFilesWrite")
    return not options.is_on("NoAnonymous") or any(map(options.is_on, prohibits))


def _view(
    facts: Facts, known: list[Session], places: Mapping[str, str], identities: Identities
) -> View:
    def jails(now: Tree) -> dict[str, str | tuple[str, ...]]:
        """The daemon enters the home as root: from there names without a path work, even where
        the way to it is closed."""
        return {
            one.account: (places[one.jail] if one.jail else "/", places[one.home])
            for one in known
            if not _refusal(one, places, now)
        }

    return View(jails, _Screen(facts.options, known, places, identities))


def _refusal(session: Session, places: Mapping[str, str], tree: Tree) -> str:
    """The session starts in its home, which must exist."""
    if session.refused or tree.get(places.get(session.home, "")) is not None:
        return session.refused
    return f"its home {session.home} does not exist"


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


def is_odd(name: str) -> bool:
    """Whether the name holds what Pure-FTPd takes out of commands or refuses in them."""
    return "\\" in name or any(ord(letter) < 32 or ord(letter) == 127 for letter in name)


def _typable(folder: Folder) -> set[Node] | None:
    """The kinds of files with names that can be typed; None when all can."""
    if folder.named is None:
        return folder.plain
    if not any(is_odd(name) for name, _ in folder.named):
        return None
    return folder.files_named(lambda name: not is_odd(name))


_ON_FILES = {
    Rights.DOWNLOAD: READ,
    Rights.OVERWRITE: WRITE,
    Rights.DELETE: 0,
    Rights.RENAME: 0,
}


class _Screen:
    """Takes away what the switches forbid."""

    def __init__(
        self,
        options: Options,
        known: list[Session],
        places: Mapping[str, str],
        identities: Identities,
    ) -> None:
        self._who, self._options = identities, options
        self.jail_of: dict[int, str] = {}
        self._start_of: dict[int, str] = {}
        self._anonymous = self._bound = 0  # bound: those for whom the limits of users hold
        for one in known:
            me = identities.of(one.account)
            self.jail_of[me] = places.get(one.jail, "/") if one.jail else "/"
            self._start_of[me] = places.get(one.home, "")
            if one.is_anonymous:
                self._anonymous |= me
            elif not one.is_trusted:
                self._bound |= me

    def __call__(self, folder: Folder, masks: Masks) -> Masks:
        found = dict(zip(ORDER, masks, strict=True))
        self._switches(found)
        self._limit_anonymous(found)
        self._names(found, folder)
        self._odd_names(found, folder)
        if self._options.is_on("AntiWarez"):
            # Files of the anonymous user wait for a look; in a folder of its own, without files
            # of others, the folder stands for such a file.
            own = self._anonymous & self._who.owners(folder.node)
            found[Rights.DOWNLOAD] &= ~own | not_own(self._who, folder, READ, stands_in=False)
        return tuple(found[right] for right in ORDER)

    def _switches(self, found: dict[Rights, int]) -> None:
        is_on, users, removes = self._options.is_on, ~self._bound, found[Rights.DELETE]
        if is_on("KeepAllFiles"):
            found[Rights.DELETE] &= users
        if is_on("AutoRename") or is_on("NoTruncate"):
            # An upload goes to another file first, which then takes the place of the old one.
            found[Rights.OVERWRITE] = removes
        if is_on("NoRename"):
            found[Rights.RENAME] = 0
        if is_on("NoChmod"):
            found[Rights.CHMOD] = 0

    def _limit_anonymous(self, found: dict[Rights, int]) -> None:
        """The anonymous login adds at most; where an upload replaces, it replaces as well."""
        others = ~self._anonymous
        for right in (Rights.DELETE, Rights.RENAME, Rights.RMDIR, Rights.CHMOD):
            found[right] &= others
        if not (self._options.is_on("AutoRename") or self._options.is_on("NoTruncate")):
            found[Rights.OVERWRITE] &= others
        if self._options.is_on("AnonymousCantUpload"):
            found[Rights.UPLOAD] &= others
            found[Rights.OVERWRITE] &= others
        if not self._options.is_on("AnonymousCanCreateDirs"):
            found[Rights.MKDIR] &= others

    def _names(self, found: dict[Rights, int], folder: Folder) -> None:
        """Names that begin with a dot, as a client would type them."""
        no_read = self._bound if self._options.is_on("ProhibitDotFilesRead") else 0
        no_write = no_read
        if self._options.is_on("ProhibitDotFilesWrite"):
            no_write |= self._bound
        if not self._options.is_on("AllowDotFiles"):
            no_read |= self._anonymous
        no_write |= self._anonymous
        if not no_read | no_write:
            return
        if folder.files:
            found[Rights.DOWNLOAD] &= ~no_read | self._with_plain_names(folder, READ)
            anything = ~no_write | self._with_plain_names(folder, 0)
            replaces = self._options.is_on("AutoRename") or self._options.is_on("NoTruncate")
            writable = ~no_write | self._with_plain_names(folder, WRITE)
            found[Rights.OVERWRITE] &= anything if replaces else writable
            found[Rights.DELETE] &= anything
            found[Rights.RENAME] &= anything
        hidden = self._hidden(folder)
        for right in ORDER:
            if right is not Rights.LIST:
                found[right] &= ~(hidden & no_read)

    def _odd_names(self, found: dict[Rights, int], folder: Folder) -> None:
        """Names with a backslash or a control character can be listed and nothing else, except
        what lies below the folder in which a session starts."""
        typable = _typable(folder)
        if typable is not None:
            for right, wanted in _ON_FILES.items():
                needed = 0 if right is Rights.OVERWRITE and self._replaces else wanted
                found[right] &= not_own(self._who, folder, needed, typable.__contains__)
        if is_odd(folder.path):
            stopped = self._led_by(folder, is_odd)
            for right in ORDER:
                if right is not Rights.LIST:
                    found[right] &= ~stopped

    @property
    def _replaces(self) -> bool:
        return self._options.is_on("AutoRename") or self._options.is_on("NoTruncate")

    def _with_plain_names(self, folder: Folder, wanted: int) -> int:
        """Who may do this to at least one file of others whose name has no dot in front, or finds
        none of others at all."""
        plain = folder.files_named(lambda name: not name.startswith("."))
        return not_own(self._who, folder, wanted, plain.__contains__)

    def _hidden(self, folder: Folder) -> int:
        """For whom the way to the folder leads through a name with a dot in front."""
        if "/." not in folder.path:
            return 0
        return self._led_by(folder, lambda way: "/." in way)

    def _led_by(self, folder: Folder, stops: Callable[[str], bool]) -> int:
        """For whom something stops on the way to the folder. Who starts inside of it need not
        type the name."""
        found = 0
        for me, jail in self.jail_of.items():
            inner = folder.path[len(jail.rstrip("/")) :]
            if stops(inner):
                start = self._start_of[me]
                below = folder.path == start or folder.path.startswith(start.rstrip("/") + "/")
                if not below or stops(folder.path[len(start) :]):
                    found |= me
        return found


def _reasons(facts: Facts, known: list[Session], future: Collection[str]) -> More:
    by_name = {one.account: one for one in known}
    switches = tuple(
        f"limited by {name}"
        for name in ("KeepAllFiles", "NoRename", "ProhibitDotFilesRead", "ProhibitDotFilesWrite")
        if facts.options.is_on(name)
    )

    def more(identity: Identity, folder: str, rights: Rights) -> tuple[tuple[str, ...], bool]:
        session = by_name[identity.account]
        limits = ("limited as an anonymous login",) if session.is_anonymous else switches
        shown = () if rights == FULL else limits
        unsure = (*session.notes, *session.doubts)
        if folder in future:
            unsure += ("made at the first sign-in (CreateHomeDir)",)
        return (*shown, *unsure), bool(facts.users.doubts or unsure)

    return more
