"""One listener of the daemon: its sessions, their roots, and their rights in each folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from recert.connectors.posix.permissions.acl import ENTER, READ, Node
from recert.connectors.posix.permissions.evaluate import FolderRights, both, evaluate
from recert.connectors.posix.permissions.identities import Identities, Identity
from recert.connectors.posix.permissions.scan import Tree, walkers
from recert.connectors.proftpd.access.command_filter import Screen, View
from recert.connectors.proftpd.access.config_views import overrides, views
from recert.connectors.proftpd.access.data_connections import cut_off
from recert.connectors.proftpd.access.limits import Judge
from recert.connectors.proftpd.access.links import Names
from recert.connectors.proftpd.access.login_guards import allows_links, guard_of, speaks
from recert.connectors.proftpd.access.login_rules import Session, login_limits
from recert.connectors.proftpd.authentication.account_paths import leads_over_a_link
from recert.connectors.proftpd.authentication.user_expressions import Roster
from recert.connectors.proftpd.configuration.listeners import FTP
from recert.connectors.proftpd.configuration.sections import Section, on
from recert.connectors.proftpd.daemon import Known

_NOBODY_AT_ALL = -2


@dataclass(frozen=True)
class Ground:
    """What was looked at on disk, shared by all listeners."""

    tree: Tree
    resolved: Mapping[str, str]  # real paths of homes and roots
    ftpaccess: Mapping[str, bytes]
    nodes: Mapping[str, Node]  # of the .ftpaccess files
    links: Mapping[str, str] = field(default_factory=dict)  # to folders, and what stands in them
    future: frozenset[str] = frozenset()  # folders that the first sign-in makes


@dataclass
class Listener:
    """One server and its protocol, with everything that is known about its accounts."""

    server: Section
    protocol: str
    sessions: Sequence[Session | None]
    identities: Identities
    screen: Screen
    refused: Mapping[str, str]
    homes: Mapping[str, str]  # account -> real path of its home
    roots: Mapping[str, str]  # account -> real path of its root
    at_home: frozenset[str]  # accounts that look for their root themselves
    elsewhere: Mapping[str, tuple[str, ...]]  # account -> folders that mod_vroot shows in its root
    classes: frozenset[str] = frozenset()  # those of the client

    @property
    def title(self) -> str:
        of_class = f", class {' '.join(sorted(self.classes))}" if self.classes else ""
        return f"{self.protocol.upper()} ({self.server.statement.text}{of_class})"

    def refusal(self, account: str, tree: Tree) -> str:
        """Why the account cannot use this listener; empty when it can."""
        if account in self.refused:
            return self.refused[account]
        root = self.roots[account]
        if tree.get(root) is None:
            return f"its root {root} does not exist"
        if root == "/" and not self._walks_to(self.homes[account], account, tree):
            return f"its home {self.homes[account]} cannot be entered"
        if account in self.at_home and not self._walks_to(root, account, tree):
            return f"its root {root} cannot be entered"
        return ""

    def first_folder(self, account: str) -> str:
        """Where a session begins: at home, or at its root when home lies outside."""
        root, home = self.roots[account], self.homes[account]
        return home if f"{home}/".startswith(f"{root.rstrip('/')}/") else root

    def _walks_to(self, path: str, account: str, tree: Tree) -> bool:
        who = self.identities
        return bool(walkers(tree, who, path) & who.of(account))

    def jails(self, tree: Tree) -> dict[str, str]:
        return {name: root for name, root in self.roots.items() if not self.refusal(name, tree)}

    def rights(self, tree: Tree) -> list[FolderRights]:
        folders = evaluate(tree, self.identities, self.jails(tree), self.screen)
        if not self.elsewhere:
            return folders
        # Which sections hold below an alias is not known, so none is taken to close anything.
        jails = {name: self.elsewhere[name] for name in self.jails(tree) if name in self.elsewhere}
        more = evaluate(tree, self.identities, jails)
        return [
            FolderRights(one.folder, both(one.masks, other.masks))
            for one, other in zip(folders, more, strict=True)
        ]


def open_listener(
    server: Section,
    protocol: str,
    known: Known,
    names: Sequence[str],
    found: Sequence[Session | None],
    ground: Ground,
    classes: frozenset[str] = frozenset(),
) -> Listener:
    """Everything about one server, for all accounts by their number, and for clients of these
    classes."""
    pairs = list(zip(names, found, strict=True))
    who = Identities([_identity(name, one) for name, one in pairs])
    roster = Roster()
    for name, one in pairs:
        if one is not None:
            roster.add(who.of(name), one.entry.name, one.groups)
    judge = Judge(roster)

    def readers(path: str) -> int:
        folder = ground.tree.get(path.rpartition("/")[0] or "/")
        node = ground.nodes.get(path)
        if node is None or folder is None:
            return 0
        return who.may(node, READ) & who.may(folder.node, ENTER)

    dynamic, broken = overrides(ground.ftpaccess, readers)
    known.warnings += [text for text in broken if text not in known.warnings]
    located = [_located(one, ground.resolved, server) for one in found]
    shown = views(server, located, roster, dynamic, ground.resolved, classes)
    pairs = list(zip(names, located, strict=True))
    refused = _refusals(pairs, who, judge, shown, protocol)
    listener = Listener(
        server=server,
        protocol=protocol,
        sessions=located,
        identities=who,
        screen=Screen(
            protocol,
            judge,
            shown,
            known.loaded,
            known.layout.doubts,
            who=who,
        ),
        refused=refused,
        homes={
            name: ground.resolved.get(one.entry.home, "") for name, one in pairs if one is not None
        },
        roots={
            name: one.root or "/"
            for name, one in zip(names, located, strict=True)
            if one is not None and name not in refused
        },
        at_home=frozenset(name for name, one in pairs if one is not None and one.root_is_at_home),
        elsewhere=dict(_elsewhere(shown, pairs, who, ground)),
        classes=classes,
    )
    listener.screen.unsure = _unsure(judge, shown)
    listener.screen.guard = guard_of(
        server, [(root, who.of(name)) for name, root in listener.roots.items()]
    )
    if protocol == FTP:
        together: dict[str, int] = {}
        for name, root in listener.roots.items():
            together[root] = together.get(root, 0) | who.of(name)
        listener.screen.names = Names(ground.tree, who, together, ground.links)
        listener.screen.cut_off = cut_off(
            listener.screen,
            {who.of(name): listener.first_folder(name) for name in listener.roots},
            {who.of(name): root for name, root in listener.roots.items()},
            ground.tree,
        )
    return listener


def _refusals(
    pairs: Sequence[tuple[str, Session | None]],
    who: Identities,
    judge: Judge,
    shown: Sequence[View],
    protocol: str,
) -> dict[str, str]:
    """Why each account that the server lets not in is refused."""
    refused = {
        name: one.refused if one is not None else "not known to this server"
        for name, one in pairs
        if one is None or one.refused
    }
    for view in shown:
        *_, top = view.level.chain()
        allowed = login_limits(judge, view.level, top)
        for identity in who.members(view.accounts & ~allowed):
            me = who.of(identity.account)
            refused[identity.account] = _login_denied(judge, view.level, me)
        unspoken = speaks(view.level, protocol)
        if unspoken:
            refused |= {one.account: unspoken for one in who.members(view.accounts)}
    return refused


def _unsure(judge: Judge, shown: Sequence[View]) -> int:
    """Accounts of which it depends on the client whether they may log in."""
    accounts = 0
    for view in shown:
        *_, top = view.level.chain()
        surely = login_limits(judge, view.level, top, lenient=False)
        accounts |= view.accounts & login_limits(judge, view.level, top) & ~surely
    return accounts


def _located(one: Session | None, resolved: Mapping[str, str], server: Section) -> Session | None:
    if one is None or not one.root:
        return one
    place = resolved.get(one.root, one.root)
    refused = one.refused
    if not allows_links(server) and leads_over_a_link(one.root, place):
        refused = refused or f"the way to its root {one.root} is a link (AllowChrootSymlinks off)"
    return replace(one, root=place, refused=refused)


def _elsewhere(
    shown: Sequence[View],
    pairs: Sequence[tuple[str, Session | None]],
    who: Identities,
    ground: Ground,
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What VRootAlias shows to each account, as real paths."""
    known = dict(pairs)
    for view in shown:
        *_, server = view.level.chain()
        lines = list(server.values("vrootalias"))
        if not lines or not on(server.value("vrootengine"), False):
            continue
        for identity in who.members(view.accounts):
            session = known[identity.account]
            if session is not None:
                paths = [session.expanded(line.args[0]) for line in lines if line.args]
                yield identity.account, tuple(ground.resolved.get(path, path) for path in paths)


def _login_denied(judge: Judge, level: Section, account: int) -> str:
    for place in level.chain():
        for block in place.limits():
            if judge.shuts_out(block, account):
                return f"denied by {block.statement.text} at {block.place}"
    return "denied by <Limit LOGIN>"


def _identity(name: str, one: Session | None) -> Identity:
    if one is None:
        return Identity(name, _NOBODY_AT_ALL, _NOBODY_AT_ALL, frozenset())
    return Identity(name, one.entry.uid, one.entry.gid, one.gids)
