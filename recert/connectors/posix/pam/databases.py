"""Names of the account databases that PAM modules keep for themselves."""

from collections.abc import Sequence

from recert.connectors.contract import ConnectorError
from recert.connectors.hosts import commands
from recert.connectors.hosts.contract import FileMissing, Host
from recert.connectors.posix.permissions.accounts import lines_of
from recert.connectors.posix.permissions.password_fields import second_field

_BERKELEY = ".db"


def databases(
    host: Host, paths: Sequence[str], prefix: str
) -> tuple[dict[str, frozenset[str] | None], list[str]]:
    """The names by file, None for one that could not be read; and why not. A file that is not
    there has no names."""
    names_by_path: dict[str, frozenset[str] | None] = {}
    problems: list[str] = []
    for path in paths:
        try:
            names_by_path[path] = _names(host, path, prefix)
        except ConnectorError as error:
            names_by_path[path] = None
            problems.append(f"The accounts of {path} are not known: {error.message}")
    return names_by_path, problems


def _names(host: Host, path: str, prefix: str) -> frozenset[str]:
    if not path.endswith(_BERKELEY):
        host.withhold(path, second_field())
        lines = lines_of(host.read_many([path])[path]) if path.startswith("/") else []
        return frozenset(line.partition(":")[0] for line in lines if ":" in line)
    if path.startswith("/") and host.stat(path) is None:
        return frozenset()
    where = prefix.rstrip("/") + "/usr/bin/db_dump" if prefix.strip("/") else "db_dump"
    dumping = commands.program("", where, "-p", path)
    host.withhold(dumping, _without_values)
    dump = host.run(dumping)
    if not dump.ok:
        raise FileMissing(f"{dump.errors.strip()} (the package db-util has db_dump)")
    return frozenset(_keys_of_dump(dump.out))


def _without_values(raw: bytes) -> bytes:
    """A dump as it may be kept: keys are names, values are passwords."""
    lines = raw.splitlines()
    start = lines.index(b"HEADER=END") + 1 if b"HEADER=END" in lines else len(lines)
    is_value = [number >= start and (number - start) % 2 == 1 for number in range(len(lines))]
    kept = [
        b" removed" if hidden and line.startswith(b" ") else line
        for line, hidden in zip(lines, is_value, strict=True)
    ]
    return b"".join(line + b"\n" for line in kept)


def _keys_of_dump(raw: bytes) -> list[str]:
    """`db_dump -p` writes what is no printable ASCII, and the backslash, as \\xx and \\\\."""
    lines = raw.decode(errors="replace").splitlines()
    body = lines[lines.index("HEADER=END") + 1 :] if "HEADER=END" in lines else []
    return [_plain(line[1:]) for line in body[::2] if line.startswith(" ")]


def _plain(text: str) -> str:
    plain, at = b"", 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1 : at + 2] == "\\":
            plain, at = plain + b"\\", at + 2
        elif text[at] == "\\":
            plain, at = plain + bytes.fromhex(text[at + 1 : at + 3]), at + 3
        else:
            plain, at = plain + text[at].encode(errors="replace"), at + 1
    return plain.decode(errors="surrogateescape")
