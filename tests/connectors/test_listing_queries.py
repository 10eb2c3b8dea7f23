"""Which logins a daemon's query can find: only what follows from its text is listed."""

import pytest

from recert.connectors.account_databases import listing
from recert.connectors.account_databases.sql import MYSQL, POSTGRES

BY_NAME = r"SELECT Password FROM users WHERE User='\L'"


@pytest.mark.parametrize(
    ("query", "logins", "source"),
    [
        (BY_NAME, ("User",), "users"),
        (r'SELECT Password FROM users WHERE User="\L"', ("User",), "users"),
        (r"select pw from u where u.name = '\l' and active=1;", ("u.name",), "u"),
        (r"SELECT pw FROM u WHERE active=1 AND (name='\L')", ("name",), "u"),
        (r"SELECT pw FROM u WHERE '\L' = name LIMIT 1", ("name",), "u"),
        (r"SELECT pw FROM u WHERE BINARY `name` = '\L'", ("`name`",), "u"),
        (r"SELECT pw FROM u WHERE name='\L' OR mail='\L'", ("mail", "name"), "u"),
        (r"SELECT pw FROM u WHERE (name='\L' OR mail='\L') AND a=1", ("mail", "name"), "u"),
        (
            r"SELECT pw FROM u JOIN d ON u.d=d.id WHERE CONCAT(u.name, '@', d.name) = '\L'",
            ("CONCAT(u.name, '@', d.name)",),
            "u JOIN d ON u.d=d.id",
        ),
        (r"SELECT pw FROM u WHERE n='\L' AND day BETWEEN 1 AND 5", ("n",), "u"),
        (r"SELECT pw FROM u WHERE day BETWEEN 1 AND 5 AND n='\L'", ("n",), "u"),
        (r"SELECT pw FROM u WHERE n='\L' AND d IN (SELECT id FROM d WHERE a OR b)", ("n",), "u"),
    ],
)
def test_a_column_that_must_be_equal_to_the_login_names_all_logins(
    query: str, logins: tuple[str, ...], source: str
) -> None:
    found = listing.read(query, MYSQL)
    assert (found.why_not, found.why_not_listed) == ("", "")
    assert (found.logins, found.source) == (logins, source)


@pytest.mark.parametrize(
    "query",
    [
        r"SELECT pw FROM u WHERE n LIKE '\L'",
        r"SELECT pw FROM u WHERE n = LOWER('\L')",
        r"SELECT pw FROM u WHERE n = 'ftp_\L'",
        r"SELECT pw FROM u WHERE n = '\L' OR admin = 1",
        r"SELECT pw FROM u WHERE admin || n = '\L'",
        r"SELECT pw FROM u WHERE NOT n = '\L'",
        r"SELECT pw FROM u WHERE n <> '\L'",
        r"SELECT pw FROM u WHERE a = n = '\L'",
        r"SELECT pw FROM u WHERE x BETWEEN 1 AND n = '\L'",
        r"SELECT pw FROM u WHERE a XOR n = '\L'",
        r"SELECT pw FROM u WHERE EXISTS (SELECT 1 FROM v WHERE n = '\L')",
        r"SELECT pw FROM (SELECT * FROM u WHERE n = '\L') x",
        r"SELECT IF('\L' = 'a', 'x', pw) FROM u WHERE n = '\L'",
        r"SELECT pw FROM u WHERE n = '\\L'",
        r"SELECT pw FROM u",
        r"SELECT 'x'",
    ],
)
def test_what_may_find_others_is_not_listed(query: str) -> None:
    found = listing.read(query, MYSQL)
    assert found.why_not or found.why_not_listed


@pytest.mark.parametrize(
    "query",
    [
        r"CALL password_of('\L')",
        r"SELECT pw FROM u WHERE n='\L'; DELETE FROM u",
        r"SELECT pw FROM u WHERE n='\L' UNION SELECT 'x'",
        r"SELECT pw FROM u WHERE n='\L' -- and active",
        r"SELECT pw INTO @a FROM u WHERE n='\L'",
        r"DELETE FROM u WHERE n='\L'",
        r"SELECT pw FROM host_\P WHERE n='\L'",
        r"SELECT pw FROM u WHERE n='\L' AND (host='\I' OR host='*') OR a=1",
        r"SELECT pw FROM u WHERE n='\L' AND host='\I' LIMIT 1",
    ],
)
def test_what_only_a_client_can_have_run_is_never_run(query: str) -> None:
    assert listing.read(query, MYSQL).why_not


def test_conditions_about_the_session_are_left_out() -> None:
    found = listing.read(r"SELECT pw FROM u WHERE n='\L' AND ip='\R' AND a=1", MYSQL)
    assert found.dropped
    assert found.of("anna", MYSQL) == "SELECT pw FROM u WHERE n='anna' AND a=1"


def test_each_database_has_its_own_quotes() -> None:
    names = listing.read('SELECT "Pw" FROM users WHERE "User"=\'\\L\'', POSTGRES)
    assert names.logins == ('"User"',)
    joined = listing.read(r"SELECT pw FROM u WHERE n || '@' || d = '\L'", POSTGRES)
    assert joined.logins == ("n || '@' || d",)
    assert listing.read(r'SELECT pw FROM u WHERE n="\L"', POSTGRES).why_not_listed
    assert listing.read(r"SELECT pw FROM u WHERE a='x\' AND n='\L'", POSTGRES).why_not


def test_a_quote_in_a_name_is_escaped_as_the_library_does() -> None:
    query = listing.read(BY_NAME, MYSQL)
    assert query.of("o'neil", MYSQL).endswith(r"User='o\'neil'")
    assert query.of("o'neil", POSTGRES).endswith("User='o''neil'")


def test_a_query_that_finds_something_for_everybody_lists_nobody() -> None:
    query = listing.read(r"SELECT COUNT(*) FROM u WHERE n='\L'", MYSQL)
    assert listing.names(lambda _sql: [(0,)], query, MYSQL).why_not


class TestEverybodyAtOnce:
    @pytest.mark.parametrize(
        ("query", "everybody"),
        [
            (BY_NAME, "SELECT User, Password FROM users"),
            (
                r"SELECT u.pw FROM u WHERE a=1 AND u.n='\L' AND b BETWEEN 1 AND 2",
                "SELECT u.n, u.pw FROM u WHERE a=1 AND b BETWEEN 1 AND 2",
            ),
            (
                r"SELECT 1000 FROM u WHERE CONCAT(n,'@',d)='\L'",
                "SELECT CONCAT(n,'@',d), 1000 FROM u",
            ),
        ],
    )
    def test_one_query_finds_the_same_for_all(self, query: str, everybody: str) -> None:
        assert listing.read(query, MYSQL).everybody == everybody

    @pytest.mark.parametrize(
        "query",
        [
            r"SELECT MAX(pw) FROM u WHERE n='\L'",
            r"SELECT DISTINCT pw FROM u WHERE n='\L'",
            r"SELECT pw, uid FROM u WHERE n='\L'",
            r"SELECT pw FROM u WHERE n='\L' LIMIT 1",
            r"SELECT pw FROM u WHERE n='\L' OR m='\L'",
            r"SELECT pw FROM u WHERE n='\L' AND m='\L'",
            r"SELECT pw FROM u WHERE n='\L' AND ip='\R'",
        ],
    )
    def test_where_rows_might_count_otherwise_each_is_asked_for(self, query: str) -> None:
        assert not listing.read(query, MYSQL).everybody

    def test_names_that_may_be_one_to_the_database_are_left_out(self) -> None:
        query = listing.read(BY_NAME, MYSQL)
        rows = [("anna", 1), ("Ben", 2), ("ben", 3), ("cora", 4), ("cora", 5), ("dan ", 6)]
        found = listing.rows_by_login(lambda _sql: rows, query)
        assert found == {"anna": [[1]], "cora": [[4], [5]], "dan ": [[6]]}
        odd = [*rows, ("m\u00fcller", 7)]
        assert listing.rows_by_login(lambda _sql: odd, query) is None
