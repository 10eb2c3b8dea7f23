"""An import leaves in the trail what it changed, person by person and folder by folder."""

import json
from typing import Any

from sqlalchemy import select

from recert.foundation import clock
from recert.inventory import owners
from recert.inventory import service as inventory
from recert.people import service as people
from recert.trail.act import Act
from recert.trail.models import TrailEntry
from tests.support.house import House


def imported(house: House, text: str) -> list[dict[str, Any]]:
    """The details of the entries that an import of people made."""
    before = len(house.trail_actions())
    with house.db.transaction() as session:
        people.import_people(Act(session, house.admin, clock.now()), text)
    return details(house, before)


def details(house: House, after: int) -> list[dict[str, Any]]:
    with house.db.reading() as session:
        query = select(TrailEntry.body).where(TrailEntry.seq > after).order_by(TrailEntry.seq)
        return [json.loads(body)["details"] for body in session.scalars(query)]


class TestPeople:
    def test_who_got_another_manager_who_left_and_whose_organisation_is_another_kind(
        self, house: House
    ) -> None:
        text = (
            "email,name,organisation,organisation_kind,department,manager_email,left_on\n"
            "alice@house.example,Alice Archer,House,own,Sales,bob@house.example,\n"
            "bob@house.example,Bob Brook,House,own,Finance,mona@house.example,2026-01-01\n"
            "pia@partner.example,Pia Partner,Partner Ltd,own,,,\n"
        )
        (found,) = imported(house, text)
        assert found["rows"] == 3
        assert found["changed"] == [
            {
                "person": "alice@house.example",
                "department": ["Finance", "Sales"],
                "manager": ["mona@house.example", "bob@house.example"],
            },
            {
                "person": "bob@house.example",
                "left_on": ["", "2026-01-01"],
                "active": [True, False],
            },
            {"person": "pia@partner.example", "organisation_kind": ["partner", "own"]},
        ]

    def test_the_same_file_again_changed_nothing(self, house: House) -> None:
        text = "email,name,organisation\nalice@house.example,Alice Archer,House\n"
        assert imported(house, text) == [{"rows": 1, "changed": []}]

    def test_a_large_import_is_several_entries(self, house: House) -> None:
        rows = "".join(f"p{n}@house.example,P {n},House\n" for n in range(1100))
        found = imported(house, f"email,name,organisation\n{rows}")
        assert [(one["part"], one["parts"], len(one["changed"])) for one in found] == [
            (1, 3, 500),
            (2, 3, 500),
            (3, 3, 100),
        ]
        assert found[0]["changed"][0]["new"] is True


class TestOwners:
    def test_the_owner_before_and_the_substitute_are_named(self, house: House) -> None:
        before = len(house.trail_actions())
        text = (
            "server,folder,owner_email,substitute_email,classification\n"
            "main,/finance,bob@house.example,alice@house.example,secret\n"
        )
        with house.db.transaction() as session:
            inventory.import_owners(Act(session, house.admin, clock.now()), text)
        two, one = details(house, before)
        assert one["changed"] == [["main", "/finance", "alice@house.example", "bob@house.example"]]
        assert two["also_changed"] == [
            ["main", "/finance", "substitute", "bob@house.example", "alice@house.example"],
            ["main", "/finance", "classification", "", "secret"],
        ]

    def test_the_owner_of_a_group_before_is_named(self, house: House) -> None:
        text = "server,group,owner_email\nmain,finance,{}\n"
        for email in ("alice@house.example", "bob@house.example"):
            before = len(house.trail_actions())
            with house.db.transaction() as session:
                owners.import_group_owners(
                    Act(session, house.admin, clock.now()), text.format(email)
                )
        (found,) = details(house, before)
        told = ["main", "finance", "bob@house.example", "alice@house.example", "", ""]
        assert found["rows"] == [told]
