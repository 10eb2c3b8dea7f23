"""The chain itself, without a database: canonical bytes, hashes, and what a checkpoint signs."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

START = "0" * 64  # what the first entry has for a predecessor


def canonical(value: Any) -> str:
    """JSON with sorted keys and no blanks: one value, one text."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def link(previous: str, body: str) -> str:
    """The hash of an entry: SHA-256 over its predecessor's hash and its own body."""
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()


def checkpoint_text(seq: int, last_hash: str, at: str) -> bytes:
    """What a checkpoint signs."""
    return f"recert-trail-checkpoint-1\n{seq}\n{last_hash}\n{at}\n".encode()


@dataclass(frozen=True)
class Break:
    """The first entry that does not fit, and why."""

    seq: int
    why: str


@dataclass(frozen=True)
class Link:
    """One entry as it is kept. The fields after `hash` repeat parts of the body for searching."""

    seq: int
    body: str
    previous: str
    hash: str
    at: datetime
    actor: str
    action: str
    object: str

    def complaint(self, previous: str) -> str:
        """Why it does not fit after the entry with this hash; "" when it does."""
        if self.previous != previous:
            return "it does not follow the entry before it"
        if link(previous, self.body) != self.hash:
            return "its text was changed"
        return self._complaint_about_columns(json.loads(self.body))

    def _complaint_about_columns(self, body: dict[str, Any]) -> str:
        if body["seq"] != self.seq:
            return "its number was changed"
        stated = (datetime.fromisoformat(body["at"]), body["actor"], body["action"], body["object"])
        kept = (self.at, self.actor, self.action, self.object)
        return "" if stated == kept else "its columns say something else than its text"


def first_break(entries: Iterable[Link], start: str = START) -> Break | None:
    """Walks the entries in order; None when the chain holds."""
    previous = start
    for expected, entry in enumerate(entries, start=1):
        if entry.seq != expected:
            return Break(entry.seq, f"entry {expected} is missing")
        try:
            why = entry.complaint(previous)
        except (ValueError, KeyError, TypeError):
            why = "its text cannot be read"
        if why:
            return Break(entry.seq, why)
        previous = entry.hash
    return None
