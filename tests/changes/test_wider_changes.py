"""Changes that touch more than was decided: a person looks at the plan first."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, ItemState
from recert.changes import rules, service
from recert.changes.models import Order, OrderState
from recert.connectors.contract import Cell, Standing
from recert.connectors.embedded.connector import EmbeddedConnector
from recert.connectors.rights import READ, Rights
from recert.foundation.actor import Actor
from recert.foundation.errors import NotAllowed
from recert.foundation.separation import SecondPersonNeeded
from recert.trail.act import Act
from tests.support.house import House

INBOX = "/finance/inbox"
REVOKE = Reply(Answer.REVOKE)
BOB_LOSES = Cell("bob", "/finance", READ, Rights.NONE)


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Cell]]:
    """What every plan would touch besides; a test may change it."""
    cells = [BOB_LOSES]
    plain = EmbeddedConnector.plan
    monkeypatch.setattr(
        EmbeddedConnector,
        "plan",
        lambda self, change: replace(plain(self, change), side_effects=tuple(cells)),
    )
    return cells  # type: ignore[return-value]


def approve(house: House, order: Order, actor: Actor | None = None) -> None:
    with house.db.transaction() as session:
        found = service.order_by_id(session, order.id)
        service.approve(Act(session, actor or house.officer, house.now), found)


@pytest.mark.usefixtures("touched")
class TestAWiderPlan:
    def test_it_waits_and_nothing_is_written(self, house: House) -> None:
        before = house.permissions.read_bytes()
        house.ordered("pia", INBOX, REVOKE)
        order = house.run()
        assert order.state is OrderState.NEEDS_APPROVAL
        assert "touches 1 more right" in order.explanation
        assert house.permissions.read_bytes() == before
        assert "order.wider" in house.trail_actions()
        assert [state for state, _ in house.order_log(order.id)] == [
            OrderState.QUEUED,
            OrderState.NEEDS_APPROVAL,
        ]

    def test_its_item_needs_a_person(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        house.carry_out()
        assert house.item("pia", INBOX).state is ItemState.NEEDS_ATTENTION

    def test_approved_it_is_carried_out(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        approve(house, house.run())
        order = house.run()
        assert order.state is OrderState.VERIFIED
        assert order.approved_by == "olga@house.example"
        assert "order.approved" in house.trail_actions()

    def test_done_by_hand_it_is_verified_by_the_next_snapshot(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        house.run()
        house.give("pia", INBOX)
        with house.later(hours=1):
            house.snapshot()
            assert house.run().state is OrderState.VERIFIED

    def test_it_keeps_saying_what_it_waits_for(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        why = house.run().explanation
        with house.later(hours=1):
            house.snapshot()
            order = house.run()
        assert (order.state, order.explanation) == (OrderState.NEEDS_APPROVAL, why)
        assert len(house.order_log(order.id)) == 2


class TestAnApproval:
    def test_it_is_for_that_plan_only(self, house: House, touched: list[Cell]) -> None:
        house.ordered("pia", INBOX, REVOKE)
        approve(house, house.run())
        touched.append(Cell("mona", "/finance", READ, Rights.NONE))
        order = house.run()
        assert order.state is OrderState.NEEDS_APPROVAL
        assert "2 more rights" in order.explanation

    @pytest.mark.usefixtures("touched")
    def test_a_reviewer_and_an_auditor_may_not(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        order = house.run()
        for actor in (house.person("alice"), house.auditor):
            with pytest.raises(NotAllowed):
                approve(house, order, actor)

    @pytest.mark.usefixtures("touched")
    def test_nobody_approves_what_is_about_his_own_account(self, house: House) -> None:
        house.ordered("bob", "/finance", REVOKE)
        order = house.run()
        bob = replace(house.officer, person_id=house.person("bob").person_id)
        with pytest.raises(SecondPersonNeeded, match="You hold the access"):
            approve(house, order, bob)

    def test_what_waits_for_nobody_is_refused(self, house: House) -> None:
        order = house.ordered("pia", INBOX, REVOKE)
        with pytest.raises(rules.ApprovalRefused, match="queued"):
            approve(house, order)


class TestAFolderThatIsNotSeen:
    def test_it_proves_nothing(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(EmbeddedConnector, "has_folder", lambda self, folder: False)
        house.ordered("pia", INBOX, REVOKE)
        house.give("pia", INBOX)
        order = house.run()
        assert order.state is OrderState.RETRY
        assert "cannot be seen" in order.explanation

    def test_a_change_is_not_verified_without_it(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = iter((True, False))
        monkeypatch.setattr(EmbeddedConnector, "has_folder", lambda self, folder: next(seen))
        house.ordered("pia", INBOX, REVOKE)
        assert house.run().state is OrderState.APPLIED


class TestAnEditThatWasCutOff:
    @pytest.fixture
    def applied(self, house: House, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """An order whose file is written, while nobody knows whether the daemon was told."""
        house.ordered("pia", INBOX, REVOKE)
        order = house.run()
        with house.db.transaction() as session:
            found = service.order_by_id(session, order.id)
            found.state, found.next_at = OrderState.APPLYING, house.now
        told: list[str] = []
        monkeypatch.setattr(EmbeddedConnector, "apply", lambda self, plan: told.append("applied"))
        return told

    @pytest.mark.parametrize("standing", [Standing.AFTER, Standing.PARTLY])
    def test_it_is_applied_again(
        self,
        house: House,
        monkeypatch: pytest.MonkeyPatch,
        applied: list[str],
        standing: Standing,
    ) -> None:
        monkeypatch.setattr(EmbeddedConnector, "standing", lambda self, plan: standing)
        assert house.run().state is OrderState.VERIFIED
        assert applied == ["applied"]

    def test_not_while_writing_is_switched_off(self, house: House, applied: list[str]) -> None:
        with house.db.transaction() as session:
            session.merge(house.server()).writes_enabled = False
        order = house.run()
        assert order.state is OrderState.UNKNOWN
        assert "switched off in the middle" in order.explanation
        assert applied == []


class TestAnUndo:
    def test_it_waits_for_what_was_taken_later(self, house: House) -> None:
        house.ordered("pia", INBOX, Reply(Answer.REDUCE, Rights.LIST))
        first = house.run()
        with house.later(hours=1):
            house.snapshot()
            house.ordered("pia", INBOX, REVOKE)
            second = house.run()
            assert second.state is OrderState.VERIFIED
            with pytest.raises(rules.UndoRefused, match=f"Change {second.id}"):
                house.take_back(first.id)
