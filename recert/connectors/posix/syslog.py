"""Last logins of daemons that log to syslog only: from its files, or from the journal."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from recert.connectors.contract import LogSource
from recert.connectors.hosts import FileFact, Host, commands

# Where Debian and Red Hat put the facilities AUTH and FTP; the last turned ones as well.
FILES = tuple(
    f"/var/log/{name}{turned}"
    for name in ("auth.log", "secure", "syslog", "messages")
    for turned in ("", ".1")
)
# 2026-11-23T08:05:04.123456+00:00 ftp1 TAG: TEXT, or Nov 23 08:05:04 ftp1 TAG: TEXT
_LINE = re.compile(
    rb"^(?:(\d{4}-\d\d-\d\dT\S+)|(\w{3} [ \d]\d \d\d:\d\d:\d\d)) \S+ ([\w-]+)(?:\[\d+\])?: (.*)$"
)
_SAYS = {
    b"sshd": re.compile(rb"Accepted \S+ for (.+) from \S+ port \d+"),
    b"sshd-session": re.compile(rb"Accepted \S+ for (.+) from \S+ port \d+"),
    b"pure-ftpd": re.compile(rb"\([^ ]*@[^ ]*\) \[INFO\] (.+) is now logged in"),
}


def sign_ins(settings: Mapping[str, str], tag: str, remark: str) -> LogSource:
    """Where this server's sign-ins are found."""
    return LogSource("sign-ins", settings.get("log") or "syslog", tag, remark)


def last_logins(host: Host, settings: Mapping[str, str], now: datetime) -> dict[str, datetime]:
    """The newest login of each account. What cannot be read costs the dates only."""
    named = settings.get("log")
    facts = host.stat_many([named] if named else FILES)
    there = [path for path, fact in facts.items() if isinstance(fact, FileFact)]
    if there:
        data = b"".join(path.encode(errors="surrogateescape") + b"\0" for path in there)
        return newest(_lines(host.stream(commands.SIGN_INS, data)), now)
    return newest(_lines(host.stream(commands.JOURNAL)), now)


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
    yield rest


def newest(lines: Iterable[bytes], now: datetime) -> dict[str, datetime]:
    """The newest login of each account in these lines. Times without a zone are taken as those of
    this machine; without a year, as the last such day before `now`."""
    logins: dict[str, datetime] = {}
    for line in lines:
        match = _LINE.match(line)
        says = _SAYS.get(match[3]) if match else None
        text = says.match(match[4]) if match and says else None
        at = _moment(match, now) if match and text else None
        if text and at:
            name = text[1].decode(errors="surrogateescape")
            logins[name] = max(at, logins.get(name, at))
    return logins


def _moment(match: re.Match[bytes], now: datetime) -> datetime | None:
    try:
        if match[1]:
            return datetime.fromisoformat(match[1].decode()).astimezone(UTC)
        for year in (now.year, now.year - 1):
            text = f"{year} {match[2].decode()}"
            at = datetime.strptime(text, "%Y %b %d %H:%M:%S").astimezone(UTC)
            if at <= now + timedelta(days=1):
                return at
    except ValueError:  # no date, whatever it looks like
        return None
    return None
