"""Two running reviews about the same access of the same account."""

import pytest

from recert.campaigns.decisions import finalisation
from recert.campaigns.decisions import service as decisions
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.changes import service as changes
from recert.changes.models import Order, OrderState
from recert.connectors.rights import Rights
from recert.foundation.errors import MovedMeanwhile
from recert.inventory import service as inventory
from recert.trail.act import Act
from tests.support.house import House
from tests.support.packages import judged

INBOX = "/finance/inbox"
KEEP, REVOKE = Reply(Answer.KEEP), Reply(Answer.REVOKE)
REDUCE = Reply(Answer.REDUCE, Rights.LIST)


@pytest.fixture
def both(house: House) -> tuple[int, int]:
    """Two running reviews that both ask Alice about pia in the inbox."""
    return house.launched("First"), house.launched("Second")


def about(house: House, campaign: int) -> Item:
    with house.db.reading() as session:
        item = house.item("pia", INBOX)
        query = session.query(Item).where(
            Item.campaign_id == campaign,
            Item.account_id == item.account_id,
            Item.folder_id == item.folder_id,
        )
        return query.one()


def says(house: House, campaign: int, reply: Reply, *, final: bool = True) -> None:
    item = about(house, campaign)
    with house.db.transaction() as session:
        alice = house.person("alice")
        decisions.record(Act(session, alice, house.now), item.id, reply)
        if final:
            found = session.get_one(Campaign, campaign)
            finalisation.finish(Act(session, alice, house.now), found)


def writes(house: House, on: bool) -> None:
    with house.db.transaction() as session:
        server = inventory.server_by_name(session, "main")
        inventory.enable_writes(Act(session, house.admin, house.now), server, on)


class TestTheNewestAnswerWins:
    def test_two_removals_are_one_change(self, house: House, both: tuple[int, int]) -> None:
        says(house, both[0], REVOKE)
        says(house, both[1], REVOKE)
        house.carry_out()
        assert [order.state for order in house.orders()] == [OrderState.VERIFIED]
        house.carry_out()
        assert about(house, both[0]).state is ItemState.SUPERSEDED
        assert 'in the review "Second"' in about(house, both[0]).outcome
        assert about(house, both[1]).state is ItemState.VERIFIED
        assert len(house.orders()) == 1
        assert "item.superseded" in house.trail_actions()

    def test_a_later_keep_stops_a_removal_that_is_not_begun(
        self, house: House, both: tuple[int, int]
    ) -> None:
        writes(house, on=False)
        says(house, both[0], REVOKE)
        house.carry_out()
        assert house.orders()[0].state is OrderState.WAITING
        with house.later(hours=1):
            says(house, both[1], KEEP)
            house.carry_out()
            writes(house, on=True)
            house.carry_out()
        assert about(house, both[0]).state is ItemState.SUPERSEDED
        assert about(house, both[1]).state is ItemState.CLOSED
        assert house.orders()[0].state is OrderState.CANCELLED
        assert house.entries("pia") == {INBOX: "list upload"}

    def test_a_keep_that_can_still_be_changed_holds_a_removal_up(
        self, house: House, both: tuple[int, int]
    ) -> None:
        says(house, both[0], REVOKE)
        with house.later(minutes=1):
            says(house, both[1], KEEP, final=False)
            house.carry_out()
            assert house.orders() == []
            says(house, both[1], REVOKE, final=False)
            house.carry_out()
        assert [order.state for order in house.orders()] == [OrderState.VERIFIED]

    def test_what_the_newest_left_stays_although_the_older_wanted_less(
        self, house: House, both: tuple[int, int]
    ) -> None:
        says(house, both[0], REVOKE)
        with house.later(minutes=1):
            says(house, both[1], REDUCE)
            house.carry_out()
            house.carry_out()
        assert house.entries("pia") == {INBOX: "list"}
        states = [about(house, number).state for number in both]
        assert states == [ItemState.SUPERSEDED, ItemState.VERIFIED]

    def test_a_removal_after_a_reduction_was_carried_out_is_no_conflict(
        self, house: House, both: tuple[int, int]
    ) -> None:
        says(house, both[0], REDUCE)
        house.carry_out()
        with house.later(minutes=1):
            says(house, both[1], REVOKE)
            house.carry_out()
        assert about(house, both[1]).state is ItemState.VERIFIED
        assert house.entries("pia") == {}

    def test_nothing_is_given_back_by_a_later_reduction(
        self, house: House, both: tuple[int, int]
    ) -> None:
        says(house, both[0], REDUCE)
        house.carry_out()
        with house.later(minutes=1):
            says(house, both[1], Reply(Answer.REDUCE, Rights.UPLOAD))
            house.carry_out()
        assert about(house, both[1]).state is ItemState.NEEDS_ATTENTION
        assert house.entries("pia") == {INBOX: "list"}

    def test_an_open_question_says_which_change_took_it(
        self, house: House, both: tuple[int, int]
    ) -> None:
        says(house, both[0], REVOKE)
        house.carry_out()
        house.snapshot()
        house.refresh()
        gone = about(house, both[1])
        assert gone.state is ItemState.GONE
        assert f"Change {house.orders()[0].id} took it away" in gone.outcome


class TestNothingIsLost:
    def test_the_older_answer_counts_again_when_the_newer_review_is_void(
        self, house: House, both: tuple[int, int]
    ) -> None:
        writes(house, on=False)
        says(house, both[0], REVOKE)
        house.carry_out()
        with house.later(minutes=1):
            says(house, both[1], KEEP)
            house.carry_out()
            assert about(house, both[0]).state is ItemState.SUPERSEDED
            house.void(both[1])
            writes(house, on=True)
            house.carry_out()
        assert about(house, both[0]).state is ItemState.VERIFIED
        assert house.entries("pia") == {}

    def test_so_does_one_that_was_never_ordered(self, house: House, both: tuple[int, int]) -> None:
        says(house, both[0], REVOKE)
        with house.later(minutes=1):
            says(house, both[1], KEEP)
            house.carry_out()
            assert about(house, both[0]).state is ItemState.SUPERSEDED
            house.void(both[1])
            house.carry_out()
        assert about(house, both[0]).state is ItemState.VERIFIED

    def test_a_newer_review_that_is_void_supersedes_nothing(
        self, house: House, both: tuple[int, int]
    ) -> None:
        says(house, both[0], REVOKE)
        says(house, both[1], KEEP)
        house.void(both[1])
        house.carry_out()
        assert about(house, both[0]).state is ItemState.VERIFIED

    def test_a_worker_in_the_middle_does_not_carry_out_what_was_cancelled(
        self, house: House
    ) -> None:
        order = house.ordered("pia", INBOX, REVOKE)
        with house.db.transaction() as session:
            found = session.get_one(Order, order.id)
            assert changes.cancel(Act(session, house.admin, house.now), found, "Not wanted.")
            with pytest.raises(MovedMeanwhile):
                changes.move(session, found, OrderState.APPLYING, "Mine.", now=house.now)
        assert house.run().state is OrderState.CANCELLED
        assert house.entries("pia") == {INBOX: "list upload"}

    def test_what_is_on_its_way_to_the_server_is_not_cancelled(self, house: House) -> None:
        order = house.ordered("pia", INBOX, REVOKE)
        with house.db.transaction() as session:
            found = session.get_one(Order, order.id)
            found.state = OrderState.APPLYING
            session.flush()
            who = {"actor": house.admin, "now": house.now}
            assert not changes.cancel(Act(session, **who), found, "Not wanted.")


def test_both_reviews_can_be_signed_and_proved(house: House, both: tuple[int, int]) -> None:
    writes(house, on=False)
    says(house, both[0], REVOKE)
    house.carry_out()
    with house.later(days=15):
        house.snapshot()
        says(house, both[1], KEEP)
        writes(house, on=True)
        house.carry_out()
        for number in both:
            house.close(number)
            house.sign_off(number)
            assert house.campaign(number).state is CampaignState.SIGNED_OFF
            code, said = judged(house.export(number))
            assert code == 0, said
