"""Accounts of ProFTPD in databases: what Recert reads, beside who really gets in."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from recert.connectors import registry
from recert.connectors.contract import Reading, SettingsInvalid
from tests.daemons.clients import FtpClient, Refused
from tests.daemons.residents import HASH, SECRET
from tests.daemons.rigs import DAEMONS
from tests.daemons.running import Daemon, free_port
from tests.daemons.worlds import Ground
from tests.support.databases import PostgresServer
from tests.support.mariadb import MariadbServer

pytestmark = pytest.mark.daemon

UIDS = {"anna": 7_200_001, "ben": 7_200_002, "cora": 7_200_003, "off": 7_200_004}
GID = 7_200_900
OWN_QUERIES = """
SQLNamedQuery get-user SELECT "login, hash, uid, gid, home, shell FROM people WHERE login = '%U'"
SQLNamedQuery get-group SELECT "name, gid, members FROM teams WHERE name = '%{0}'"
SQLNamedQuery group-members SELECT "name, gid, members FROM teams WHERE members LIKE '%%%{0}%%'"
SQLUserInfo custom:/get-user
SQLGroupInfo custom:/get-group/get-group/group-members
"""
TABLES = """
SQLUserInfo people login hash uid gid home shell
SQLUserWhereClause "active = 1"
SQLGroupInfo teams name gid members
"""


def rows(home: Path) -> list[str]:
    """The same two tables for every database."""
    people = ", ".join(
        f"('{name}', '{HASH}', {uid}, {GID + 1}, '{home}', '/bin/sh', {int(name != 'off')})"
        for name, uid in UIDS.items()
    )
    return [
        "CREATE TABLE people (login VARCHAR(30), hash VARCHAR(200), uid INT, gid INT,"
        " home VARCHAR(200), shell VARCHAR(30), active INT)",
        "CREATE TABLE teams (name VARCHAR(30), gid INT, members VARCHAR(200))",
        f"INSERT INTO people VALUES {people}",
        f"INSERT INTO teams VALUES ('staff', {GID}, 'anna,ben')",
    ]


class Site:
    """A daemon that asks a database, and what Recert is told about it."""

    def __init__(self, ground: Ground, backend: str, address: str, url: str, lines: str) -> None:
        self.ground, self.port = ground, free_port()
        (ground.root / "in").mkdir()
        (ground.root / "in").chmod(0o777)
        prefix = DAEMONS / "proftpd"
        self.config = ground.place / "proftpd.conf"
        password = ground.place / "password"
        password.write_text("read only\n")
        modules = ("mod_sql", {"mysql": "mod_sql_mysql", "postgres": "mod_sql_postgres"}[backend])
        self.config.write_text(
            "\n".join(
                [
                    f"ModulePath {prefix}/usr/lib/proftpd",
                    *(f"LoadModule {name}.c" for name in modules),
                    f"Port {self.port}",
                    *("DefaultAddress 127.0.0.1", "UseIPv6 off", "User nobody", "Group nogroup"),
                    *("UseReverseDNS off", "DelayEngine off", "WtmpLog off", "AuthPAM off"),
                    f"PidFile {ground.place}/pid",
                    f"ScoreboardFile {ground.place}/scoreboard",
                    f"SystemLog {ground.place}/system.log",
                    *("TransferLog none", "RequireValidShell off", "DefaultRoot ~"),
                    *("AuthOrder mod_sql.c", f"SQLBackend {backend}", "SQLAuthTypes Crypt"),
                    "SQLAuthenticate users groups",
                    f"SQLConnectInfo {address} daemon secret",
                    *lines.strip().splitlines(),
                    f"<Directory {ground.root}/in>",
                    *("<Limit WRITE>", "AllowGroup staff", "DenyAll", "</Limit>", "</Directory>"),
                ]
            )
            + "\n"
        )
        self.settings = {
            "config": str(self.config),
            "prefix": str(prefix),
            "sql_url": url,
            "sql_password_file": str(password),
        }
        command = [str(prefix / "usr/sbin/proftpd"), "-n", "-c", str(self.config)]
        self.daemon = Daemon(command, [self.port], ground.place / "log")

    def reading(self, **settings: str) -> Reading:
        known = {key: value for key, value in (self.settings | settings).items() if value}
        return registry.connect("proftpd", known).read()

    def get_in(self) -> set[str]:
        found = set()
        for name in UIDS:
            try:
                FtpClient(self.port, name, SECRET, frozenset()).close()
            except Refused:
                continue
            found.add(name)
        return found


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariadbServer]:
    with MariadbServer() as server:
        yield server


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["mysql", "postgres"])
def database(request: pytest.FixtureRequest, ground: Ground) -> tuple[str, str, str]:
    """Backend, address for the daemon, and address for Recert."""
    if request.param == "mysql":
        server: MariadbServer = request.getfixturevalue("mariadb")
        server.run(
            "CREATE OR REPLACE DATABASE ftp",
            "USE ftp",
            *rows(ground.root),
            "CREATE OR REPLACE USER daemon@127.0.0.1 IDENTIFIED BY 'secret'",
            "GRANT SELECT ON ftp.* TO daemon@127.0.0.1",
            "CREATE OR REPLACE USER recert@127.0.0.1 IDENTIFIED BY 'read only'",
            "GRANT SELECT ON ftp.* TO recert@127.0.0.1",
        )
        return (
            "mysql",
            f"ftp@127.0.0.1:{server.port}",
            f"mysql://recert@127.0.0.1:{server.port}/ftp",
        )
    other: PostgresServer = request.getfixturevalue("postgresql")
    with psycopg.connect(other.url("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS ftp")
        connection.execute("DROP ROLE IF EXISTS daemon")
        connection.execute("CREATE ROLE daemon LOGIN")
    with psycopg.connect(other.create("ftp"), autocommit=True) as connection:
        for statement in rows(ground.root):
            connection.execute(statement.encode())
        connection.execute("GRANT SELECT ON people, teams TO daemon")
    return "postgres", f"ftp@127.0.0.1:{other.port}", other.url("ftp")


@pytest.fixture
def ground() -> Iterator[Ground]:
    with Ground.of("databases", 1) as found:
        yield found


@pytest.mark.parametrize("lines", [TABLES, OWN_QUERIES], ids=["tables", "named queries"])
def test_the_accounts_are_those_that_get_in(
    ground: Ground, database: tuple[str, str, str], lines: str
) -> None:
    site = Site(ground, *database, lines)
    site.daemon.start()
    try:
        real = site.get_in()
    finally:
        site.daemon.stop()
    reading = site.reading()
    grants = {one.account: one.rights for one in reading.grants if one.folder.endswith("/in")}
    assert not reading.problems
    enabled = {one.name for one in reading.accounts if one.enabled}
    assert enabled == real
    assert real == (set(UIDS) if lines == OWN_QUERIES else set(UIDS) - {"off"})
    assert grants["anna"] != grants["cora"]  # anna is in the group that may write


def test_without_the_setting_the_reading_is_partial_and_says_why(
    ground: Ground, database: tuple[str, str, str]
) -> None:
    site = Site(ground, *database, TABLES)
    for settings in ({"sql_url": ""}, {"sql_url": f"{database[2]}x"}):
        reading = site.reading(**settings)
        assert not list(reading.grants)
        (problem,) = reading.problems
        assert problem.startswith(f"{site.config}:")
        assert "SQLConnectInfo" in problem


def test_a_wrong_password_makes_the_reading_partial_and_is_not_shown(
    ground: Ground, mariadb: MariadbServer
) -> None:
    (ground.place / "wrong").write_text("hunter2")
    url = f"mysql://recert@127.0.0.1:{mariadb.port}/ftp"
    site = Site(ground, "mysql", f"ftp@127.0.0.1:{mariadb.port}", url, TABLES)
    reading = site.reading(sql_password_file=str(ground.place / "wrong"))
    list(reading.grants)
    (problem,) = reading.problems
    assert "does not let us read" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    "url", ["sqlite:////etc/passwd", "mysql://u:secret@db/ftp", "nonsense", "postgresql://db"]
)
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="sql_url") as raised:
        registry.connect("proftpd", {"config": "/etc/proftpd/proftpd.conf", "sql_url": url})
    assert "secret" not in str(raised.value)
