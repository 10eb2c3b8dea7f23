"""Permissions of one file or folder: owner, group, mode bits and POSIX ACLs, numeric."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from recert.connectors.contract import ServerDataInvalid

READ, WRITE, ENTER = 4, 2, 1
STICKY, SETGID = 0o1000, 0o2000
_ESCAPED = re.compile(rb"\\([0-7]{3}|\\)")
_RWX = (("r", READ), ("w", WRITE), ("x", ENTER))


class Acl(NamedTuple):
    """The entries of an ACL. `mask` is None when there is none; then nothing is masked."""

    user: int
    group: int
    other: int
    mask: int | None = None
    users: tuple[tuple[int, int], ...] = ()
    groups: tuple[tuple[int, int], ...] = ()

    @property
    def limit(self) -> int:
        """What the mask leaves of named entries and of the owning group."""
        return 7 if self.mask is None else self.mask

    @property
    def is_plain(self) -> bool:
        """True when mode bits alone express the ACL."""
        return self.mask is None and not self.users and not self.groups

    @property
    def is_dormant(self) -> bool:
        """Linux skips an ACL whose mask is empty and goes by the mode bits alone: the owning group
        gets nothing, and everybody else, named or not, gets what others get."""
        return self.mask == 0

    def named_user(self, uid: int) -> int | None:
        """The entry of one user, before the mask."""
        return dict(self.users).get(uid)


class Node(NamedTuple):
    """What the kernel looks at: hashable, so that equal ones are judged once."""

    uid: int
    gid: int
    mode: int  # the twelve bits; with an ACL the middle digit shows the mask
    access: Acl
    default: Acl | None = None


@dataclass(frozen=True)
class Listed:
    """One file as getfacl shows it."""

    path: bytes
    uid: int
    gid: int
    access: Acl
    default: Acl | None
    flags: str = "---"

    @property
    def text(self) -> str:
        """The canonical text that `setfacl --restore` takes; the path escaped as getfacl does."""
        lines = [
            f"# file: {escape(self.path)}",
            f"# owner: {self.uid}",
            f"# group: {self.gid}",
            *([f"# flags: {self.flags}"] if self.flags != "---" else []),
            *entries(self.access),
            *(entries(self.default, "default:") if self.default else []),
        ]
        return "\n".join(lines) + "\n"

    def changed(self, **values: object) -> "Listed":
        """A copy of the file with other values."""
        return replace(self, **values)  # type: ignore[arg-type]


def of_mode(mode: int) -> Acl:
    """The entries that plain mode bits stand for."""
    return Acl(mode >> 6 & 7, mode >> 3 & 7, mode & 7)


def rwx(perm: int) -> str:
    """Permission bits as text: 5 is "r-x"."""
    return "".join(flag if perm & bit else "-" for flag, bit in _RWX)


def entries(acl: Acl, prefix: str = "") -> Iterator[str]:
    """The lines of an ACL in getfacl's order."""
    yield f"{prefix}user::{rwx(acl.user)}"
    yield from (f"{prefix}user:{uid}:{rwx(perm)}" for uid, perm in acl.users)
    yield f"{prefix}group::{rwx(acl.group)}"
    yield from (f"{prefix}group:{gid}:{rwx(perm)}" for gid, perm in acl.groups)
    if acl.mask is not None:
        yield f"{prefix}mask::{rwx(acl.mask)}"
    yield f"{prefix}other::{rwx(acl.other)}"


def escape(path: bytes) -> str:
    """A path as getfacl writes it."""
    escaped = path.replace(b"\\", b"\\\\").replace(b"\n", b"\\012").replace(b"\r", b"\\015")
    return escaped.decode(errors="surrogateescape")


def unescape(path: bytes) -> bytes:
    """The path behind getfacl's writing of it."""
    if b"\\" not in path:
        return path
    return _ESCAPED.sub(
        lambda match: b"\\" if match[1] == b"\\" else bytes((int(match[1], 8),)), path
    )


def parse_listing(pieces: Iterator[bytes]) -> Iterator[Listed]:
    """The files of getfacl's output, read piece by piece."""
    known: dict[bytes, tuple[Acl, Acl | None]] = {}
    rest = b""
    for piece in pieces:
        *blocks, rest = (rest + piece).split(b"\n\n")
        for block in blocks:
            yield _listed(block, known)
    if rest.strip():
        yield _listed(rest, known)


def _listed(block: bytes, known: dict[bytes, tuple[Acl, Acl | None]]) -> Listed:
    """One file. Equal entries are parsed once: large trees repeat a few of them."""
    head, start = {}, 0
    block = block.lstrip(b"\n")
    while block.startswith(b"# ", start):
        end = block.find(b"\n", start)
        end = len(block) if end < 0 else end
        key, _, value = block[start + 2 : end].partition(b": ")
        head[key] = value
        start = end + 1
    body = block[start:]
    try:
        if body not in known:
            known[body] = _parse_entries(body.decode())
        access, default = known[body]
        return Listed(
            unescape(head[b"file"]),
            int(head[b"owner"]),
            int(head[b"group"]),
            access,
            default,
            head.get(b"flags", b"---").decode(),
        )
    except (KeyError, ValueError) as error:
        raise ServerDataInvalid(f"getfacl said something unexpected: {block[:200]!r}.") from error


def _parse_entries(body: str) -> tuple[Acl, Acl | None]:
    lines = [line for line in body.split("\n") if line]
    default = [line.removeprefix("default:") for line in lines if line.startswith("default:")]
    access = [line for line in lines if not line.startswith("default:")]
    return _acl(access), _acl(default) if default else None


def _acl(lines: list[str]) -> Acl:
    plain: dict[str, int] = {}
    users, groups = [], []
    for line in lines:
        kind, name, perm = line.split(":")
        value = _bits(perm)
        if kind == "user" and name:
            users.append((int(name), value))
        elif kind == "group" and name:
            groups.append((int(name), value))
        else:
            plain[kind] = value
    return Acl(
        plain["user"],
        plain["group"],
        plain["other"],
        plain.get("mask"),
        tuple(sorted(users)),
        tuple(sorted(groups)),
    )


def _bits(perm: str) -> int:
    return sum(
        bit for (flag, bit), character in zip(_RWX, perm[:3], strict=True) if character == flag
    )
