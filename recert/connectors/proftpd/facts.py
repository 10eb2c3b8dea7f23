"""Reads everything that the daemon consults from its machine: configuration, accounts, keys."""

import re
from collections.abc import Iterable, Mapping
from datetime import date

from recert.connectors.contract import ConnectorError, ServerRefusedUs
from recert.connectors.hosts import Host, commands
from recert.connectors.posix.pam.stack import Pam, shells_of
from recert.connectors.posix.permissions.accounts import SystemUsers, lines_of
from recert.connectors.proftpd.access.login_rules import PAM, Facts, key_locations, known_modules
from recert.connectors.proftpd.authentication.account_files import UNIX
from recert.connectors.proftpd.authentication.account_sources import read_books
from recert.connectors.proftpd.changes import daemon_control
from recert.connectors.proftpd.configuration.files import Configuration, Source, load
from recert.connectors.proftpd.configuration.listeners import SFTP, Layout, lay_out
from recert.connectors.proftpd.configuration.sections import Section, on
from recert.connectors.proftpd.daemon import Known

_DEFAULTS = "/etc/default/proftpd"
_DEFINE = re.compile(r"-D\s*([\w.-]+)")
_FIND = ("-files0-from", "-", "-xdev", "-name", ".ftpaccess", "-type", "f", "-print0")


def source_of(host: Host, prefix: str = "") -> Source:
    """The files of a machine, as the configuration reader wants them."""

    def read(path: str) -> bytes | None:
        fact = host.stat(path)
        return host.read(path) if fact is not None and fact.is_file else None

    def names(path: str) -> list[str] | None:
        fact = host.stat(path)
        return host.names(path) if fact is not None and fact.is_folder else None

    return Source(read, names, lambda: daemon_control.version(host, prefix))


def configuration_of(
    host: Host, config: str, source: Source | None = None, *, prefix: str = ""
) -> Configuration:
    """The configuration as the daemon on this machine would read it."""
    try:
        text = host.read(_DEFAULTS).decode(errors="replace")
    except ConnectorError:
        text = ""
    options = [line for line in text.splitlines() if line.lstrip().startswith("OPTIONS")]
    defines = [name for line in options for name in _DEFINE.findall(line)]
    return load(config, source or source_of(host, prefix), defines=defines)


def read(host: Host, settings: Mapping[str, str], today: date) -> Known:
    """Raises what the host raises when the main file or the name service cannot be read, and
    ServerDataInvalid for a configuration that the daemon refuses."""
    config, prefix = settings["config"], settings.get("prefix", "").rstrip("/")
    configuration = configuration_of(host, config, prefix=prefix)
    unchecked = daemon_control.check_accepted(host, prefix, config)
    layout = lay_out(configuration)
    lists = host.read_many(["/etc/shells", "/etc/ftpusers"])
    users = SystemUsers.read(host)
    facts = Facts(
        users=users,
        pam=None,
        shells=shells_of(lists["/etc/shells"]),
        ftpusers=frozenset(line.strip() for line in lines_of(lists["/etc/ftpusers"])),
        today=today,
    )
    known = Known(
        configuration, layout, facts, set(configuration.modules), prefix=prefix, settings=settings
    )
    read_books(host, known)
    _read_pam(host, known)
    facts.keys = _keys(host, known)
    known.warnings += filter(None, (unchecked,))
    known.problems += layout.problems
    known.warnings += configuration.remarks
    known.warnings += [text for texts in layout.doubts.values() for text in texts]
    known.warnings += layout.remarks
    known.warnings = list(dict.fromkeys(known.warnings))
    return known


def _read_pam(host: Host, known: Known) -> None:
    asked = [
        server
        for server, _ in known.layout.open_servers()
        if PAM in known_modules(server, known.loaded)
        and UNIX in known_modules(server, known.loaded)
        and on(server.value("authpam"), True)
    ]
    if asked:
        service = asked[0].value("authpamconfig")
        known.facts.pam = Pam.read(host, service.args[0] if service else "proftpd")
        for text in known.facts.pam.not_understood:
            known.warnings.append(f"not understood: {text}")


def _keys(host: Host, known: Known) -> dict[str, int]:
    """Key files with at least one key, and how many. Read only for servers that offer SFTP."""
    wanted = {
        location
        for server, protocol in known.layout.open_servers()
        if protocol == SFTP
        for book in known.facts.books.get(server, ())
        for entry in book.entries.values()
        for location in key_locations(server, entry)
        if location.startswith("/")
    }
    contents = host.read_many(sorted(wanted))
    return {
        path: raw.count(b"BEGIN")
        for path, raw in contents.items()
        if isinstance(raw, bytes) and b"BEGIN" in raw
    }


def ftpaccess_files(host: Host, roots: Iterable[str]) -> Mapping[str, bytes]:
    """The .ftpaccess files below the roots: path -> content. Raises ServerRefusedUs when some
    cannot be listed or read."""
    data = b"".join(root.encode(errors="surrogateescape") + b"\0" for root in roots)
    if not data:
        return {}
    answer = host.run(commands.program("", "find", *_FIND), data)
    vanished = ": No such file or directory"
    unseen = [line for line in answer.errors.splitlines() if not line.endswith(vanished)]
    if not answer.ok and unseen:
        raise ServerRefusedUs(f"Some .ftpaccess files may be unseen: {unseen[0]}.")
    listed = answer.out.decode(errors="surrogateescape").split("\0")
    contents = host.read_many([path for path in listed if path])
    for content in contents.values():
        if isinstance(content, ServerRefusedUs):
            raise content
    return {path: raw for path, raw in contents.items() if isinstance(raw, bytes) and raw}


def has_name_rules(layout: Layout) -> bool:
    """True when some section lets the names of files decide."""

    def speaks(section: Section) -> bool:
        return any(
            item.name in ("pathdenyfilter", "pathallowfilter") or speaks(item)
            for item in section.items
        )

    return any(speaks(server) for server in layout.servers)
