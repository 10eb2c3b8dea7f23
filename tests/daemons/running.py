"""Starting a real daemon, and asking the kernel where one of its sessions lives."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


class Daemon:
    """One server process on loopback that ends with the test, even with a killed one."""

    def __init__(
        self,
        command: Sequence[str],
        ports: Sequence[int],
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = list(command)
        self._ports = ports
        self._log = log
        self._environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd="/",
                preexec_fn=_end_with_the_parent,  # noqa: PLW1509
            )
        self.wait()

    def wait(self) -> None:
        """Until all ports answer."""
        for port in self._ports:
            self._wait_for(port)

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if not self.is_alive:
                break
            try:
                socket.create_connection((LOOPBACK, port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        self.stop()
        raise AssertionError(f"{self._command[0]} did not start: {self.log()}")

    def log(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def _end_with_the_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def root_of_session(client_port: int, uid: int) -> str:
    """The folder that is "/" for the server process at the other end of our connection. Asked of
    the kernel, so that nobody has to understand the configuration in order to test it."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        root = root_of(client_port, uid)
        if root is not None:
            return root
        time.sleep(0.02)
    raise AssertionError(f"no process of uid {uid} serves the connection from port {client_port}")


def root_of(client_port: int, uid: int) -> str | None:
    """One look for it; None when no process of the account serves the connection (yet)."""
    sockets = _inodes_of_peer(client_port)
    for process in _processes_of(uid):
        if sockets & set(_sockets(process)):
            return os.readlink(process / "root")
    return None


def _inodes_of_peer(client_port: int) -> set[str]:
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if int(words[2].partition(":")[2], 16) == client_port:
            found.add(words[9])
    return found


def _processes_of(uid: int) -> Iterator[Path]:
    """Processes whose effective uid it is; ProFTPD keeps root as the real one."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            status = (process / "status").read_text()
        except OSError:
            continue
        line = next(line for line in status.splitlines() if line.startswith("Uid:"))
        if int(line.split()[2]) == uid:
            yield process


def _sockets(process: Path) -> Iterator[str]:
    try:
        handles = list((process / "fd").iterdir())
    except OSError:
        return
    for handle in handles:
        try:
            target = os.readlink(handle)
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target[8:-1]
