"""Debian's MariaDB on loopback, in a folder of its own, gone at the end."""

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import pymysql

PROGRAM = Path("/usr/sbin/mariadbd")
INSTALL = Path("/usr/bin/mariadb-install-db")
NEEDED = "MariaDB is missing. Run: make setup-test"


class MariadbServer:
    """Root has no password; everybody else is made by the test."""

    def __init__(self) -> None:
        assert PROGRAM.exists(), NEEDED
        self.folder = Path(tempfile.mkdtemp(prefix="recert-mariadb-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def __enter__(self) -> Self:
        data = self.folder / "data"
        subprocess.run(
            [
                str(INSTALL),
                "--no-defaults",
                f"--datadir={data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--user=root",
            ],
            check=True,
            capture_output=True,
        )
        self._process = subprocess.Popen(
            [
                *(str(PROGRAM), "--no-defaults", f"--datadir={data}", f"--port={self.port}"),
                *("--bind-address=127.0.0.1", f"--socket={self.folder}/socket", "--user=root"),
                *("--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("wb"),
        )
        self._wait()
        return self

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                self.run()
            except pymysql.err.OperationalError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def run(self, *statements: str) -> None:
        with pymysql.connect(host="127.0.0.1", port=self.port, user="root") as connection:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
            connection.commit()

    def __exit__(self, *_details: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        shutil.rmtree(self.folder)
