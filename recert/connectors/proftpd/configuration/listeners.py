"""The listeners of the daemon: each server that it opens, with the protocol spoken there."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from recert.connectors.proftpd.configuration import directives
from recert.connectors.proftpd.configuration.files import Configuration
from recert.connectors.proftpd.configuration.sections import (
    Kind,
    Section,
    build,
    on,
    settle,
    spread_globals,
)
from recert.connectors.proftpd.configuration.syntax import Place, Statement

FTP, SFTP = "ftp", "sftp"
_A_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,40}")
_ADDRESSED = {"allow", "deny", "allowclass", "denyclass"}


@dataclass
class Layout:
    """The servers, complete, and what in them is not understood."""

    main: Section
    servers: list[Section]
    doubts: dict[Statement, list[str]] = field(default_factory=dict)  # by what it widens
    remarks: list[str] = field(default_factory=list)
    ours: set[str] = field(default_factory=set)  # files of which most lines are the daemon's
    problems: dict[str, None] = field(default_factory=dict)  # what may add access, each once

    def open_servers(self) -> Iterator[tuple[Section, str]]:
        """Servers with the protocol of their port. Port 0 is switched off."""
        for server in self.servers:
            port = server.value("port")
            if port is not None and port.args[:1] == ("0",):
                continue
            yield server, SFTP if on(server.value("sftpengine"), False) else FTP


def lay_out(configuration: Configuration) -> Layout:
    """The servers as the daemon has them when it has read everything."""
    place = Place(configuration.main, 0, configuration.title(configuration.main))
    statement = Statement("<server>", "main server", (), place, 0, 0)
    main = Section(Kind.SERVER, statement, None)
    servers = [main, *build(configuration.items, main)]
    spread_globals(servers)
    for server in servers:
        settle(server)
    layout = Layout(main, servers, ours=set(_own_files(configuration.items)))
    noted: set[Statement] = set()
    for server in servers:
        _doubt(server, server.statement, layout, noted)
    for text, where in configuration.doubts:
        for server in servers:
            layout.doubts.setdefault(server.statement, []).append(
                f"not understood: {text} at {where}"
            )
    return layout


def _own_files(items: Iterable[Statement]) -> Iterator[str]:
    """The files whose text a message may quote: the setting may name any file, so at least half
    of its statements must be directives of the daemon."""
    balance: Counter[str] = Counter()
    for item in _all_of(items):
        balance[item.place.file] += 1 if directives.is_directive(item.name) else -1
    return (file for file, count in balance.items() if count >= 0)


def _all_of(items: Iterable[Statement]) -> Iterator[Statement]:
    for item in items:
        yield item
        yield from _all_of(item.items)


def _doubt(section: Section, holder: Statement, layout: Layout, noted: set[Statement]) -> None:
    """Notes what is not understood; copies of one statement are reported once."""
    for item in section.items:
        if _may_add(item):
            problem = (
                f"{item.place.file}:{item.place.line}: not understood: {_shown(item, layout)}; it "
                "may add access that Recert cannot list"
            )
            layout.problems[problem] = None
        text = _what_is_unclear(item, layout)
        if text:
            layout.doubts.setdefault(holder, []).append(f"not understood: {text} at {item.place}")
        elif (text := _what_depends(item)) and item.statement not in noted:
            layout.remarks.append(f"not understood: {text} at {item.place}")
        noted.add(item.statement)
        if item.items and item.name != "<class>":
            is_place = item.kind in (Kind.DIRECTORY, Kind.ANONYMOUS)
            _doubt(item, item.statement if is_place else holder, layout, noted)


def _may_add(item: Section) -> bool:
    """True for what could let somebody in, or show a folder, without Recert noticing."""
    if item.kind in (Kind.OTHER, Kind.GLOBAL):
        return item.name not in directives.SECTIONS
    if item.kind is not Kind.DIRECTIVE:
        return False
    if item.name == "rewritehome":
        return on(item, False)
    if item.name == "vrootoptions":
        return any(option.lower() == "allowsymlinks" for option in item.args)
    if item.name == "loadmodule" and item.args:
        return item.args[0].removesuffix(".c") not in directives.MODULES
    return not directives.is_known(item.name) and not directives.only_takes_away(item.name)


def _shown(item: Section, layout: Layout) -> str:
    """The name of a directive; what is none may be a line of a foreign file."""
    name = item.statement.keyword.strip("<>")
    is_ours = item.place.file in layout.ours and _A_NAME.fullmatch(name)
    return item.statement.keyword if is_ours else "this line"


def _what_is_unclear(item: Section, layout: Layout) -> str:
    if item.kind in (Kind.OTHER, Kind.GLOBAL):
        return "" if item.name in directives.SECTIONS else _shown(item, layout)
    if item.kind is Kind.SESSION:
        return item.statement.text if _is_regex(item) or item.name == "<ifclass>" else ""
    if item.name == "vrootengine":  # where sections hold for its paths is not known
        return item.statement.text if on(item, False) else ""
    if item.kind is not Kind.DIRECTIVE or directives.is_known(item.name):
        return item.statement.text if _is_filter(item) or _hides(item) else ""
    if item.name.endswith("engine") and not on(item, True):
        return ""
    return _shown(item, layout)  # its values may be secrets


def _hides(item: Section) -> bool:
    """Files that are hidden cannot be reached where <Limit> says IgnoreHidden."""
    if item.name not in {"hidefiles", "hideuser", "hidegroup"} or item.args[:1] == ("none",):
        return False
    *_, server = item.chain()
    return _ignores_hidden(server)


def _ignores_hidden(section: Section) -> bool:
    return any(
        (item.name == "ignorehidden" and on(item, False)) or _ignores_hidden(item)
        for item in section.items
    )


def _is_regex(item: Section) -> bool:
    return len(item.args) > 1 and item.args[0] == "regex"


def _is_filter(item: Section) -> bool:
    """A filter on names or arguments leaves some names open and others not."""
    return item.name in {"allowfilter", "denyfilter", "pathallowfilter", "pathdenyfilter"} and (
        bool(item.args) and item.args[0].lower() != "none" and not _is_usual(item)
    )


def _is_usual(item: Section) -> bool:
    r"""Debian's own \*.*/ and filters against .ftpaccess keep no client from any right."""
    text = item.args[0]
    return text == r"\*.*/" or text.strip("()^$/\\").endswith("ftpaccess")


def _what_depends(item: Section) -> str:
    """Conditions that hold for some clients only; the rights are shown as if they held."""
    if item.name in _ADDRESSED:
        hosts = [host.lower() for host in item.args if host.lower() != "from"]
        return "" if hosts in (["all"], ["none"]) else item.statement.text
    if item.name.endswith(("user", "group")) and _is_regex(item):
        return item.statement.text
    return ""
