"""Mounted file systems: which lie below a folder, and which are read-only."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from recert.connectors.contract import ServerDataInvalid
from recert.connectors.hosts.contract import Host

_OCTAL = re.compile(r"\\([0-7]{3})")
# No account's files lie in these, and walking them has no end.
_NOT_FILES = frozenset(
    {
        *("proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "securityfs", "debugfs"),
        *("tracefs", "mqueue", "pstore", "bpf", "autofs", "configfs", "fusectl", "hugetlbfs"),
        *("binfmt_misc", "rpc_pipefs", "nsfs", "efivarfs", "selinuxfs"),
    }
)


@dataclass(frozen=True)
class Mount:
    """One line of mountinfo."""

    place: str
    device: str
    kind: str
    is_read_only: bool


@dataclass
class Mounts:
    """What is mounted; empty when the machine does not tell."""

    known: list[Mount] = field(default_factory=list)

    @classmethod
    def read(cls, host: Host) -> "Mounts":
        """Later lines cover earlier ones at the same place. Raises what the host raises: without
        this, folders on mounted file systems would be overlooked."""
        raw = host.read("/proc/self/mountinfo")
        if not raw.strip():
            raise ServerDataInvalid("/proc/self/mountinfo is empty, so mounts are not known.")
        at = {}
        for line in raw.decode(errors="surrogateescape").splitlines():
            head, _, tail = line.partition(" - ")
            fields, source = head.split(" "), tail.split(" ")
            place = _OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4])
            options = {*fields[5].split(","), *source[2].split(",")}
            at[place] = Mount(place, fields[2], source[0], "ro" in options)
        return cls([at[place] for place in sorted(at)])

    def below(self, roots: Iterable[str]) -> list[str]:
        """Mount points with files below the roots. They are walked by intent."""
        starts = [root.rstrip("/") + "/" for root in roots]
        return [
            mount.place
            for mount in self.known
            if mount.kind not in _NOT_FILES
            and any(mount.place.startswith(start) for start in starts)
            and mount.place != "/"
        ]

    def any_below(self, roots: Iterable[str]) -> bool:
        starts = [root.rstrip("/") + "/" for root in roots]
        return any(
            mount.place != "/" and mount.place.startswith(start)
            for mount in self.known
            for start in starts
        )

    def switches(self) -> dict[str, bool]:
        """Mount point -> whether nothing can be written at and below it."""
        return {mount.place: mount.is_read_only for mount in self.known}
