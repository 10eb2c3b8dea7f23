"""Final decisions become orders, once; items follow their orders."""

import threading

import pytest
from sqlalchemy import func, select, update

from recert.campaigns import states
from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Item, ItemState
from recert.campaigns.policy import Policy
from recert.changes.models import Order, OrderKind, OrderState
from recert.connectors.rights import Rights
from recert.remediation import service
from recert.remediation.models import Remediation
from tests.support.house import House

INBOX = "/finance/inbox"
REVOKE = Reply(Answer.REVOKE)


def order_final(house: House) -> int:
    return service.order_final(house.db, now=house.now)


def put_order(house: House, state: OrderState, why: str) -> None:
    with house.db.transaction() as session:
        session.execute(update(Order).values(state=state, explanation=why))


def follow(house: House) -> ItemState:
    service.follow_orders(house.db, now=house.now)
    return house.item("pia", INBOX).state


class TestOrders:
    def test_only_a_final_decision_becomes_one(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, REVOKE)
        assert order_final(house) == 0
        house.finish("alice")
        assert (order_final(house), order_final(house)) == (1, 0)

    def test_it_says_what_the_newest_decision_wants(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, REVOKE)
        house.decide("pia", INBOX, Reply(Answer.REDUCE, Rights.UPLOAD))
        house.finish("alice")
        order_final(house)
        (order,) = house.orders()
        assert (order.kind, order.rights_before, order.rights_wanted) == (OrderKind.REDUCE, 5, 4)
        with house.db.reading() as session:
            link = session.get_one(Remediation, house.item("pia", INBOX).id)
            assert session.get_one(Decision, link.decision_id).version == 2

    def test_a_keep_needs_none(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, Reply(Answer.KEEP))
        house.finish("alice")
        assert order_final(house) == 0

    def test_a_void_campaign_orders_nothing_more(self, house: House) -> None:
        campaign = house.launched()
        house.decide("pia", INBOX, REVOKE)
        house.finish("alice")
        house.void(campaign)
        assert order_final(house) == 0

    def test_workers_at_once_write_each_one_once(self, house: House) -> None:
        house.launched(policy=Policy(removal_threshold_percent=100))
        house.decide_all("pia", INBOX, Reply(Answer.REVOKE, reason="Over."))
        house.decide_all("bob", "/finance", Reply(Answer.REVOKE, reason="Over."))
        house.finish("alice")
        start, made = threading.Barrier(3), list[int]()

        def work() -> None:
            start.wait(30)
            made.append(order_final(house))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert (len(made), sum(made)) == (3, 6)
        with house.db.reading() as session:
            assert session.scalar(select(func.count(Order.id))) == 6

    def test_many_are_written_in_several_rounds(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service, "BATCH", 2)
        house.launched()
        house.decide_all("pia", INBOX, Reply(Answer.REVOKE, reason="Over."))
        house.finish("alice")
        assert order_final(house) == 4


class TestItemsFollow:
    @pytest.mark.parametrize("state", list(OrderState))
    def test_into_every_state_and_back(self, house: House, state: OrderState) -> None:
        house.ordered("pia", INBOX, REVOKE)
        put_order(house, state, "Something happened.")
        wanted = service.ITEM_AFTER.get(state, ItemState.ORDERED)
        assert follow(house) is wanted
        assert house.item("pia", INBOX).outcome == "Something happened."
        if wanted not in states.DONE:
            put_order(house, OrderState.QUEUED, "Put back into the queue.")
            assert follow(house) is ItemState.ORDERED
            put_order(house, OrderState.VERIFIED, "Looked again.")
            assert follow(house) is ItemState.VERIFIED

    def test_a_state_counts_even_when_the_words_stay_the_same(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        put_order(house, OrderState.RETRY, "The server is busy.")
        follow(house)
        put_order(house, OrderState.NEEDS_ATTENTION, "The server is busy.")
        assert follow(house) is ItemState.NEEDS_ATTENTION

    def test_nothing_new_is_nothing_done(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        house.carry_out()
        assert service.follow_orders(house.db, now=house.now) == 0

    def test_each_step_is_in_the_trail(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        house.carry_out()
        assert house.trail_actions()[-1] == "item.followed"


class TestAChangeThatWasTakenBack:
    def undone(self, house: House) -> None:
        house.take_back(house.orders()[0].id)
        house.carry_out()

    def test_its_item_is_not_called_verified_any_more(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        house.carry_out()
        self.undone(house)
        item = house.item("pia", INBOX)
        assert item.state is ItemState.CLOSED
        assert "Taken back by adam@house.example" in item.outcome

    def test_what_is_signed_off_stays_as_it_was_signed(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        house.carry_out()
        campaign = house.item("pia", INBOX).campaign_id
        house.close(campaign)
        house.sign_off(campaign)
        self.undone(house)
        assert house.item("pia", INBOX).state is ItemState.VERIFIED


def test_no_item_is_left_without_its_order(house: House) -> None:
    house.ordered("pia", INBOX, REVOKE)
    with house.db.reading() as session:
        query = select(Item.id).where(Item.state == ItemState.ORDERED)
        assert session.scalars(query).all() == session.scalars(select(Remediation.item_id)).all()
