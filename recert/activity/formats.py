"""Lines of transfer logs, pure: xferlog, Pure-FTPd's clf, vsftpd's own format.

Names are kept as bytes, as the log has them: a blank may stand there as "_", a letter beyond ASCII
as "?". `plain` does the same to a name that we know, so that both can be compared.
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
_VERBS = {
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
    """One finished transfer: `stamp` is the time as it stands there."""

    stamp: bytes
    account: bytes
    path: bytes
    use: Use


def _xferlog(line: bytes) -> Line | None:
    words = line.split()
    if len(words) < 18 or words[-1] != b"c" or words[11] not in _DIRECTIONS:
        return None
    account = b" ".join(words[13:-4])
    return Line(b" ".join(words[1:5]), account, words[8], _DIRECTIONS[words[11]])


def _clf(line: bytes) -> Line | None:
    found = _CLF.match(line)
    if found is None:
        return None
    account, stamp, verb, path = found.groups()
    return Line(stamp, account, unquote_to_bytes(path), _VERBS[verb])


def _vsftpd(line: bytes) -> Line | None:
    found = _VSFTPD.match(line)
    if found is None:
        return None
    stamp, account, verb, path = found.groups()
    return Line(b" ".join(stamp.split()[1:]), account, path, _VERBS[verb])


def _local(stamp: bytes, zone: tzinfo) -> datetime:
    return datetime.strptime(stamp.decode("ascii"), "%b %d %H:%M:%S %Y").replace(tzinfo=zone)


def _with_zone(stamp: bytes, zone: tzinfo) -> datetime:
    return datetime.strptime(stamp.decode("ascii"), "%d/%b/%Y:%H:%M:%S %z")


@dataclass(frozen=True)
class Format:
    """How one kind of line is read, and what it does to names."""

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
    """What a log comes to: for each account, folder and use the last stamp and how many."""

    found: dict[tuple[bytes, bytes, Use], tuple[bytes, int]] = field(default_factory=dict)
    first: bytes = b""
    last: bytes = b""
    lines: int = 0
    other: int = 0  # lines that are no finished transfer

    def add(self, lines: Iterable[bytes], form: Format) -> None:
        """Reads lines in the order in which they were written."""
        for line in lines:
            self.lines += 1
            one = form.read(line.rstrip(b"\r\n"))
            if one is None:
                self.other += 1
                continue
            self.first, self.last = self.first or one.stamp, one.stamp
            key = (one.account, one.path.rpartition(b"/")[0] or b"/", one.use)
            self.found[key] = (one.stamp, self.found.get(key, (b"", 0))[1] + 1)
