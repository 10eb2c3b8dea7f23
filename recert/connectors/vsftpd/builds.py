"""Which build of vsftpd a server runs: the configured one, or what its program shows."""

from collections.abc import Mapping

from recert.connectors.contract import ConnectorError
from recert.connectors.hosts import Host
from recert.connectors.vsftpd.known_options import (
    DEBIAN,
    DEBIAN_3_0_5,
    OF_RED_HAT_ALONE,
    OTHERS,
)

_PROGRAM = "/usr/sbin/vsftpd"
_ITSELF = b"vsftpd: version "
_FOLDER_OF_DEBIAN = b"/var/run/vsftpd/empty"


def build_of(host: Host, settings: Mapping[str, str]) -> str:
    """The names of options stand in the program. Without one, or when it is something else, the
    build is Debian's."""
    if settings.get("build"):
        return settings["build"]
    path = settings.get("prefix", "").rstrip("/") + _PROGRAM
    host.withhold(path, marks_of)
    raw = host.read_many([path])[path]
    return DEBIAN if isinstance(raw, ConnectorError) else shown_by(raw)


def shown_by(program: bytes) -> str:
    known = {name for name in OTHERS if name.encode() + b"\0" in program}
    if _ITSELF not in program or not known:
        return DEBIAN
    if OF_RED_HAT_ALONE in known:
        return "redhat"
    return DEBIAN_3_0_5 if _FOLDER_OF_DEBIAN + b"\0" in program else "3.0.5"


def marks_of(program: bytes) -> bytes:
    """What is looked for: the rest of a program need not be kept."""
    marks = (_ITSELF, *(mark + b"\0" for mark in (*map(str.encode, OTHERS), _FOLDER_OF_DEBIAN)))
    return b"".join(mark for mark in marks if mark in program)
