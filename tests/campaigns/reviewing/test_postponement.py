"""A reviewer puts a question off: once, dated, and seen in the overdue figures."""

import re
from datetime import date

import pytest

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign, ItemState
from recert.campaigns.policy import Policy, PolicyRejected
from recert.campaigns.policy_rules import NUMBERS
from recert.campaigns.reviewing import monitoring, postponement, queries
from recert.campaigns.reviewing.item_filter import ItemFilter
from recert.campaigns.reviewing.postponement import NotInThisReview, PutOffOnce
from recert.campaigns.transitions import NoSuchItem
from recert.foundation import clock
from recert.foundation.errors import BadInput, RefusedByPolicy
from recert.trail.act import Act
from tests.support.house import House

TEN = Policy(postpone_days=10)  # due on 7 December 2026
LATER = date(2026, 12, 12)
INBOX = "/finance/inbox"


def put_off(house: House, day: date = LATER, by: str = "alice") -> None:
    item = house.item("pia", INBOX)
    with house.db.transaction() as session:
        zone, actor = house.settings.zone, house.person(by)
        postponement.postpone(Act(session, actor, clock.now()), item.id, day, zone)


class TestPuttingOff:
    def test_it_is_written_down_once(self, house: House) -> None:
        house.launched(policy=TEN)
        put_off(house)
        assert house.trail_actions()[-1] == "item.postponed"
        with pytest.raises(PutOffOnce):
            put_off(house, date(2026, 12, 13))

    def test_overdue_figures_leave_it_out_until_then(self, house: House) -> None:
        campaign = house.launched(prefix=INBOX, policy=TEN)
        put_off(house)
        seen = []
        for days in (13, 15, 20):
            with house.later(days=days) as now, house.db.reading() as session:
                found = monitoring.problems(session, session.get_one(Campaign, campaign), now=now)
                rows = queries.items_of(session, campaign, ItemFilter(overdue_at=now)).rows
                assert found.overdue_items == len(rows)
                seen.append((found.overdue_items, found.postponed))
        whole = house.campaign(campaign) and seen[2][0]
        assert seen == [(0, 1), (whole - 1, 1), (whole, 0)]

    def test_a_reviewer_who_put_off_all_he_has_is_not_overdue(self, house: House) -> None:
        house.write_permissions({"pia": {"folders": {INBOX: "list"}}}, {})
        campaign = house.launched(policy=TEN)
        put_off(house)
        with house.later(days=15) as now, house.db.reading() as session:
            found = monitoring.problems(session, session.get_one(Campaign, campaign), now=now)
        assert (found.overdue_reviewers, found.overdue_items, found.postponed) == (0, 0, 1)

    def test_the_close_does_not_wait_for_it(self, house: House) -> None:
        campaign = house.launched(policy=TEN)
        put_off(house)
        with house.later(days=15):
            house.close(campaign)
        assert house.item("pia", INBOX).answer is Answer.NO_ANSWER

    @pytest.mark.parametrize("day", [date(2026, 12, 18), date(2026, 11, 22)])
    def test_only_until_a_day_that_the_policy_allows(self, house: House, day: date) -> None:
        house.launched(policy=TEN)
        with pytest.raises(BadInput, match="until 17 December 2026"):
            put_off(house, day)
        put_off(house, date(2026, 12, 17))

    def test_by_default_nothing_can_be_put_off(self, house: House) -> None:
        house.launched()
        with pytest.raises(NotInThisReview):
            put_off(house)

    def test_only_an_open_question_of_ones_own(self, house: House) -> None:
        campaign = house.launched(policy=TEN)
        with pytest.raises(NoSuchItem):
            put_off(house, by="bob")
        house.decide("pia", INBOX, Reply(Answer.KEEP))
        with pytest.raises(BadInput, match="Only an open question"):
            put_off(house)
        house.close(campaign)
        with pytest.raises(RefusedByPolicy):
            put_off(house)

    def test_it_can_be_answered_all_the_same(self, house: House) -> None:
        house.launched(policy=TEN)
        put_off(house)
        house.decide("pia", INBOX, Reply(Answer.KEEP))
        assert house.item("pia", INBOX).state is ItemState.DECIDED


class TestThePolicy:
    def test_numbers_out_of_range_are_refused(self) -> None:
        for name, number in (("postpone_days", 91), ("days_high", 0), ("days_low", 400)):
            with pytest.raises(PolicyRejected, match=re.escape(NUMBERS[name].label)):
                Policy.of({name: number})

    def test_an_old_policy_has_the_defaults(self) -> None:
        old = Policy.of({"high": "revoke"})
        assert (old.postpone_days, old.days_high, old.days_medium, old.days_low) == (0, 1, 3, 7)
