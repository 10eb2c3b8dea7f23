"""What a reviewer may answer, and what is kept of it."""

import pytest
from sqlalchemy import select

from recert.campaigns.decisions import rules, service
from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import AnsweredMeanwhile, NotYours, OwnAccess, Reply, TooLate
from recert.campaigns.models import Answer, Item, ItemState, Route
from recert.campaigns.transitions import NoSuchItem
from recert.connectors.rights import Rights
from recert.foundation.errors import BadInput
from recert.inventory.models import Account
from recert.trail.act import Act
from tests.support.house import NOON, House

INBOX = "/finance/inbox"
KEEP, REVOKE = Reply(Answer.KEEP), Reply(Answer.REVOKE)


def versions(house: House, item: Item) -> list[tuple[int, Answer, int | None]]:
    with house.db.reading() as session:
        query = select(Decision).where(Decision.item_id == item.id).order_by(Decision.version)
        return [(row.version, row.answer, row.answer_rights) for row in session.scalars(query)]


class TestAnAnswer:
    @pytest.mark.parametrize(
        ("reply", "remains"),
        [(KEEP, 5), (Reply(Answer.REDUCE, Rights.LIST), 1), (REVOKE, 0)],
    )
    def test_it_is_kept_with_what_shall_remain(
        self, house: House, reply: Reply, remains: int
    ) -> None:
        house.launched()
        house.decide("pia", INBOX, reply)
        item = house.item("pia", INBOX)
        assert (item.state, item.answer, item.answer_rights) == (
            *(ItemState.DECIDED, reply.answer, remains),
        )
        assert versions(house, item) == [(1, reply.answer, remains)]

    def test_it_is_kept_with_who_saw_what_and_when(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, Reply(Answer.KEEP, reason="  Needed for invoices. "))
        item = house.item("pia", INBOX)
        with house.db.reading() as session:
            made = session.scalars(select(Decision)).one()
        assert (made.actor, made.at, made.reason) == (
            *("alice@house.example", house.now, "Needed for invoices."),
        )
        assert (made.rights, made.content_hash) == (item.rights, item.content_hash)

    def test_not_mine_goes_to_the_next_in_the_chain(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, Reply(Answer.NOT_MINE, reason="Ask Bob."))
        item = house.item("pia", INBOX)
        assert (item.reviewer_id, item.route) == (house.person("bob").person_id, Route.SUBSTITUTE)
        assert (item.state, item.answer) == (ItemState.OPEN, None)
        assert versions(house, item) == [(1, Answer.NOT_MINE, None)]

    def test_each_one_is_one_entry_of_the_trail(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, KEEP)
        house.decide("pia", INBOX, REVOKE)
        assert house.trail_actions()[-2:] == ["decision.recorded"] * 2


class TestAChangeOfMind:
    def test_every_version_is_kept_and_the_newest_counts(self, house: House) -> None:
        house.launched()
        for reply in (KEEP, REVOKE, Reply(Answer.REDUCE, Rights.UPLOAD)):
            house.decide("pia", INBOX, reply)
        item = house.item("pia", INBOX)
        assert [answer for _, answer, _ in versions(house, item)] == ["keep", "revoke", "reduce"]
        assert (item.version, item.answer, item.answer_rights) == (3, Answer.REDUCE, 4)

    def test_it_can_be_given_away_after_an_answer(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, REVOKE)
        house.decide("pia", INBOX, Reply(Answer.NOT_MINE, reason="Not mine after all."))
        house.decide("pia", INBOX, KEEP, by="bob")
        assert house.item("pia", INBOX).answer is Answer.KEEP

    def test_it_ends_when_the_answer_is_final(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, REVOKE)
        house.finish("alice")
        with pytest.raises(TooLate):
            house.decide("pia", INBOX, KEEP)

    def test_it_ends_with_the_campaign(self, house: House) -> None:
        campaign = house.launched()
        house.close(campaign)
        with pytest.raises(TooLate):
            house.decide("pia", INBOX, KEEP)

    def test_it_ends_when_the_campaign_is_void(self, house: House) -> None:
        house.void(house.launched())
        with pytest.raises(TooLate):
            house.decide("pia", INBOX, KEEP)


class TestASecondTab:
    def test_an_older_version_is_refused_and_changes_nothing(self, house: House) -> None:
        house.launched()
        seen = house.item("pia", INBOX)
        house.decide("pia", INBOX, KEEP)
        entries = house.trail_actions()
        with pytest.raises(AnsweredMeanwhile):
            house.decide("pia", INBOX, Reply(Answer.REVOKE, version=seen.version))
        assert house.item("pia", INBOX).answer is Answer.KEEP
        assert house.trail_actions() == entries

    def test_other_facts_than_were_shown_are_refused(self, house: House) -> None:
        house.launched()
        seen = house.item("pia", INBOX)
        stale = Reply(Answer.KEEP, version=0, content_hash=seen.content_hash + 1)
        with pytest.raises(AnsweredMeanwhile):
            house.decide("pia", INBOX, stale)
        assert versions(house, seen) == []

    def test_the_same_facts_are_fine(self, house: House) -> None:
        house.launched()
        seen = house.item("pia", INBOX)
        house.decide("pia", INBOX, Reply(Answer.KEEP, version=0, content_hash=seen.content_hash))
        assert house.item("pia", INBOX).version == 1


class TestWhoMayNot:
    def test_another_reviewer_may_not(self, house: House) -> None:
        house.launched()
        with pytest.raises(NotYours):
            house.decide("pia", INBOX, KEEP, by="charlie")

    def test_an_officer_without_a_person_may_not(self, house: House) -> None:
        house.launched()
        item = house.item("pia", INBOX)
        with house.db.transaction() as session, pytest.raises(NotYours):
            service.record(Act(session, house.officer, house.now), item.id, KEEP)

    def test_nobody_answers_a_question_that_does_not_exist(self, house: House) -> None:
        alice = house.person("alice")
        with house.db.transaction() as session, pytest.raises(NoSuchItem):
            service.record(Act(session, alice, house.now), 4711, KEEP)

    def test_ones_own_access_can_only_be_passed_on(self, house: House) -> None:
        house.launched()
        with house.db.transaction() as session:
            account = session.get_one(Account, house.item("pia", INBOX).account_id)
            account.person_id = house.person("alice").person_id
        with pytest.raises(OwnAccess):
            house.decide("pia", INBOX, KEEP)
        house.decide("pia", INBOX, Reply(Answer.NOT_MINE, reason="It is my own."))
        assert house.item("pia", INBOX).reviewer_id == house.person("bob").person_id


class TestTheRulesOfAReply:
    GRANTED = int(Rights.LIST | Rights.UPLOAD)

    @pytest.mark.parametrize(
        ("reply", "says"),
        [
            (Reply(Answer.NO_ANSWER), "Answer keep, reduce, revoke or not mine"),
            (Reply(Answer.REDUCE), "at least one right"),
            (Reply(Answer.REDUCE, Rights.NONE), "at least one right"),
            (Reply(Answer.REDUCE, Rights.DELETE), "Only rights that the account has now"),
            (Reply(Answer.REDUCE, Rights.LIST | Rights.UPLOAD), "choose keep"),
            (Reply(Answer.NOT_MINE, reason=" \n"), "why the question is not yours"),
            (Reply(Answer.KEEP, reason="x" * 1001), "longer than 1000"),
            (Reply(Answer.KEEP, reason="a\x00b"), "control characters"),
            (Reply(Answer.KEEP, reason="a\x1b[2Jb"), "control characters"),
            (Reply(Answer.KEEP, reason="\ud800"), "control characters"),
            (Reply(Answer.KEEP, reason="a\u202eb"), "control characters"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, reply: Reply, says: str) -> None:
        with pytest.raises(BadInput, match=says):
            rules.check_reply(reply, self.GRANTED, now=NOON)

    @pytest.mark.parametrize(
        "reason", ["two\r\nlines\tand a tab", "Größe 10\u00a0kg", "=1+1", "日本語 🙂"]
    )
    def test_what_people_write_is_taken(self, reason: str) -> None:
        rules.check_reply(Reply(Answer.KEEP, reason=reason), self.GRANTED, now=NOON)
