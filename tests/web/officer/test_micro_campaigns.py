"""How pages, commands and evidence show the reviews that started by themselves."""

import csv
import io
import zipfile

import pytest

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.campaigns.triggers import micro_campaigns
from recert.campaigns.triggers.micro_campaigns import MicroCampaignSettings
from tests.support.browser import Visitor, visible
from tests.support.house import House


@pytest.fixture
def number(house: House) -> int:
    """A micro review about new access of bob to /sales, beside an ordinary review of /finance."""
    options = MicroCampaignSettings(house.settings.zone)
    house.launched("Winter", "/finance")
    micro_campaigns.ask_due(house.db, options, now=house.now)
    house.give("bob", "/sales", "list delete")
    house.snapshot()
    assert micro_campaigns.ask_due(house.db, options, now=house.now) == 1
    return house.item("bob", "/sales").campaign_id


class TestTheOfficer:
    def test_sees_which_ones_started_by_themselves(self, officer: Visitor, number: int) -> None:
        text = visible(officer.get("/campaigns"))
        assert text.count("started automatically") == 1
        assert "Changes on main" in text

    def test_can_hide_them(self, officer: Visitor, number: int) -> None:
        text = visible(officer.get("/campaigns?micro=hide"))
        assert "Winter" in text
        assert "Changes on main" not in text
        assert "Show automatically started reviews" in text

    def test_is_not_offered_to_when_there_are_none(self, house: House, officer: Visitor) -> None:
        house.launched("Winter")
        assert "automatically started" not in visible(officer.get("/campaigns"))

    def test_sees_on_the_board_why(self, officer: Visitor, number: int) -> None:
        text = visible(officer.get(f"/campaigns/{number}"))
        assert "Started automatically. Reason: " in text
        assert "new access that Recert did not give (1)" in text
        assert "Started automatically" not in visible(officer.get("/campaigns/1"))


class TestOthers:
    def test_a_reviewer_may_not_see_the_list(self, alice: Visitor, number: int) -> None:
        alice.get("/campaigns?micro=hide", 404)

    def test_the_reviewer_reads_why_he_is_asked(self, house: House, number: int) -> None:
        charlie = Visitor(house.app()).sign_in(house.user(house.person("charlie")))
        folder = house.item("bob", "/sales").folder_id
        text = visible(charlie.get(f"/reviews/{number}/folders/{folder}"))
        assert "New since 23 November 2026, not by Recert." in text
        assert "Please review it again" not in text

    def test_the_evidence_says_it_also_when_it_is_over(self, house: House, number: int) -> None:
        house.decide("bob", "/sales", Reply(Answer.REVOKE), by="charlie")
        house.finish("charlie")
        house.carry_out()
        with zipfile.ZipFile(house.export(number)) as package:
            name = next(one for one in package.namelist() if one.endswith("items.csv"))
            rows = list(csv.DictReader(io.StringIO(package.read(name).decode())))
        assert [row["asked_because"] for row in rows] == [
            "New since 23 November 2026, not by Recert."
        ]
