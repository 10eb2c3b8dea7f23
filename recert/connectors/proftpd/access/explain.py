"""Explains in text why the daemon allows or denies an account something in a folder."""

from collections.abc import Iterator

from recert.connectors.posix.permissions.evaluate import ORDER
from recert.connectors.proftpd.access.command_filter import DecidingSections, Screen, View, is_shut
from recert.connectors.proftpd.access.command_requirements import At, Way
from recert.connectors.proftpd.configuration.sections import Section, nearest, on
from recert.connectors.rights import FULL, Rights, names


def reasons(screen: Screen, view: View, folder: str, account: int) -> tuple[str, ...]:
    """The blocks and switches that decide about the account here, each with its rights."""
    deciding = screen.sections(view, folder)
    by_text: dict[str, Rights] = {}
    for right in ORDER:
        if right & FULL:
            text = _by_link(screen, view, folder, right, account)
            text = text or _reason(screen, deciding, right, account)
            if text:
                by_text[text] = by_text.get(text, Rights.NONE) | right
    return tuple(f"{', '.join(names(rights))} {text}" for text, rights in by_text.items())


def _by_link(screen: Screen, view: View, folder: str, right: Rights, account: int) -> str:
    """What a link opens although the folder's own sections do not."""
    if right not in (Rights.DELETE, Rights.RENAME) or not screen.names:
        return ""
    if screen.allowed(view, folder)[0][ORDER.index(right)] & account:
        return ""
    for link in screen.names.of(folder):
        if screen.by_name(view, folder, link.path, right) & link.accounts & account:
            return f"by the link {link.path}: FTP judges it by the path that is typed"
    return ""


def _reason(screen: Screen, deciding: DecidingSections, right: Rights, account: int) -> str:
    ways = list(screen.ways(right, deciding))
    if not ways:
        switch = nearest(deciding.inside, "allowoverwrite")
        where = f" at {switch.place}" if switch is not None else " (the default)"
        return f"denied: AllowOverwrite is off{where}"
    texts = [_of_way(screen, deciding, way, account) for way in ways]
    allowed = [text for is_open, text in texts if is_open]
    return allowed[0] if allowed else texts[0][1]


def _of_way(screen: Screen, deciding: DecidingSections, way: Way, account: int) -> tuple[bool, str]:
    """Whether the way is open for the account, and what decided that."""
    speaking = ""
    for ask in way.asks:
        section = deciding.asked(ask.at)
        if screen.ask(ask, deciding).allowed & account:
            block = screen.judge.decider(section, ask.command, ask.group, account)
            speaking = f"allowed by {_title(block)}" if block is not None else speaking
            continue
        if ask.at is not At.NEW and is_shut(section):
            shut = section.value("denyall")
            return False, f"denied by DenyAll at {shut.place}" if shut else "denied"
        block = screen.judge.decider(section, ask.command, ask.group, account)
        return False, f"denied by {_title(block)}" if block else "denied by PathDenyFilter"
    return True, speaking


def _title(block: Section) -> str:
    return f"{block.statement.text} at {block.place}"


def switches(server: Section) -> Iterator[str]:
    """Remarks about a server that are no rights but worth knowing."""
    if not on(nearest(server, "allowoverride"), True):
        return
    if _has_limits(server):
        yield (
            f"In {server.statement.text} whoever may upload can lift a <Limit> by an own "
            ".ftpaccess file; `AllowOverride off` closes that."
        )


def _has_limits(section: Section) -> bool:
    return any(item.name == "<limit>" or _has_limits(item) for item in section.items)
