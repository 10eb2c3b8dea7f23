"""Serving the pages: several processes under gunicorn, each of which runs waitress, or waitress in
this process alone. The background worker is a process of its own."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import waitress
from gunicorn.app.base import BaseApplication
from gunicorn.workers.base import Worker
from waitress import wasyncore

THREADS = 8
MOST_PROCESSES = 4
ENDS_IN = 30  # seconds for requests that are under way when the server ends
# Requests are read without a thread for each: many slow or half ones wait and block nobody.
WAITRESS: dict[str, Any] = {
    "threads": THREADS,
    "connection_limit": 2000,
    "channel_timeout": 60,
    "cleanup_interval": 10,
    "asyncore_use_poll": True,
    "ident": "Recert",
}


# A queue is what a server under load has: nothing to report with each request.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def default_processes() -> int:
    """One for each processor, at most four."""
    return max(1, min(MOST_PROCESSES, os.cpu_count() or 1))


def serve(create_app: Callable[[], Any], host: str, port: int, processes: int) -> None:
    """Serves until it is stopped."""
    if processes == 1:
        waitress.serve(create_app(), host=host, port=port, **WAITRESS)
    else:
        Processes(create_app, f"{host}:{port}", processes).run()


class Processes(BaseApplication):  # type: ignore[misc]  # the library has no types
    """Gunicorn, configured by Recert and not by files or the environment."""

    def __init__(self, create_app: Callable[[], Any], bind: str, processes: int) -> None:
        self._create_app = create_app
        self._options = {
            "bind": bind,
            "workers": processes,
            "worker_class": WaitressWorker,
            "timeout": 120,
            "graceful_timeout": ENDS_IN,
            "loglevel": "warning",
            "proc_name": "recert web",
        }
        super().__init__()

    def init(self, parser: Any, opts: Any, args: Any) -> None:
        """Nothing is read from the command line."""

    def load_config(self) -> None:
        """Our options."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application, in each process anew: a database connection is never shared."""
        return self._create_app()


class WaitressWorker(Worker):  # type: ignore[misc]  # the library has no types
    """One process: waitress on the sockets that gunicorn opened."""

    def run(self) -> None:
        """Serves until gunicorn says that it is over, or is gone itself."""
        channels: dict[int, Any] = {}
        sockets = [one.sock for one in self.sockets]
        server = waitress.create_server(self.wsgi, map=channels, sockets=sockets, **WAITRESS)
        while self.alive and self.ppid == os.getppid():
            self.notify()
            wasyncore.loop(timeout=1, use_poll=True, map=channels, count=1)
        server.task_dispatcher.shutdown(cancel_pending=False, timeout=ENDS_IN)


@contextmanager
def background_worker(wanted: bool) -> Iterator[None]:
    """`recert worker` beside the pages; it ends with us, also when we are killed."""
    if not wanted:
        yield
        return
    command = [sys.executable, "-m", "recert", "worker", "--parent", str(os.getpid())]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.terminate()
