"""Trainings of reviewers from CSV: all rows or none, and every error is named."""

import pytest
from sqlalchemy import select

from recert.foundation.errors import NotAllowed
from recert.people import trainings
from recert.people.csv_rows import CsvRejected
from recert.people.models import Training
from recert.trail.act import Act
from tests.support.house import House

HEADER = "email,date,course\n"
ALICE = "alice@house.example,2026-03-01,Reviews\n"


def load(house: House, text: str) -> int:
    with house.db.transaction() as session:
        return trainings.import_trainings(Act(session, house.officer, house.now), text)


def known(house: House) -> list[tuple[str, str]]:
    with house.db.reading() as session:
        query = select(Training).order_by(Training.on)
        return [(one.on.isoformat(), one.course) for one in session.scalars(query)]


def test_trainings_are_added_once(house: House) -> None:
    assert load(house, HEADER + ALICE + ALICE) == 2
    assert load(house, HEADER + ALICE + "Alice@House.example,2026-04-01,More\n") == 2
    assert known(house) == [("2026-03-01", "Reviews"), ("2026-04-01", "More")]
    assert house.trail_actions().count("trainings.imported") == 2


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("nobody@house.example,2026-03-01,Reviews\n", "line 3, email: nobody has the address"),
        ("alice@house.example,soon,Reviews\n", "line 3, date: 'soon' is not a date"),
        ("alice@house.example,2027-03-01,Reviews\n", "line 3, date: 2027-03-01 is in the future"),
        ("alice@house.example,2026-03-01,\n", "line 3, course: it is empty"),
        (f"alice@house.example,2026-03-01,{'x' * 201}\n", "course: it is longer than 200"),
        ("alice@house.example,2026-03-01\n", "line 3, row: it has more or fewer cells"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_imported(house: House, row: str, why: str) -> None:
    with pytest.raises(CsvRejected, match=why):
        load(house, HEADER + ALICE + row)
    assert known(house) == []


def test_only_staff_may_import_them(house: House) -> None:
    with pytest.raises(NotAllowed), house.db.transaction() as session:
        trainings.import_trainings(Act(session, house.person("alice"), house.now), HEADER + ALICE)
