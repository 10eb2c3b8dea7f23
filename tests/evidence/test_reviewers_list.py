"""The list of reviewers in a package, and what its verifier makes of it."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.evidence import verifier
from recert.foundation import secrets
from recert.people import trainings
from recert.trail.act import Act
from tests.campaigns.reviewing.test_instructions import read, write
from tests.support import packages
from tests.support.house import House


@pytest.fixture
def package(house: House) -> Path:
    house.give("pia", "/orphaned", "list")  # nobody answers for it
    write(house, "Read before the review.")
    read(house, 1, by="charlie")
    campaign = house.launched()
    write(house, "A newer one.")
    read(house, 2)
    house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE))
    with house.later(seconds=10), house.db.transaction() as session:
        learned = "email,date,course\nalice@house.example,2026-11-01,Reviews\n"
        trainings.import_trainings(Act(session, house.officer, house.now), learned)
    with house.later(seconds=20):
        house.decide("batch", "/finance/inbox", Reply(Answer.KEEP))
    with house.later(minutes=40):
        house.decide_all("bob", "/finance", Reply(Answer.KEEP, reason="All."))
        house.close(campaign)
        return house.export(campaign)


def rows(package: Path) -> dict[str, dict[str, str]]:
    text = packages.files(package)["reviewers.csv"].decode()
    return {row["reviewer"]: row for row in csv.DictReader(io.StringIO(text))}


def test_it_tells_how_each_answered_and_what_he_had_read(package: Path) -> None:
    found = rows(package)
    alice = found["alice@house.example"]
    assert (alice["revoke"], alice["pauses_shortened"]) == ("1", "1")
    assert int(alice["in_bulk"]) >= 2
    assert float(alice["median_seconds"]) > 0
    assert (alice["instruction_version"], alice["instruction_read"][:10]) == ("2", "2026-11-23")
    assert found["charlie@house.example"]["instruction_version"] == "1"
    assert found[""]["name"] == "compliance queue"
    assert verifier.check(str(package))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("questions", "99"),
        ("keep", "0"),
        ("in_bulk", "0"),
        ("median_seconds", "77.0"),
        ("pauses_shortened", "0"),
        ("instruction_version", "1"),
        ("instruction_read", "2027-01-01T00:00:00+00:00"),
        ("training", "2026-11-02"),
        ("training_course", "Another"),
        ("training_noted", ""),
    ],
)
def test_a_forged_figure_is_found(house: House, package: Path, column: str, value: str) -> None:
    def forge(found: packages.Rows) -> None:
        mine = next(row for row in found if row["reviewer"] == "alice@house.example")
        mine[column] = value

    assert "alice" in refused(house, package, forge)


def test_a_missing_reviewer_is_found(house: House, package: Path) -> None:
    assert "1 reviewers are missing" in refused(house, package, lambda found: found.pop())


def refused(house: House, package: Path, forge: Callable[[packages.Rows], object]) -> str:
    contents, key = packages.files(package), secrets.signing_key(house.settings.keys)
    packages.edit("reviewers.csv", forge)(contents)
    return packages.refused(packages.forged(package, contents, key))
