"""Checking a configuration with the daemon's own test, telling the daemon, ending sessions."""

import hashlib
import os
import re
import time
from collections.abc import Sequence

from recert.connectors.contract import (
    CannotExpress,
    ConnectorError,
    OutcomeUnknown,
    ServerDataInvalid,
    Standing,
)
from recert.connectors.hosts import Host, commands
from recert.connectors.posix.changes import plan_parts, processes, text_patch
from recert.connectors.posix.changes.plan_parts import TEXT, Part
from recert.connectors.proftpd.configuration.directives import is_directive
from recert.connectors.proftpd.configuration.files import Configuration
from recert.connectors.proftpd.configuration.syntax import lines
from recert.foundation.failpoints import reach

PROGRAM = "/usr/sbin/proftpd"
_PID_FILES = ("/run/proftpd.pid", "/var/run/proftpd.pid", "/run/proftpd/proftpd.pid")
_PLACED = re.compile(r"fatal: (?P<text>.*) on line (?P<line>\d+) of '(?P<file>[^']*)'")
_NOT_US = re.compile(r"Permission denied")
_NO_PROGRAM, _RAN = 127, "Checking syntax of configuration file"
_BAD = re.compile(r"\b(fatal|error):", re.IGNORECASE)
_WARNING = re.compile(r"\bwarning:", re.IGNORECASE)
_PATIENCE = 1.5  # a daemon that does not like its new file is gone within a second
_PAUSE = 0.1
_EVERYBODY_READS = 0o004


def complaint(host: Host, prefix: str, file: str) -> str:
    """The error that the daemon's own test reports for a file; empty when it accepts the file.
    The exit code is not enough: a bad line in an included file leaves it at 0."""
    answer = host.run(commands.program(prefix, PROGRAM, "-t", "-c", file))
    if answer.code == _NO_PROGRAM:
        return f"{prefix}{PROGRAM} cannot be run on {host.title}."
    output = f"{answer.out.decode(errors='replace')}\n{answer.errors}"
    if answer.ok and not _BAD.search(output):
        return ""
    refusal = _PLACED.search(output)
    if refusal is None:
        return f"{file}: the daemon's own test (proftpd -t) refuses it. Run it to see why."
    path, line = refusal["file"], int(refusal["line"])
    message = f" {refusal['text'].strip()}." if _is_ours(host, path, line) else ""
    return f"{path}:{line}: the daemon does not accept this line (proftpd -t).{message}"


def _is_ours(host: Host, path: str, number: int) -> bool:
    """Whether all other lines of a file are directives of the daemon: only then may a message
    repeat the line. The setting may name any file, whose text must not leak into messages."""
    content = host.read_many([path])[path]
    if isinstance(content, ConnectorError):
        return False
    others = [line.name for line in lines(content) if line.number != number]
    return bool(others) and all(is_directive(name) for name in others)


def check_accepted(host: Host, prefix: str, file: str) -> str:
    """Raises ServerDataInvalid for a configuration that the daemon would not start with: what it
    then does is not what the files say. Returns a warning where that could not be tried."""
    refusal = complaint(host, prefix, file)
    if not refusal:
        return ""
    answer = host.run(commands.program(prefix, PROGRAM, "-t", "-c", file))
    has_run = _RAN in f"{answer.out.decode(errors='replace')}{answer.errors}"
    if not has_run or _NOT_US.search(answer.errors):
        why = "it may not read all files" if has_run else f"{prefix}{PROGRAM} cannot be run"
        return f"Whether the daemon accepts {file} is not known: {why} (proftpd -t)."
    raise ServerDataInvalid(refusal)


def version(host: Host, prefix: str) -> str:
    """The daemon's version; empty when its program cannot be run."""
    answer = host.run(commands.program(prefix, PROGRAM, "-v"))
    match = re.search(r"Version (\d+\.\d+\.\d+)", f"{answer.out.decode()} {answer.errors}")
    return match[1] if match else ""


def check_before(host: Host, prefix: str, file: str) -> None:
    """A configuration that is broken, or about which the daemon has doubts, is not touched."""
    if refusal := complaint(host, prefix, file):
        raise ServerDataInvalid(f"The configuration was broken before: {refusal}")
    answer = host.run(commands.program(prefix, PROGRAM, "-t", "-c", file))
    if _WARNING.search(answer.errors):
        raise CannotExpress(f"The daemon's own test (proftpd -t) warns about {file}.")


def carry_out(host: Host, prefix: str, configuration: Configuration, found: Sequence[Part]) -> None:
    """Writes the files, checked before where they can be and after in any case."""
    main = configuration.main
    beside = scratch_folder(host, configuration)
    if plan_parts.standing(host, found) is not Standing.AFTER:
        check_before(host, prefix, main)
    for part in found:
        stands = plan_parts.standing(host, [part])
        if part.kind == TEXT and part.place == main and stands is Standing.BEFORE:
            _try_candidate(host, prefix, part, beside)
    plan_parts.carry_out(host, found, beside=beside)
    if problem := complaint(host, prefix, main):
        plan_parts.carry_out(host, [part.reversed for part in reversed(found)], beside=beside)
        raise ServerDataInvalid(f"The daemon does not accept the change: {problem}")


def _try_candidate(host: Host, prefix: str, part: Part, beside: str) -> None:
    """The new main file under another name, in a folder that no Include reads. A file that not
    everybody may read is not copied: it may hold passwords."""
    old, fact = host.read(part.place), host.stat(part.place)
    if fact is None or not fact.mode & _EVERYBODY_READS:
        return
    new = text_patch.turn(old, part.before, part.after)
    name = hashlib.sha256(new).hexdigest()[:16]
    candidate = f"{beside.rstrip('/')}/.recert-{name}.conf"
    try:
        host.remove(candidate, was=new)  # of a run that was cut off here
        host.replace(candidate, new, was=None)
        problem = complaint(host, prefix, candidate)
    finally:
        host.remove(candidate, was=new)
    if problem:
        raise ServerDataInvalid(f"The daemon would not accept the change: {problem}")
    reach("candidate checked")


def scratch_folder(host: Host, configuration: Configuration) -> str:
    """A folder for temporary files on the same file system, of which no Include reads all."""
    folder = os.path.dirname(configuration.main)
    while folder in configuration.folders and folder != "/":
        folder = os.path.dirname(folder)
    return folder


def pid_file(host: Host, configuration: Configuration) -> str:
    named = [item.args[0] for item in configuration.items if item.name == "pidfile" and item.args]
    return named[0] if named else next((one for one in _PID_FILES if host.stat(one)), _PID_FILES[0])


def reload(host: Host, configuration: Configuration) -> int | None:
    """Tells the daemon and looks whether it lives on; its process, or None when none runs."""
    file = pid_file(host, configuration)
    if not processes.reload(host, file, "proftpd"):
        return None
    pid = processes.running(host, file, "proftpd")
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        time.sleep(_PAUSE)
        if pid is None or pid not in processes.processes(host):
            raise OutcomeUnknown("The daemon ended after it was told to read its configuration.")
    return pid
