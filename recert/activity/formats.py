"""Parses lines of transfer logs: xferlog, Pure-FTPd's clf, vsftpd's own format.

Names stay bytes, as the log has them: it may write a blank as "_" and a character beyond ASCII as
"?". `plain` converts a known name in the same way, so that both can be compared.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from recert.activity.models import Use
from recert.foundation.errors import BadInput

_DIRECTIONS = {b"o": Use.DOWNLOAD, b"i": Use.UPLOAD, b"d": Use.DELETE}
_USES = {
    **{b"GET": Use.DOWNLOAD, b"PUT": Use.UPLOAD, b"DOWNLOAD": Use.DOWNLOAD},
    **{b"UPLOAD": Use.UPLOAD, b"DELETE": Use.DELETE},
}
_CLF = re.compile(rb'\S+ \S+ (.+?) \[([^\]]{26})\] "(GET|PUT) (.*)" \d+ \d+$')
_VSFTPD = re.compile(
    rb'(.{24}) \[pid \d+\] \[(.+?)\] OK (UPLOAD|DOWNLOAD|DELETE): Client "[^"]*", "(.*)"'
    rb"(?:, \d+ bytes)?(?:, [\d.]+Kbyte/sec)?$"
)
_BLANKS = re.compile(rb"[\s\x00-\x1f\x7f]")
_FOREIGN = re.compile(rb"[^\x20-\x7e]")


class FormatUnknown(BadInput):
    """This format of a transfer log is not known: xferlog, clf or vsftpd."""


class Line(NamedTuple):
    """One finished transfer; `stamp` is its time as the log writes it."""

    stamp: bytes
    account: bytes
    path: bytes
    use: Use


def _xferlog(line: bytes) -> Line | None:
    fields = line.split()
    if len(fields) < 18 or fields[-1] != b"c" or fields[11] not in _DIRECTIONS:
        return None
    account = b" ".join(fields[13:-4])
    return Line(b" ".join(fields[1:5]), account, fields[8], _DIRECTIONS[fields[11]])


def _clf(line: bytes) -> Line | None:
    match = _CLF.match(line)
    if match is None:
        return None
    account, stamp, command, path = match.groups()
    return Line(stamp, account, unquote_to_bytes(path), _USES[command])


def _vsftpd(line: bytes) -> Line | None:
    match = _VSFTPD.match(line)
    if match is None:
        return None
    stamp, account, command, path = match.groups()
    return Line(b" ".join(stamp.split()[1:]), account, path, _USES[command])


def _local(stamp: bytes, zone: tzinfo) -> datetime:
    return datetime.strptime(stamp.decode("ascii"), "%b %d %H:%M:%S %Y").replace(tzinfo=zone)


def _with_zone(stamp: bytes, zone: tzinfo) -> datetime:
    return datetime.strptime(stamp.decode("ascii"), "%d/%b/%Y:%H:%M:%S %z")


@dataclass(frozen=True)
class Format:
    """How to parse one kind of line and its times, and how it writes names."""

    read: Callable[[bytes], Line | None]
    time: Callable[[bytes, tzinfo], datetime]
    plain: Callable[[bytes], bytes]


FORMATS = {
    "xferlog": Format(_xferlog, _local, lambda name: _BLANKS.sub(b"_", name)),
    "clf": Format(_clf, _with_zone, lambda name: name),
    "vsftpd": Format(_vsftpd, _local, lambda name: _FOREIGN.sub(b"?", name)),
}


def format_of(name: str) -> Format:
    """The format of this name, or FormatUnknown."""
    if name not in FORMATS:
        raise FormatUnknown(f"Asked for: {name!r}.")
    return FORMATS[name]


@dataclass
class Sums:
    """The totals of a log: last stamp and count for each account, folder and use."""

    found: dict[tuple[bytes, bytes, Use], tuple[bytes, int]] = field(default_factory=dict)
    first: bytes = b""
    last: bytes = b""
    lines: int = 0
    other: int = 0  # lines that are no finished transfer

    def add(self, lines: Iterable[bytes], form: Format) -> None:
        """Adds lines in the order in which they were written."""
        for line in lines:
            self.lines += 1
            transfer = form.read(line.rstrip(b"\r\n"))
            if transfer is None:
                self.other += 1
                continue
            self.first, self.last = self.first or transfer.stamp, transfer.stamp
            key = (transfer.account, transfer.path.rpartition(b"/")[0] or b"/", transfer.use)
            self.found[key] = (transfer.stamp, self.found.get(key, (b"", 0))[1] + 1)
