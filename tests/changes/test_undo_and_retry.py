"""Taking a change back, and putting an order into the queue again."""

from dataclasses import replace

import pytest

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.changes import rules, service
from recert.changes import undo as undoing
from recert.changes.models import Order, OrderState
from recert.connectors.rights import Rights
from recert.foundation.actor import Actor
from recert.foundation.errors import BadInput, NotAllowed
from recert.foundation.separation import SecondPersonNeeded
from recert.trail.act import Act
from tests.support.house import House

INBOX = "/finance/inbox"
REDUCE = Reply(Answer.REDUCE, Rights.LIST)


def undo(house: House, order: Order, actor: Actor | None = None) -> Order:
    if actor is None:
        return house.take_back(order.id)
    with house.db.transaction() as session:
        found, who = service.order_by_id(session, order.id), {"actor": actor, "now": house.now}
        undoing.ask(Act(session, **who), found, "It was a mistake.")
        return undoing.approve(Act(session, **who), found)


class TestAnUndo:
    @pytest.mark.parametrize("reply", [Reply(Answer.REVOKE), REDUCE])
    def test_it_restores_the_very_bytes_and_is_verified(self, house: House, reply: Reply) -> None:
        before = house.permissions.read_bytes()
        house.ordered("pia", INBOX, reply)
        undo(house, house.run())
        assert house.permissions.read_bytes() != before
        assert house.run().state is OrderState.VERIFIED
        assert house.permissions.read_bytes() == before

    def test_a_group_member_gets_back_what_the_group_gives(self, house: House) -> None:
        before = house.permissions.read_bytes()
        house.ordered("bob", "/finance", Reply(Answer.REVOKE))
        undo(house, house.run())
        house.run()
        assert house.permissions.read_bytes() == before

    def test_asking_twice_is_asking_once(self, house: House) -> None:
        house.ordered("pia", INBOX, Reply(Answer.REVOKE))
        done = house.run()
        assert undo(house, done).id == undo(house, done).id

    def test_it_can_be_undone_itself(self, house: House) -> None:
        house.ordered("pia", INBOX, Reply(Answer.REVOKE))
        done = house.run()
        revoked = house.permissions.read_bytes()
        undo(house, done)
        undo(house, house.run())
        assert house.run().state is OrderState.VERIFIED
        assert house.permissions.read_bytes() == revoked

    def test_what_changed_meanwhile_is_not_overwritten(self, house: House) -> None:
        house.ordered("pia", INBOX, Reply(Answer.REVOKE))
        undo(house, house.run())
        house.give("pia", INBOX, "delete")
        before = house.permissions.read_bytes()
        assert house.run().state is OrderState.CONFLICT
        assert house.permissions.read_bytes() == before

    def test_access_that_does_not_come_back_is_told_to_a_person(self, house: House) -> None:
        house.ordered("pia", INBOX, Reply(Answer.REVOKE))
        undo(house, house.run())
        content = house.permissions.read_text()
        switched_off = content.replace('"email": "pia@', '"enabled": false,\n      "email": "pia@')
        house.permissions.write_text(switched_off)
        order = house.run()
        assert order.state is OrderState.NEEDS_ATTENTION
        assert "no access, not list, upload as before" in order.explanation

    def test_it_is_refused_after_thirty_days(self, house: House) -> None:
        house.ordered("pia", INBOX, Reply(Answer.REVOKE))
        done = house.run()
        with house.later(days=31), pytest.raises(rules.UndoRefused, match="30 days"):
            undo(house, done)

    def test_it_is_refused_for_what_is_not_verified(self, house: House) -> None:
        order = house.ordered("pia", INBOX, Reply(Answer.REVOKE))
        with pytest.raises(rules.UndoRefused, match="verified"):
            undo(house, order)

    def test_it_is_refused_for_what_recert_did_not_write(self, house: House) -> None:
        house.ordered("pia", INBOX, Reply(Answer.REVOKE))
        house.give("pia", INBOX)
        with pytest.raises(rules.UndoRefused, match="did not write"):
            undo(house, house.run())

    def test_a_reviewer_may_not(self, house: House) -> None:
        house.ordered("pia", INBOX, Reply(Answer.REVOKE))
        with pytest.raises(NotAllowed):
            undo(house, house.run(), actor=house.person("alice"))

    def test_it_needs_a_reason_and_a_second_person(self, house: House) -> None:
        house.ordered("bob", "/finance", Reply(Answer.REVOKE))
        done = house.run()
        bob = replace(house.officer, name="bob@house.example")  # whose access it is
        with house.db.transaction() as session:
            found = service.order_by_id(session, done.id)
            with pytest.raises(undoing.NobodyAsked):
                undoing.approve(Act(session, house.officer, house.now), found)
            with pytest.raises(BadInput, match="Say why"):
                undoing.ask(Act(session, house.admin, house.now), found, " ")
            undoing.ask(Act(session, house.admin, house.now), found, "A mistake.")
            for other in (house.admin, bob):
                with pytest.raises(SecondPersonNeeded):
                    undoing.approve(Act(session, other, house.now), found)
            assert [row.Order.id for row in undoing.waiting(session)] == [done.id]
            made = undoing.approve(Act(session, house.officer, house.now), found)
            assert (made.reason, made.created_by, made.approved_by) == (
                *("A mistake.", house.admin.name, house.officer.name),
            )
            assert undoing.waiting(session) == []


class TestARetry:
    def test_a_conflict_is_tried_again_when_a_person_says_so(self, house: House) -> None:
        order = house.ordered("pia", INBOX, Reply(Answer.REVOKE))
        house.give("pia", INBOX, "delete")
        assert house.run().state is OrderState.CONFLICT
        house.give("pia", INBOX, "list upload")
        assert house.run().state is OrderState.CONFLICT
        house.retry(order.id)
        assert house.run().state is OrderState.VERIFIED

    def test_what_waits_for_nobody_is_refused(self, house: House) -> None:
        order = house.ordered("pia", INBOX, Reply(Answer.REVOKE))
        with pytest.raises(rules.RetryRefused):
            house.retry(order.id)

    def test_an_officer_may_not(self, house: House) -> None:
        order = house.ordered("pia", INBOX, Reply(Answer.REVOKE))
        with pytest.raises(NotAllowed):
            house.retry(order.id, actor=house.officer)
