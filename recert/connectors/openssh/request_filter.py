"""Which SFTP requests internal-sftp answers, and the rights that follow from them."""

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
# More than one program and its arguments: how a shell would interpret it is not known.
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
        rights = Rights.NONE
        if has("opendir") and has("readdir"):
            rights |= Rights.LIST
        if has("open") and has("read"):
            rights |= Rights.DOWNLOAD
        if self.is_read_only:
            return rights
        if has("open"):
            rights |= Rights.UPLOAD | Rights.OVERWRITE
        if has("setstat") or has("lsetstat"):
            rights |= Rights.CHMOD
        for request, right in (
            ("setstat", Rights.OVERWRITE),
            ("remove", Rights.DELETE),
            ("rename", Rights.RENAME),
            ("posix-rename", Rights.RENAME),
            ("mkdir", Rights.MKDIR),
            ("rmdir", Rights.RMDIR),
        ):
            if has(request):
                rights |= right
        return rights


def of_command(command: str) -> Server:
    """The server behind a ForceCommand, a Subsystem or a key's command. Any other program may
    run an SFTP server in the end, so it is taken for one that forbids nothing."""
    arguments = command.split()
    name = arguments[0].rpartition("/")[2] if arguments else ""
    if not arguments or (name in _REFUSING and len(arguments) == 1):
        return Server(not_sftp=command or "nothing")
    if name not in ("internal-sftp", "sftp-server") or _SHELL.search(command):
        return Server(is_external=True, unknown=command)
    if name == "internal-sftp" and arguments[0] != name:
        return Server(is_external=True, unknown=command)
    return _with_flags(arguments)


def _with_flags(arguments: list[str]) -> Server:
    """The server with the flags of its command line. The first argument that is no flag ends
    them; sshd ignores what follows (measured)."""
    permitted, read_only = set(REQUESTS), False
    name, rest = arguments[0].rpartition("/")[2], arguments[1:]
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("-") or len(argument) < 2 or argument == "--":
            break
        flags = argument[1:]
        while flags:
            flag, flags = flags[0], flags[1:]
            if flag in _ALONE:
                read_only |= flag == "R"
                continue
            if flag not in _WITH_VALUE:
                return Server(broken=f"unknown flag -{flag} of {name}")
            value = flags or (rest.pop(0) if rest else "")
            flags = ""
            if flag == "P":
                permitted -= set(value.split(","))
            elif flag == "p":
                permitted &= set(value.split(","))
    return Server(frozenset(permitted), read_only, is_external=arguments[0] != "internal-sftp")
