"""Changes go out in batches; too many failures halt them."""

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from recert.campaigns.completion import approvals
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.campaigns.policy import Policy
from recert.changes.models import Order, OrderState
from recert.foundation.errors import NotAllowed
from recert.remediation import service
from recert.remediation.models import Remediation
from tests.support.house import House

INBOX = "/finance/inbox"
REVOKE = Reply(Answer.REVOKE, reason="Over.")
TWO = Policy(removal_threshold_percent=100, batch_size=2, stop_after_failures=1)


def final(house: House, policy: Policy = TWO) -> int:
    """Some changes that are final, in a campaign of batches of two."""
    campaign = house.launched(policy=policy)
    house.decide_all("pia", INBOX, REVOKE)
    house.finish("alice")
    return campaign


def order(house: House) -> int:
    return service.order_final(house.db, now=house.now)


def put_orders(house: House, state: OrderState) -> None:
    with house.db.transaction() as session:
        session.execute(update(Order).where(Order.state == "queued").values(state=state))


def waves(house: House) -> list[int]:
    with house.db.reading() as session:
        return list(
            session.scalars(select(Remediation.batch_number).order_by(Remediation.order_id))
        )


def halted(house: House, campaign: int) -> int | None:
    with house.db.reading() as session:
        return approvals.halted_after(session, campaign)


class TestWaves:
    def test_without_them_everything_goes_out(self, house: House) -> None:
        final(house, Policy(removal_threshold_percent=100))
        order(house)
        assert set(waves(house)) == {0}

    def test_the_next_one_waits_until_the_first_is_done(self, house: House) -> None:
        final(house)
        assert (order(house), order(house)) == (2, 0)
        put_orders(house, OrderState.VERIFIED)
        assert (order(house), order(house)) == (2, 0)
        assert waves(house) == [1, 1, 2, 2]

    def test_what_is_on_its_way_holds_the_next_one_up(self, house: House) -> None:
        final(house)
        order(house)
        for state in (OrderState.RETRY, OrderState.UNKNOWN, OrderState.APPLIED):
            with house.db.transaction() as session:
                session.execute(update(Order).values(state=state))
            assert order(house) == 0

    def test_few_failures_do_not_stop_it(self, house: House) -> None:
        campaign = final(
            house, Policy(removal_threshold_percent=100, batch_size=2, stop_after_failures=3)
        )
        order(house)
        put_orders(house, OrderState.CONFLICT)
        assert order(house) == 2
        assert halted(house, campaign) is None

    def test_many_failures_halt_it_and_the_trail_says_so_once(self, house: House) -> None:
        campaign = final(house)
        order(house)
        put_orders(house, OrderState.STILL_REACHABLE)
        assert (order(house), order(house)) == (0, 0)
        assert halted(house, campaign) == 1
        assert house.trail_actions().count("campaign.halted") == 1

    def test_somebody_lets_it_go_on(self, house: House) -> None:
        campaign = final(house, replace(TWO, batch_size=1))
        order(house)
        put_orders(house, OrderState.NEEDS_ATTENTION)
        order(house)
        assert house.release(campaign, house.officer) == 0  # nothing new: no second person needed
        assert halted(house, campaign) is None
        assert order(house) == 1
        put_orders(house, OrderState.CONFLICT)
        assert order(house) == 0
        assert halted(house, campaign) == 2

    def test_the_whole_way_by_waves(self, house: House) -> None:
        final(house)
        for _ in range(4):
            house.carry_out()
        assert {each.state for each in house.orders()} == {OrderState.VERIFIED}
        assert waves(house) == sorted(waves(house))


class TestWhoGoesOn:
    def test_not_a_reviewer(self, house: House) -> None:
        campaign = final(house)
        order(house)
        put_orders(house, OrderState.CONFLICT)
        order(house)
        with pytest.raises(NotAllowed):
            house.release(campaign, house.person("bob"))
        assert halted(house, campaign) == 1
