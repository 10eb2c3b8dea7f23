"""What the policy decided where nobody answered, in the evidence."""

import json
from pathlib import Path

import pytest

from recert.campaigns.policy import NonResponse, Policy
from recert.evidence import verifier
from recert.foundation import secrets
from tests.support import packages
from tests.support.house import House
from tests.support.packages import edit


@pytest.fixture
def package(house: House) -> Path:
    """A campaign whose silence was released by a second person and carried out."""
    campaign = house.launched(policy=Policy(high=NonResponse.REVOKE))
    house.close(campaign)
    house.release(campaign)
    house.carry_out()
    return house.export(campaign)


def forged(house: House, package: Path, name: str, **values: str) -> str:
    """Why it is refused when the first silent decision is changed (or dropped)."""
    contents = packages.files(package)

    def change(rows: packages.Rows) -> None:
        row = next(row for row in rows if row["answer"] == "no answer")
        row.update(values) if values else rows.remove(row)

    edit(name, change)(contents)
    key = secrets.signing_key(house.settings.keys)
    return packages.refused(packages.forged(package, contents, key))


class TestSilence:
    def test_it_is_accepted_and_says_who_released_what(self, package: Path) -> None:
        assert verifier.check(str(package))
        about = json.loads(packages.files(package)["campaign.json"])
        (release,) = about["releases_by_a_second_person"]
        assert (release["by"], release["reason"]) == ("adam@house.example", "Looked at it.")
        assert about["policy"]["high"] == "revoke"
        assert "high risk: removed" in about["without_answer"]

    def test_a_dropped_decision_is_noticed(self, house: House, package: Path) -> None:
        assert "differ from the trail" in forged(house, package, "decisions.csv")

    def test_a_person_put_in_place_of_the_policy_is_noticed(
        self, house: House, package: Path
    ) -> None:
        why = forged(house, package, "decisions.csv", actor="alice@house.example")
        assert "differs from the trail" in why
