"""Closing a virtual user: a "*" before its hash, in the text file and in the PureDB.

The record stays, so that no system account of the same name comes to light, and the hash itself
never leaves the files.
"""

import json

from recert.connectors.contract import EditedByOthers
from recert.connectors.posix.changes import plan_parts
from recert.connectors.posix.changes.plan_parts import Part
from recert.connectors.pureftpd import puredb

TEXT, DATABASE = "purepw", "puredb"
_STAR = b"*"


def closing(kind: str, path: str, account: str) -> Part:
    """The part that closes the account in one of the two files."""
    sides = (json.dumps({"account": account, "locked": locked}) for locked in (False, True))
    return Part(kind, path, *sides)


class _TextFile:
    """The lines "name:hash:..." of pureftpd.passwd; the first of a name counts."""

    def content(self, raw: bytes, account: bytes) -> bytes | None:
        for line in raw.splitlines(keepends=True):
            if line.startswith(account + b":"):
                return line[len(account) + 1 :]
        return None

    def changed(self, raw: bytes, account: bytes, content: bytes) -> bytes:
        lines = raw.splitlines(keepends=True)
        for number, line in enumerate(lines):
            if line.startswith(account + b":"):
                lines[number] = account + b":" + content
                break
        return b"".join(lines)


class _Database:
    """The records of pureftpd.pdb."""

    def content(self, raw: bytes, account: bytes) -> bytes | None:
        for entry in puredb.entries(raw):
            if entry.key == account:
                return entry.content
        return None

    def changed(self, raw: bytes, account: bytes, content: bytes) -> bytes:
        return puredb.with_content(raw, account.decode(errors="surrogateescape"), content)


class _Lock:
    """How a part of these kinds is compared, carried out and shown."""

    def __init__(self, file: _TextFile | _Database) -> None:
        self._file = file

    def stands(self, raw: bytes, side: str) -> bool:
        wanted = json.loads(side)
        content = self._file.content(raw, _key(wanted))
        return content is not None and content.startswith(_STAR) == wanted["locked"]

    def is_exactly(self, raw: bytes, side: str) -> bool:
        return self.stands(raw, side)

    def turn(self, raw: bytes, before: str, after: str) -> bytes:
        wanted = json.loads(after)
        content = self._file.content(raw, _key(wanted))
        if content is None:
            raise EditedByOthers(f"{wanted['account']!r} is not there any more.")
        bare = content.removeprefix(_STAR)
        return self._file.changed(raw, _key(wanted), _STAR + bare if wanted["locked"] else bare)

    def diff(self, path: str, before: str, after: str) -> str:
        locked = json.loads(after)["locked"]
        name = json.loads(after)["account"]
        old, new = ("", "*") if locked else ("*", "")
        return f"--- {path}\n+++ {path}\n-{name}:{old}(hash)\n+{name}:{new}(hash)\n"


def _key(side: dict[str, str]) -> bytes:
    return side["account"].encode(errors="surrogateescape")


plan_parts.register(TEXT, _Lock(_TextFile()))
plan_parts.register(DATABASE, _Lock(_Database()))
