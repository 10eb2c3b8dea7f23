"""Accounts as the daemon's sources hold them: password files, group files, databases."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

FILE, SQL, UNIX = "mod_auth_file.c", "mod_sql.c", "mod_auth_unix.c"


class Password(Enum):
    """What can be done with a password; the hash itself is never kept."""

    USABLE = "usable"
    LOCKED = "password locked"
    EMPTY = "empty password: any password opens the account"


@dataclass(frozen=True)
class Entry:
    """One account in one source."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    source: str  # the module
    password: Password = Password.USABLE
    gecos: str = ""
    shut: str = ""  # why the source itself lets nobody in by this entry

    @property
    def display_name(self) -> str:
        return self.gecos.split(",")[0].strip()

    @property
    def email(self) -> str:
        return next((part.strip() for part in self.gecos.split(",") if "@" in part), "")


@dataclass
class Book:
    """One source: accounts and the groups that it knows by itself."""

    module: str
    title: str
    entries: dict[str, Entry] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)  # group -> accounts
    gids: dict[str, int] = field(default_factory=dict)
    gid_names: dict[int, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        """Of several entries with one name the first counts."""
        self.entries.setdefault(entry.name, entry)

    def add_group(self, name: str, gid: int, members: Iterable[str]) -> None:
        """Several lines of a group add up."""
        self.gids.setdefault(name, gid)
        self.gid_names.setdefault(gid, name)
        self.members.setdefault(name, set()).update(members)

    def groups_of(self, entry: Entry) -> tuple[set[str], set[int]]:
        """Names and numbers; the primary one always belongs to them."""
        names = {group for group, members in self.members.items() if entry.name in members}
        numbers = {entry.gid, *(self.gids[name] for name in names)}
        if entry.gid in self.gid_names:
            names.add(self.gid_names[entry.gid])
        return names, numbers


def read_passwords(raw: bytes, book: Book) -> None:
    """Adds the lines of an AuthUserFile: seven fields, or eight."""
    for number, line in enumerate(_lines(raw), 1):
        fields = line.split(":")
        if not line.strip() or line.startswith("#"):
            continue
        if len(fields) not in (7, 8) or not (fields[2].isdecimal() and fields[3].isdecimal()):
            book.remarks.append(f"line {number} of {book.title} is no account")
            continue
        name, hashed, uid, gid, gecos, home, shell = fields[:7]
        if name in book.entries:
            book.remarks.append(f"{name!r} stands in {book.title} more than once; the first counts")
        book.add(Entry(name, int(uid), int(gid), home, shell, FILE, password_of(hashed), gecos))


def read_groups(raw: bytes, book: Book) -> None:
    """Adds the lines of an AuthGroupFile."""
    for line in _lines(raw):
        fields = line.split(":")
        if not line.startswith("#") and len(fields) >= 4 and fields[2].isdecimal():
            members = [member for member in fields[3].split(",") if member]
            book.add_group(fields[0], int(fields[2]), members)


def note_strangers(book: Book) -> None:
    """Members that no account has are worth knowing: they wait for a new holder of the name."""
    for group, members in sorted(book.members.items()):
        strangers = sorted(members - book.entries.keys())
        if strangers:
            listed = ", ".join(repr(name) for name in strangers)
            book.remarks.append(
                f"group {group!r} of {book.title} names {listed}, who have no account"
            )


def password_of(hashed: str) -> Password:
    """The state behind what stands where the hash would."""
    if not hashed:
        return Password.EMPTY
    is_hash = hashed.startswith(("$", "_")) or len(hashed) == 13
    return Password.USABLE if is_hash and hashed[0] not in "!*" else Password.LOCKED


def state_of(field: str) -> str:
    """What may be kept of a password: whether it opens the account."""
    kept = {Password.EMPTY: "", Password.LOCKED: "!", Password.USABLE: "$removed"}
    return kept[password_of(field)]


def _lines(raw: bytes) -> list[str]:
    text = raw.decode("utf-8", errors="surrogateescape")
    return [line.rstrip("\r") for line in text.split("\n")]
