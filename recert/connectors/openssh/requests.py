"""Which requests internal-sftp answers, and which rights need which."""

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
_WITH_VALUE = "dflpPu"
_ALONE = "ehR"


@dataclass(frozen=True)
class Server:
    """The SFTP server of a session with its flags."""

    permitted: frozenset[str] = REQUESTS
    is_read_only: bool = False
    is_external: bool = False
    broken: str = ""  # why it would not start
    not_sftp: str = ""  # a command that is no SFTP server

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
    """The server behind a ForceCommand, a Subsystem or a key's command."""
    words = command.split()
    name = words[0].rpartition("/")[2] if words else ""
    if name not in ("internal-sftp", "sftp-server"):
        return Server(not_sftp=command)
    permitted, read_only = set(REQUESTS), False
    rest = words[1:]
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or len(word) < 2:
            return Server(broken=f"{word!r} after {name}")
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
