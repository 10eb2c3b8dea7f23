"""The fixed list of commands that Recert runs on a server's machine.

Names of folders and files travel on standard input, never in a command line. The few variable
arguments (a program below the server's prefix, a process number) may hold no character that a
shell interprets.
"""

import re
import shlex
from dataclasses import dataclass

from recert.connectors.contract import CannotExpress, SettingsInvalid

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


@dataclass(frozen=True)
class Command:
    """One command line: the program and its arguments. Created only in this module."""

    arguments: tuple[str, ...]

    @property
    def line(self) -> str:
        """The command line for a remote shell, with every argument quoted."""
        return shlex.join(self.arguments)


GETENT_PASSWD = Command(("getent", "passwd"))
GETENT_GROUP = Command(("getent", "group"))
GETENT_SHADOW = Command(("getent", "shadow"))
PROCESSES = Command(("ps", "-eo", "pid=,ppid=,ruid=,euid=,args=", "-ww"))

_EVERYTHING = (
    *("-type", "d", "-printf", r"d%m %U %G %D:%i %p\0"),
    *("-o", "-type", "f", "-printf", r"f%m %U %G %p\0"),
)
# Starting points on standard input, each ended by a NUL byte.
FIND_ALL = Command(("find", "-files0-from", "-", "-xdev", *_EVERYTHING))
FIND_THESE = Command(("find", "-files0-from", "-", "-maxdepth", "0", *_EVERYTHING))
FIND_FILES = Command(("find", "-files0-from", "-", "-xdev", "-type", "d,f", "-print0"))
FIND_FILES_IN = Command(
    (
        *("find", "-files0-from", "-", "-xdev", "-mindepth", "1", "-maxdepth", "1"),
        *("-type", "f", "-printf", r"%n %p\0"),
    )
)
# Symbolic links to folders, and what stands in them.
FIND_LINKS = Command(
    ("find", "-files0-from", "-", "-xdev", "-type", "l", "-xtype", "d", "-printf", r"%p\0%l\0")
)
# The lines of a log that record sign-ins; the names of the logs on standard input.
SIGN_INS = Command(
    ("xargs", "-0", "-r", "grep", "-a", "-h", "-F", "-e", "Accepted", "-e", "logged", "--")
)
JOURNAL = Command(
    (
        *("journalctl", "--quiet", "--no-pager", "--output=short-iso"),
        *("-t", "sshd", "-t", "sshd-session", "-t", "pure-ftpd"),
    )
)
# Only what has more than the mode bits say; numbers instead of names; links not followed.
_ACL = ("xargs", "-0", "-r", "getfacl", "-P", "-n", "-p", "-s", "-E")
ACL_ALL = Command((*_ACL, "-R", "--"))
ACL_THESE = Command((*_ACL, "--"))
# Everything, for the files that are named: what a plan compares and an undo restores.
ACL_WHOLE = Command(("xargs", "-0", "-r", "getfacl", "-P", "-n", "-p", "-E", "--"))
SET_ACL = Command(("setfacl", "--restore=-"))
_ENTRIES = re.compile(r"[dugmo:\d,rwx-]+")


def edit_acl(changed: str, removed: str) -> Command:
    """Only these entries of the files on standard input; whatever else stands there stays. The
    mask is not computed anew."""
    options = [text for pair in (("-m", changed), ("-x", removed)) if pair[1] for text in pair]
    for entries in (changed, removed):
        if entries and not _ENTRIES.fullmatch(entries):
            raise CannotExpress(f"{entries!r} is no list of ACL entries.")
    return Command(("xargs", "-0", "-r", "setfacl", "-P", "-n", *options, "--"))


def give_to(uid: int) -> Command:
    """Another owner for the files on standard input; links are not followed."""
    return Command(("xargs", "-0", "-r", "chown", "-h", str(int(uid)), "--"))


def program(prefix: str, path: str, *arguments: str) -> Command:
    """A daemon's own program below `prefix` ("" or "/opt/ftp"), with fixed arguments."""
    path_below_prefix = prefix.rstrip("/") + path
    for argument in (path_below_prefix, *arguments):
        if not _PLAIN.fullmatch(argument):
            raise SettingsInvalid(f"{argument!r} holds characters that no command line may hold.")
    return Command((path_below_prefix, *arguments))


def leave_group(member: str, group: str) -> Command:
    """One name less in a group, whatever others do to its list meanwhile."""
    return Command(("gpasswd", "-d", *_for_a_group(group, member)))


def set_members(group: str, members: str) -> Command:
    """The whole list of a group's names."""
    return Command(("gpasswd", "-M", *_for_a_group(group, members)))


def _for_a_group(group: str, members: str) -> tuple[str, str]:
    for argument in (group, members):
        if not _PLAIN.fullmatch(argument) or argument.startswith("-"):
            raise CannotExpress(f"{argument!r} holds characters that no command line may hold.")
    return members, group


def signal(name: str, *processes: int) -> Command:
    """`kill` for processes that were checked just before."""
    return Command(("kill", f"-{name}", *(str(int(process)) for process in processes)))
