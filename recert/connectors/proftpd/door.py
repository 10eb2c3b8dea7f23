"""One door of the daemon: who comes in by it, where he then is, and what he may do there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from recert.connectors.posix.acl import ENTER, READ, Node
from recert.connectors.posix.evaluate import FolderRights, evaluate
from recert.connectors.posix.identities import Identities, Identity
from recert.connectors.posix.scan import Tree, walkers
from recert.connectors.proftpd.doors import FTP
from recert.connectors.proftpd.facts import Known
from recert.connectors.proftpd.limits import Judge
from recert.connectors.proftpd.lists import Roster
from recert.connectors.proftpd.logins import Session, login_limits
from recert.connectors.proftpd.screen import Screen, View
from recert.connectors.proftpd.sections import Section
from recert.connectors.proftpd.transfers import cut_off
from recert.connectors.proftpd.views import overrides, views

_NOBODY_AT_ALL = -2


@dataclass(frozen=True)
class Ground:
    """What was looked at on disk, shared by all doors."""

    tree: Tree
    resolved: Mapping[str, str]  # real paths of homes and roots
    ftpaccess: Mapping[str, bytes]
    nodes: Mapping[str, Node]  # of the .ftpaccess files


@dataclass
class Door:
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

    @property
    def title(self) -> str:
        return f"{self.protocol.upper()} ({self.server.statement.text})"

    def refusal(self, account: str, tree: Tree) -> str:
        """Why the account cannot use this door; empty when it can."""
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
        return evaluate(tree, self.identities, self.jails(tree), self.screen)


def open_door(
    server: Section,
    protocol: str,
    known: Known,
    names: Sequence[str],
    found: Sequence[Session | None],
    ground: Ground,
) -> Door:
    """Everything about one server, for all accounts by their number."""
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
    located = [_located(one, ground.resolved) for one in found]
    shown = views(server, located, roster, dynamic, ground.resolved)
    refused = _refusals(pairs, who, judge, shown)
    door = Door(
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
    )
    if protocol == FTP:
        door.screen.cut_off = cut_off(
            door.screen,
            {who.of(name): door.first_folder(name) for name in door.roots},
            {who.of(name): root for name, root in door.roots.items()},
            ground.tree,
        )
    return door


def _refusals(
    pairs: Sequence[tuple[str, Session | None]],
    who: Identities,
    judge: Judge,
    shown: Sequence[View],
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
    return refused


def _located(one: Session | None, resolved: Mapping[str, str]) -> Session | None:
    if one is None or not one.root:
        return one
    return replace(one, root=resolved.get(one.root, one.root))


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
