"""Authorized keys: which files count for an account, and what their keys permit."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from recert.connectors.contract import ConnectorError
from recert.connectors.hosts.contract import FileFact
from recert.connectors.posix.permissions.accounts import Passwd
from recert.connectors.posix.permissions.acl import Listed
from recert.connectors.posix.permissions.identities import Identity, allowed_by

_TYPES = ("ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-")
_OPTION = re.compile(r'([A-Za-z0-9-]+)(?:="((?:[^"\\]|\\.)*)")?')
_KNOWN = frozenset(
    {
        *("agent-forwarding", "cert-authority", "command", "environment", "expiry-time", "from"),
        *("no-agent-forwarding", "no-port-forwarding", "no-pty", "no-user-rc", "no-x11-forwarding"),
        *("permitlisten", "permitopen", "port-forwarding", "principals", "pty", "restrict"),
        *("no-touch-required", "verify-required", "tunnel", "user-rc", "x11-forwarding"),
    }
)


@dataclass(frozen=True)
class Key:
    """One key that opens the account."""

    command: str | None = None  # bound to this command
    from_somewhere: bool = False  # only from some addresses
    expires: datetime | None = None


def paths_for(patterns: Sequence[str], user: Passwd) -> list[str]:
    """The key files of one account; relative ones lie in its home."""
    paths = []
    for pattern in patterns:
        if pattern.lower() == "none":
            continue
        path = expand(pattern, user)
        paths.append(path if path.startswith("/") else f"{user.home}/{path}")
    return paths


def expand(pattern: str, user: Passwd) -> str:
    """sshd's tokens in paths."""
    tokens = {"%%": "%", "%h": user.home, "%u": user.name, "%U": str(user.uid)}
    return re.sub("%[%huU]", lambda found: tokens[found[0]], pattern)


def folders_above(path: str, home: str) -> list[str]:
    """Those that StrictModes looks at: up to the home, or else to the root."""
    folders, place = [], path.rpartition("/")[0]
    while place:
        folders.append(place)
        if place == home:
            return folders
        place = place.rpartition("/")[0]
    return [*folders, "/"]


def is_trusted(fact: FileFact | None, user: Passwd) -> bool:
    """StrictModes: belongs to root or the user, and nobody else can write it."""
    return fact is not None and fact.uid in (0, user.uid) and not fact.mode & 0o022


def is_readable(
    fact: FileFact, user: Passwd, groups: Iterable[int], acl: Listed | None = None
) -> bool:
    """The file is opened as the user."""
    if user.uid == 0:
        return True
    if acl is not None and fact.uid != user.uid:
        identity = Identity(user.name, user.uid, user.gid, frozenset(groups))
        return bool(allowed_by(acl.access, fact.gid, identity) & 4)
    if fact.uid == user.uid:
        return bool(fact.mode & 0o400)
    return bool(fact.mode & (0o040 if fact.gid in set(groups) else 0o004))


def keys_of(content: bytes | ConnectorError) -> list[Key]:
    """The valid lines. An unknown option voids its line."""
    if isinstance(content, ConnectorError):
        return []
    keys = []
    for raw in content.decode(errors="replace").split("\n"):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        key = Key() if line.startswith(_TYPES) else _with_options(line)
        if key is not None:
            keys.append(key)
    return keys


def _with_options(line: str) -> Key | None:
    values: dict[str, str] = {}
    position = 0
    while match := _OPTION.match(line, position):
        name = match[1].lower()
        if name not in _KNOWN:
            return None
        values[name] = (match[2] or "").replace('\\"', '"')
        position = match.end()
        if line[position : position + 1] != ",":
            break
        position += 1
    if not line[position:].strip().startswith(_TYPES):
        return None
    return Key(
        command=values.get("command"),
        from_somewhere="from" in values,
        expires=_moment(values["expiry-time"]) if "expiry-time" in values else None,
    )


def _moment(text: str) -> datetime:
    """An unreadable time voids the key: it is long over."""
    digits = text.removesuffix("Z")
    for form in ("%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S"):
        try:
            return datetime.strptime(digits, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return datetime.fromtimestamp(0, UTC)
