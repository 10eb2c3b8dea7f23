"""Audit criterion A18: items, seconds, share of bulk and of keep for each reviewer."""

from datetime import timedelta

import pytest

from recert.campaigns.decisions.reviewer_quality import AnswerGroup, Quality, of_acts, quality
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from tests.support.house import NOON, House

KEEP, REVOKE = Reply(Answer.KEEP), Reply(Answer.REVOKE)
INBOX = "/finance/inbox"


def act(seconds: float, items: int = 1, kept: int = 0, bulk: bool = False) -> AnswerGroup:
    return AnswerGroup(NOON + timedelta(seconds=seconds), items, kept, bulk)


class TestTheFigures:
    @pytest.mark.parametrize(
        ("acts", "seconds", "pauses"),
        [
            ([], None, 0),
            ([act(0)], None, 0),
            ([act(0), act(10)], 10.0, 0),
            ([act(0), act(10), act(40)], 20.0, 0),
            ([act(0), act(5000)], 600.0, 1),  # a long pause counts as ten minutes
            ([act(0), act(600)], 600.0, 0),
            ([act(0), act(10), act(70, items=60, bulk=True)], 1.0, 0),  # a bulk shares its time
            ([act(0), act(0), act(4)], 2.0, 0),
            ([act(40), act(0), act(10)], 20.0, 0),  # in whatever order they come
        ],
    )
    def test_seconds_are_the_time_since_the_answer_before(
        self, acts: list[AnswerGroup], seconds: float | None, pauses: int
    ) -> None:
        found = of_acts(acts)
        assert (found.seconds, found.pauses) == (seconds, pauses)

    def test_shares_are_percent_of_the_answers(self) -> None:
        found = of_acts([act(0, kept=1), act(9, items=3, kept=3, bulk=True), act(20)])
        assert (found.answered, found.share(found.kept), found.share(found.in_bulk)) == (5, 80, 60)
        assert Quality().share(0) == 0


class TestOfACampaign:
    def test_only_the_answers_that_count_are_looked_at(self, house: House) -> None:
        campaign = house.launched()
        house.decide("pia", INBOX, KEEP)
        with house.later(seconds=30):
            house.decide("pia", INBOX, REVOKE)  # he thought again
        with house.later(seconds=50):
            house.decide("batch", INBOX, KEEP)
        with house.later(minutes=30):
            house.decide_all("bob", "/finance", Reply(Answer.KEEP, reason="All."))
        alice, charlie = (house.person(name).person_id or 0 for name in ("alice", "charlie"))
        with house.db.reading() as session:
            found = quality(session, campaign, [alice, charlie])
        bulk = found[alice].in_bulk
        assert bulk >= 2
        assert found[alice].answered == 2 + bulk
        assert found[alice].kept == 1 + bulk
        assert found[alice].pauses == 1
        assert found[charlie] == Quality()

    def test_what_silence_decides_is_nobodys_answer(self, house: House) -> None:
        campaign = house.launched()
        house.close(campaign)
        alice = house.person("alice").person_id or 0
        with house.db.reading() as session:
            assert quality(session, campaign, [alice]) == {alice: Quality()}
