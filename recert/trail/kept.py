"""Checkpoints that are kept outside: reading them, comparing the trail with them, and which there
are."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.foundation.errors import BadInput
from recert.trail.actions import Action
from recert.trail.chain import Break, checkpoint_text
from recert.trail.models import TrailCheckpoint, TrailEntry
from recert.trail.queries import newest_about

SUBJECT = "trail"
LARGEST_FILE = 10_000_000
_LINE = re.compile(r"(?<!\S)(\d{1,18}) ([0-9a-f]{64}) (\S{10,40}) ([0-9a-f]{128})(?!\S)")
NONE_KEPT = (
    "No checkpoint is kept outside of this machine: whoever has its database and its key could "
    "write the trail anew, and nobody would see it. Set RECERT_CHECKPOINT_MAIL, _FOLDER or _SYSLOG"
)


@dataclass(frozen=True)
class Kept:
    """One checkpoint as somebody outside has it."""

    seq: int
    hash: str
    at: str
    signature: str


def line(point: TrailCheckpoint) -> str:
    """A checkpoint as one line of text."""
    return f"{point.seq} {point.hash} {point.at.isoformat()} {point.signature}"


def read(text: str) -> list[Kept]:
    """The checkpoints in a text or a file: lines of `recert trail checkpoint` among whatever else
    stands there (a mail, a log), or the checkpoint.json of a package. BadInput when none."""
    source, name = text, "this text"
    path = Path(text)
    if len(text) < 1000 and path.is_file():
        if path.stat().st_size > LARGEST_FILE:
            raise BadInput(f"{path} has more than {LARGEST_FILE} bytes: it is no checkpoint.")
        source, name = path.read_text(encoding="utf-8", errors="replace"), str(path)
    found = [
        Kept(int(seq), sha, at, signature) for seq, sha, at, signature in _LINE.findall(source)
    ]
    found += _of_json(source)
    if not found:
        raise BadInput(
            f"There is no checkpoint in {name[:200]!r}. One is a line with a number, 64 and 128 "
            "hexadecimal digits with a time between them, as `recert trail checkpoint` prints it."
        )
    return found


def _of_json(source: str) -> list[Kept]:
    try:
        found: Any = json.loads(source)
        return [Kept(int(found["seq"]), found["hash"], found["at"], found["signature"])]
    except (ValueError, TypeError, KeyError):
        return []


def broken(session: Session, points: Iterable[Kept], ours: Ed25519PublicKey) -> Break | None:
    """The first checkpoint that the trail contradicts, as a text; None when all hold."""
    for point in sorted(points, key=lambda each: each.seq):
        why = _complaint(session, point, ours)
        if why:
            return Break(point.seq, f"{why} (checkpoint of {point.at})")
    return None


def _complaint(session: Session, point: Kept, ours: Ed25519PublicKey) -> str:
    text = checkpoint_text(point.seq, point.hash, point.at)
    try:
        ours.verify(bytes.fromhex(point.signature), text)
    except (InvalidSignature, ValueError):
        return (
            "the checkpoint that you gave was not signed with the key of this installation: it was "
            "not copied whole, or the key was replaced"
        )
    if point.seq == 0:
        return ""
    known = session.scalar(select(TrailEntry.hash).where(TrailEntry.seq == point.seq))
    if known is None:
        last = session.scalar(select(TrailEntry.seq).order_by(TrailEntry.seq.desc()).limit(1)) or 0
        return (
            f"the trail ends at entry {last}, and it had {point.seq} when the checkpoint was "
            "signed: its end was cut off"
        )
    if known != point.hash:
        return (
            "this entry is another one than when the checkpoint was signed: the trail was written "
            "anew since"
        )
    return ""


@dataclass(frozen=True)
class Outside:
    """The newest checkpoint that Recert itself delivered: when, of which entry, and where to."""

    at: datetime
    seq: int
    targets: tuple[str, ...]

    @property
    def text(self) -> str:
        """One sentence."""
        return (
            f"The checkpoint of entry {self.seq} was given away at "
            f"{self.at:%Y-%m-%d %H:%M} UTC: {', '.join(self.targets)}."
        )


def outside(session: Session) -> Outside | None:
    """None when no checkpoint was ever delivered."""
    for body in newest_about(session, Action.CHECKPOINT_SENT, SUBJECT, 1):
        details = body["details"]
        at = datetime.fromisoformat(body["at"])
        return Outside(at, details["seq"], tuple(details["places"]))
    return None
