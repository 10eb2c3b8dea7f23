"""Whom a person field suggests."""

from recert.people import queries
from tests.support.house import House


def test_people_who_lead_others_come_first_and_leavers_not_at_all(house: House) -> None:
    with house.db.reading() as session:
        found = queries.suggested(session)
    addresses = [address for address, _ in found]
    assert addresses[0] == "mona@house.example"
    assert "lea@house.example" not in addresses


def test_no_more_than_a_page_can_carry(house: House) -> None:
    with house.db.reading() as session:
        assert len(queries.suggested(session, size=2)) == 2
