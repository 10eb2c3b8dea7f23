"""The survey of Pure-FTPd: sessions, jails, and the rights that its switches leave."""

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
    last_logins: Mapping[str, datetime],
) -> Survey:
    """Reads the server and changes nothing. `last_logins` are times by account name."""
    facts = login_rules.read(host, options, settings)
    sessions = list(login_rules.sessions(facts, now.date()))
    wanted = {
        path
        for session in sessions
        for path in (session.jail, session.home)
        if path.startswith("/")
    }
    real_paths = host.resolve_many(wanted)
    let_in = [session for session in sessions if not session.refused]
    jails = {real_paths[session.jail] for session in let_in if session.jail in real_paths}
    homes = {
        real_paths[session.home]
        for session in let_in
        if not session.jail and session.home in real_paths
    }
    roots = where_to_look(host, settings, jails, homes, facts.warnings)
    also = [path for path in real_paths.values() if path != "/"]
    tree = scan(host, roots, also=also, keep_names=_looks_at_names(options), is_odd=is_odd)
    tree.problems += facts.problems
    homes_to_come = (
        future_home(options, session, real_paths[session.home])
        for session in sessions
        if session.home in real_paths
    )
    future = add_homes(tree, (home for home in homes_to_come if home is not None))
    identities = Identities([Identity(o.account, o.uid, o.gid, o.groups) for o in sessions])
    members = [session.account for session in sessions if session.person is not None]
    return Survey(
        accounts=[
            _account(session, _refusal(session, real_paths, tree), last_logins.get(session.account))
            for session in sessions
        ],
        identities=identities,
        tree=tree,
        views=[_view(facts, sessions, real_paths, identities)],
        group_name=facts.users.group_name,
        groups=system_groups(facts.users, members),
        more=_reasons(facts, sessions, future),
        warnings=facts.warnings,
        source=f"Pure-FTPd, {options.folder}",
    )


def _looks_at_names(options: Options) -> bool:
    """Names that begin with a dot are special to anonymous logins, and to others by a switch."""
    prohibits = ("ProhibitDotFilesRead", "ProhibitDotFilesWrite")
    return not options.is_on("NoAnonymous") or any(map(options.is_on, prohibits))


def _view(
    facts: Facts, sessions: list[Session], real_paths: Mapping[str, str], identities: Identities
) -> View:
    def jails(now: Tree) -> dict[str, str | tuple[str, ...]]:
        """The daemon enters the home as root: from there names without a path work, even where
        the way to it is closed."""
        return {
            session.account: (
                real_paths[session.jail] if session.jail else "/",
                real_paths[session.home],
            )
            for session in sessions
            if not _refusal(session, real_paths, now)
        }

    return View(jails, _Screen(facts.options, sessions, real_paths, identities))


def _refusal(session: Session, real_paths: Mapping[str, str], tree: Tree) -> str:
    """The session starts in its home, which must exist."""
    if session.refused or tree.get(real_paths.get(session.home, "")) is not None:
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
    """Whether the name holds characters that Pure-FTPd removes from commands or refuses."""
    return "\\" in name or any(ord(character) < 32 or ord(character) == 127 for character in name)


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
    """Removes the rights that the switches forbid."""

    def __init__(
        self,
        options: Options,
        sessions: list[Session],
        real_paths: Mapping[str, str],
        identities: Identities,
    ) -> None:
        self._who, self._options = identities, options
        self.jail_of: dict[int, str] = {}
        self._start_of: dict[int, str] = {}
        self._anonymous = self._bound = 0  # bound: those for whom the limits of users hold
        for session in sessions:
            me = identities.of(session.account)
            self.jail_of[me] = real_paths.get(session.jail, "/") if session.jail else "/"
            self._start_of[me] = real_paths.get(session.home, "")
            if session.is_anonymous:
                self._anonymous |= me
            elif not session.is_trusted:
                self._bound |= me

    def __call__(self, folder: Folder, masks: Masks) -> Masks:
        by_right = dict(zip(ORDER, masks, strict=True))
        self._switches(by_right)
        self._limit_anonymous(by_right)
        self._names(by_right, folder)
        self._odd_names(by_right, folder)
        if self._options.is_on("AntiWarez"):
            # Files of the anonymous user wait for approval; in a folder of its own, without files
            # of others, the folder stands for such a file.
            own = self._anonymous & self._who.owners(folder.node)
            by_right[Rights.DOWNLOAD] &= ~own | not_own(self._who, folder, READ, stands_in=False)
        return tuple(by_right[right] for right in ORDER)

    def _switches(self, by_right: dict[Rights, int]) -> None:
        is_on, users, removes = self._options.is_on, ~self._bound, by_right[Rights.DELETE]
        if is_on("KeepAllFiles"):
            by_right[Rights.DELETE] &= users
        if is_on("AutoRename") or is_on("NoTruncate"):
            # An upload goes to another file first, which then takes the place of the old one.
            by_right[Rights.OVERWRITE] = removes
        if is_on("NoRename"):
            by_right[Rights.RENAME] = 0
        if is_on("NoChmod"):
            by_right[Rights.CHMOD] = 0

    def _limit_anonymous(self, by_right: dict[Rights, int]) -> None:
        """The anonymous login adds at most; where an upload replaces, it replaces as well."""
        others = ~self._anonymous
        for right in (Rights.DELETE, Rights.RENAME, Rights.RMDIR, Rights.CHMOD):
            by_right[right] &= others
        if not (self._options.is_on("AutoRename") or self._options.is_on("NoTruncate")):
            by_right[Rights.OVERWRITE] &= others
        if self._options.is_on("AnonymousCantUpload"):
            by_right[Rights.UPLOAD] &= others
            by_right[Rights.OVERWRITE] &= others
        if not self._options.is_on("AnonymousCanCreateDirs"):
            by_right[Rights.MKDIR] &= others

    def _names(self, by_right: dict[Rights, int], folder: Folder) -> None:
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
            by_right[Rights.DOWNLOAD] &= ~no_read | self._with_plain_names(folder, READ)
            anything = ~no_write | self._with_plain_names(folder, 0)
            replaces = self._options.is_on("AutoRename") or self._options.is_on("NoTruncate")
            writable = ~no_write | self._with_plain_names(folder, WRITE)
            by_right[Rights.OVERWRITE] &= anything if replaces else writable
            by_right[Rights.DELETE] &= anything
            by_right[Rights.RENAME] &= anything
        hidden = self._hidden(folder)
        for right in ORDER:
            if right is not Rights.LIST:
                by_right[right] &= ~(hidden & no_read)

    def _odd_names(self, by_right: dict[Rights, int], folder: Folder) -> None:
        """Names with a backslash or a control character can be listed and nothing else, except
        what lies below the folder in which a session starts."""
        typable = _typable(folder)
        if typable is not None:
            for right, wanted in _ON_FILES.items():
                needed = 0 if right is Rights.OVERWRITE and self._replaces else wanted
                by_right[right] &= not_own(self._who, folder, needed, typable.__contains__)
        if is_odd(folder.path):
            stopped = self._led_by(folder, is_odd)
            for right in ORDER:
                if right is not Rights.LIST:
                    by_right[right] &= ~stopped

    @property
    def _replaces(self) -> bool:
        return self._options.is_on("AutoRename") or self._options.is_on("NoTruncate")

    def _with_plain_names(self, folder: Folder, wanted: int) -> int:
        """Who may do this to at least one file of others whose name has no dot in front, or finds
        none of others at all."""
        plain = folder.files_named(lambda name: not name.startswith("."))
        return not_own(self._who, folder, wanted, plain.__contains__)

    def _hidden(self, folder: Folder) -> int:
        """The accounts whose path to the folder holds a name that begins with a dot."""
        if "/." not in folder.path:
            return 0
        return self._led_by(folder, lambda way: "/." in way)

    def _led_by(self, folder: Folder, stops: Callable[[str], bool]) -> int:
        """The accounts whose path to the folder holds a name that `stops`. Sessions that start
        below that name need not type it."""
        stopped = 0
        for me, jail in self.jail_of.items():
            inner = folder.path[len(jail.rstrip("/")) :]
            if stops(inner):
                start = self._start_of[me]
                below = folder.path == start or folder.path.startswith(start.rstrip("/") + "/")
                if not below or stops(folder.path[len(start) :]):
                    stopped |= me
        return stopped


def _reasons(facts: Facts, sessions: list[Session], future: Collection[str]) -> More:
    by_name = {session.account: session for session in sessions}
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
