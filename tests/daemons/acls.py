"""What a file or folder looks like to the kernel, and how to make it look like that again.

ACLs are read and written as the extended attributes that they are: no program rounds them up, and
a probe that restores hundreds of files does not start hundreds of programs.
"""

import os
import shutil
import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ACCESS = "system.posix_acl_access"
DEFAULT = "system.posix_acl_default"
OWNER, USER, OWNING, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
NOBODY = 0xFFFFFFFF
READ_WRITE = 0o6

Entry = tuple[int, int, int]  # tag, number, permission bits


def packed(entries: Iterable[Entry]) -> bytes:
    """Entries in the kernel's order and form."""
    ordered = sorted(entries)
    body = b"".join(struct.pack("<HHI", tag, bits, number) for tag, number, bits in ordered)
    return struct.pack("<I", 2) + body


def unpacked(raw: bytes) -> list[Entry]:
    return [(tag, number, bits) for tag, bits, number in struct.iter_unpack("<HHI", raw[4:])]


def acl(path: Path, which: str) -> bytes | None:
    try:
        return os.getxattr(path, which, follow_symlinks=False)
    except OSError:
        return None


def set_acl(path: Path, which: str, raw: bytes | None) -> None:
    if raw is not None:
        os.setxattr(path, which, raw)
    elif acl(path, which) is not None:
        os.removexattr(path, which)


def cut(raw: bytes, kept: int = READ_WRITE) -> bytes:
    """The same entries with only these bits: a file's own from those of a folder."""
    return packed((tag, number, bits & kept) for tag, number, bits in unpacked(raw))


@dataclass(frozen=True)
class Look:
    """Everything about one entry of a folder that a probe must not change for good."""

    mode: int  # with the type
    uid: int
    gid: int
    access: bytes | None = None
    default: bytes | None = None
    content: bytes = b""
    target: str = ""

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    def __str__(self) -> str:
        text = f"{self.mode & 0o7777:04o} {self.uid}:{self.gid}"
        for title, raw in (("", self.access), (" default", self.default)):
            if raw is not None:
                text += f"{title} [{describe(raw)}]"
        return text


def describe(raw: bytes) -> str:
    """ "u::rwx u:1001:r-- g::r-x m::r-x o::---", as getfacl says it."""
    letters = {OWNER: "u", USER: "u", OWNING: "g", GROUP: "g", MASK: "m", OTHER: "o"}
    words = []
    for tag, number, bits in unpacked(raw):
        named = "" if number == NOBODY else str(number)
        permission = "".join(c if bits & b else "-" for c, b in (("r", 4), ("w", 2), ("x", 1)))
        words.append(f"{letters[tag]}:{named}:{permission}")
    return " ".join(words)


def look(path: Path) -> Look:
    found = path.lstat()
    plain = stat.S_ISREG(found.st_mode)
    link = stat.S_ISLNK(found.st_mode)
    return Look(
        mode=found.st_mode,
        uid=found.st_uid,
        gid=found.st_gid,
        access=None if link else acl(path, ACCESS),
        default=acl(path, DEFAULT) if stat.S_ISDIR(found.st_mode) else None,
        content=path.read_bytes() if plain else b"",
        target=os.readlink(path) if link else "",
    )


def dress(path: Path, wanted: Look) -> None:
    """Gives what exists the owner, mode and ACLs of the look."""
    os.chown(path, wanted.uid, wanted.gid, follow_symlinks=False)
    if stat.S_ISLNK(wanted.mode):
        return
    set_acl(path, ACCESS, wanted.access)
    if stat.S_ISDIR(wanted.mode):
        set_acl(path, DEFAULT, wanted.default)
    path.chmod(wanted.mode & 0o7777)


def put_back(path: Path, wanted: Look) -> None:
    """Makes the entry look as it did, whether it was changed, replaced or removed."""
    if stat.S_ISDIR(wanted.mode):
        path.mkdir(exist_ok=True)
    elif stat.S_ISLNK(wanted.mode):
        path.unlink(missing_ok=True)
        path.symlink_to(wanted.target)
    else:
        _write(path, wanted.content)
    dress(path, wanted)


def _write(path: Path, content: bytes) -> None:
    """An existing file is not opened as one to be made: with fs.protected_regular not even root
    may do that in a sticky folder."""
    if not path.exists():
        path.touch()
    with path.open("r+b") as file:
        file.truncate()
        file.write(content)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
