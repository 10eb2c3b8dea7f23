"""Databases for tests: SQLite files and a PostgreSQL server of our own on a free port."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg

from recert.foundation import schema
from recert.foundation.db import Database

POSTGRES = Path("/usr/lib/postgresql/15/bin")
NEEDED = "PostgreSQL 15 is missing. Run: make setup-test"


class PostgresServer:
    """Debian's PostgreSQL 15 on loopback, in a folder of its own, gone at the end. It refuses to
    run as root, so root starts it as the user that Debian's package made; its folder is none of
    pytest's, because those are closed to everybody but root."""

    def __init__(self) -> None:
        assert (POSTGRES / "initdb").exists(), NEEDED
        self.folder = Path(tempfile.mkdtemp(prefix="recert-postgresql-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._count = 0

    def __enter__(self) -> Self:
        self._hand_over()
        data = self.folder / "data"
        self._run("initdb", "-D", data, "-U", "recert", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = (
            f"-p {self.port} -h 127.0.0.1 -k '' -c fsync=off -c synchronous_commit=off "
            "-c full_page_writes=off -c max_connections=60"
        )
        self._run("pg_ctl", "-D", data, "-w", "-l", self.folder / "log", "-o", options, "start")
        return self

    def __exit__(self, *_details: object) -> None:
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder)

    def _hand_over(self) -> None:
        self._user = None
        if os.geteuid() != 0:
            return
        self._user = pwd.getpwnam("postgres")
        os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(POSTGRES / program), *map(str, arguments)]
        who = {"user": self._user.pw_uid, "group": self._user.pw_gid} if self._user else {}
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            **who,
        )
        assert done.returncode == 0, f"{program}: {done.stderr.decode()}"

    def url(self, name: str) -> str:
        return f"postgresql://recert@127.0.0.1:{self.port}/{name}"

    def create(self, name: str, source: str = "template0") -> str:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}" STRATEGY FILE_COPY')
        return self.url(name)

    def drop(self, name: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def next_name(self) -> str:
        self._count += 1
        return f"test_{self._count}"


@dataclass(frozen=True)
class Template:
    """A migrated database that is copied for each test."""

    file: Path | None = None
    server: PostgresServer | None = None
    name: str = ""

    @contextmanager
    def copy(self, folder: Path) -> Iterator[Database]:
        if self.server is None:
            assert self.file
            path = folder / "recert.sqlite3"
            shutil.copyfile(self.file, path)
            db = Database(f"sqlite:///{path}")
            yield db
            db.dispose()
            return
        name = self.server.next_name()
        db = Database(self.server.create(name, self.name))
        yield db
        db.dispose()
        self.server.drop(name)


def template(kind: str, folder: Path, server: PostgresServer | None) -> Template:
    """Migrates an empty database once."""
    name = f"migrated_{server.next_name()}" if server else ""
    db = Database(server.create(name) if server else f"sqlite:///{folder / 'template.sqlite3'}")
    schema.upgrade(db)
    with db.engine.connect() as connection:
        if db.is_sqlite:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    db.dispose()
    return Template(folder / "template.sqlite3", server, name)
