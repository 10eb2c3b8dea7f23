"""Which requests internal-sftp answers, and which rights need which."""

import re
from dataclasses import dataclass

from recert.connectors.rights import Rights

REQUESTS = frozenset(
    {
        *("open", "close", "read", "write", "lstat", "fstat", "setstat", "fsetstat", "opendir"),
        *("readdir", "remove", "mkdir", "rmdir", "realpath", "stat", "rename", "readlink"),
        *("symlink", "posix-rename", "statvfs", "fstatvfs", "hardlink", "fsync", "lsetstat"),
        *("limits", "expand-path", "copy-data", "home-directory", "users-groups-by-id"),
    }
)
_REFUSING = frozenset({"false", "nologin", "true", "exit"})
# More than one program and its words: what a shell makes of it is not known.
_SHELL = re.compile(r"[;&|<>`$(){}'\"\\\n]")
_WITH_VALUE = "dflpPu"
_ALONE = "ehR"


@dataclass(frozen=True)
class Server:
    """The SFTP server of a session with its flags."""

    permitted: frozenset[str] = REQUESTS
    is_read_only: bool = False
    is_external: bool = False
    broken: str = ""  # why it would not start
    not_sftp: str = ""  # a command that is certainly no SFTP server
    unknown: str = ""  # a command of which nobody can say what it runs

    @property
    def rights(self) -> Rights:
        """What the flags leave. A denied `write` still lets files be made and emptied."""
        has = self.permitted.__contains__
        found = Rights.NONE
        if has("opendir") and has("readdir"):
            found |= Rights.LIST
        if has("open") and has("read"):
            found |= Rights.DOWNLOAD
        if self.is_read_only:
            return found
        if has("open"):
            found |= Rights.UPLOAD | Rights.OVERWRITE
        if has("setstat") or has("lsetstat"):
            found |= Rights.CHMOD
        for request, right in (
            ("setstat", Rights.OVERWRITE),
            ("remove", Rights.DELETE),
            ("rename", Rights.RENAME),
            ("posix-rename", Rights.RENAME),
            ("mkdir", Rights.MKDIR),
            ("rmdir", Rights.RMDIR),
        ):
            if has(request):
                found |= right
        return found


def of_command(command: str) -> Server:
    """The server behind a ForceCommand, a Subsystem or a key's command. Any other program may
    run an SFTP server in the end, so it is taken for one that forbids nothing."""
    words = command.split()
    name = words[0].rpartition("/")[2] if words else ""
    if not words or (name in _REFUSING and len(words) == 1):
        return Server(not_sftp=command or "nothing")
    if name not in ("internal-sftp", "sftp-server") or _SHELL.search(command):
        return Server(is_external=True, unknown=command)
    if name == "internal-sftp" and words[0] != name:
        return Server(is_external=True, unknown=command)
    return _with_flags(words)


def _with_flags(words: list[str]) -> Server:
    """The first word that is no flag ends them; what follows is not looked at (measured)."""
    permitted, read_only = set(REQUESTS), False
    name, rest = words[0].rpartition("/")[2], words[1:]
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or len(word) < 2 or word == "--":
            break
        letters = word[1:]
        while letters:
            flag, letters = letters[0], letters[1:]
            if flag in _ALONE:
                read_only |= flag == "R"
                continue
            if flag not in _WITH_VALUE:
                return Server(broken=f"unknown flag -{flag} of {name}")
            value = letters or (rest.pop(0) if rest else "")
            letters = ""
            if flag == "P":
                permitted -= set(value.split(","))
            elif flag == "p":
                permitted &= set(value.split(","))
    return Server(frozenset(permitted), read_only, is_external=words[0] != "internal-sftp")
