"""Parses Pure-FTPd's single configuration file as the daemon does when it is its argument."""

import re

from recert.connectors.contract import ServerDataInvalid
from recert.connectors.hosts import Host
from recert.connectors.pureftpd.known_options import (
    BY_DEFAULT,
    METHODS,
    NUMBERS,
    SWITCHES,
    VALUES,
    Method,
    Options,
)

_LINE = re.compile(r"([A-Za-z0-9]+)(?:\s*[:=]\s*|\s+)(\S.*)")
_YES, _NO = ("yes", "on", "true", "1"), ("no", "off", "false", "0")
# Names that only this form has.
_MORE = frozenset({"CertFile", "CertFileAndKey", "ExtCert", "PIDFile"})
_NAMES = {name.lower(): name for name in (*SWITCHES, *VALUES, *METHODS, *_MORE)}


def read(host: Host, path: str) -> Options:
    """The options in the order of the file; of values the last line counts. ServerDataInvalid names
    the first line with which the daemon would not start, and its text only where the rest of the
    file is Pure-FTPd's own."""
    options = Options(path)
    on: set[str] = set()
    faults: list[str] = []
    understood = 0
    text = host.read(path).decode(errors="surrogateescape")
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        if bare and not bare.startswith("#"):
            fault = _take(bare, f"{path}:{number}", options, on)
            understood += not fault
            faults += [f"{path}:{number}: {fault}."] if fault else []
    if faults and len(faults) > understood:
        place = faults[0].partition(": ")[0]
        raise ServerDataInvalid(f"{place}: no line of Pure-FTPd, as most of this file.")
    if faults:
        raise ServerDataInvalid(faults[0])
    options.switches = frozenset(on)
    options.methods = options.methods or [BY_DEFAULT]
    return options


def _take(line: str, place: str, options: Options, on: set[str]) -> str:
    """Adds the option of one line; returns why the daemon would refuse it, or ""."""
    if line.lower().startswith("!include"):
        return "Recert does not follow !Include: put the options into this file"
    match = _LINE.fullmatch(line)
    name = _NAMES.get(match[1].lower(), "") if match else ""
    if not match or not name:
        return "this is no option that Pure-FTPd knows"
    value = match[2].strip()
    if name in SWITCHES or METHODS.get(name) in ("unix", "pam"):
        switch = value.lower()
        if switch not in _YES and switch not in _NO:
            return f"{name} is neither yes nor no"
        if switch in _YES and name in METHODS:
            options.methods.append(Method(METHODS[name], "", place))
        elif switch in _YES:
            on.add(name)
    elif name in METHODS:
        options.methods.append(Method(METHODS[name], value, place))
    else:
        if name in NUMBERS and not value.isdecimal():
            return f"{name} is no number"
        options.values[name] = value
    options.defined_at[name] = place
    return ""
