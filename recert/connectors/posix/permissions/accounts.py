"""The users and groups of a machine, from every source of its name service."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from recert.connectors.contract import ConnectorError, ServerUnreachable
from recert.connectors.hosts import commands
from recert.connectors.hosts.contract import FileMissing, Host
from recert.connectors.posix.permissions.password_fields import second_field

_SWITCH, _PASSWD = "/etc/nsswitch.conf", "/etc/passwd"
_LOCAL = frozenset({"files", "compat", "systemd", "db", "altfiles", "myhostname"})
_OF_SYSTEMD = frozenset({"root", "nobody"})
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Passwd:
    """One line of passwd."""

    name: str
    uid: int
    gid: int
    gecos: str
    home: str
    shell: str

    @property
    def display_name(self) -> str:
        return self.gecos.split(",")[0].strip()

    @property
    def email(self) -> str:
        """The mail address, when one of the gecos fields holds one."""
        return next((part.strip() for part in self.gecos.split(",") if "@" in part), "")


@dataclass(frozen=True)
class Group:
    name: str
    gid: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Shadow:
    """The state of a password, never the password itself."""

    name: str
    is_locked: bool  # "!" or "*" stands where the hash would
    is_marked: bool  # by "!": what `usermod -L` does
    is_empty: bool
    last_change: int | None  # days since 1970
    longest: int | None
    inactive: int | None
    expires: int | None

    @property
    def expiry(self) -> date | None:
        return None if self.expires is None else _EPOCH + timedelta(days=self.expires)


@dataclass
class SystemUsers:
    """All that `getent` tells. Of several lines with one name the first counts."""

    passwd: dict[str, Passwd] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    shadow: dict[str, Shadow] | None = None  # None: we may not look
    problems: list[str] = field(default_factory=list)  # sources whose accounts are not listed
    _first_of_uid: dict[int, str] = field(default_factory=dict)
    _groups_of: dict[str, set[int]] = field(default_factory=dict)
    _group_names: dict[int, str] = field(default_factory=dict)

    @classmethod
    def read(cls, host: Host) -> "SystemUsers":
        """Asks the name service. Directories that forbid enumeration stay unseen."""
        users = cls()
        for command in (commands.GETENT_PASSWD, commands.GETENT_GROUP, commands.GETENT_SHADOW):
            host.withhold(command, second_field())
        for fields in _lines(_getent(host, commands.GETENT_PASSWD), 7):
            name, _, uid, gid, gecos, home, shell = fields[:7]
            if uid.isdecimal() and gid.isdecimal() and name not in users.passwd:
                entry = Passwd(name, int(uid), int(gid), gecos, home, shell)
                users.passwd[name] = entry
                users._first_of_uid.setdefault(entry.uid, name)
        for name, _, gid, members, *_ in _lines(_getent(host, commands.GETENT_GROUP), 4):
            if gid.isdecimal():
                users._add_group(Group(name, int(gid), tuple(filter(None, members.split(",")))))
        answer = host.run(commands.GETENT_SHADOW)
        if answer.ok and answer.out:
            lines = _lines(answer.out, 8)
            users.shadow = {fields[0]: _shadow(fields) for fields in reversed(list(lines))}
        users.problems += _unlisted(host, users)
        return users

    def _add_group(self, group: Group) -> None:
        self.groups.append(group)
        self._group_names.setdefault(group.gid, group.name)
        for member in group.members:
            self._groups_of.setdefault(member, set()).add(group.gid)

    def groups_of(self, name: str, gid: int) -> frozenset[int]:
        """What a login of this name with this primary group belongs to."""
        return frozenset({gid, *self._groups_of.get(name, ())})

    def first_with_uid(self, uid: int) -> str | None:
        """The first name that has this number."""
        return self._first_of_uid.get(uid)

    def group_name(self, gid: int) -> str:
        """The group's name, or its number when it has none."""
        return self._group_names.get(gid, str(gid))

    @property
    def doubts(self) -> list[str]:
        """What could not be read about them, for the warnings of a reading."""
        if self.shadow is not None:
            return []
        return [
            "The state of passwords is not known (no permission for shadow): locked and expired "
            "accounts are shown as if they could log in."
        ]


def _unlisted(host: Host, users: SystemUsers) -> Iterator[str]:
    """Sources of the name service that know accounts by name only: `getent passwd` gives nobody
    who does not stand in the file, because the directory forbids enumeration."""
    host.withhold(_PASSWD, second_field())
    contents = host.read_many([_SWITCH, _PASSWD])
    local = {fields[0] for fields in _lines(_bytes(contents[_PASSWD]), 7)}
    if users.passwd.keys() - local - _OF_SYSTEMD:
        return
    for number, line in enumerate(
        _bytes(contents[_SWITCH]).decode(errors="replace").split("\n"), 1
    ):
        name, _, sources = line.partition("#")[0].partition(":")
        remote = set(re.sub(r"\[[^]]*\]", " ", sources).split()) - _LOCAL
        if name.strip() == "passwd" and remote:
            yield (
                f"{_SWITCH}:{number}: passwd: {' '.join(sorted(remote))} lists no account; those "
                "that it knows by name are not shown (let it enumerate them)"
            )


def _bytes(content: bytes | ConnectorError) -> bytes:
    return content if isinstance(content, bytes) else b""


def _getent(host: Host, command: commands.Command) -> bytes:
    answer = host.run(command)
    if not answer.ok:
        what = " ".join(command.arguments)
        raise ServerUnreachable(f"{what!r} failed on {host.title}: {answer.errors.strip()}")
    return answer.out


def _lines(raw: bytes, at_least: int) -> Iterator[list[str]]:
    for line in raw.decode(errors="surrogateescape").split("\n"):
        fields = line.split(":")
        if len(fields) >= at_least:
            yield fields


def _shadow(fields: list[str]) -> Shadow:
    def days(position: int) -> int | None:
        text = fields[position] if position < len(fields) else ""
        return int(text) if text.lstrip("-").isdecimal() and int(text) >= 0 else None

    return Shadow(
        name=fields[0],
        is_locked=fields[1].startswith(("!", "*")),
        is_marked=fields[1].startswith("!"),
        is_empty=not fields[1],
        last_change=days(2),
        longest=days(4),
        inactive=days(6),
        expires=days(7),
    )


def today_in_days(day: date) -> int:
    """A date as shadow counts it."""
    return (day - _EPOCH).days


def password_has_run_out(shadow: Shadow, day: date) -> bool:
    """True when the password is too old and the days of grace are over as well."""
    if shadow.last_change is None or shadow.longest is None or shadow.inactive is None:
        return False
    return today_in_days(day) > shadow.last_change + shadow.longest + shadow.inactive


def lines_of(content: bytes | ConnectorError) -> list[str]:
    """The lines of a small list file; one that is not there has none. Raises what kept us from
    reading it: a list that we may not see must not look like an empty one."""
    if isinstance(content, FileMissing):
        return []
    if isinstance(content, ConnectorError):
        raise content
    return content.decode(errors="surrogateescape").split("\n")
