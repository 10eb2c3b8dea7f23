"""The totals that management signed."""

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.evidence import verifier
from recert.remediation import service as remediation
from recert.trail.models import TrailEntry
from tests.evidence.conftest import INBOX, played
from tests.support import packages
from tests.support.house import House

FIGURES = {
    "items": 9,
    "keep": 3,
    "reduce": 1,
    "revoke": 1,
    "no_answer": 4,
    "gone": 0,
    "exceptions": 4,
    "changes_verified": 2,
}


class TestTheFigures:
    def test_they_are_kept_with_the_statement_and_in_the_trail(self, house: House) -> None:
        campaign = house.campaign(played(house))
        assert campaign.signed_totals == FIGURES
        with house.db.reading() as session:
            action = TrailEntry.action == "campaign.signed_off"
            body = json.loads(session.scalars(select(TrailEntry.body).where(action)).one())
        assert body["details"]["figures"] == FIGURES

    def test_the_package_tells_them_and_they_are_counted_again(
        self, package: Path, key: Ed25519PrivateKey
    ) -> None:
        contents = packages.files(package)
        about = json.loads(contents["campaign.json"])
        assert about["signed_figures"] == FIGURES
        rows = {str(row["item"]): row for row in packages.rows(contents["items.csv"])}
        assert verifier._totals(rows) == FIGURES

    def test_none_are_kept_before(self, house: House) -> None:
        assert house.campaign(house.launched()).signed_totals is None

    def test_a_change_that_was_taken_back_is_an_exception(self, house: House) -> None:
        campaign = house.launched()
        house.decide("pia", INBOX, Reply(Answer.REVOKE))
        house.finish("alice")
        house.carry_out()
        self.undo(house)
        house.carry_out()
        house.close(campaign)
        house.sign_off(campaign)
        signed = house.campaign(campaign).signed_totals or {}
        assert (signed["exceptions"], signed["no_answer"]) == (9, 8)
        assert packages.judged(house.export(campaign))[0] == 0

    def test_they_stay_as_signed_when_a_change_is_taken_back_later(self, house: House) -> None:
        campaign = played(house)
        self.undo(house)
        house.carry_out()
        remediation.follow_orders(house.db, now=house.now)
        assert house.campaign(campaign).signed_totals == FIGURES
        assert packages.judged(house.export(campaign))[0] == 0

    def undo(self, house: House) -> None:
        house.take_back(house.orders()[0].id)
