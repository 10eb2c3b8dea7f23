"""Importing people from CSV: all rows or none, and every error is named."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from recert.foundation.actor import Role
from recert.foundation.errors import NotAllowed
from recert.people import csv_rows, queries, service
from recert.people.csv_rows import CsvRejected
from recert.people.models import Organisation, OrganisationKind, Person
from recert.people.sources.csv_file import COLUMNS
from recert.trail.act import Act
from tests.foundation.test_db import at_once
from tests.support.house import NOON, House, staff

HEADER = "email,name,organisation,organisation_kind,department,manager_email,left_on\n"
ALICE = "alice@house.example,Alice Archer,House,own,Finance,mona@house.example,\n"


def people(house: House) -> dict[str, dict[str, object]]:
    """Everything that is known about everybody."""
    columns = [column.name for column in Person.__table__.columns]
    with house.db.reading() as session:
        found = session.scalars(select(Person).order_by(Person.id))
        return {one.email: {name: getattr(one, name) for name in columns} for one in found}


def load(house: House, text: str) -> int:
    with house.db.transaction() as session:
        return service.import_people(Act(session, house.officer, NOON), text)


def refused(house: House, text: str) -> list[str]:
    """The errors of a refused file; nothing has changed."""
    before = people(house), house.trail_actions()
    with pytest.raises(CsvRejected) as refusal:
        load(house, text)
    assert (people(house), house.trail_actions()) == before
    return [str(error) for error in refusal.value.errors]


def unreadable(text: str) -> list[str]:
    """The errors that need no database."""
    with pytest.raises(CsvRejected) as refusal:
        csv_rows.read(text, COLUMNS)
    return [str(error) for error in refusal.value.errors]


class TestAGoodFile:
    def test_new_people_come_with_one_entry_in_the_trail(self, house: House) -> None:
        before = house.trail_actions()
        new = "zoë.zander@house.example".replace("ë", "e")
        assert load(house, HEADER + f"{new},Zoë Zander,Héus 🏠,own,,alice@house.example,\n") == 1
        found = people(house)
        assert found[new]["name"] == "Zoë Zander"
        assert found[new]["manager_id"] == found["alice@house.example"]["id"]
        assert house.trail_actions() == [*before, "people.imported"]

    def test_an_update_keeps_the_number_of_a_person(self, house: House) -> None:
        before = people(house)
        load(house, HEADER + ALICE.replace("Finance", "Treasury"))
        after = people(house)
        assert after["alice@house.example"]["department"] == "Treasury"
        assert {each["id"] for each in after.values()} == {each["id"] for each in before.values()}

    def test_who_is_not_in_the_file_stays_as_he_is(self, house: House) -> None:
        before = people(house)
        load(house, HEADER + ALICE)
        assert people(house) == before

    def test_the_same_file_twice_changes_nothing(self, house: House) -> None:
        load(house, HEADER + ALICE + "new@house.example,New,House,own,,alice@house.example,\n")
        before = people(house)
        load(house, HEADER + ALICE + "new@house.example,New,House,own,,alice@house.example,\n")
        assert people(house) == before

    def test_a_column_that_is_missing_says_nothing(self, house: House) -> None:
        before = people(house)
        load(house, "email,name,organisation\nlea@house.example,Lea Left,House\n")
        assert people(house) == before

    def test_an_empty_cell_says_nobody(self, house: House) -> None:
        load(house, "email,name,organisation,manager_email\nalice@house.example,A,House,\n")
        assert people(house)["alice@house.example"]["manager_id"] is None

    def test_a_manager_may_stand_further_down(self, house: House) -> None:
        rows = "a@house.example,A,House,own,,z@house.example,\nz@house.example,Z,House,own,,,\n"
        load(house, HEADER + rows)
        found = people(house)
        assert found["a@house.example"]["manager_id"] == found["z@house.example"]["id"]

    def test_addresses_are_compared_without_case(self, house: House) -> None:
        load(house, HEADER + ALICE.replace("alice@house", "Alice@HOUSE"))
        assert len(people(house)) == 6

    def test_a_domain_is_kept_as_mail_servers_write_it(self, house: House) -> None:
        load(house, HEADER + "jo@münchen.example,Jo,House,own,,,\n")
        with house.db.reading() as session:
            found = queries.person_by_email(session, " Jo@xn--mnchen-3ya.example ")
        assert found
        assert found.name == "Jo"

    def test_a_partner_that_became_our_own_is_noted(self, house: House) -> None:
        load(house, HEADER + "pia@partner.example,Pia Partner,Partner Ltd,own,,,\n")
        with house.db.reading() as session:
            kinds = select(Organisation.kind).where(Organisation.name == "Partner Ltd")
            assert session.scalars(kinds).one() is OrganisationKind.OWN

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_spreadsheets_write_it_in_many_ways(self, delimiter: str, end: str) -> None:
        text = (HEADER + ALICE).replace(",", delimiter).replace("\n", end)
        rows = csv_rows.read(csv_rows.decode(text.encode("utf-8-sig")), COLUMNS)
        assert [row.text("name") for row in rows] == ["Alice Archer"]

    def test_a_mark_that_was_not_decoded_is_fine_too(self, house: House) -> None:
        assert load(house, "\ufeff" + HEADER + ALICE) == 1

    def test_quotes_hold_the_delimiter(self, house: House) -> None:
        load(house, HEADER + ALICE.replace("Alice Archer", '"Archer, ""Ali"""'))
        assert people(house)["alice@house.example"]["name"] == 'Archer, "Ali"'

    def test_blank_lines_and_blanks_around_cells_do_not_count(self, house: House) -> None:
        assert load(house, HEADER + "\n" + ALICE.replace(",", " , ") + "\n\n") == 1


class TestTwoPeopleAtOnce:
    def test_import_the_same_file_and_get_one_of_everybody(self, house: House) -> None:
        text = HEADER + "new@house.example,New,New Ltd,own,,alice@house.example,\n"
        assert at_once(4, lambda _number: load(house, text)) == [1, 1, 1, 1]
        assert len(people(house)) == 7


class TestSomebodyWhoLeaves:
    def test_the_last_day_makes_inactive(self, house: House) -> None:
        load(house, HEADER + ALICE.strip() + "2026-11-23\n")
        assert not people(house)["alice@house.example"]["active"]

    def test_an_announced_day_makes_inactive_when_it_comes(self, house: House) -> None:
        load(house, HEADER + ALICE.strip() + "2026-11-25\n")
        assert people(house)["alice@house.example"]["active"]
        noted = [self.note(house, days) for days in (0, 1, 2, 3)]
        assert noted == [0, 0, 1, 0]
        assert not people(house)["alice@house.example"]["active"]
        assert house.trail_actions()[-1] == "person.left"

    def note(self, house: House, days: int) -> int:
        with house.db.transaction() as session:
            now = NOON + timedelta(days=days)
            return service.note_leavers(Act(session, house.admin, now))

    def test_he_can_come_back(self, house: House) -> None:
        load(house, HEADER + "lea@house.example,Lea Left,House,own,,,\n")
        assert people(house)["lea@house.example"]["active"]
        assert people(house)["lea@house.example"]["left_on"] is None

    def test_the_date_is_kept(self, house: House) -> None:
        assert people(house)["lea@house.example"]["left_on"] == date(2026, 1, 31)


class TestABadHeader:
    @pytest.mark.parametrize(
        ("header", "error"),
        [
            ("email,name", "line 1, organisation: the column is missing"),
            ("email,name,organisation,salary", "line 1, salary: unknown column"),
            ("email,name,organisation,", "line 1, (empty): unknown column"),
            ("email,name,organisation,name", "line 1, name: the column stands twice"),
        ],
    )
    def test_it_is_named(self, header: str, error: str) -> None:
        assert unreadable(f"{header}\n") == [error]

    @pytest.mark.parametrize("text", ["", "\n", "\ufeff"])
    def test_an_empty_file_misses_every_column(self, text: str) -> None:
        missing = ["email", "name", "organisation"]
        assert unreadable(text) == [f"line 1, {n}: the column is missing" for n in missing]

    def test_case_and_order_do_not_matter(self, house: House) -> None:
        assert load(house, "NAME, Organisation ,eMail\nAlice Archer,House,alice@house.example\n")


class TestABadRow:
    @pytest.mark.parametrize(
        ("row", "error"),
        [
            (",Nobody,House,own,,,", "email: '' is not a mail address"),
            ("nobody,N,House,own,,,", "email: 'nobody' is not a mail address"),
            ("jörg@house.example,N,House,own,,,", "email: 'jörg@house.example' is not a mail"),
            ("a@house.example,,House,own,,,", "name: it is empty"),
            ("a@house.example,A,,own,,,", "organisation: it is empty"),
            ("a@house.example,A,House,mine,,,", "organisation_kind: 'mine' is not own or partner"),
            ("a@house.example,A,House,own,,,31.12.2026", "left_on: '31.12.2026' is not a date"),
            ("a@house.example,A,House,own,,,2026-02-30", "left_on: '2026-02-30' is not a date"),
            ("a@house.example,A\x00B,House,own,,,", "name: it contains control characters"),
            ("a@house.example,A\x1b[2J,House,own,,,", "name: it contains control characters"),
            ('a@house.example,"A\nB",House,own,,,', "name: it contains control characters"),
            ("a@house.example,A,House\u2028x,own,,,", "organisation: it contains control"),
            ("a@house.example,A,House", "row: it has more or fewer cells than the header"),
            ("a@house.example,A,House,own,,,,,", "row: it has more or fewer cells"),
            ('a@house.example,"A"x,House,own,,,', "file: not valid CSV"),
            ('a@house.example,"A,House,own,,,', "file: not valid CSV"),
            (f"a@house.example,{'x' * 200_000},House,own,,,", "file: not valid CSV"),
        ],
    )
    def test_it_is_named(self, row: str, error: str) -> None:
        found = unreadable(HEADER + ALICE + row + "\n")
        assert len(found) == 1
        assert error in found[0]

    def test_managers_must_be_known_and_somebody_else(self, house: House) -> None:
        rows = "a@x.example,A,X,own,,b@x.example,\nc@x.example,C,X,own,,c@x.example,\n"
        assert refused(house, HEADER + ALICE.replace("Alice", "Alicia") + rows) == [
            "line 3, manager_email: nobody has the address b@x.example",
            "line 4, manager_email: nobody is their own manager",
        ]

    def test_every_error_of_the_file_is_listed(self, house: House) -> None:
        rows = "bad,,House,mine,,,never\n" + ALICE + "worse,B,House,own,,,\n"
        assert [error.split(":")[0] for error in refused(house, HEADER + rows)] == [
            "line 2, email",
            "line 2, name",
            "line 2, organisation_kind",
            "line 2, left_on",
            "line 4, email",
        ]

    def test_somebody_who_stands_twice_is_named(self, house: House) -> None:
        found = refused(house, HEADER + ALICE + ALICE.replace("alice@", "ALICE@"))
        assert found == ["line 3, email: alice@house.example stands twice"]

    def test_two_kinds_of_one_organisation_are_named(self, house: House) -> None:
        rows = "a@x.example,A,New Ltd,own,,,\nb@x.example,B,New Ltd,partner,,,\n"
        assert refused(house, HEADER + rows) == [
            "line 3, organisation_kind: line 2 says otherwise about New Ltd"
        ]

    def test_the_message_stays_short(self) -> None:
        with pytest.raises(CsvRejected, match="and 80 more") as refusal:
            csv_rows.read(HEADER + "bad,B,House,own,,,\n" * 100, COLUMNS)
        assert len(refusal.value.errors) == 100

    def test_other_encodings_are_refused_with_their_line(self) -> None:
        with pytest.raises(CsvRejected, match="line 2, file: it is not UTF-8 text"):
            csv_rows.decode((HEADER + "a@b.example,Zoë\n").encode("latin-1"))


class TestWhoMayNot:
    @pytest.mark.parametrize("role", [None, Role.AUDITOR])
    def test_import_people(self, house: House, role: Role | None) -> None:
        before = house.trail_actions()
        who = staff("charlie@house.example", *([role] if role else []))
        with pytest.raises(NotAllowed), house.db.transaction() as session:
            service.import_people(Act(session, who, NOON), HEADER + ALICE)
        assert house.trail_actions() == before
