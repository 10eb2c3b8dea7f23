"""Edits of text files as the lines that change, never the whole file: files hold secrets.

A side of an edit is a small JSON text: the hash of the whole file, and for each hunk its lines
and the hashes of its neighbours. Turning one side into the other gives the exact bytes back; when
others have edited elsewhere in the file meanwhile, the lines are found by their neighbours.
"""

import difflib
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from recert.connectors.contract import EditedByOthers

_EDGE = "edge"


def make(old: bytes, new: bytes) -> tuple[str, str]:
    """The two sides of an edit."""
    before, after = _lines(old), _lines(new)
    one: list[dict[str, Any]] = []
    other: list[dict[str, Any]] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag != "equal":
            one.append(_hunk(before, start, end))
            other.append(_hunk(after, new_start, new_end))
    return _side(old, one), _side(new, other)


def stands(content: bytes, side: str) -> bool:
    """Whether this side is what the file holds, at least where the edit lies."""
    loaded = json.loads(side)
    if loaded["sha256"] == _sha(content):
        return True
    lines = _lines(content)
    return bool(loaded["hunks"]) and all(
        len(_positions(lines, hunk)) == 1 for hunk in loaded["hunks"]
    )


def is_exactly(content: bytes, side: str) -> bool:
    """Whether the whole file is what this side was made from."""
    return bool(json.loads(side)["sha256"] == _sha(content))


def turn(content: bytes, before: str, after: str) -> bytes:
    """The file with one side turned into the other. EditedByOthers when its lines are not there
    any more, or are there more than once."""
    old, new = json.loads(before), json.loads(after)
    lines = _lines(content)
    exact = old["sha256"] == _sha(content)
    positions = []
    for hunk in old["hunks"]:
        candidates = [hunk["at"]] if exact else _positions(lines, hunk)
        if len(candidates) != 1:
            raise EditedByOthers("The lines of the change are not found any more.")
        positions.append(candidates[0])
    pairs = list(zip(positions, old["hunks"], new["hunks"], strict=True))
    for position, removed, added in sorted(pairs, key=lambda pair: pair[0], reverse=True):
        lines[position : position + len(removed["lines"])] = map(_encoded, added["lines"])
    result = b"".join(lines)
    if exact and _sha(result) != new["sha256"]:
        raise EditedByOthers("The change does not lead to the file it was planned for.")
    return result


def diff(path: str, before: str, after: str) -> str:
    """Both sides for people."""
    shown = [f"--- {path}", f"+++ {path}"]
    pairs = zip(json.loads(before)["hunks"], json.loads(after)["hunks"], strict=True)
    for old, new in pairs:
        shown.append(f"@@ line {old['at'] + 1} @@")
        shown += [f"-{line.rstrip()}" for line in old["lines"]]
        shown += [f"+{line.rstrip()}" for line in new["lines"]]
    return "\n".join(shown) + "\n"


def _lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True) if content else []


def _encoded(line: str) -> bytes:
    return line.encode("utf-8", errors="surrogateescape")


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _side(content: bytes, hunks: list[dict[str, Any]]) -> str:
    return json.dumps({"sha256": _sha(content), "hunks": hunks})


def _hunk(lines: Sequence[bytes], start: int, end: int) -> dict[str, Any]:
    shown = [line.decode("utf-8", errors="surrogateescape") for line in lines[start:end]]
    return {"at": start, "lines": shown, **_neighbours(lines, start, end)}


def _neighbours(lines: Sequence[bytes], start: int, end: int) -> dict[str, str]:
    return {
        "previous": _sha(lines[start - 1]) if start > 0 else _EDGE,
        "next": _sha(lines[end]) if end < len(lines) else _EDGE,
    }


def _positions(lines: Sequence[bytes], hunk: dict[str, Any]) -> list[int]:
    """The positions where the hunk's lines stand beside the same neighbours. One matching
    neighbour is enough, except for a hunk without lines."""
    wanted = [_encoded(line) for line in hunk["lines"]]
    positions = []
    for start in range(len(lines) - len(wanted) + 1):
        end = start + len(wanted)
        if list(lines[start:end]) == wanted:
            around = _neighbours(lines, start, end)
            matches = [around[side] == hunk[side] for side in ("previous", "next")]
            if all(matches) or (wanted and any(matches)):
                positions.append(start)
    return positions
