"""Removes an account from a group: one name less in one line of a group file, simulated first.

Files in the form of /etc/group only. What a directory says, and a primary group, an administrator
changes by hand. The system's own file is written by gpasswd, which waits for others who write it
and keeps /etc/gshadow in step.
"""

import json
from collections.abc import Sequence

from recert.connectors import names
from recert.connectors.changes import LeaveGroup
from recert.connectors.contract import (
    CannotExpress,
    Cell,
    ConnectorError,
    OutcomeUnknown,
    ServerBusy,
    ServerRefusedUs,
    Standing,
)
from recert.connectors.hosts import EditedHost, Host, commands
from recert.connectors.posix.changes import plan_parts
from recert.connectors.posix.changes.comparison import ByView, check_gains
from recert.connectors.posix.changes.plan_parts import Part
from recert.connectors.posix.survey import Survey, union

SYSTEM = "/etc/group"
MEMBERS = "members"  # a part whose sides are a group and its list of names
_LOCKED = 10  # gpasswd's exit code: somebody else is writing the file


def leave(host: Host, files: Sequence[str], change: LeaveGroup) -> list[Part]:
    """The edit of each file whose line of the group names the account. CannotExpress when none
    does."""
    parts = []
    for path in files:
        try:
            old = host.read(path)
        except ConnectorError as error:
            raise CannotExpress(f"{path} cannot be read: {error.message}") from error
        new = without(old, change.group, change.account)
        if new != old:
            before, after = (_side(change.group, content) for content in (old, new))
            parts.append(Part(MEMBERS, path, before, after))
    if not parts:
        raise CannotExpress(
            f"No line of {' or '.join(files)} names {change.account} in group {change.group}: it "
            "is the account's primary group, or a directory says so."
        )
    return parts


def without(content: bytes, group: str, member: str) -> bytes:
    """The lines of a group file with one name less; nothing else changes."""
    wanted, gone = (text.encode(errors="surrogateescape") for text in (group, member))
    lines = content.split(b"\n")
    for number, line in enumerate(lines):
        fields = line.split(b":")
        if len(fields) == 4 and fields[0] == wanted and gone in fields[3].split(b","):
            fields[3] = b",".join(name for name in fields[3].split(b",") if name != gone)
            lines[number] = b":".join(fields)
    return b"\n".join(lines)


def _members(content: bytes, group: str) -> str | None:
    """The list of names in the first line of the group."""
    wanted = group.encode(errors="surrogateescape")
    for line in content.split(b"\n"):
        fields = line.split(b":")
        if len(fields) == 4 and fields[0] == wanted:
            return fields[3].decode(errors="surrogateescape")
    return None


def _side(group: str, content: bytes) -> str:
    return json.dumps([group, _members(content, group)])


class _Members:
    """The list of names of one group, wherever its line stands in the file."""

    def stands(self, raw: bytes, side: str) -> bool:
        group, members = json.loads(side)
        return bool(_members(raw, group) == members)

    def is_exactly(self, raw: bytes, side: str) -> bool:
        return self.stands(raw, side)

    def turn(self, raw: bytes, before: str, after: str) -> bytes:
        (group, old), (_, new) = json.loads(before), json.loads(after)
        texts = (text.encode(errors="surrogateescape") for text in (group, old, new))
        name, was, will = texts
        lines = raw.split(b"\n")
        for number, line in enumerate(lines):
            fields = line.split(b":")
            if len(fields) == 4 and fields[0] == name and fields[3] == was:
                lines[number] = b":".join((*fields[:3], will))
                break
        return b"\n".join(lines)

    def diff(self, path: str, before: str, after: str) -> str:
        (group, old), (_, new) = json.loads(before), json.loads(after)
        return f"--- {path}\n+++ {path}\n-{group}: {old}\n+{group}: {new}\n"


def _write(host: Host, part: Part) -> bool:
    """Writes the system's file by its own tool; other files are written like any."""
    if part.place != SYSTEM:
        return False
    (group, before), (_, after) = json.loads(part.before), json.loads(part.after)
    gone = set(before.split(",")) - set(after.split(","))
    if len(gone) == 1 and len(before) > len(after):
        answer = host.run(commands.leave_group(gone.pop(), group))
    else:  # an undo, which restores the order as well
        answer = host.run(commands.set_members(group, after))
    if answer.code == _LOCKED:
        raise ServerBusy(f"gpasswd on {host.title}: {answer.errors.strip()}")
    if not answer.ok:
        raise ServerRefusedUs(f"gpasswd on {host.title}: {answer.errors.strip()}")
    if plan_parts.standing(host, [part]) is not Standing.AFTER:
        raise OutcomeUnknown(f"{SYSTEM} is not as gpasswd was told.")
    return True


plan_parts.register(MEMBERS, _Members(), _write)


def tried_on(host: Host, parts: Sequence[Part], change: LeaveGroup) -> EditedHost:
    """The machine as it would be after the edits, its name service included."""
    group_entries = host.run(commands.GETENT_GROUP).out
    if any(part.place == SYSTEM for part in parts):
        group_entries = without(group_entries, change.group, change.account)
    return EditedHost(
        host, plan_parts.contents(host, parts), {commands.GETENT_GROUP: group_entries}
    )


def check_left(after: Survey, change: LeaveGroup) -> None:
    """Raises CannotExpress when the account would be a member all the same."""
    for one in after.groups:
        if one.name == change.group and change.account in one.members:
            raise CannotExpress(
                f"{change.account} would still be in group {change.group}: it is the account's "
                "primary group, or another source says so."
            )


def others_touched(survey: Survey, change: LeaveGroup, before: ByView, after: ByView) -> list[Cell]:
    """The cells of other accounts that would change. Where a group is kept out of a folder,
    leaving it would give rights by some way in: CannotExpress, because Recert gives none."""
    check_gains(survey, before, after, f"leaving group {change.group}")
    me = survey.identities.of(change.account)
    cells = []
    for old, new in zip(union(before), union(after), strict=True):
        touched = 0
        for one, other in zip(old.masks, new.masks, strict=True):
            touched |= (one ^ other) & ~me
        for who in survey.identities.members(touched):
            bit = survey.identities.of(who.account)
            place = names.shown(old.path)
            cells.append(Cell(who.account, place, old.rights(bit), new.rights(bit)))
    return cells
