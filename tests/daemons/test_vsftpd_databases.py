"""Guests of vsftpd in MySQL (pam_mysql): what Recert reads, beside who really gets where."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from recert.connectors import registry
from recert.connectors.contract import Reading, SettingsInvalid
from tests.daemons.conftest import as_root, clean_machine
from tests.daemons.residents import HASH, SECRET, new_place
from tests.servers_in_the_field.cases import HERE, Case
from tests.servers_in_the_field.test_field import Said, disagreement
from tests.servers_in_the_field.vsftpd import VsftpdSite
from tests.support.mariadb import MariadbServer

pytestmark = pytest.mark.daemon
__all__ = ["as_root", "clean_machine"]  # fixtures

OPTIONS = """\
local_enable=YES
anonymous_enable=NO
guest_enable=YES
guest_username={acc1}
virtual_use_local_privs=YES
write_enable=YES
chroot_local_user=YES
allow_writeable_chroot=YES
max_login_fails=9
user_config_dir={place}/own
local_root={place}/data
"""
MODULE = "{modules}/pam_mysql.so user=daemon passwd=secret host=127.0.0.1:{database} db=ftp"
COLUMNS = "table=people usercolumn=people.login passwdcolumn=hash"
WHERE = "[where=people.active = 1]"
# login, what stands for the password, status, active
ROWS = [
    ("anna", HASH, 0, 1),
    ("ben", HASH, 4, 1),
    ("o'neil", HASH, 0, 1),
    ("locked", f"!{HASH}", 0, 1),
    ("star", "*", 0, 1),
    ("expired", HASH, 1, 1),
    ("change", HASH, 2, 1),
    ("off", HASH, 0, 0),
    ("twice", HASH, 0, 1),
    ("twice", HASH, 0, 1),
    ("Anna.B", HASH, 0, 1),
    ("anna.b", HASH, 0, 1),
]


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariadbServer]:
    with MariadbServer() as server:
        server.run(
            "CREATE DATABASE ftp CHARACTER SET utf8mb4",
            "CREATE USER daemon@127.0.0.1 IDENTIFIED BY 'secret'",
            "GRANT SELECT ON ftp.* TO daemon@127.0.0.1",
            "CREATE USER recert@127.0.0.1 IDENTIFIED BY 'read only'",
            "GRANT SELECT ON ftp.* TO recert@127.0.0.1",
        )
        yield server


def fill(server: MariadbServer, rows: list[tuple[str, str | None, int | None, int]]) -> None:
    server.run(
        "USE ftp",
        "CREATE OR REPLACE TABLE people (login VARCHAR(60), hash VARCHAR(200), status INT,"
        " active INT)",
    )
    for row in rows:
        cells = (
            "NULL" if one is None else f"'{str(one).replace(chr(39), chr(39) * 2)}'" for one in row
        )
        server.run("USE ftp", f"INSERT INTO people VALUES ({', '.join(cells)})")


class Site(VsftpdSite):
    """One vsftpd whose guests stand in a table."""

    server: MariadbServer

    @classmethod
    def of(cls, server: MariadbServer, service: list[str], **files: str) -> "Site":
        case = Case(HERE / "vsftpd/none.case", accounts=[])
        case.accounts = [f"{name} virtual=acc1" for name in sorted({row[0] for row in ROWS})]
        cls.server = server
        case.files = {"": OPTIONS, "pam {service}": "\n".join(service) + "\n", **files}
        case.files |= {"own/ben": "write_enable=NO\n"}
        return cls(case, new_place(961))

    def settle(self) -> None:
        super().settle()
        self.words["database"] = str(self.server.port)
        (self.place / "password").write_text("read only\n")

    def settings(self) -> dict[str, str]:
        return {
            **super().settings(),
            "sql_url": f"mysql://recert@127.0.0.1:{self.server.port}/ftp",
            "sql_password_file": str(self.place / "password"),
        }

    def reading(self, **settings: str) -> Reading:
        known = {key: value for key, value in (self.settings() | settings).items() if value}
        return registry.connect(self.kind, known).read()


def differences(site: Site) -> tuple[set[str], list[str]]:
    """Who gets in, and the cells in which Recert shows something else."""
    reading = site.reading()
    said = Said(site, reading)
    assert not reading.problems
    with site:
        tried = site.tried()
    wrong = [
        text
        for (label, protocol, folder), real in tried.items()
        if (text := disagreement(said, label, protocol, folder, real))
    ]
    enabled = {name for name, one in said.accounts.items() if one.enabled}
    wrong += [f"{name} gets in" for name in site.signed_in - enabled]
    return site.signed_in, wrong


@pytest.mark.parametrize(
    ("arguments", "gets_in"),
    [
        (f"{COLUMNS} {WHERE} crypt=1", {"anna", "ben", "o'neil", "change", "expired"}),
        (
            f"{COLUMNS} {WHERE} crypt=Y statcolumn=status",
            {"anna", "ben", "o'neil"},
        ),
        (f"{COLUMNS} crypt=1 statcolumn=status", {"anna", "ben", "o'neil", "off"}),
        (f"{COLUMNS} {WHERE} crypt=nonsense", set()),
        ("config_file={place}/etc/mysql.conf", {"anna", "ben", "o'neil"}),
        (
            "config_file={place}/etc/no_end.conf",
            {"anna", "ben", "o'neil", "off", "change", "expired"},
        ),
    ],
    ids=["where", "status", "without where", "wrong argument", "file", "file without an end"],
)
def test_guests_of_a_table_are_those_who_get_in(
    mariadb: MariadbServer, arguments: str, gets_in: set[str]
) -> None:
    fill(mariadb, ROWS)
    lines = [f"auth required {MODULE} {arguments}", f"account required {MODULE}"]
    file = (
        "# a remark\nusers.table = people;\nusers.user_column=people.login\n"
        "users.password_column\t= hash\nusers.password_crypt = 1;\n"
        "users.unknown = x\nusers.where_clause = people.active = 1\n"
        "users.status_column = status\nno setting at all\nusers.table = nothing\n"
    )
    no_end = file.partition("users.where_clause")[0] + "users.status_column = status"
    files = {"etc/mysql.conf": file, "etc/no_end.conf": no_end}
    site = Site.of(mariadb, lines, **files)
    try:
        found, wrong = differences(site)
    finally:
        site.emptied()
    assert wrong == []
    assert found == gets_in


@pytest.mark.parametrize(
    ("form", "secret"),
    [
        ("plain", SECRET),
        ("md5", hashlib.md5(SECRET.encode()).hexdigest()),
        ("sha1", hashlib.sha1(SECRET.encode()).hexdigest()),
    ],
)
def test_a_password_counts_in_the_form_of_the_module(
    mariadb: MariadbServer, form: str, secret: str
) -> None:
    fill(mariadb, [("anna", secret, 0, 1), ("ben", "!", 0, 1), ("star", None, 0, 1)])
    line = f"required {MODULE} {COLUMNS} crypt={form}"
    site = Site.of(mariadb, [f"auth {line}", f"account {line}"])
    try:
        reading = site.reading()
        enabled = {one.name for one in reading.accounts if one.enabled}
        with site:
            site.tried()
    finally:
        site.emptied()
    assert "anna" in site.signed_in
    assert site.signed_in <= enabled
    assert ("ben" in enabled) == (form == "plain")
    (grant,) = {one.widened for one in reading.grants if one.account == "star"}
    assert grant  # whether no password is one depends on the module's version


def test_a_system_user_of_another_spelling_is_shown_in_doubt(mariadb: MariadbServer) -> None:
    line = f"required {MODULE} {COLUMNS} crypt=1"
    site = Site.of(mariadb, [f"auth {line}", f"account {line}"])
    user = site.accounts["acc2"].name
    fill(mariadb, [(user.upper(), HASH, 0, 1)])
    try:
        grants = [one for one in site.reading().grants if one.account == user]
        with site:
            client = site.sign_in(site.accounts["acc2"], "ftp")
    finally:
        site.emptied()
    assert client is not None
    client.close()
    assert grants
    assert all(grant.widened for grant in grants)


def test_a_file_of_a_guest_does_not_count_for_a_name_in_capitals(mariadb: MariadbServer) -> None:
    fill(mariadb, ROWS)
    line = f"required {MODULE} {COLUMNS} crypt=1"
    site = Site.of(mariadb, [f"auth {line}", f"account {line}"])
    ben = site.accounts["ben"]
    site.accounts = {"ben": ben, "BEN": replace(ben, name="BEN")}
    try:
        found, wrong = differences(site)
        rights = {one.account: one.rights for one in site.reading().grants}
        warnings = site.reading().warnings
    finally:
        site.emptied()
    assert (found, wrong) == ({"ben", "BEN"}, [])
    assert rights["BEN"] != rights["ben"]
    assert any("'BEN'" in one for one in warnings)


def test_without_the_setting_the_reading_is_partial(mariadb: MariadbServer) -> None:
    fill(mariadb, ROWS)
    line = f"required {MODULE} {COLUMNS} crypt=1"
    site = Site.of(mariadb, [f"auth {line}", f"account {line}"])
    try:
        for url in ("", f"mysql://recert@127.0.0.1:{mariadb.port}/another"):
            problems = "\n".join(site.reading(sql_url=url).problems)
            assert f"{site.services[0]}:1: pam_mysql.so" in problems
            assert "sql_url" in problems
        closed = site.reading(sql_password_file="").problems
        assert "does not let us read" in "\n".join(closed)
    finally:
        site.emptied()


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(SettingsInvalid, match="sql_url"):
        registry.connect("vsftpd", {"config": "/etc/vsftpd.conf", "sql_url": "nonsense"})
