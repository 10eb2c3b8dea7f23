"""The real server: several processes, the worker beside them, and visitors who are slow."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bench import load
from recert.foundation import schema
from recert.foundation.db import Database

pytestmark = pytest.mark.slow
HALF = b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(home: Path, *options: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """`recert web`; its port and process."""
    port, url = free_port(), f"sqlite:///{home}/recert.sqlite3"
    db = Database(url)
    schema.upgrade(db)
    db.dispose()
    environment = {**os.environ, "RECERT_HOME": str(home), "DATABASE_URL": url}
    command = [sys.executable, "-m", "recert", "web", "--port", str(port), *options]
    with subprocess.Popen(command, env=environment) as process:
        try:
            wait_for(port)
            yield port, process
        finally:
            process.terminate()


def wait_for(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("It does not answer.")


def opens(port: int) -> bool:
    answer = urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=20)
    return int(answer.status) == 200


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(number) for number in text.split()]


def two_children(pid: int, without: int = 0) -> list[int]:
    for _ in range(600):
        found = children(pid)
        if len(found) == 2 and without not in found:
            return found
        time.sleep(0.1)
    raise AssertionError(children(pid))


@pytest.mark.parametrize("processes", ["1", "2"])
def test_half_requests_block_nobody(tmp_path: Path, processes: str) -> None:
    with served(tmp_path, "--no-worker", "--processes", processes) as (port, _):
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
        for one in slow:
            one.send(HALF)
        assert opens(port)
        for one in slow:
            one.close()


def test_a_process_that_dies_is_replaced(tmp_path: Path) -> None:
    with served(tmp_path, "--no-worker", "--processes", "2") as (port, process):
        before = two_children(process.pid)
        os.kill(before[0], signal.SIGKILL)
        assert before[0] not in two_children(process.pid, without=before[0])
        assert opens(port)


def test_the_worker_runs_outside_and_ends_with_the_pages(tmp_path: Path) -> None:
    with served(tmp_path, "--processes", "2") as (_port, process):
        workers = [
            pid
            for pid in children(process.pid)
            if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        assert len(workers) == 1
        process.kill()  # it has no time to end anybody
        process.wait()
    for _ in range(300):
        if not Path(f"/proc/{workers[0]}").exists():
            return
        with suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        time.sleep(0.1)
    raise AssertionError("The worker lives on.")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_many_reviewers_at_once_lose_nothing(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/load.sqlite3"
    if kind == "postgresql":
        url = request.getfixturevalue("postgres").create(f"load_{os.getpid()}")
    found = load.measure(url, tmp_path, seconds=6, reviewers=15, grants=6000)
    assert (found["errors"], found["lost"]) == (0, 0), found
    assert int(str(found["answers"])) >= 15
