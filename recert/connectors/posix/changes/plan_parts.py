"""The parts of a plan: ACLs of files and folders, and lines of text files.

A plan keeps two sides of each part, before and after. Carrying a plan out compares every part
first, then writes those that are not at their after side; the next run finishes an interrupted
one.
"""

import difflib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from recert.connectors.contract import (
    EditedByOthers,
    OutcomeUnknown,
    ServerUnreachable,
    Standing,
)
from recert.connectors.hosts import FileMissing, Host, commands
from recert.connectors.posix.changes import acl_entries, text_patch
from recert.connectors.posix.permissions.acl import READ, Acl, Listed, parse_listing
from recert.foundation.failpoints import reach

ACL, TEXT = "acl", "text"


class FileEdit(Protocol):
    """How one kind of part edits a file: its sides are texts of its own making."""

    def stands(self, raw: bytes, side: str) -> bool:
        """Whether this side is what the file holds, where the edit lies."""

    def is_exactly(self, raw: bytes, side: str) -> bool:
        """Whether the whole file is this side: asked first, because it leaves no doubt."""

    def turn(self, raw: bytes, before: str, after: str) -> bytes:
        """The file with one side turned into the other."""

    def diff(self, path: str, before: str, after: str) -> str:
        """Both sides for people."""


_EDITS: dict[str, FileEdit] = {TEXT: text_patch}
_WRITERS: dict[str, "Callable[[Host, Part], bool]"] = {}


def register(
    kind: str, edit: FileEdit, write: "Callable[[Host, Part], bool] | None" = None
) -> None:
    """Adds a kind of part that edits a file. `write` carries it out where the machine has a tool
    of its own for that file, and tells whether it did."""
    _EDITS[kind] = edit
    if write is not None:
        _WRITERS[kind] = write


@dataclass(frozen=True)
class Part:
    """One native place. `before` and `after` are getfacl's text or the sides of a text edit."""

    kind: str
    place: str
    before: str
    after: str

    @property
    def reversed(self) -> "Part":
        return Part(self.kind, self.place, self.after, self.before)


def acl_part(old: Listed, new: Listed) -> Part:
    """The part that gives a file or folder another ACL."""
    return Part(ACL, os.fsdecode(old.path), old.text, new.text)


def text_part(path: str, old: bytes, new: bytes) -> Part:
    """The part that edits a text file."""
    before, after = text_patch.make(old, new)
    return Part(TEXT, path, before, after)


def turned(content: bytes, part: Part) -> bytes:
    """The content of a text file after the part; as it is when that stands already."""
    if _standing(content, part) is Standing.AFTER:
        return content
    return _EDITS[part.kind].turn(content, part.before, part.after)


def _standing(content: bytes, part: Part) -> Standing:
    """Which side of a part that edits a file stands."""
    edit = _EDITS[part.kind]
    sides = ((part.before, Standing.BEFORE), (part.after, Standing.AFTER))
    for side, standing in sides:
        if edit.is_exactly(content, side):
            return standing
    for side, standing in reversed(sides):
        if edit.stands(content, side):
            return standing
    return Standing.OTHER


def contents(host: Host, parts: Sequence[Part]) -> dict[str, bytes]:
    """The files that these parts edit, as they would be afterwards."""
    edited: dict[str, bytes] = {}
    for part in parts:
        if part.kind != ACL:
            now = edited[part.place] if part.place in edited else host.read(part.place)
            edited[part.place] = turned(now, part)
    return edited


def dump(parts: Sequence[Part], side: str) -> str:
    """One side of all parts, as it is kept in a plan: "before" or "after"."""
    return json.dumps([[part.kind, part.place, getattr(part, side)] for part in parts])


def load(before: str, after: str) -> list[Part]:
    """The parts behind the two sides of a plan."""
    pairs = zip(json.loads(before), json.loads(after), strict=True)
    return [Part(kind, place, old, new) for (kind, place, old), (_, _, new) in pairs]


def diff(parts: Sequence[Part]) -> str:
    """The native edits for people."""
    shown = []
    for part in parts:
        if part.kind != ACL:
            edit = _EDITS[part.kind]
            shown.append(edit.diff(part.place, part.before, part.after))
        else:
            old, new = (text.splitlines() for text in (part.before, part.after))
            lines = difflib.unified_diff(old, new, part.place, part.place, lineterm="", n=0)
            shown.append("\n".join(lines) + "\n")
    return "".join(shown)


class CurrentState:
    """The current ACLs and file contents that some parts edit. ACLs are read once."""

    def __init__(self, host: Host, parts: Sequence[Part]) -> None:
        self._host = host
        paths = [os.fsencode(part.place) for part in parts if part.kind == ACL]
        self._acls: dict[str, Listed] = {}
        if paths:
            answer = host.run(commands.ACL_WHOLE, b"".join(path + b"\0" for path in paths))
            self._acls = {os.fsdecode(one.path): one for one in parse_listing(iter([answer.out]))}

    def acl(self, part: Part) -> Listed:
        """EditedByOthers when the folder is gone."""
        if part.place not in self._acls:
            raise EditedByOthers(f"{part.place} is not there any more.")
        return self._acls[part.place]

    def text(self, part: Part) -> bytes:
        """A file that is not there is empty."""
        try:
            return self._host.read(part.place)
        except FileMissing:
            return b""

    def standing(self, part: Part) -> Standing:
        """Which side of one part stands; of an ACL the whole text must."""
        if part.kind == ACL:
            if part.place not in self._acls:
                return Standing.OTHER
            text = self._acls[part.place].text
            sides = {
                _cut_off(part): Standing.PARTLY,
                part.before: Standing.BEFORE,
                part.after: Standing.AFTER,
            }
            return sides.get(text, Standing.OTHER)
        return _standing(self.text(part), part)


def standing(host: Host, parts: Sequence[Part]) -> Standing:
    """Of all parts: one of them changed by others makes the whole OTHER."""
    state = CurrentState(host, parts)
    standings = {state.standing(part) for part in parts}
    if Standing.OTHER in standings:
        return Standing.OTHER
    return (
        standings.pop() if len(standings) == 1 else Standing.PARTLY if standings else Standing.AFTER
    )


def carry_out(host: Host, parts: Sequence[Part], *, beside: str | None = None) -> None:
    """Turns every part to its after side. EditedByOthers, with nothing written, when somebody
    changed one of them."""
    state = CurrentState(host, parts)
    standings = [state.standing(part) for part in parts]
    for part, part_standing in zip(parts, standings, strict=True):
        if part_standing is Standing.OTHER:
            raise EditedByOthers(f"{part.place} is not what it was when the plan was made.")
    waiting = [
        part
        for part, part_standing in zip(parts, standings, strict=True)
        if part_standing is not Standing.AFTER
    ]
    for part in waiting:
        reach("before part")
        try:
            _write(host, state, part, beside)
        except ServerUnreachable as error:
            # The connection broke in the middle: only reading back shows which side stands.
            raise OutcomeUnknown(f"{part.place}: {error.message}") from error
        reach("part written")


def _write(host: Host, state: CurrentState, part: Part, beside: str | None) -> None:
    if part.kind == ACL:
        _set_acl(host, state.acl(part), part)
        return
    if part.kind in _WRITERS and _WRITERS[part.kind](host, part):
        return
    old = state.text(part)
    new = _EDITS[part.kind].turn(old, part.before, part.after)
    was = old if old or host.stat(part.place) is not None else None
    host.replace(part.place, new, was=was, beside=beside)


def _cut_off(part: Part) -> str:
    """What stands when a run was cut off between the entries and the owner."""
    return _one(part.after).changed(uid=_one(part.before).uid).text


def _set_acl(host: Host, now: Listed, part: Part) -> None:
    """Writes only the entries that differ, so that concurrent additions by others stay; then reads
    the whole ACL back. OutcomeUnknown when it is not what the plan says."""
    acl_entries.write(host, part.place, now, _one(part.after))
    if standing(host, [part]) is not Standing.AFTER:
        raise OutcomeUnknown(f"{part.place} was changed by others at the same time.")


def undo(host: Host, parts: Sequence[Part]) -> list[Part]:
    """The parts that bring the before sides back, from how things stand now. Of an ACL only the
    entries that the plan changed must still stand: others may have changed other entries."""
    state = CurrentState(host, parts)
    back = []
    for part in parts:
        if part.kind == TEXT:
            content = state.text(part)
            old = text_patch.turn(content, part.after, part.before)
            back.append(text_part(part.place, content, old))
        elif part.kind != ACL:
            if state.standing(part) is not Standing.AFTER:
                raise EditedByOthers(f"{part.place} is not as it was left.")
            back.append(part.reversed)
        else:
            now = state.acl(part)
            back.append(Part(ACL, part.place, now.text, _merged(now, part)))
    return list(reversed(back))


def _merged(now: Listed, part: Part) -> str:
    """The text with our change taken back and everything else as it is."""
    if now.text == part.after:
        return part.before
    old, new = (_one(text) for text in (part.before, part.after))
    if (old.uid, old.gid) != (new.uid, new.gid):
        if (now.uid, now.gid) != (new.uid, new.gid):
            raise EditedByOthers(f"The owner of {part.place} was changed since.")
        now = now.changed(uid=old.uid, gid=old.gid)
    access = _merged_acl(now.access, old.access, new.access, part.place)
    default = now.default
    if old.default != new.default:
        if now.default is None or old.default is None or new.default is None:
            raise EditedByOthers(f"The default ACL of {part.place} was changed since.")
        default = _merged_acl(now.default, old.default, new.default, part.place)
    return now.changed(access=access, default=default).text


def _one(text: str) -> Listed:
    return next(iter(parse_listing(iter([text.encode(errors="surrogateescape")]))))


def _merged_acl(now: Acl, old: Acl, new: Acl, place: str) -> Acl:
    users = dict(now.users)
    for uid in {*dict(old.users), *dict(new.users)}:
        before, after = old.named_user(uid), new.named_user(uid)
        if before == after:
            continue
        if users.get(uid) != after:
            raise EditedByOthers(f"The entry for user {uid} at {place} was changed since.")
        if before is None:
            del users[uid]
        else:
            users[uid] = before
    merged = now._replace(users=tuple(sorted(users.items())))
    has_names = merged.users or merged.groups
    had_names = old.users or old.groups
    is_idle = merged.mask == merged.group or (merged.group == 0 and merged.mask == READ)
    if not has_names and is_idle and (old.mask is None or had_names):
        return merged._replace(mask=None)
    return merged
