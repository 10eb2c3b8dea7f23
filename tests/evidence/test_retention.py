"""How long campaigns are kept, and legal holds."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete
from sqlalchemy.exc import DBAPIError

from recert.campaigns.models import Campaign
from recert.evidence.audit import retention
from recert.evidence.models import LegalHold, Retention
from recert.foundation.errors import BadInput, NotAllowed
from recert.trail.act import Act
from tests.evidence.conftest import played
from tests.support.house import House


def act(house: House, verb: Any, campaign_id: int, what: Any, actor: Any = None) -> None:
    with house.db.transaction() as session:
        campaign = session.get_one(Campaign, campaign_id)
        verb(Act(session, actor or house.auditor, house.now), campaign, what)


def kept(house: House, campaign_id: int) -> retention.Keeping:
    with house.db.reading() as session:
        return retention.keeping(session, session.get_one(Campaign, campaign_id))


class TestYears:
    def test_seven_when_nobody_said_otherwise(self, house: House) -> None:
        found = kept(house, played(house))
        assert (found.years, found.hold) == (7, None)
        assert found.until == datetime(2033, 11, 23, 12, tzinfo=UTC)

    def test_a_campaign_that_has_not_ended_has_no_end_of_keeping(self, house: House) -> None:
        found = kept(house, house.launched())
        assert found.until is None
        assert not found.over(now=datetime(2099, 1, 1, tzinfo=UTC))

    def test_they_can_grow_and_not_shrink(self, house: House) -> None:
        campaign = played(house)
        act(house, retention.keep_for, campaign, 10)
        assert kept(house, campaign).years == 10
        with pytest.raises(retention.ShorterThanBefore):
            act(house, retention.keep_for, campaign, 9)
        with pytest.raises(BadInput):
            act(house, retention.keep_for, campaign, 101)

    def test_a_leap_day_ends_a_day_earlier(self) -> None:
        leap = datetime(2028, 2, 29, tzinfo=UTC)
        assert retention._years_later(leap, 7) == datetime(2035, 2, 28, tzinfo=UTC)


class TestHolds:
    def test_one_keeps_a_campaign_until_it_is_lifted(self, house: House) -> None:
        campaign, late = played(house), datetime(2040, 1, 1, tzinfo=UTC)
        assert kept(house, campaign).over(now=late)
        act(house, retention.hold, campaign, "Case 12")
        assert not kept(house, campaign).over(now=late)
        act(house, retention.release, campaign, "Case closed")
        assert kept(house, campaign).over(now=late)
        assert house.trail_actions()[-2:] == ["hold.laid", "hold.lifted"]

    def test_twice_and_none_are_refused(self, house: House) -> None:
        campaign = house.launched()
        with pytest.raises(retention.NotHeld):
            act(house, retention.release, campaign, "Over")
        act(house, retention.hold, campaign, "Case 12")
        with pytest.raises(retention.HeldAlready):
            act(house, retention.hold, campaign, "Case 12")

    def test_it_needs_a_reason(self, house: House) -> None:
        with pytest.raises(BadInput):
            act(house, retention.hold, house.launched(), " ")

    @pytest.mark.parametrize("who", ["admin", "alice"])
    def test_neither_administrators_nor_reviewers_may(self, house: House, who: str) -> None:
        campaign = house.launched()
        actor = house.person("alice") if who == "alice" else house.admin
        for verb, what in ((retention.hold, "Case"), (retention.keep_for, 8)):
            with pytest.raises(NotAllowed):
                act(house, verb, campaign, what, actor)

    @pytest.mark.parametrize("table", [LegalHold, Retention])
    def test_what_was_written_is_not_deleted(self, house: House, table: Any) -> None:
        campaign = house.launched()
        act(house, retention.hold, campaign, "Case")
        act(house, retention.keep_for, campaign, 8)
        with pytest.raises(DBAPIError, match="never changed"), house.db.transaction() as session:
            session.execute(delete(table))
