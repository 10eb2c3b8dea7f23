"""Which commands a client needs for a right, by FTP and by SFTP.

A right holds when at least one way to it is open. All commands of a way must be allowed, each at
its own path: the folder itself, or a file in it.
"""

from dataclasses import dataclass
from enum import Enum, auto

from recert.connectors.rights import Rights


class At(Enum):
    """The path that a command is judged by."""

    FOLDER = auto()
    NEW = auto()  # a name in the folder that does not exist yet
    FILE = auto()  # an existing file in it
    ENTRY = auto()  # anything that a listing of it would show


@dataclass(frozen=True)
class Ask:
    command: str
    group: str
    at: At
    spoken: bool = False  # only an explicit Allow counts, no rule at all does not


@dataclass(frozen=True)
class Way:
    """Commands that together do something; what else must be switched on for it."""

    asks: tuple[Ask, ...]
    overwrites: bool = False  # AllowOverwrite
    appends: bool = False  # AllowStoreRestart
    module: str = ""  # the module that offers the command


def _way(*asks: Ask, overwrites: bool = False, appends: bool = False, module: str = "") -> Way:
    return Way(asks, overwrites, appends, module)


def _folder(command: str) -> Ask:
    return Ask(command, "DIRS", At.FOLDER)


def _new(command: str) -> Ask:
    return Ask(command, "WRITE", At.NEW)


def _file(command: str, group: str = "WRITE") -> Ask:
    return Ask(command, group, At.FILE)


def _entry(command: str) -> Ask:
    """A listing leaves out every entry whose own path is closed to the command."""
    return Ask(command, "DIRS", At.ENTRY)


COPY, _MISC = "mod_copy.c", "mod_site_misc.c"
# It stores where the session stands. (Without AllowOverwrite it refuses to go on when it finds the
# file that it has just made, which stays, empty.)
STORE_UNIQUE = _way(_folder("CWD"), _new("STOU"))
FTP: dict[Rights, tuple[Way, ...]] = {
    Rights.LIST: (
        _way(_folder("LIST"), _entry("LIST")),
        _way(_folder("NLST"), _entry("NLST")),
        _way(_folder("MLSD"), _entry("MLSD")),
        _way(_folder("STAT"), _entry("STAT")),
    ),
    Rights.DOWNLOAD: (_way(_file("RETR", "READ")),),
    Rights.UPLOAD: (
        _way(_new("STOR")),
        _way(_new("APPE")),
        STORE_UNIQUE,
        _way(_new("SITE_CPTO"), module=COPY),
    ),
    Rights.OVERWRITE: (
        _way(_file("STOR"), overwrites=True),
        _way(_file("APPE"), appends=True),
        _way(_file("SITE_CPTO"), overwrites=True, module=COPY),
    ),
    Rights.DELETE: (_way(_file("DELE")),),
    Rights.RENAME: (_way(_file("RNFR"), _new("RNTO")),),
    Rights.MKDIR: (_way(_new("MKD")), _way(_new("SITE_MKDIR"), module=_MISC)),
    Rights.RMDIR: (_way(_file("RMD")), _way(_file("SITE_RMDIR"), module=_MISC)),
    Rights.CHMOD: (_way(_file("SITE_CHMOD")),),
}
# mod_sftp looks at AllowOverwrite for STOR only, and at AllowStoreRestart never. What it reads and
# writes is asked once more, by the names READ and WRITE.
SFTP: dict[Rights, tuple[Way, ...]] = {
    Rights.LIST: (
        _way(
            *(_folder(name) for name in ("OPENDIR", "LIST", "NLST", "READDIR")), _entry("READDIR")
        ),
        _way(_folder("OPENDIR"), Ask("READDIR", "DIRS", At.FOLDER, spoken=True), _entry("READDIR")),
    ),
    Rights.DOWNLOAD: (_way(_file("RETR", "READ"), _file("READ", "READ")),),
    Rights.UPLOAD: (_way(_new("STOR")), _way(_new("APPE"))),
    Rights.OVERWRITE: (
        _way(_file("STOR"), overwrites=True),
        _way(_file("APPE"), _file("WRITE")),
        _way(_file("SETSTAT")),  # with a size it cuts the file off
    ),
    Rights.DELETE: (_way(_file("DELE")),),
    Rights.RENAME: (_way(_file("RNFR", "DIRS"), _new("RNTO")),),
    Rights.MKDIR: (_way(_new("MKD")),),
    Rights.RMDIR: (_way(_file("RMD")),),
    Rights.CHMOD: (
        _way(_file("SETSTAT"), _file("SITE_CHMOD")),
        _way(_file("FSETSTAT"), _file("SITE_CHMOD")),
    ),
}
WAYS = {"ftp": FTP, "sftp": SFTP}

# The commands that a <Limit> names to close each right for good, every way to it included. READ,
# WRITE, DIRS and ALL belong to EVERYTHING: they decide about commands that no block names.
_READS = ("RETR", "SIZE", "SITE_CPFR", "READLINK")
_STORES = ("STOR", "STOU", "APPE", "SITE_CPTO", "SITE_COPY", "SITE_SYMLINK")
_LINKS = ("SYMLINK", "LINK", "HARDLINK")
_LISTS = (
    *("CWD", "XCWD", "CDUP", "LIST", "NLST", "MLSD", "MLST", "STAT", "LSTAT", "FSTAT", "MDTM"),
    *("OPENDIR", "READDIR"),
)
_MODES = ("SITE_CHMOD", "SITE_CHGRP", "SITE_UTIME", "SETSTAT", "FSETSTAT", "MFMT", "MFF")
CLOSING: dict[Rights, tuple[str, ...]] = {
    Rights.LIST: ("LIST", "NLST", "MLSD", "OPENDIR", "READDIR"),
    Rights.DOWNLOAD: _READS,
    Rights.UPLOAD: (*_STORES, *_LINKS),
    Rights.OVERWRITE: (*_STORES, "SETSTAT", "FSETSTAT"),
    Rights.DELETE: ("DELE",),
    Rights.RENAME: ("RNFR", "RNTO"),
    Rights.MKDIR: ("MKD", "SITE_MKDIR"),
    Rights.RMDIR: ("RMD", "SITE_RMDIR"),
    Rights.CHMOD: _MODES,
}
EVERYTHING = (
    *_READS,
    *_STORES,
    *("DELE", "MKD", "RMD", "RNFR", "RNTO", "SITE_MKDIR", "SITE_RMDIR"),
    *_MODES,
    *_LINKS,
    *_LISTS,
    *("READ", "WRITE", "DIRS", "ALL"),
)
WRITING = (
    *_STORES,
    *("DELE", "MKD", "RMD", "RNFR", "RNTO", "SITE_MKDIR", "SITE_RMDIR"),
    *_MODES,
    *_LINKS,
    "WRITE",
)


def group_of(command: str, protocol: str) -> str:
    """The command group (READ, WRITE or DIRS) that decides when no block names the command. FTP
    and SFTP put the start of a rename, RNFR, into different groups."""
    if command == "RNFR" and protocol == "sftp":
        return "DIRS"
    if command in _READS:
        return "READ"
    return "DIRS" if command in _LISTS else "WRITE"
