"""What helps to decide, what was seen, keeps that end by themselves, and questions."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Item, ItemState
from recert.campaigns.reviewing import comments, queries, recommendations
from recert.campaigns.reviewing.item_filter import ItemFilter
from recert.campaigns.reviewing.recommendations import Level
from recert.changes.models import OrderKind, OrderState
from recert.foundation.actor import Actor
from recert.foundation.errors import BadInput, NotAllowed, RefusedByPolicy
from recert.remediation import expirations
from recert.remediation.models import Expiration
from recert.trail.act import Act
from tests.support.house import House

INBOX = "/finance/inbox"
KEEP = Reply(Answer.KEEP)


def hints_of(house: House, account: str, folder: str = INBOX) -> list[tuple[Level, str]]:
    item = house.item(account, folder)
    with house.db.reading() as session:
        row = queries.item_row(session, item.id)
        assert row
        found = recommendations.hints_for(session, [row], now=house.now)[item.id]
        return [(hint.level, hint.text) for hint in found]


class TestHints:
    def test_somebody_who_has_left_is_red(self, house: House) -> None:
        house.launched()
        assert (Level.RED, "Lea Left has left on 2026-01-31.") in hints_of(house, "lea", "/finance")

    def test_an_account_of_nobody_we_know(self, house: House) -> None:
        house.launched()
        assert (Level.AMBER, "The account belongs to nobody we know.") in hints_of(
            house, "seller", "/sales"
        )

    def test_colleagues_of_the_department(self, house: House) -> None:
        house.launched()
        assert (Level.PLAIN, "2 of 2 people in Finance have access here.") in hints_of(
            house, "bob", "/finance"
        )

    def test_nothing_is_said_of_a_first_review(self, house: House) -> None:
        house.launched()
        assert not [text for _, text in hints_of(house, "batch") if "last" in text.lower()]

    def test_what_is_new_widened_or_was_answered_before(self, house: House) -> None:
        house.launched("First")
        house.decide("batch", INBOX, KEEP)
        house.decide("pia", INBOX, KEEP)
        house.give("pia", INBOX, "list upload delete")
        house.give("seller", "/finance/inbox", "list")
        with house.later(days=1):
            house.launched("Second")
            assert (Level.PLAIN, "New since the last review.") in hints_of(house, "seller")
            assert (Level.AMBER, "More than at the last review: delete files.") in hints_of(
                house, "pia"
            )
            assert (
                Level.PLAIN,
                "Last time it was kept in “First”, 23 November 2026.",
            ) in hints_of(house, "batch")

    def test_a_page_costs_the_same_however_many_items(self, house: House) -> None:
        campaign_id = house.launched()
        with house.db.reading() as session:
            rows = queries.items_of(session, campaign_id, ItemFilter()).rows
            assert len(rows) > 4
            found = recommendations.hints_for(session, rows, now=house.now)
            assert set(found) == {row.id for row in rows}
            assert recommendations.hints_for(session, [], now=house.now) == {}


class TestReasonsAgainstARedSign:
    def test_a_keep_needs_one_and_nothing_is_saved_without(self, house: House) -> None:
        house.launched()
        with pytest.raises(BadInput, match="Lea Left has left"):
            house.decide("lea", "/finance", KEEP)
        assert house.item("lea", "/finance").state is ItemState.OPEN
        house.decide("lea", "/finance", Reply(Answer.KEEP, reason="Hands over until May."))
        assert house.item("lea", "/finance").state is ItemState.DECIDED

    def test_a_removal_needs_none(self, house: House) -> None:
        house.launched()
        house.decide("lea", "/finance", Reply(Answer.REVOKE))


def test_what_was_seen_is_kept_with_the_decision(house: House) -> None:
    house.launched()
    house.decide("lea", "/finance", Reply(Answer.REVOKE))
    with house.db.reading() as session:
        seen = json.loads(session.scalars(select(Decision.context)).one())
    assert seen["person_active"] is False
    assert ["red", "Lea Left has left on 2026-01-31."] in seen["hints"]


class TestKeepsThatEnd:
    def keep(self, house: House, days: float = 30, account: str = "batch") -> None:
        until = house.now + timedelta(days=days)
        house.decide(account, INBOX, Reply(Answer.KEEP, until=until))

    def end(self, house: House) -> int:
        return expirations.order_due(house.db, now=house.now)

    def test_the_access_is_taken_away_on_the_day_and_proved(self, house: House) -> None:
        campaign_id = house.launched()
        self.keep(house)
        house.close(campaign_id)
        house.sign_off(campaign_id)
        with house.later(days=29):
            assert self.end(house) == 0
        with house.later(days=31):
            assert self.end(house) == 1
            assert self.end(house) == 0
            order = house.run()
            assert (order.kind, order.state) == (OrderKind.REVOKE, OrderState.VERIFIED)
            assert INBOX not in house.entries("batch")
            assert "item.ended" in house.trail_actions()

    def test_a_later_answer_takes_its_place(self, house: House) -> None:
        first = house.launched("First")
        self.keep(house)
        house.close(first)
        with house.later(days=10):
            house.launched("Second")
            house.decide("batch", INBOX, KEEP)
        with house.later(days=31):
            self.end(house)
            assert house.orders() == []
            with house.db.reading() as session:
                assert "later review" in session.scalars(select(Expiration.note)).one()

    def test_what_is_gone_already_needs_no_order(self, house: House) -> None:
        campaign_id = house.launched()
        self.keep(house)
        house.close(campaign_id)
        house.give("batch", INBOX)
        with house.later(days=31):
            house.snapshot()
            self.end(house)
            assert house.orders() == []

    def test_an_answer_that_can_still_be_changed_ends_nothing(self, house: House) -> None:
        house.launched()
        self.keep(house, days=3)
        with house.later(days=4):
            assert self.end(house) == 0

    def test_a_new_answer_forgets_the_date(self, house: House) -> None:
        house.launched()
        self.keep(house)
        house.decide("batch", INBOX, KEEP)
        assert house.item("batch", INBOX).keep_until is None

    @pytest.mark.parametrize("days", [-1, 0, 800])
    def test_the_date_lies_in_the_next_two_years(self, house: House, days: float) -> None:
        house.launched()
        with pytest.raises(BadInput, match="next two years"):
            self.keep(house, days)

    def test_only_a_keep_has_one(self, house: House) -> None:
        house.launched()
        until = house.now + timedelta(days=3)
        with pytest.raises(BadInput, match="Only access that is kept"):
            house.decide("batch", INBOX, Reply(Answer.REVOKE, until=until))


class TestQuestions:
    def ask(self, house: House, text: str = "What is it for?", by: str = "alice") -> None:
        item = house.item("batch", INBOX)
        with house.db.transaction() as session:
            found = session.get_one(Item, item.id)
            comments.ask(Act(session, house.person(by), house.now), found, text)

    def reply(self, house: House, actor: Actor, account: str = "batch") -> None:
        item = house.item(account, INBOX)
        with house.db.transaction() as session:
            found = session.get_one(Item, item.id)
            comments.answer(Act(session, actor, house.now), found, "Payroll.")

    def waiting(self, house: House, campaign_id: int) -> int:
        with house.db.reading() as session:
            return len(comments.waiting(session, campaign_id))

    def test_it_waits_until_somebody_answers(self, house: House) -> None:
        campaign_id = house.launched()
        self.ask(house)
        assert self.waiting(house, campaign_id) == 1
        self.reply(house, house.officer)
        assert self.waiting(house, campaign_id) == 0
        item = house.item("batch", INBOX)
        with house.db.reading() as session:
            said = comments.messages_of(session, [item.id])[item.id]
        assert [one.text for one in said] == ["What is it for?", "Payroll."]
        assert item.state is ItemState.OPEN
        assert house.trail_actions()[-2:] == ["item.question", "item.answer"]

    def test_only_the_reviewer_asks(self, house: House) -> None:
        house.launched()
        with pytest.raises(NotAllowed):
            self.ask(house, by="charlie")

    def test_officers_and_the_person_himself_answer_and_nobody_else(self, house: House) -> None:
        house.launched()
        self.reply(house, house.person("bob"), "bob")
        with pytest.raises(NotAllowed):
            self.reply(house, house.auditor)
        with pytest.raises(NotAllowed):
            self.reply(house, house.person("charlie"))

    @pytest.mark.parametrize("text", ["", "   ", "x" * 2001, "a\x00b"])
    def test_what_cannot_be_read_is_refused(self, house: House, text: str) -> None:
        house.launched()
        with pytest.raises(BadInput):
            self.ask(house, text)

    def test_a_review_that_is_over_takes_no_more(self, house: House) -> None:
        campaign_id = house.launched()
        house.close(campaign_id)
        with pytest.raises(RefusedByPolicy):
            self.ask(house)
