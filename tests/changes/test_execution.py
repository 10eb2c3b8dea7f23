"""Carrying orders out, on both databases."""

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, ItemState
from recert.changes.models import OrderState
from tests.support.house import House


class TestARevocation:
    def test_it_is_applied_and_verified(self, house: House) -> None:
        house.launched()
        house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE))
        house.finish("alice")
        house.carry_out()
        assert [order.state for order in house.orders()] == [OrderState.VERIFIED]
        assert house.item("pia", "/finance/inbox").state is ItemState.VERIFIED
