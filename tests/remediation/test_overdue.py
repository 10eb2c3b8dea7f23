"""Audit criterion A20: days allowed per risk class, what is late, median and 95th percentile."""

from datetime import timedelta

import pytest

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign
from recert.campaigns.policy import Policy, Risk
from recert.foundation import secrets
from recert.foundation.actor import Actor
from recert.foundation.errors import BadInput, NotAllowed
from recert.inventory import service as inventory
from recert.remediation import overdue as lateness
from recert.remediation import overdue_owners
from recert.trail.act import Act
from tests.support import packages
from tests.support.browser import Visitor, visible
from tests.support.house import House
from tests.web.conftest import app, officer

__all__ = ["app", "officer"]

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


def takes_on(
    house: House,
    owner: str,
    *,
    account: str = "pia",
    days: int = 2,
    reason: str = "The server is read by night only.",
    actor: Actor | None = None,
) -> None:
    """An officer says who sees to a late change."""
    item = house.item(account, INBOX if account != "lea" else "/finance")
    until, who = house.now + timedelta(days=days), actor or house.officer
    if owner.startswith("adam"):
        house.user(house.admin)
    with house.db.transaction() as session:
        overdue_owners.take_on(Act(session, who, house.now), item.id, owner, until, reason)


def missed(house: House, campaign: int) -> int:
    with house.db.reading() as session:
        found = session.get_one(Campaign, campaign)
        return overdue_owners.count_missed(session, found, now=house.now)


@pytest.fixture
def campaign(house: House) -> int:
    """Changes of all three classes, none of which the server takes."""
    with house.db.transaction() as session:
        server = inventory.server_by_name(session, "main")
        inventory.enable_writes(Act(session, house.admin, house.now), server, False)
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
        campaign = house.launched(policy=Policy(removal_threshold=0))
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
            assert "2 overdue changes" in visible(officer.get(f"/campaigns/{campaign}"))
            text = visible(officer.get(f"/campaigns/{campaign}/late"))
        assert "high 2 0 no data no data 0 2" in text
        assert "lea" in text
        assert "pia" not in text

    def test_an_auditor_reads_it_too(self, house: House, campaign: int) -> None:
        auditor = Visitor(house.app()).sign_in(house.user(house.auditor))
        assert "No change is overdue." in visible(auditor.get(f"/campaigns/{campaign}/late"))


class TestWhoSeesToIt:
    def test_it_has_somebody_a_date_and_a_reason(self, house: House, campaign: int) -> None:
        with house.later(days=7):
            takes_on(house, "mona@house.example")
            with house.db.reading() as session:
                rows = lateness.overdue(session, session.get_one(Campaign, campaign), now=house.now)
            (row,) = [row for row in rows if row.account == "pia"]
            assert (row.owner, row.reason) == (
                *("mona@house.example", "The server is read by night only."),
            )
            assert missed(house, campaign) == 2  # the two that nobody took on

    def test_a_date_that_passed_is_listed_again(self, house: House, campaign: int) -> None:
        with house.later(days=7):
            takes_on(house, "mona@house.example", days=2)
        with house.later(days=9, seconds=1):
            assert missed(house, campaign) == 3

    def test_what_makes_no_sense_is_refused(self, house: House, campaign: int) -> None:
        with pytest.raises(overdue_owners.NotLate):
            takes_on(house, "mona@house.example")
        with house.later(days=7):
            for owner, more, message in (
                ("ghost@house.example", {}, "Nobody has the address"),
                ("lea@house.example", {}, "they have left"),
                ("mona@house.example", {"days": 0}, "in the next 92 days"),
                ("mona@house.example", {"days": 93}, "in the next 92 days"),
                ("mona@house.example", {"reason": " "}, "Say why"),
            ):
                with pytest.raises(BadInput, match=message):
                    takes_on(house, owner, **more)  # type: ignore[arg-type]
            with pytest.raises(NotAllowed):
                takes_on(house, "mona@house.example", actor=house.person("alice"))

    def test_the_page_says_it_and_takes_it(
        self, house: House, campaign: int, officer: Visitor
    ) -> None:
        with house.later(days=7):
            officer.sign_in(house.user(house.officer))
            item = house.item("pia", INBOX).id
            assert "not assigned" in visible(officer.get(f"/campaigns/{campaign}/late"))
            day = f"{house.now + timedelta(days=3):%Y-%m-%d}"
            values = {"owner": "mona@house.example", "until": day, "reason": "Moved."}
            officer.post(f"/campaigns/{campaign}/late/{item}", **values)
            assert "mona@house.example, until" in visible(
                officer.get(f"/campaigns/{campaign}/late")
            )
            assert "without a responsible person" in visible(officer.get(f"/campaigns/{campaign}"))

    def test_a_changed_list_is_noticed(self, house: House, campaign: int) -> None:
        with house.later(days=7):
            takes_on(house, "mona@house.example")
            package = house.export(campaign)
        assert packages.judged(package)[0] == 0
        contents = packages.files(package)
        changed = contents["late.csv"].replace(b"mona@", b"bob@")
        key = secrets.signing_key(house.settings.keys)
        forged = packages.forged(package, {**contents, "late.csv": changed}, key)
        assert "late changes" in packages.refused(forged)
