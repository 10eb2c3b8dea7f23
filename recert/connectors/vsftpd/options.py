"""Parses vsftpd's configuration exactly as the daemon does.

Later lines win; "#" starts a comment in the first column only; nothing may stand around "=".
What would stop the daemon (or this user's login) is an error here too.
"""

import re
from dataclasses import dataclass, field

from recert.connectors.contract import ServerDataInvalid, SettingsInvalid
from recert.connectors.vsftpd.known_options import (
    BUILDS,
    DEBIAN,
    NUMBERS,
    OTHERS,
    SWITCHES,
    TEXTS,
    default,
)

_NAME = re.compile(r"[A-Za-z0-9_ ]{1,40}")
_SWITCH_VALUES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@dataclass
class Options:
    """The options of one file, on top of those of the files read before."""

    values: dict[str, bool | str] = field(default_factory=dict)
    defined_at: dict[str, str] = field(default_factory=dict)  # option -> file:line
    build: str = DEBIAN

    def is_on(self, name: str) -> bool:
        return bool(self.values.get(name, default(name, self.build)))

    def text(self, name: str) -> str:
        return str(self.values.get(name, default(name, self.build)))

    def at(self, name: str) -> str:
        """Where an option is defined, for explanations."""
        return self.defined_at.get(name, "built-in default")


def parse(raw: bytes, file: str, before: Options | None = None, *, build: str = DEBIAN) -> Options:
    """The options of a file, added to those of the main file. ServerDataInvalid names the first
    line that the daemon would refuse; it quotes the line only where the file is vsftpd's own."""
    if build not in BUILDS:
        raise SettingsInvalid(f"build must be one of {', '.join(BUILDS)}.")
    options = Options(build=build)
    if before:
        options = Options(dict(before.values), dict(before.defined_at), before.build)
    faults: list[tuple[int, str]] = []
    understood = 0
    for number, line in enumerate(raw.decode("utf-8", errors="surrogateescape").split("\n"), 1):
        text = "" if line.startswith("#") else line.lstrip(" \t\r\v\f")
        if not text:
            continue
        fault = _line(text, f"{file}:{number}", options)
        if fault:
            faults.append((number, fault))
        understood += not fault
    if faults:
        number, fault = faults[0]
        is_own = len(faults) <= understood
        message = fault if is_own else "not a line of vsftpd's configuration, as most of this file"
        raise ServerDataInvalid(f"{file}:{number}: {message}.")
    return options


def _line(text: str, place: str, options: Options) -> str:
    """Adds the option of one line; returns why the daemon would refuse it (never with its value),
    or ""."""
    name, _, value = text.partition("=")
    sort = default(name, options.build) if _is_known(name, options.build) else None
    if isinstance(sort, bool):
        is_on = _SWITCH_VALUES.get(value.lower())
        if is_on is None:
            return f"{name} must be YES or NO, with nothing behind it"
        options.values[name] = is_on
    elif sort is not None:
        options.values[name] = value.rstrip(" \t\r\v\f")
    elif name in NUMBERS:
        if not value:
            return f"{name} has no value"
    elif name in OTHERS:
        builds = OTHERS[name][0]
        return (
            f"{name} belongs to another build of vsftpd ({' or '.join(builds)}), and this server "
            f"is read as {options.build}: set build={builds[0]} when its daemon knows the "
            "option, or take the line out"
        )
    else:
        shown = f"{name!r}" if _NAME.fullmatch(name) else "this"
        return f"{shown} is no option that vsftpd knows"
    options.defined_at[name] = place
    return ""


def _is_known(name: str, build: str) -> bool:
    if name in OTHERS:
        return build in OTHERS[name][0]
    return name in SWITCHES or name in TEXTS
