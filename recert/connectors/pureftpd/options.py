"""Pure-FTPd's option files, read as Debian's wrapper reads them: one file for each option.

The wrapper takes the first line that means something: of switches the first "yes", even after a
"no"; of values the first line. Other builds have all options in one file (`single_file`).
"""

from recert.connectors.contract import ConnectorError, ServerDataInvalid
from recert.connectors.hosts import Host
from recert.connectors.pureftpd import single_file
from recert.connectors.pureftpd.known_options import (
    BY_DEFAULT,
    METHODS,
    NUMBERS,
    SWITCHES,
    VALUES,
    Method,
    Options,
)

_YES, _NO = ("yes", "1", "on"), ("no", "0", "off")


def read(host: Host, folder: str) -> Options:
    """The option files, and the links beside them that name the ways to sign in.
    ServerDataInvalid names the file with which the server would not start."""
    folder = folder.rstrip("/")
    fact = host.stat(folder)
    if fact is not None and fact.is_file:
        return single_file.read(host, folder)
    options = Options(folder)
    on = set()
    for name in host.names(folder):
        if not (name.isalnum() and name.isascii() and name[:1].isalpha() and len(name) > 1):
            continue
        if name in METHODS:
            continue
        if name not in SWITCHES and name not in VALUES:
            raise ServerDataInvalid(f"{folder}/{name} is no option that pure-ftpd-wrapper knows.")
        lines = _lines(host.read(f"{folder}/{name}"))
        options.defined_at[name] = f"{folder}/{name}"
        if name in VALUES:
            if lines:
                if name in NUMBERS and not lines[0].isdecimal():
                    raise ServerDataInvalid(f"{folder}/{name} holds no number.")
                options.values[name] = lines[0]
        elif _is_on(lines, f"{folder}/{name}"):
            on.add(name)
    options.switches = frozenset(on)
    options.methods = _methods(host, f"{folder.rpartition('/')[0]}/auth") or [BY_DEFAULT]
    return options


def _methods(host: Host, folder: str) -> list[Method]:
    """Only links count; their order is that of their names."""
    methods = []
    try:
        names = host.names(folder)
    except ConnectorError as error:
        raise ServerDataInvalid(f"The folder {folder} cannot be read: {error.message}") from error
    for name in sorted(names):
        target = host.resolve(f"{folder}/{name}")
        if target == f"{host.resolve(folder)}/{name}":
            continue  # no link
        option = target.rpartition("/")[2]
        fact = host.stat(target)
        if fact is None or not fact.is_file or option not in METHODS:
            continue
        lines = _lines(host.read(target))
        method = METHODS[option]
        if method in ("unix", "pam"):
            if _is_on(lines, target):
                methods.append(Method(method, "", target))
        elif lines:
            methods.append(Method(method, lines[0], target))
    return methods


def _lines(raw: bytes) -> list[str]:
    lines = (line.strip() for line in raw.decode(errors="surrogateescape").split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def _is_on(lines: list[str], path: str) -> bool:
    """Whether a line says yes; lines after the first yes are ignored, as the wrapper does."""
    for line in lines:
        value = line.lower()
        if value in _YES:
            return True
        if value not in _NO:
            raise ServerDataInvalid(f"{path}: a line of it is neither yes nor no.")
    return False
