"""Each option of Pure-FTPd is read by some code, or a reason says why no right depends on it."""

import re
from pathlib import Path

import pytest

from recert.connectors import pureftpd, registry
from recert.connectors.contract import ServerDataInvalid
from recert.connectors.hosts import LocalHost
from recert.connectors.pureftpd import options, source_file
from recert.connectors.pureftpd.known_options import METHODS, SWITCHES, VALUES, WITHOUT_BEARING
from recert.connectors.pureftpd.survey import is_odd

EVERY = {*SWITCHES, *VALUES}


def test_each_option_has_code_or_a_reason() -> None:
    folder = Path(pureftpd.__file__).parent
    texts = [one.read_text() for one in folder.glob("*.py") if one.name != "known_options.py"]
    code = {word for text in texts for word in re.findall(r'"([A-Za-z0-9]+)"', text)}
    assert not EVERY - code - WITHOUT_BEARING.keys()
    assert not sorted(EVERY & WITHOUT_BEARING.keys() & code)


@pytest.mark.parametrize("method", ["MySQLConfigFile", "PGSQLConfigFile", "LDAPConfigFile"])
def test_accounts_that_cannot_be_listed_make_the_reading_partial(
    tmp_path: Path, method: str
) -> None:
    for name in ("conf", "auth", "files"):
        (tmp_path / name).mkdir()
    (tmp_path / f"conf/{method}").write_text("/etc/pure-ftpd/db/x.conf\n")
    (tmp_path / "auth/30x").symlink_to(f"../conf/{method}")
    settings = {"config": f"{tmp_path}/conf", "root": f"{tmp_path}/files"}
    reading = registry.connect("pureftpd", settings).read()
    (problem,) = [one for one in reading.problems if METHODS[method] in one]
    assert f"{tmp_path}/conf/{method}" in problem
    assert "/etc/pure-ftpd/db/x.conf" in problem


def test_a_second_file_of_one_kind_makes_the_reading_partial(tmp_path: Path) -> None:
    config = tmp_path / "pure-ftpd.conf"
    config.write_text("MySQLConfigFile /x/one.conf\nMySQLConfigFile /x/two.conf\n")
    settings = {"config": str(config), "root": str(tmp_path)}
    problems = registry.connect("pureftpd", settings).read().problems
    assert any(one.startswith(f"{config}:2: a second file of mysql") for one in problems)


def test_a_recording_keeps_no_password_of_such_a_file() -> None:
    raw = b"LDAPServer x\n  ldapBindPW r00t\nMYSQLPassword=abc\nPGSQLPasswordx\n"
    assert source_file.without_secrets(raw) == (
        b"LDAPServer x\nldapBindPW removed\nMYSQLPassword removed\nPGSQLPassword removed\n"
    )


def test_each_keyword_of_such_a_file_has_code_or_a_reason() -> None:
    folder = Path(pureftpd.__file__).parent
    texts = [folder.joinpath(f"{name}_accounts.py").read_text() for name in ("sql", "ldap")]
    code = {word for text in texts for word in re.findall(r'"([A-Za-z]+)"', text)}
    code |= {"DefaultUID", "DefaultGID", "ForceDefaultUID", "ForceDefaultGID"}
    names = {
        re.sub("^(MYSQL|PGSQL|LDAP)", "", keyword)
        for keywords in source_file.KEYWORDS.values()
        for keyword in keywords
    }
    assert names == (names & code) | source_file.WITHOUT_BEARING.keys()


def test_a_file_that_is_not_pure_ftpds_keeps_its_text_to_itself(tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text("root:$6$secret:1::::::\nacc1:!:1::::::\n")
    with LocalHost() as host, pytest.raises(ServerDataInvalid) as raised:
        options.read(host, str(tmp_path / "shadow"))
    assert "shadow:1" in raised.value.message
    assert "secret" not in raised.value.message


@pytest.mark.parametrize(
    ("name", "odd"),
    [("a\\b", True), ("a\tb", True), ("a\x7f", True), ("a\x85b", False), ("plain [1]", False)],
)
def test_names_that_no_command_can_hold(name: str, odd: bool) -> None:
    assert is_odd(name) == odd
