"""The daemon's transfer logs, and the last logins in them."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from recert.connectors.contract import LogSource
from recert.connectors.proftpd.configuration.listeners import Layout
from recert.connectors.proftpd.configuration.sections import Section

_XFERLOG = "/var/log/xferlog"
# 2026-11-23 08:53:01,123 host proftpd[17] 127.0.0.1 (...): USER anna: Login successful.
_SYSTEM = re.compile(rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ .*?: USER (.+): Login successful\.?$")
# 2026-11-23 08:53:01,123 mod_sftp/1.1.1[17]: user 'anna' authenticated via 'publickey' method
_KEY = re.compile(
    rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ .*?: user '(.+)' authenticated via '[^']+' method"
)
# 127.0.0.1 UNKNOWN anna [23/Nov/2026:08:53:01 +0000] "PASS (hidden)" 230 -
_COMMON = re.compile(rb'^\S+ \S+ (.+) \[([^\]]+)\] "PASS [^"]*" 230 ')
_NAIVE = "%Y-%m-%d %H:%M:%S"


def sources(layout: Layout) -> list[LogSource]:
    """Every log that some server writes; each file once."""
    by_path: dict[tuple[str, str], LogSource] = {}
    for server, protocol in layout.open_servers():
        for one in _of_server(server, protocol):
            by_path.setdefault((one.kind, one.path), one)
    return list(by_path.values())


def _of_server(server: Section, protocol: str) -> Iterator[LogSource]:
    transfers = _path(server, "transferlog") or _XFERLOG
    if transfers.lower() != "none":
        yield LogSource(
            "transfers",
            transfers,
            "xferlog",
            "local time without zone; no renames, folders or listings; blanks in names are _",
        )
    for one in server.values("extendedlog"):
        if one.args and one.args[0].startswith("/"):
            yield LogSource(
                "commands", one.args[0], _format(server, one), f"classes {' '.join(one.args[1:2])}"
            )
    system = _path(server, "systemlog")
    if system.startswith("/"):
        yield LogSource(
            "sign-ins", system, "proftpd", "FTP only, and only with SyslogLevel info or debug"
        )
    if protocol == "sftp" and (path := _path(server, "sftplog")).startswith("/"):
        yield LogSource("sign-ins", path, "mod_sftp", "SFTP only")
    for one in server.values("sqllog"):
        yield LogSource(
            "commands", f"database, {' '.join(one.args)}", "sql", "by queries of one's own"
        )
    wtmp = _path(server, "wtmplog")
    if wtmp.lower() in ("on", "yes", "true"):
        yield LogSource("sign-ins", "/var/log/wtmp", "wtmp", "")


def _path(server: Section, name: str) -> str:
    directive = server.value(name)
    return directive.args[0] if directive is not None and directive.args else ""


def _format(server: Section, directive: Section) -> str:
    """The LogFormat that the log names, or the common one."""
    name = directive.args[2] if len(directive.args) > 2 else ""
    named = next((one for one in server.values("logformat") if one.args[:1] == (name,)), None)
    return named.args[1] if named is not None and len(named.args) > 1 else "clf"


def last_logins(lines: Iterable[bytes]) -> dict[str, datetime]:
    """The newest login of each account in one log. Times without a zone are taken as those of
    this machine."""
    logins: dict[str, datetime] = {}
    for line in lines:
        moment = _login(line)
        if moment is not None:
            name, at = moment
            logins[name] = max(at, logins.get(name, at))
    return logins


def _login(line: bytes) -> tuple[str, datetime] | None:
    try:
        if match := _SYSTEM.match(line) or _KEY.match(line):
            naive = datetime.strptime(match[1].decode(), _NAIVE)  # noqa: DTZ007
            return match[2].decode(errors="surrogateescape"), naive.astimezone().astimezone(UTC)
        if match := _COMMON.match(line):
            at = datetime.strptime(match[2].decode(), "%d/%b/%Y:%H:%M:%S %z")
            return match[1].decode(errors="surrogateescape"), at.astimezone(UTC)
    except ValueError:
        return None
    return None
