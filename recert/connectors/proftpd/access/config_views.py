"""Which sections of the configuration hold for each account of a server after its login."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from recert.connectors.contract import ServerDataInvalid
from recert.connectors.proftpd.access.command_filter import View
from recert.connectors.proftpd.access.login_rules import Session
from recert.connectors.proftpd.authentication import user_expressions
from recert.connectors.proftpd.authentication.user_expressions import Roster
from recert.connectors.proftpd.configuration.files import Source, load
from recert.connectors.proftpd.configuration.matching import find
from recert.connectors.proftpd.configuration.sections import (
    Kind,
    Section,
    build,
    for_session,
    nearest,
    on,
    settle,
)
from recert.connectors.proftpd.configuration.syntax import Statement


@dataclass(frozen=True)
class Override:
    """One .ftpaccess file: its folder, its statements, and who can read it."""

    folder: str
    statements: tuple[Statement, ...]
    readers: int


def overrides(
    files: Mapping[str, bytes], readers: Callable[[str], int]
) -> tuple[list[Override], list[str]]:
    """The .ftpaccess files, parents first, and a warning for each that cannot be parsed."""
    readable, unreadable = [], []
    for path in sorted(files):
        source = Source(lambda name, raw=files[path]: raw, lambda name: None)  # type: ignore[misc]
        try:
            configuration = load(path, source)
        except ServerDataInvalid as error:
            unreadable.append(f"not understood: {path} ({error.message})")
            continue
        folder = path.rpartition("/")[0] or "/"
        readable.append(Override(folder, tuple(configuration.items), readers(path)))
    return readable, unreadable


def views(
    server: Section,
    sessions: Sequence[Session | None],
    roster: Roster,
    dynamic: Sequence[Override],
    resolved: Mapping[str, str],
    classes: frozenset[str] = frozenset(),
) -> list[View]:
    """Accounts that work under the same sections share a view. `classes` are those that the
    client belongs to."""
    conditions = [item for item in server.items if item.kind is Kind.SESSION]
    fitting = {item: _fits(item, roster, classes) for item in conditions}
    personal = _has_deferred(server)
    together: dict[tuple[object, ...], int] = {}
    for number, session in enumerate(sessions):
        if session is None or session.refused:
            continue
        bit = 1 << number
        key = (
            session.anonymous,
            tuple(item for item in conditions if fitting[item] & bit),
            tuple(one.folder for one in dynamic if _reaches(one, session, bit)),
            number if personal else -1,
        )
        together[key] = together.get(key, 0) | bit
    return [
        _view(server, key, accounts, sessions, dynamic, resolved)
        for key, accounts in together.items()
    ]


def _reaches(override: Override, session: Session, bit: int) -> bool:
    """Whether the file holds for the session: files outside its root do not."""
    root = session.root.rstrip("/")
    return bool(override.readers & bit) and (
        override.folder == root or override.folder.startswith(f"{root}/")
    )


def _fits(section: Section, roster: Roster, classes: frozenset[str]) -> int:
    """The accounts an <If...> section holds for."""
    if section.name == "<ifuser>":
        return user_expressions.session_users(section, roster).surely
    if section.name == "<ifgroup>":
        return user_expressions.session_groups(section, roster).surely
    if section.name == "<ifclass>" and not _in_class(section, classes):
        return 0
    return roster.everybody


def _in_class(section: Section, classes: frozenset[str]) -> bool:
    return any(
        (name.removeprefix("!") in classes) is not name.startswith("!")
        for name in user_expressions.names(section.args)
    )


def class_choices(server: Section) -> list[frozenset[str]]:
    """From where a client comes is not known, and a class may open what is closed to others: the
    servers are judged for clients of no class, of all classes, and of each single one."""
    named = {
        name.removeprefix("!")
        for item in server.items
        if item.name == "<ifclass>"
        for name in user_expressions.names(item.args)
    }
    singles = [frozenset({name}) for name in sorted(named)]
    return list(dict.fromkeys([frozenset(), *singles, frozenset(named)]))


def _has_deferred(section: Section) -> bool:
    return any(
        (item.kind is Kind.DIRECTORY and item.is_deferred) or _has_deferred(item)
        for item in section.items
    )


def _view(
    server: Section,
    key: tuple[object, ...],
    accounts: int,
    sessions: Sequence[Session | None],
    dynamic: Sequence[Override],
    resolved: Mapping[str, str],
) -> View:
    anonymous, conditions, folders, number = key
    merged = server
    if isinstance(conditions, tuple) and isinstance(folders, tuple) and (conditions or folders):
        wanted = {item.statement for item in conditions}
        merged = for_session(server, lambda item: item.statement in wanted)
    level = merged
    if isinstance(anonymous, Section):
        level = next(item for item in merged.items if item.statement is anonymous.statement)
    for one in dynamic:
        if isinstance(folders, tuple) and one.folder in folders:
            _add_override(level, one)
    session = sessions[number] if isinstance(number, int) and number >= 0 else None
    path_of = _personal(session, resolved) if session is not None else None
    return View(level, accounts, path_of)


def _personal(session: Session, resolved: Mapping[str, str]) -> Callable[[Section], str | None]:
    def path_of(section: Section) -> str:
        path = session.expanded(section.path)
        return resolved.get(path, path)

    return path_of


def _add_override(level: Section, override: Override) -> None:
    """The file becomes the innermost section of its folder, unless AllowOverride is off above."""
    above = override.folder.rpartition("/")[0] or "/"
    if not on(nearest(find(level, above) or level, "allowoverride"), True):
        return
    section = find(level, override.folder)
    if section is None or section.path != override.folder:
        holder = section or level
        first = override.statements[0] if override.statements else None
        if first is None:
            return
        statement = Statement("<directory>", ".ftpaccess", (override.folder,), first.place, 0, 0)
        section = Section(Kind.DIRECTORY, statement, holder)
        section.path = section.written = override.folder
        holder.items.append(section)
    build(override.statements, section)
    settle(level)
