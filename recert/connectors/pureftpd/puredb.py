"""The PureDB file: what the server obeys, whatever the text file beside it says.

Layout: "PDB2", 257 offsets of buckets, in each bucket slots of (hash, offset) (an empty one holds
one number), at each offset the length and the text of the key, then of the record. All numbers
are 32 bits, most significant byte first.
"""

import struct
from dataclasses import dataclass, replace
from itertools import pairwise

from recert.connectors.contract import ServerDataInvalid
from recert.connectors.posix.permissions.password_fields import second_field

MAGIC = b"PDB2"
_BUCKETS = 256
_FIELDS = 18


@dataclass(frozen=True)
class Record:
    """One virtual user."""

    name: str
    secret: str  # never shown or kept
    uid: int
    gid: int
    home: str
    allow_client: str = ""
    deny_client: str = ""
    times: str = ""

    @property
    def has_password(self) -> bool:
        """Whether the field holds a hash. Anything else refuses every password."""
        return _is_hash(self.secret)


def _is_hash(field: str) -> bool:
    return field.startswith("$") or (
        len(field) == 13 and all(c.isalnum() or c in "./" for c in field)
    )


def state_of(field: str) -> str:
    """What may be kept of the field: whether there is a hash."""
    if _is_hash(field):
        return "$removed"
    return "*" if field else ""


def without_passwords(raw: bytes) -> bytes:
    """The file as it may be kept, with the same users."""
    clean = second_field(state_of)
    kept = []
    for entry in entries(raw):
        line = clean(entry.key + b":" + entry.content)
        kept.append(replace(entry, content=line[len(entry.key) + 1 :]))
    return _rebuilt(raw, kept)


def of_line(line: str) -> Record | None:
    """A record from "name:hash:uid:gid:..."; None when the server would not take it."""
    fields = line.rstrip("\r").split(":")
    if len(fields) < 6 or not fields[2].isdecimal() or not fields[3].isdecimal():
        return None
    if int(fields[2]) == 0 or int(fields[3]) == 0 or not fields[5].startswith("/"):
        return None
    fields += [""] * (_FIELDS - len(fields))
    return Record(
        name=fields[0],
        secret=fields[1],
        uid=int(fields[2]),
        gid=int(fields[3]),
        home=fields[5],
        allow_client=fields[15],
        deny_client=fields[16],
        times=fields[17],
    )


@dataclass(frozen=True)
class Entry:
    """One record of the file, and where in the index its offset stands."""

    slot: int
    offset: int
    key: bytes
    content: bytes


def entries(raw: bytes) -> list[Entry]:
    """All records in the order of the index; of equal keys the first one counts."""
    try:
        if raw[:4] != MAGIC:
            raise ServerDataInvalid("This is no PureDB file.")
        starts = struct.unpack_from(f">{_BUCKETS + 1}I", raw, 4)
        listed = []
        for start, end in pairwise(starts):
            for number in range((end - start) // 8):
                listed.append(_entry(raw, start + 8 * number + 4))
    except struct.error as error:
        raise ServerDataInvalid("The PureDB file breaks off.") from error
    return listed


def _entry(raw: bytes, slot: int) -> Entry:
    (offset,) = struct.unpack_from(">I", raw, slot)
    (size,) = struct.unpack_from(">I", raw, offset)
    key = raw[offset + 4 : offset + 4 + size]
    (length,) = struct.unpack_from(">I", raw, offset + 4 + size)
    start = offset + 8 + size
    if start + length > len(raw):
        raise ServerDataInvalid("The PureDB file breaks off.")
    return Entry(slot, offset, key, raw[start : start + length])


def records(raw: bytes) -> dict[str, Record]:
    """The users that the server knows; a record that it would not take is left out."""
    by_name: dict[str, Record] = {}
    for entry in entries(raw):
        line = (entry.key + b":" + entry.content).decode(errors="surrogateescape")
        record = of_line(line)
        if record is not None:
            by_name.setdefault(record.name, record)
    return by_name


def with_content(raw: bytes, name: str, content: bytes) -> bytes:
    """The file with another record for one user, the first of that name."""
    key = name.encode(errors="surrogateescape")
    known = entries(raw)
    for number, entry in enumerate(known):
        if entry.key == key:
            known[number] = replace(entry, content=content)
            break
    return _rebuilt(raw, known)


def _rebuilt(raw: bytes, known: list[Entry]) -> bytes:
    """The database with its index, and the records written anew in their order in the file."""
    place = min((entry.offset for entry in known), default=len(raw))
    index, body = bytearray(raw[:place]), []
    for entry in sorted(known, key=lambda one: one.offset):
        struct.pack_into(">I", index, entry.slot, place)
        text = struct.pack(">I", len(entry.key)) + entry.key
        text += struct.pack(">I", len(entry.content)) + entry.content
        body.append(text)
        place += len(text)
    return bytes(index) + b"".join(body)
