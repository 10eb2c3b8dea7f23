"""Reloads a running daemon after an edit, and ends sessions. A signal is sent only to processes
that were checked just before."""

import re

from recert.connectors.contract import ConnectorError, OutcomeUnknown
from recert.connectors.hosts import Host, commands
from recert.foundation.failpoints import reach


def processes(host: Host) -> dict[int, tuple[int, int, str]]:
    """Process number -> (parent, effective uid, command line)."""
    running = {}
    answer = host.run(commands.PROCESSES)
    for line in answer.out.decode(errors="replace").splitlines():
        fields = line.split(None, 4)
        if len(fields) == 5:
            running[int(fields[0])] = (int(fields[1]), int(fields[3]), fields[4])
    return running


def running(host: Host, pid_file: str, name: str) -> int | None:
    """The daemon's process, when the file names one that is this daemon."""
    content = host.read_many([pid_file])[pid_file]
    if isinstance(content, ConnectorError) or not content.strip().isdigit():
        return None
    pid = int(content)
    entry = processes(host).get(pid)
    return pid if entry is not None and name in entry[2] else None


def reload(host: Host, pid_file: str, name: str) -> bool:
    """Sends HUP; False when the daemon does not run, so that it reads the new file at its start."""
    pid = running(host, pid_file, name)
    if pid is None:
        return False
    reach("before reload")
    answer = host.run(commands.signal("HUP", pid))
    if not answer.ok:
        raise OutcomeUnknown(
            f"The file is changed, but {name} could not be told: {answer.errors.strip()}"
        )
    reach("reloaded")
    return True


def end_sessions(host: Host, title: str, listener: int | None = None) -> int:
    """Ends the processes whose title fits, of one listener only when it is named; how many there
    were."""
    pattern = re.compile(title)
    sessions = [
        pid
        for pid, (parent, _, line) in processes(host).items()
        if pattern.match(line) and listener in (None, parent)
    ]
    if sessions:
        host.run(commands.signal("TERM", *sessions))
        reach("sessions ended")
    return len(sessions)


def end_sessions_of(host: Host, name: str, uid: int) -> int:
    """Ends the sessions of a daemon that run as this uid; returns their number. A session may have
    a helper of another uid between it and the listener: the helper gets the signal, and both
    end."""
    running = processes(host)
    mine = {pid for pid, (_, _, line) in running.items() if name in line.split(" ", 1)[0]}
    signalled = set()
    for pid in mine:
        parent, session_uid, _ = running[pid]
        if session_uid != uid:
            continue
        above = running[parent][0] if parent in mine else 0
        signalled.add(parent if parent in mine and above in mine else pid)
    if signalled:
        host.run(commands.signal("TERM", *sorted(signalled)))
    return len(signalled)
