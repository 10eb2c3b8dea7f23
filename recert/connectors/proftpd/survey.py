"""The survey of ProFTPD: each listener is judged by itself; an account has the union of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from recert.connectors.contract import (
    AccountFact,
    AccountKind,
    ConnectorError,
    GroupFact,
    ServerDataInvalid,
)
from recert.connectors.hosts import Host
from recert.connectors.posix.changes.acl_edit import whole_acls
from recert.connectors.posix.permissions.acl import Node
from recert.connectors.posix.permissions.created_homes import add_homes
from recert.connectors.posix.permissions.evaluate import FolderRights
from recert.connectors.posix.permissions.identities import Identities, Identity
from recert.connectors.posix.permissions.scan import Tree, scan, where_to_look
from recert.connectors.posix.survey import Survey, View
from recert.connectors.proftpd import facts as reading
from recert.connectors.proftpd.access.config_views import class_choices
from recert.connectors.proftpd.access.created_homes import future_homes
from recert.connectors.proftpd.access.explain import switches
from recert.connectors.proftpd.access.links import folder_links
from recert.connectors.proftpd.access.listener import Ground, Listener, open_listener
from recert.connectors.proftpd.access.login_rules import Session, key_locations, sessions
from recert.connectors.proftpd.configuration.listeners import SFTP
from recert.connectors.proftpd.configuration.matching import GLOB
from recert.connectors.proftpd.configuration.sections import Kind, Section, has_sections
from recert.connectors.proftpd.configuration.user_aliases import Aliases
from recert.connectors.proftpd.daemon import Known
from recert.connectors.proftpd.explanations import more_of

Lived = Mapping[tuple[Section, str], Sequence[Session | None]]


@dataclass
class ProftpdSurvey(Survey):
    """The union over all listeners. The numbering of accounts is the same at each, but one name may
    be another user at another listener."""

    known: Known = field(kw_only=True)
    ground: Ground = field(kw_only=True)
    listeners: list[Listener] = field(default_factory=list)

    def judged(self, tree: Tree) -> list[list[FolderRights]]:
        return [listener.rights(tree) for listener in self.listeners]


def survey(
    host: Host, settings: Mapping[str, str], now: datetime, last_logins: Mapping[str, datetime]
) -> ProftpdSurvey:
    """Reads the server and changes nothing. `last_logins` are times by account name."""
    known = reading.read(host, settings, now.date())
    return look(host, settings, known, last_logins)


def look(
    host: Host, settings: Mapping[str, str], known: Known, last_logins: Mapping[str, datetime]
) -> ProftpdSurvey:
    """The survey of a configuration that may be only a plan."""
    names = _names(known)
    lived = {
        (server, protocol): sessions(server, protocol, known.facts, known.loaded, names)
        for server, protocol in known.layout.open_servers()
    }
    if not lived:
        raise ServerDataInvalid("Every server of the configuration has Port 0.")
    resolved = _resolved(host, lived)
    roots = _roots(host, settings, known, lived, resolved)
    also = [path for path in resolved.values() if path != "/"]
    tree = scan(host, roots, also=also, keep_names=reading.has_name_rules(known.layout))
    tree.problems += known.problems
    dynamic = reading.ftpaccess_files(host, sorted(roots))
    links = (
        folder_links(host, sorted(roots)) if any(map(has_sections, known.layout.servers)) else {}
    )
    future = add_homes(
        tree,
        (
            home
            for (server, _), found in lived.items()
            for home in future_homes(server, found, resolved)
        ),
    )
    ground = Ground(
        tree, resolved, dynamic, _nodes(host, dynamic, tree.problems), links, frozenset(future)
    )
    return over(known, ground, last_logins)


def over(known: Known, ground: Ground, last_logins: Mapping[str, datetime]) -> ProftpdSurvey:
    """The survey of a configuration over a tree that was looked at before."""
    names = _names(known)
    listeners = [
        open_listener(
            server,
            protocol,
            known,
            names,
            sessions(server, protocol, known.facts, known.loaded, names),
            ground,
            classes,
        )
        for server, protocol in known.layout.open_servers()
        for classes in class_choices(server)
    ]
    return _survey(known, names, listeners, ground, last_logins)


def _names(known: Known) -> list[str]:
    """All accounts of all servers, and the names under which anonymous clients come."""
    names = {name for books in known.facts.books.values() for b in books for name in b.entries}
    for server in known.facts.books:
        names |= Aliases(server).names()
    return sorted(names)


def _resolved(
    host: Host, lived: Mapping[tuple[Section, str], Sequence[Session | None]]
) -> dict[str, str]:
    """The real paths of homes, roots and of sections that are known only at the login."""
    wanted: set[str] = set()
    for (server, _), found in lived.items():
        deferred = [*_deferred(server), *_shown_elsewhere(server)]
        for session in found:
            if session is not None and not session.refused:
                wanted |= {session.root, session.entry.home}
                wanted |= {session.expanded(path) for path in deferred}
    return host.resolve_many([path for path in sorted(wanted) if path.startswith("/")])


def _deferred(section: Section) -> Iterable[str]:
    for item in section.items:
        if item.kind is Kind.DIRECTORY and item.is_deferred:
            yield item.path
        yield from _deferred(item)


def _shown_elsewhere(section: Section) -> Iterable[str]:
    for item in section.items:
        if item.name == "vrootalias" and item.args:
            yield item.args[0]
        elif item.kind is Kind.SESSION:
            yield from _shown_elsewhere(item)


def _roots(
    host: Host,
    settings: Mapping[str, str],
    known: Known,
    lived: Mapping[tuple[Section, str], Sequence[Session | None]],
    resolved: Mapping[str, str],
) -> set[str]:
    """Where to look: the roots of the accounts; for those without one the folder of the settings,
    or else homes and what the configuration names."""
    inside = [one for found in lived.values() for one in found if one and not one.refused]
    jails = {resolved[one.root] for one in inside if one.root in resolved}
    free = [one for one in inside if not one.root or resolved.get(one.root) == "/"]
    homes = {resolved[one.entry.home] for one in free if one.entry.home in resolved}
    jails |= {
        resolved[path]
        for (server, _), found in lived.items()
        for target in _shown_elsewhere(server)
        for one in found
        if one and (path := one.expanded(target)) in resolved
    }
    if free:
        named = {path for server in known.layout.servers for path in _named(server)}
        homes |= set(host.resolve_many(named).values())
    return where_to_look(host, settings, jails, homes, known.warnings)


def _named(section: Section) -> Iterable[str]:
    for item in section.items:
        if item.kind is Kind.DIRECTORY and item.path.startswith("/"):
            path = item.path.removesuffix("/*")
            if not GLOB.search(path):
                yield path or "/"
        yield from _named(item)


def _nodes(host: Host, files: Mapping[str, bytes], problems: list[str]) -> dict[str, Node]:
    """Who may read which .ftpaccess file is a question to the kernel. Where it is not answered,
    the reading is partial."""
    try:
        listed = whole_acls(host, [path.encode(errors="surrogateescape") for path in sorted(files)])
    except ConnectorError as error:
        problems.append(f".ftpaccess files: {error.message}")
        return {}
    return {
        one.path.decode(errors="surrogateescape"): Node(one.uid, one.gid, 0, one.access)
        for one in listed
    }


def _survey(
    known: Known,
    names: Sequence[str],
    listeners: list[Listener],
    ground: Ground,
    last_logins: Mapping[str, datetime],
) -> ProftpdSurvey:
    tree = ground.tree
    for listener in listeners:
        known.warnings += [text for text in switches(listener.server) if text not in known.warnings]
    main = [_best_identity(number, name, listeners, tree) for number, name in enumerate(names)]
    books = {id(b): b for books in known.facts.books.values() for b in books}
    gid_names = {gid: name for b in books.values() for gid, name in b.gid_names.items()}
    for number, name in enumerate(names):
        known.warnings += _oddities(number, name, listeners, tree)
    return ProftpdSurvey(
        accounts=[
            _account(number, name, listeners, tree, last_logins, known.facts.keys)
            for number, name in enumerate(names)
        ],
        identities=Identities(main),
        tree=tree,
        views=[
            View(listener.jails, listener.screen, protocol=listener.protocol)
            for listener in listeners
        ],
        group_name=lambda gid: gid_names.get(gid, str(gid)),
        groups=_groups(names, listeners),
        more=more_of(listeners, ground, bool(known.facts.pam and known.facts.pam.not_understood)),
        warnings=known.warnings,
        source=f"ProFTPD, {known.configuration.main}",
        listeners=listeners,
        known=known,
        ground=ground,
    )


def _best_identity(number: int, name: str, listeners: Sequence[Listener], tree: Tree) -> Identity:
    """The identity of the account at the first listener it can use, or else that knows it."""
    known = [listener for listener in listeners if listener.sessions[number] is not None]
    inside = [listener for listener in known if not listener.refusal(name, tree)]
    return (inside or known)[0].identities.get(name)


def _account(
    number: int,
    name: str,
    listeners: Sequence[Listener],
    tree: Tree,
    last_logins: Mapping[str, datetime],
    keys: Mapping[str, int],
) -> AccountFact:
    lived = [
        (listener, one) for listener in listeners if (one := listener.sessions[number]) is not None
    ]
    refusals = {listener.protocol: listener.refusal(name, tree) for listener, _ in lived}
    is_open = not all(refusals.values())
    entry = lived[0][1].entry
    is_anonymous = any(one.anonymous is not None for _, one in lived)
    return AccountFact(
        name=name,
        enabled=is_open,
        kind=AccountKind.ANONYMOUS if is_anonymous else AccountKind.PERSON,
        display_name=entry.display_name,
        email=entry.email,
        last_login=last_logins.get(name),
        note="" if is_open else "; ".join(dict.fromkeys(filter(None, refusals.values()))),
        keys=_keys(lived, keys),
    )


def _keys(lived: Sequence[tuple[Listener, Session]], keys: Mapping[str, int]) -> int | None:
    """How many keys open the account by SFTP; None when some are not stored in files, or no
    listener of the server asks for keys."""
    locations = {
        location
        for listener, session in lived
        if listener.protocol == SFTP
        for location in key_locations(listener.server, session.entry)
    }
    if not locations or any(not location.startswith("/") for location in locations):
        return None
    return sum(keys.get(location, 0) for location in locations)


def _oddities(number: int, name: str, listeners: Sequence[Listener], tree: Tree) -> list[str]:
    """A locked password that closes one protocol and not the other is worth knowing."""
    refusals = {
        listener.protocol: listener.refusal(name, tree)
        for listener in listeners
        if listener.sessions[number]
    }
    if refusals.get("ftp") == "password locked" and refusals.get("sftp") == "":
        return [f"The password of {name!r} is locked, but a key still opens SFTP."]
    return []


def _groups(names: Sequence[str], listeners: Sequence[Listener]) -> list[GroupFact]:
    members: dict[str, list[str]] = {}
    for number, name in enumerate(names):
        groups = {
            g for listener in listeners if (one := listener.sessions[number]) for g in one.groups
        }
        for group in groups:
            members.setdefault(group, []).append(name)
    return [GroupFact(group, tuple(members[group])) for group in sorted(members)]
