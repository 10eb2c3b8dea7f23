"""The daemon's sections as it keeps them: an ordered tree for each server.

Order decides. The daemon puts a section at the head of its set and a directive at the end, copies
<Global> behind what a server has, and hangs <Directory> sections below the one whose path begins
theirs. The same is done here, step by step, because the first that fits ends every search.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum, auto

from recert.connectors.proftpd.configuration.directives import INHERITED, REPEATED
from recert.connectors.proftpd.configuration.syntax import Statement


class Kind(Enum):
    SERVER = auto()
    DIRECTORY = auto()
    LIMIT = auto()
    ANONYMOUS = auto()
    SESSION = auto()  # <IfUser>, <IfGroup>, <IfClass>, <IfAuthenticated>
    GLOBAL = auto()
    DIRECTIVE = auto()
    OTHER = auto()


_KINDS = {
    "<directory>": Kind.DIRECTORY,
    "<limit>": Kind.LIMIT,
    "<anonymous>": Kind.ANONYMOUS,
    "<ifuser>": Kind.SESSION,
    "<ifgroup>": Kind.SESSION,
    "<ifclass>": Kind.SESSION,
    "<ifauthenticated>": Kind.SESSION,
    "<global>": Kind.GLOBAL,
}


class Section:
    """One section or directive. Equal only to itself, so that it can be a key."""

    __slots__ = ("args", "items", "kind", "name", "parent", "path", "place", "statement", "written")

    def __init__(self, kind: Kind, statement: Statement, parent: "Section | None") -> None:
        self.kind, self.statement, self.parent = kind, statement, parent
        self.name, self.args, self.place = statement.name, statement.args, statement.place
        self.path = ""  # of a <Directory>; of an <Anonymous> its root
        self.written = ""  # the same, with a slash at the end where it is written with one
        self.items: list[Section] = []

    @property
    def is_deferred(self) -> bool:
        """True when the path is known only at the login: ~ and %u."""
        return self.path.startswith("~") or "%u" in self.path

    def limits(self) -> Iterator["Section"]:
        return (item for item in self.items if item.kind is Kind.LIMIT)

    def directories(self) -> Iterator["Section"]:
        return (item for item in self.items if item.kind is Kind.DIRECTORY)

    def values(self, name: str) -> Iterator["Section"]:
        """The directives of this name, in the daemon's order."""
        return (item for item in self.items if item.name == name)

    def value(self, name: str) -> "Section | None":
        """The one that counts: the first."""
        return next(self.values(name), None)

    def chain(self) -> Iterator["Section"]:
        """This section and those around it, the server last."""
        section: Section | None = self
        while section is not None:
            yield section
            section = section.parent


def on(directive: Section | None, default: bool) -> bool:
    """A boolean directive as the daemon reads it."""
    if directive is None or not directive.args:
        return default
    return directive.args[0].lower() in {"on", "yes", "true", "1"}


def nearest(section: Section, name: str) -> Section | None:
    """The directive that holds in a section: its own, or of the closest one around it."""
    return next(filter(None, (place.value(name) for place in section.chain())), None)


def has_sections(section: Section) -> bool:
    """True when some <Directory> makes a difference between paths."""
    return any(item.kind is Kind.DIRECTORY or has_sections(item) for item in section.items)


def build(statements: Iterable[Statement], into: Section) -> list[Section]:
    """Fills a server from statements; gives the <VirtualHost>s that stand among them."""
    others = []
    for statement in statements:
        if statement.name == "<virtualhost>":
            server = Section(Kind.SERVER, statement, None)
            build(statement.items, server)
            others.append(server)
        elif statement.is_section:
            _open(statement, into)
        else:
            into.items.append(Section(Kind.DIRECTIVE, statement, into))
    return others


def _open(statement: Statement, parent: Section) -> None:
    section = Section(_KINDS.get(statement.name, Kind.OTHER), statement, parent)
    if section.kind in (Kind.DIRECTORY, Kind.ANONYMOUS):
        section.written = _path(statement, parent)
        section.path = section.written.rstrip("/") or "/"
    build(statement.items, section)
    if section.items or section.kind is Kind.SESSION:  # the daemon forgets empty sections
        parent.items.insert(0, section)


def _path(statement: Statement, parent: Section) -> str:
    path = statement.args[0] if statement.args else ""
    if parent.kind is Kind.ANONYMOUS and not path.startswith(("/", "~")):
        path = path if path == "*" else f"{parent.path.rstrip('/')}/{path}"
    return path


def spread_globals(servers: list[Section]) -> None:
    """Copies what <Global> sections hold behind what each server has."""
    for server in servers:
        for one in [item for item in server.items if item.kind is Kind.GLOBAL]:
            server.items.remove(one)
            for item in one.items:
                for target in servers:
                    target.items.append(copied(item, target))


def copied(section: Section, parent: Section | None) -> Section:
    """A copy of the section below another parent."""
    twin = Section(section.kind, section.statement, parent)
    twin.path, twin.written = section.path, section.written
    twin.items = [copied(item, twin) for item in section.items]
    return twin


def settle(level: Section) -> None:
    """What the daemon does when a set of sections is complete."""
    nest(level)
    hand_down(level)


def hand_down(level: Section) -> None:
    """Copies switches into the sections below that have none of their own. They stay there, even
    when a section with another value comes between later."""
    below = [item for item in level.items if item.kind in (Kind.DIRECTORY, Kind.ANONYMOUS)]
    for item in [one for one in level.items if one.name in INHERITED]:
        for section in below:
            known = list(section.values(item.name))
            is_new = all(one.statement is not item.statement for one in known)
            if not known or (item.name in REPEATED and is_new):
                section.items.append(copied(item, section))
    for section in below:
        hand_down(section)


def nest(parent: Section) -> None:
    """Hangs <Directory> sections below those that hold their path, at all levels."""
    for section in list(parent.directories()):
        if parent.kind is Kind.ANONYMOUS and section.path == "*":
            parent.items.remove(section)
            for item in section.items:
                item.parent = parent
                parent.items.insert(0, item)
        elif not section.is_deferred:
            holder = _best_holder(parent.items, section)
            if holder is not None:
                parent.items.remove(section)
                holder.items.insert(0, section)
                section.parent = holder
    for item in parent.items:
        if item.kind in (Kind.DIRECTORY, Kind.ANONYMOUS):
            nest(item)


def _best_holder(items: Iterable[Section], section: Section) -> Section | None:
    """The deepest section whose path begins this one's; of equal ones the first. "/in/" lies
    below "/in"."""
    best, length = None, 0
    for item in items:
        if item.kind is not Kind.DIRECTORY or item is section or item.is_deferred:
            continue
        base = item.path.rstrip("*/")
        if not section.written.startswith(base + "/") or len(base) >= len(section.written):
            continue
        deeper = _best_holder(item.items, section)
        common = _common(section.written, (deeper or item).written)
        if common > length:
            best, length = deeper or item, common
    return best


def _common(one: str, other: str) -> int:
    return next(
        (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )


def for_session(server: Section, fits: Callable[[Section], bool]) -> Section:
    """The server as a session sees it after the login: <IfGroup> and then <IfUser> sections that
    fit are merged, and each one replaces what has the same name."""
    merged = copied(server, None)
    for kind in ("<ifclass>", "<ifauthenticated>", "<ifgroup>", "<ifuser>"):
        for section in [item for item in merged.items if item.name == kind]:
            if fits(section):
                _merge(section, merged)
                merged.items.remove(section)
                settle(merged)
    return merged


def _merge(section: Section, server: Section) -> None:
    for item in list(section.items):
        _replace(item, server)
        server.items.insert(0, _reversed(item, server))


def _replace(item: Section, within: Section) -> None:
    """Takes away what a merged item replaces, at every depth: a bare DenyAll takes the DenyAll out
    of <Limit> blocks, too."""
    for other in list(within.items):
        same_path = item.kind is Kind.DIRECTORY is other.kind and item.path == other.path
        same_name = item.kind is Kind.DIRECTIVE and item.name == other.name
        if same_path or (same_name and item.name not in REPEATED):
            within.items.remove(other)
        else:
            _replace(item, other)


def _reversed(section: Section, parent: Section) -> Section:
    """A merged copy: every item is put at the head of its set, so their order turns around."""
    twin = Section(section.kind, section.statement, parent)
    twin.path, twin.written = section.path, section.written
    for item in section.items:
        if section.kind is not Kind.LIMIT and item.kind is Kind.DIRECTIVE:
            _replace(item, twin)
        twin.items.insert(0, _reversed(item, twin))
    return twin
