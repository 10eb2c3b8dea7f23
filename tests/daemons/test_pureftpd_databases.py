"""Accounts of Pure-FTPd in MySQL and PostgreSQL: what Recert reads, beside who gets where."""

from collections.abc import Iterator

import pytest

from recert.connectors import registry
from recert.connectors.changes import CloseAccount, SetRights
from recert.connectors.contract import CannotExpress, SettingsInvalid
from recert.connectors.rights import Rights
from tests.daemons.pureftpd_accounts import UID, Site, World
from tests.daemons.pureftpd_databases import QUERIES, Database, Row, mysql, pgsql, rows, uids
from tests.daemons.residents import HASH, SECRET
from tests.daemons.worlds import Ground
from tests.support.databases import PostgresServer
from tests.support.mariadb import MariadbServer

pytestmark = pytest.mark.daemon

KINDS = ("mysql", "pgsql")
MD5 = "$1$recertrg$sNHnQvZbA6EfDzM5o9nH2/"
ARGON2 = (
    "$argon2id$v=19$m=8192,t=2,p=1$BogEriafHaCL5cl3at2FHw"
    "$sJBDlgH/A2R2522aI90v8AubMT+gTyl8rV6zbrAJ3ys"
)


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariadbServer]:
    with MariadbServer() as server:
        yield server


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def world() -> Iterator[World]:
    with Ground.of("pureftpd databases", 1) as ground:
        yield World.on(ground)


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, world: World) -> Database:
    tables = [
        "CREATE TABLE people (login VARCHAR(60), password VARCHAR(200), uid VARCHAR(60),"
        " gid VARCHAR(60), home VARCHAR(200), active INT)",
    ]
    if request.param == "mysql":
        return mysql(request.getfixturevalue("mariadb"), world, tables)
    return pgsql(request.getfixturevalue("postgresql"), world, tables)


def test_each_account_can_do_what_is_shown(world: World, database: Database) -> None:
    database.fill(rows(world))
    site = database.site(world)
    tried = site.tried(uids(world))
    reading = site.reading()
    assert not reading.problems
    assert not site.disagreements(reading, tried, uids(world))
    getting_in = {name for name, _ in tried}
    assert getting_in >= {"anna", "ben", "o'neil", "max.m@firm.de", "by-name", "start", "padded"}
    assert tried["anna", f"{world.home}/team"] != tried["ben", f"{world.home}/team"]


def people(world: World, **more: str) -> list[Row]:
    """Two accounts like each other, and what a test wants besides: login -> password."""
    gid = str(world.gids[0])
    known = {"anna": HASH, "ben": HASH, **more}
    return [
        Row(login, str(UID + number), gid, world.home, password)
        for number, (login, password) in enumerate(known.items())
    ]


def check(site: Site, accounts: list[Row]) -> tuple[set[str], list[str]]:
    """Who gets in, and where that and the reading differ."""
    numbers = {row.login: int(row.uid) for row in accounts}
    tried = site.tried(numbers)
    reading = site.reading()
    assert not reading.problems
    return {name for name, _ in tried}, site.disagreements(reading, tried, numbers)


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
@pytest.mark.parametrize(
    ("crypt", "gets_in"),
    [
        ("crypt", {"anna", "ben", "md5"}),
        ("any", {"anna", "ben", "md5", "argon"}),
        ("argon2", {"argon"}),
        ("cleartext", {"plain"}),
    ],
)
def test_a_password_opens_the_account_in_the_form_that_is_configured(
    world: World, database: Database, crypt: str, gets_in: set[str]
) -> None:
    accounts = people(world, md5=MD5, argon=ARGON2, plain=SECRET, star="*", locked=f"!{HASH}")
    database.fill(accounts)
    found, wrong = check(database.site(world, crypt=crypt), accounts)
    assert found == gets_in
    # As plain text any text is a password, though not the one of the client.
    expected = 0 if crypt != "cleartext" else len(accounts) - 1
    assert len([one for one in wrong if "gets in" in one]) == expected


def test_numbers_may_be_the_same_for_all_and_names_may_be_joined(
    world: World, database: Database
) -> None:
    joined = (
        "CONCAT(login, '@', 'firm.de')" if database.method == "mysql" else "login || '@firm.de'"
    )
    where = f"{joined} = '\\L'"
    queries = (
        f"{{K}}GetPW SELECT password FROM people WHERE {where} AND active = 1\n"
        f"{{K}}GetDir SELECT '{world.home}/./in' FROM people WHERE {where}\n"
        f"{{K}}DefaultUID {world.user.name}\n{{K}}DefaultGID {world.gids[1]}\n"
    )
    accounts = [Row("anna", "", "", ""), Row("off", "", "", "", active=0)]
    database.fill(accounts)
    site = database.site(world, queries)
    numbers = {f"{row.login}@firm.de": world.user.uid for row in accounts}
    tried = site.tried(numbers)
    assert {name for name, _ in tried} == {"anna@firm.de"}
    assert not site.disagreements(site.reading(), tried, numbers)


def test_who_gets_in_from_some_addresses_only_is_shown_as_in_doubt(
    world: World, database: Database
) -> None:
    accounts = people(world)
    database.fill(accounts)
    database.run("ALTER TABLE people ADD peer VARCHAR(30)", "UPDATE people SET peer = '127.0.0.1'")
    queries = QUERIES.replace("AND active=1", "AND active=1 AND peer='\\R'")
    site = database.site(world, queries)
    found, wrong = check(site, accounts)
    assert (found, wrong) == ({"anna", "ben"}, [])
    grants = [one for one in site.reading().grants if one.account in found]
    assert all(grant.widened for grant in grants)
    assert all(f"{site.source}:" in " ".join(grant.via) for grant in grants)


def test_a_name_that_two_rows_may_have_lets_nobody_in(world: World, database: Database) -> None:
    """MySQL takes capitals for small letters, PostgreSQL does not."""
    accounts = people(world, Anna=HASH)
    database.fill(accounts)
    found, wrong = check(database.site(world), accounts)
    assert wrong == []
    assert found == ({"ben"} if database.method == "mysql" else {"anna", "Anna", "ben"})


def test_a_name_with_an_accent_may_have_a_plain_spelling(world: World, database: Database) -> None:
    accounts = people(world, **{"m\u00fcller": HASH})
    database.fill(accounts)
    site = database.site(world)
    real = bool(site.tried({"muller": int(accounts[-1].uid)}))
    shown = {one.name: one.enabled for one in site.reading().accounts}
    assert shown["m\u00fcller"] == real == (database.method == "mysql")


class TestTheNextWayToSignIn:
    """The system's users are asked when the database does not decide about a name."""

    @pytest.fixture
    def site(self, world: World, database: Database) -> Site:
        site = database.site(world)
        site.config.write_text(site.config.read_text() + "UnixAuthentication yes\n")
        return site

    def test_a_row_without_a_home_leaves_the_name_to_them(
        self, world: World, database: Database, site: Site
    ) -> None:
        database.fill([*people(world), Row(world.user.name, str(UID + 9), "1", None)])
        tried = site.tried({world.user.name: world.user.uid})
        assert tried
        assert not site.disagreements(site.reading(), tried, [world.user.name])

    def test_a_locked_row_does_not(self, world: World, database: Database, site: Site) -> None:
        database.fill(people(world, **{world.user.name: "*"}))
        assert not site.tried({world.user.name: world.user.uid})
        assert not site.disagreements(site.reading(), {}, [world.user.name])


class TestWhatCannotBeListed:
    @pytest.mark.parametrize(
        ("query", "why"),
        [
            ("SELECT password FROM people WHERE login LIKE '\\L'", "equal to the login"),
            ("SELECT password FROM people WHERE login = LOWER('\\L')", "equal to the login"),
            ("SELECT COUNT(*) FROM people WHERE login = '\\L'", "for every login"),
            ("CALL password_of('\\L')", "no plain SELECT"),
        ],
    )
    def test_the_reading_is_partial_and_names_file_and_line(
        self, world: World, database: Database, query: str, why: str
    ) -> None:
        database.fill(people(world))
        lines = QUERIES.strip().splitlines()
        site = database.site(world, "\n".join([f"{{K}}GetPW {query}", *lines[1:]]) + "\n")
        line = 1 + site.source.read_text()[: site.source.read_text().index("GetPW")].count("\n")
        (problem,) = site.reading().problems
        assert problem.startswith(f"{site.source}:{line}: ")
        assert why in problem

    def test_a_home_that_depends_on_the_client_is_not_guessed(
        self, world: World, database: Database
    ) -> None:
        gid = str(world.gids[0])
        database.fill(
            [
                Row("anna", str(UID), gid, f"{world.home}/{name}", active=1)
                for name in ("in", "read")
            ]
        )
        queries = (
            "{K}GetPW SELECT DISTINCT password FROM people WHERE login='\\L'\n"
            "{K}GetDir SELECT home FROM people WHERE login='\\L' AND home LIKE '%\\I%'\n"
            f"{{K}}DefaultUID {UID}\n{{K}}DefaultGID {gid}\n"
        )
        reading = database.site(world, queries).reading()
        (problem,) = reading.problems
        assert "'anna'" in problem
        assert "GetDir" in problem

    def test_without_the_setting_or_with_another_database(
        self, world: World, database: Database
    ) -> None:
        site = database.site(world)
        for url in ("", f"{database.settings['sql_url']}x"):
            (problem,) = site.reading(sql_url=url).problems
            assert problem.startswith(f"{site.source}:")
            assert "sql_url" in problem

    @pytest.mark.parametrize("database", ["mysql"], indirect=True)  # the other trusts everybody
    def test_a_wrong_password_is_not_shown(self, world: World, database: Database) -> None:
        (world.ground.place / "wrong").write_text("hunter2")
        (problem,) = (
            database.site(world)
            .reading(sql_password_file=str(world.ground.place / "wrong"))
            .problems
        )
        assert "does not let us read" in problem
        assert "hunter2" not in problem


def test_debians_program_for_postgresql_lets_nobody_in_by_itself(
    world: World, database: Database
) -> None:
    """Its bug, which pgsql_port.c keeps away from the other tests."""
    database.fill(people(world))
    site = Site(world, database.method, "".join(_lines(database)), database.settings)
    assert bool(site.tried({"anna": UID})) == (database.method == "mysql")


def _lines(database: Database) -> list[str]:
    keyword = database.method.upper()
    return [database.lines, f"{keyword}Crypt crypt\n", QUERIES.replace("{K}", keyword)]


def test_closing_such_an_account_is_left_to_a_person(world: World, database: Database) -> None:
    database.fill(people(world))
    connector = database.site(world).connector()
    with pytest.raises(CannotExpress, match=r"SQL database: close it there"):
        connector.plan(CloseAccount("anna"))


def test_a_folder_is_closed_for_the_uid_of_the_database(world: World, database: Database) -> None:
    database.fill(people(world))
    site = database.site(world)
    folder = f"{world.home}/in"
    connector = site.connector()
    plan = connector.plan(SetRights("anna", folder, Rights.NONE))
    assert not plan.side_effects
    connector.apply(plan)
    tried = site.tried({"anna": UID, "ben": UID + 1})
    assert tried["anna", folder] == Rights.NONE
    assert tried["ben", folder] != Rights.NONE
    assert not site.disagreements(site.reading(), tried, ("anna", "ben"))


@pytest.mark.parametrize("kind", ["pureftpd", "proftpd"])
@pytest.mark.parametrize("url", ["sqlite:////etc/passwd", "mysql://u:secret@db/ftp", "nonsense"])
def test_an_address_that_is_none_is_refused_at_once(kind: str, url: str) -> None:
    with pytest.raises(SettingsInvalid, match="sql_url") as raised:
        registry.connect(kind, {"config": "/etc/pure-ftpd/conf", "sql_url": url})
    assert "secret" not in str(raised.value)
