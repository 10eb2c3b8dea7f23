"""Databases of accounts for Pure-FTPd: rows for a random world, in MariaDB and PostgreSQL."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.daemons.pureftpd_accounts import UID, Site, World
from tests.daemons.residents import HASH
from tests.support.databases import PostgresServer
from tests.support.mariadb import MariadbServer

QUERIES = """
{K}GetPW  SELECT password FROM people WHERE login='\\L' AND active=1
{K}GetUID SELECT uid FROM people WHERE login='\\L'
{K}GetGID SELECT gid FROM people WHERE login='\\L'
{K}GetDir SELECT home FROM people WHERE login='\\L'
"""


@dataclass(frozen=True)
class Row:
    """One account; the numbers are text, because names may stand in their place."""

    login: str
    uid: str
    gid: str
    home: str | None
    password: str | None = HASH
    active: int = 1

    @property
    def values(self) -> str:
        cells = (self.login, self.password, self.uid, self.gid, self.home)
        texts = ("NULL" if cell is None else f"'{_escaped(cell)}'" for cell in cells)
        return f"({', '.join(texts)}, {self.active})"


def _escaped(cell: str) -> str:
    return cell.replace("'", "''")


def rows(world: World) -> list[Row]:
    one, two = (str(gid) for gid in world.gids)
    home = world.home
    return [
        Row("anna", str(UID), one, home),
        Row("ben", str(UID + 1), two, home),
        Row("o'neil", str(UID + 2), one, f"{home}/./"),
        Row("max.m@firm.de", str(UID + 3), two, f"{home}/Größe"),
        Row("by-name", world.user.name, world.ground.groups[1].name, home),
        Row("start", str(UID + 4), one, f"{home}/./in"),
        Row("padded", f" {UID + 5}x", one, home),
        Row("no-one", "nobody-has-this-name", one, home),
        Row("zero", "0", one, home),
        Row("minus", "-1", one, home),
        Row("low", "500", one, home),
        Row("root-group", str(UID + 6), "0", home),
        Row("locked", str(UID + 7), one, home, "!" + HASH),
        Row("unset", str(UID + 8), one, home, None),
        Row("off", str(UID + 9), one, home, active=0),
        Row("twice", str(UID + 10), one, home),
        Row("twice", str(UID + 11), one, home),
        Row("homeless", str(UID + 12), one, None),
        Row("nowhere", str(UID + 13), one, "/no/such/home"),
        Row("relative", str(UID + 14), one, home.lstrip("/")),
        Row("a/b", str(UID + 15), one, home),
    ]


def uids(world: World) -> dict[str, int]:
    known = {row.login: row.uid.strip().rstrip("x") for row in rows(world)}
    named = {"by-name": world.user.uid, "no-one": 1}
    return {login: named.get(login) or int(uid) for login, uid in known.items()}


@dataclass(frozen=True)
class Database:
    """A database full of accounts: how the daemon reaches it, and how Recert does."""

    method: str
    lines: str
    settings: dict[str, str]
    run: Callable[..., None]  # statements, as the owner of the database
    environment: dict[str, str] = field(default_factory=dict)

    def fill(self, accounts: list[Row]) -> None:
        rows_of = ", ".join(row.values for row in accounts)
        self.run("DELETE FROM people", f"INSERT INTO people VALUES {rows_of}")

    def site(self, world: World, queries: str = QUERIES, crypt: str = "crypt") -> Site:
        keyword = self.method.upper()
        lines = f"{self.lines}{keyword}Crypt {crypt}\n{queries.replace('{K}', keyword)}"
        return Site(world, self.method, lines, self.settings, self.environment)


def mysql(server: MariadbServer, world: World, tables: list[str]) -> Database:
    server.run(
        "CREATE OR REPLACE DATABASE ftp CHARACTER SET utf8mb4",
        "USE ftp",
        *tables,
        "CREATE OR REPLACE USER daemon@127.0.0.1 IDENTIFIED BY 'secret'",
        "GRANT SELECT ON ftp.* TO daemon@127.0.0.1",
        "CREATE OR REPLACE USER recert@127.0.0.1 IDENTIFIED BY 'read only'",
        "GRANT SELECT ON ftp.* TO recert@127.0.0.1",
    )
    password = world.ground.place / "password"
    password.write_text("read only\n")
    return Database(
        "mysql",
        f"MYSQLServer 127.0.0.1\nMYSQLPort {server.port}\nMYSQLUser daemon\n"
        "MYSQLPassword secret\nMYSQLDatabase ftp\n",
        {
            "sql_url": f"mysql://recert@127.0.0.1:{server.port}/ftp",
            "sql_password_file": str(password),
        },
        lambda *statements: server.run("USE ftp", *statements),
    )


def pgsql(server: PostgresServer, world: World, tables: list[str]) -> Database:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS ftp")
        connection.execute("DROP ROLE IF EXISTS daemon")
        connection.execute("CREATE ROLE daemon LOGIN")
    server.create("ftp")

    def run(*statements: str) -> None:
        with psycopg.connect(server.url("ftp"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    run(*tables, "GRANT SELECT ON people TO daemon")
    return Database(
        "pgsql",
        f"PGSQLServer 127.0.0.1\nPGSQLPort {server.port}\nPGSQLUser daemon\n"
        "PGSQLPassword secret\nPGSQLDatabase ftp\n",
        {"sql_url": server.url("ftp")},
        run,
        {"LD_PRELOAD": str(_with_the_port(world.ground.place)), "PGSQL_PORT": str(server.port)},
    )


def _with_the_port(place: Path) -> Path:
    """What lets Debian's program for PostgreSQL live."""
    library = place / "pgsql_port.so"
    source = Path(__file__).with_name("pgsql_port.c")
    command = ["gcc", "-shared", "-fPIC", "-fno-builtin", "-o", str(library), str(source)]
    subprocess.run(command, check=True)
    return library
