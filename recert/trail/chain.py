"""The chain itself, without a database: canonical bytes, hashes, and what a checkpoint signs."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

START = "0" * 64  # what the first entry has for a predecessor


def canonical(value: Any) -> str:
    """JSON with sorted keys and no blanks: one value, one text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


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


def first_break(entries: Iterable[tuple[int, str, str, str]], start: str = START) -> Break | None:
    """Walks (seq, body, previous, hash) in order; None when the chain holds."""
    expected_seq, previous = None, start
    for seq, body, said_previous, said_hash in entries:
        if expected_seq is not None and seq != expected_seq:
            return Break(seq, f"entry {expected_seq} is missing")
        if said_previous != previous:
            return Break(seq, "it does not follow the entry before it")
        if link(previous, body) != said_hash:
            return Break(seq, "its text was changed")
        if json.loads(body).get("seq") != seq:
            return Break(seq, "its number was changed")
        expected_seq, previous = seq + 1, said_hash
    return None
