"""Last logins from vsftpd's own log."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from recert.connectors.contract import LogSource
from recert.connectors.vsftpd.options import Options

# Mon Nov 23 08:05:04 2026 [pid 20967] [anna] OK LOGIN: Client "127.0.0.1"
_LOGIN = re.compile(rb"^\w{3} (\w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}) \[pid \d+\] \[(.+)\] OK LOGIN:")


def sources(options: Options) -> list[LogSource]:
    """Which logs this configuration writes."""
    logs = []
    both, standard = options.is_on("dual_log_enable"), options.is_on("xferlog_std_format")
    if not options.is_on("xferlog_enable"):
        return []
    if both or not standard:
        place = "syslog" if options.is_on("syslog_enable") else options.text("vsftpd_log_file")
        logs += [
            LogSource("sign-ins", place, "vsftpd", "local time without zone"),
            LogSource(
                "transfers", place, "vsftpd", "letters beyond ASCII are shown as question marks"
            ),
        ]
    if both or standard:
        logs.append(
            LogSource(
                "transfers",
                options.text("xferlog_file"),
                "xferlog",
                "no sign-ins; blanks in names are underscores",
            )
        )
    return logs


def last_logins(lines: Iterable[bytes]) -> dict[str, datetime]:
    """The newest login of each account. The log is in local time without a zone; it is taken as
    the zone of this machine."""
    logins: dict[str, datetime] = {}
    for line in lines:
        match = _LOGIN.match(line)
        if match is None:
            continue
        naive = datetime.strptime(match[1].decode(), "%b %d %H:%M:%S %Y")  # noqa: DTZ007
        moment = naive.astimezone().astimezone(UTC)
        name = match[2].decode(errors="replace")
        logins[name] = max(moment, logins.get(name, moment))
    return logins
