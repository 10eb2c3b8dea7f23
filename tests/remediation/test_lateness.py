"""Audit criterion A20: days allowed per risk class, what is late, median and 95th percentile."""

from datetime import timedelta

import pytest

from recert.campaigns.models import Answer, Campaign
from recert.campaigns.policy import Policy, Risk
from recert.decisions.rules import Reply
from recert.inventory import service as inventory
from recert.remediation import lateness
from tests.support.browser import Visitor, visible
from tests.support.house import House

REVOKE = Reply(Answer.REVOKE)
INBOX = "/finance/inbox"
QUICK = Policy(days_high=2, days_medium=4, days_low=6)


def classes(house: House, campaign: int) -> dict[Risk, lateness.OfClass]:
    with house.db.reading() as session:
        found = session.get_one(Campaign, campaign)
        return {one.risk: one for one in lateness.by_class(session, found, now=house.now)}


def overdue(house: House, campaign: int) -> list[tuple[str, str]]:
    with house.db.reading() as session:
        found = session.get_one(Campaign, campaign)
        rows = lateness.overdue(session, found, now=house.now)
        assert lateness.count_overdue(session, found, now=house.now) == len(rows)
        return [(row.risk, row.account) for row in rows]


@pytest.fixture
def campaign(house: House) -> int:
    """Changes of all three classes, none of which the server takes."""
    with house.db.transaction() as session:
        server = inventory.server_by_name(session, "main")
        inventory.enable_writes(session, server, False, actor=house.admin, now=house.now)
    made = house.launched(policy=QUICK)
    house.decide("lea", "/finance", REVOKE)  # has left: high
    house.decide("batch", INBOX, REVOKE)  # may delete, but belongs to nobody: high
    house.decide("pia", INBOX, REVOKE)  # a known partner who may list and upload: low
    house.finish("alice")
    house.carry_out()
    return made


class TestWhatIsLate:
    def test_each_class_has_its_days(self, house: House, campaign: int) -> None:
        with house.later(days=1):
            assert overdue(house, campaign) == []
        with house.later(days=3):
            assert {risk for risk, _ in overdue(house, campaign)} == {"high"}
        with house.later(days=7):
            assert ("low", "pia") in overdue(house, campaign)
            counts = {risk: one.overdue for risk, one in classes(house, campaign).items()}
        assert counts == {Risk.HIGH: 2, Risk.MEDIUM: 0, Risk.LOW: 1}

    def test_what_waits_for_a_second_person_is_late_as_well(self, house: House) -> None:
        campaign = house.launched(policy=Policy(brake_items=0))
        house.decide("lea", "/finance", REVOKE)
        house.finish("alice")
        house.carry_out()
        with house.later(days=2):
            assert overdue(house, campaign) == [("high", "lea")]

    def test_what_is_verified_is_not_overdue_but_may_have_been_late(self, house: House) -> None:
        campaign = house.launched(policy=QUICK)
        house.decide("pia", INBOX, REVOKE)
        house.finish("alice")
        with house.later(days=7):
            house.carry_out()
            found = classes(house, campaign)[Risk.LOW]
            assert overdue(house, campaign) == []
        assert found.took
        assert (found.took.count, found.late, found.overdue) == (1, 1, 0)
        assert found.took.median == found.took.percentile_95 == timedelta(days=7)


class TestWhereItIsShown:
    def test_the_board_leads_to_the_list(self, house: House, campaign: int) -> None:
        with house.later(days=3):
            officer = Visitor(house.app()).sign_in(house.user(house.officer))
            assert "2 changes overdue" in visible(officer.get(f"/campaigns/{campaign}"))
            text = visible(officer.get(f"/campaigns/{campaign}/late"))
        assert "high 2 0 no data no data 0 2" in text
        assert "lea" in text
        assert "pia" not in text

    def test_an_auditor_reads_it_too(self, house: House, campaign: int) -> None:
        auditor = Visitor(house.app()).sign_in(house.user(house.auditor))
        assert "No change is overdue." in visible(auditor.get(f"/campaigns/{campaign}/late"))
