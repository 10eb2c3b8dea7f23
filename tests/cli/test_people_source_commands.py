"""Directories on the command line: add, test, look at one entry, synchronise, confirm, remove."""

from collections.abc import Iterator

import pytest

from tests.cli.conftest import Type
from tests.support.directory import BLIND, DirectoryServer, cast, many
from tests.support.house import House


@pytest.fixture
def directory() -> Iterator[DirectoryServer]:
    with DirectoryServer([*cast(), *many(30)]) as server:
        yield server


def add(recert: Type, server: DirectoryServer, code: int = 0, **more: str) -> str:
    settings = {key: value for key, value in server.settings(**more).items() if key != "profile"}
    pairs = " ".join(f"--set '{key}={value}'" for key, value in settings.items())
    return recert(
        f"people source add corp --profile edirectory {pairs} --secret-file {server.secret}", code
    )


class TestASource:
    def test_from_the_first_look_to_the_last(
        self, house: House, recert: Type, directory: DirectoryServer
    ) -> None:
        assert "Test it: recert people source test corp" in add(recert, directory)
        assert "never run" in recert("people source list")
        assert "FAIL" not in recert("people source test corp")
        assert "34 new, 0 changed" in recert("people sync corp --dry-run", 2)
        assert "new        alice@firm.example  Alice Archer" in recert("people sync corp")
        assert "34 unchanged" in recert("people sync corp --dry-run")
        directory.change("Alice Archer", ou="Treasury")
        shown = recert("people sync corp --dry-run", 2)
        assert "changed    alice@firm.example  department: Finance -> Treasury" in shown
        assert '"state": "complete"' in recert("people source list --json")
        assert "Its people stay as they are" in recert("people source remove corp")
        assert "There is no such source" in recert("people sync corp", 1)

    def test_what_the_mapping_makes_of_one_entry(
        self, house: House, recert: Type, directory: DirectoryServer
    ) -> None:
        add(recert, directory)
        shown = recert("people source test corp --entry lea@firm.example")
        assert "active        no" in shown
        assert "organisation  Firm (of the source)" in shown
        assert "No entry has" in recert("people source test corp --entry 'x)(cn=*'", 1)

    def test_many_leavers_wait_for_a_confirmation(
        self, house: House, recert: Type, directory: DirectoryServer
    ) -> None:
        add(recert, directory)
        recert("people sync corp")
        directory.remove(*(f"Person {n}" for n in range(9)))
        assert "Held: 9 of 33 people would leave" in recert("people sync corp", 4)
        assert "held" in recert("people source list", 2)
        assert "9 of 33 people would leave" in recert("doctor", 2)
        assert "9 leaving" in recert("people sync corp --confirm")
        assert recert("doctor").count("ok  ") == 5

    def test_wrong_settings_are_named(
        self, house: House, recert: Type, directory: DirectoryServer
    ) -> None:
        assert "There is no setting 'colour'" in add(recert, directory, 1, colour="red")
        line = "people source add x --profile edirectory --set base --secret-file /x"
        assert "must look like" in recert(line, 1)

    def test_the_doctor_names_what_is_wrong_and_how_to_mend_it(
        self, house: House, recert: Type, directory: DirectoryServer
    ) -> None:
        add(recert, directory, bind_dn=BLIND)
        shown = recert("doctor", 2)
        assert "people of corp, status loginDisabled" in shown
        assert "Give the account the right to read the attribute." in shown
        assert "FAIL  status loginDisabled" in recert("people source test corp", 1)
        add(recert, directory, ca_file="/etc/hostname")
        assert "holds no certificate" in recert("doctor", 2)
