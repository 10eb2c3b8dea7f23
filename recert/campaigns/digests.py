"""Hashes over the items of a campaign, so that an approval holds for exactly these."""

import hashlib
from collections.abc import Iterable


def digest_of_answers(rows: Iterable[tuple[int, int, int | None]]) -> tuple[int, str]:
    """How many items there are, and the hash of their numbers with what was answered: version and
    rights that remain. An approval of these is none of another answer."""
    hashed, count = hashlib.sha256(), 0
    for number, version, remaining in rows:
        hashed.update(f"{number} {version} {remaining or 0}\n".encode())
        count += 1
    return count, hashed.hexdigest()


def digest_of(ids: Iterable[int]) -> tuple[int, str]:
    """How many numbers there are, and the hash of all of them, one a line."""
    digest, count = hashlib.sha256(), 0
    for number in ids:
        digest.update(b"%d\n" % number)
        count += 1
    return count, digest.hexdigest()
