"""Checks a configuration with sshd's own test (sshd -t)."""

import re

from recert.connectors.contract import ServerDataInvalid
from recert.connectors.hosts import Host, commands

PROGRAM = "/usr/sbin/sshd"
_NO_PROGRAM = 127
_STDIN = "/dev/stdin"
_PLACED = re.compile(r"^(?P<file>/[^:\n]*?):? line (?P<line>\d+):? (?P<text>[^\n]*)$", re.MULTILINE)


def complaint(host: Host, prefix: str, path: str, content: bytes) -> str:
    """The error that sshd reports for a main file with this content; empty when it accepts it. The
    text of a line is repeated only when all others are sshd's: the setting may name any file."""
    test = commands.program(prefix, PROGRAM, "-t", "-f", _STDIN)
    answer = host.run(test, content)
    if answer.ok:
        return ""
    if answer.code == _NO_PROGRAM:
        return f"{prefix}{PROGRAM} cannot be run on {host.title}."
    located = list(_PLACED.finditer(answer.errors))
    if not located:
        return f"{path}: sshd's own test (sshd -t) refuses it. Run it to see why."
    first = located[0]
    file = path if first["file"] == _STDIN else first["file"]
    is_alone = len({(match["file"], match["line"]) for match in located}) == 1
    message = f" {first['text'].strip()}." if is_alone and _lines(content) > 1 else ""
    return f"{file}:{first['line']}: sshd does not accept this line (sshd -t).{message}"


def check_accepted(host: Host, prefix: str, path: str) -> str:
    """Raises ServerDataInvalid for a configuration that sshd would not start with. Returns a
    warning where that could not be tried (host keys are root's alone)."""
    test = commands.program(prefix, PROGRAM, "-t", "-f", _STDIN)
    content = host.read(path)
    answer = host.run(test, content)
    if answer.ok:
        return ""
    if _PLACED.search(answer.errors) is None:
        return f"Whether sshd accepts {path} is not known: its own test (sshd -t) does not run."
    raise ServerDataInvalid(complaint(host, prefix, path, content))


def _lines(content: bytes) -> int:
    return sum(bool(line.strip()) and not line.startswith(b"#") for line in content.splitlines())
