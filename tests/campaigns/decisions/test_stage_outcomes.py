"""Up to three looks at one question: who, what he sees, whose word counts."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from recert.campaigns.decisions import forwarded, stage_outcomes
from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import NotYours, Reply, TooLate
from recert.campaigns.models import Answer, Campaign, Item, ItemState, Route
from recert.campaigns.setup import launch
from recert.campaigns.setup.stages import Sees, Stage, Stages, StagesRejected, Vote
from recert.connectors.rights import Rights
from recert.foundation.actor import Assurance
from recert.inventory.models import Server
from recert.trail.act import Act
from tests.support.house import House
from tests.support.packages import judged

INBOX = "/finance/inbox"
KEEP, REVOKE = Reply(Answer.KEEP), Reply(Answer.REVOKE)
TWO = Stages((Stage("manager", days=5),))


def launched(house: House, stages: Stages = TWO, **more: object) -> int:
    house.snapshot()
    with house.db.transaction() as session:
        mona = house.person("mona").person_id
        session.execute(update(Server).values(owner_id=mona))
    number = house.drafted("Looked at twice", stages=stages, **more)  # type: ignore[arg-type]
    with house.db.transaction() as session:
        found = session.get_one(Campaign, number)
        launch.launch(Act(session, house.officer, house.now), found)
    return number


def first_look(house: House, account: str, reply: Reply) -> Item:
    """Alice answers and says that she has finished."""
    house.decide(account, INBOX, reply)
    house.finish("alice")
    stage_outcomes.move_on(house.db, now=house.now)
    return house.item(account, INBOX)


def decisions(house: House, item: Item) -> list[Decision]:
    with house.db.reading() as session:
        query = select(Decision).where(Decision.item_id == item.id).order_by(Decision.version)
        return list(session.scalars(query))


class TestTheSecondLook:
    def test_the_managers_question_says_what_was_answered_before(self, house: House) -> None:
        launched(house)
        item = first_look(house, "pia", KEEP)
        assert (item.state, item.stage, item.route) == (ItemState.OPEN, 2, Route.STAGE)
        assert item.reviewer_id == house.person("mona").person_id
        assert item.outcome == "Alice Archer kept it."
        assert item.answer is None

    def test_whoever_answered_cannot_answer_again(self, house: House) -> None:
        launched(house)
        first_look(house, "pia", KEEP)
        with pytest.raises(NotYours):
            house.decide("pia", INBOX, REVOKE, by="alice")

    def test_what_waits_between_stages_cannot_be_changed(self, house: House) -> None:
        launched(house)
        house.decide("pia", INBOX, KEEP)
        house.finish("alice")
        with pytest.raises(TooLate):
            house.decide("pia", INBOX, REVOKE)

    def test_two_that_agree_are_final_without_a_vote(self, house: House) -> None:
        launched(house)
        item = first_look(house, "pia", KEEP)
        house.decide("pia", INBOX, KEEP, by="mona")
        house.finish("mona")
        house.carry_out()
        item = house.item("pia", INBOX)
        assert (item.state, item.answer) == (ItemState.CLOSED, Answer.KEEP)
        assert len(decisions(house, item)) == 2

    @pytest.mark.parametrize(
        ("vote", "remains", "answer"),
        [
            (Vote.REMOVAL, 0, Answer.REVOKE),
            (Vote.LAST, 5, Answer.KEEP),
            (Vote.KEEP, 5, Answer.KEEP),
        ],
    )
    def test_where_they_differ_the_rule_decides(
        self, house: House, vote: Vote, remains: int, answer: Answer
    ) -> None:
        launched(house, Stages((Stage("manager"),), vote))
        first_look(house, "pia", REVOKE)
        house.decide("pia", INBOX, KEEP, by="mona")
        house.finish("mona")
        house.carry_out()
        item = house.item("pia", INBOX)
        assert (item.answer, item.answer_rights) == (answer, remains)
        assert item.state is (ItemState.CLOSED if remains else ItemState.VERIFIED)

    def test_any_removal_takes_the_rights_that_both_left(self, house: House) -> None:
        launched(house)
        first_look(house, "batch", Reply(Answer.REDUCE, Rights.LIST | Rights.DOWNLOAD))
        house.decide("batch", INBOX, Reply(Answer.REDUCE, Rights.LIST | Rights.DELETE), by="mona")
        house.finish("mona")
        house.carry_out()
        item = house.item("batch", INBOX)
        assert (item.answer, item.answer_rights) == (Answer.REDUCE, int(Rights.LIST))
        last = decisions(house, item)[-1]
        assert (last.person_id, last.assurance) == (None, Assurance.POLICY)
        assert last.reason == "The stages of the review: any removal counts."

    @pytest.mark.parametrize(
        ("sees", "reply", "stage"),
        [(Sees.KEPT, KEEP, 2), (Sees.KEPT, REVOKE, 1), (Sees.REMOVED, KEEP, 1),
         (Sees.REMOVED, REVOKE, 2)],
    )  # fmt: skip
    def test_only_what_the_stage_sees_goes_on(
        self, house: House, sees: Sees, reply: Reply, stage: int
    ) -> None:
        launched(house, Stages((Stage("manager", sees),)))
        item = first_look(house, "pia", reply)
        assert item.stage == stage
        done = ItemState.CLOSED if reply is KEEP else ItemState.FINAL
        assert item.state is (ItemState.OPEN if stage == 2 else done)

    def test_nobody_looks_at_his_own_access(self, house: House) -> None:
        launched(house, Stages((Stage("bob@house.example"),)))
        house.decide("bob", INBOX, KEEP)
        house.finish("alice")
        stage_outcomes.move_on(house.db, now=house.now)
        assert house.item("bob", INBOX).reviewer_id == house.person("mona").person_id

    def test_a_third_look_is_by_somebody_else_again(self, house: House) -> None:
        launched(house, Stages((Stage("manager", days=3), Stage("alice@house.example", days=3))))
        first_look(house, "pia", KEEP)
        house.decide("pia", INBOX, KEEP, by="mona")
        house.finish("mona")
        stage_outcomes.move_on(house.db, now=house.now)
        item = house.item("pia", INBOX)
        assert (item.stage, item.reviewer_id, item.route) == (3, None, Route.QUEUE)


class TestTime:
    def test_keeps_go_on_when_the_days_of_the_stage_are_over(self, house: House) -> None:
        launched(house)
        house.decide("pia", INBOX, KEEP)
        stage_outcomes.move_on(house.db, now=house.now)
        assert house.item("pia", INBOX).stage == 1
        with house.later(days=9, minutes=1):
            stage_outcomes.move_on(house.db, now=house.now)
            assert house.item("pia", INBOX).stage == 2
            silent = house.item("batch", INBOX)
            assert (silent.stage, silent.outcome) == (2, "Alice Archer did not answer.")

    def test_a_silent_last_stage_leaves_the_answer_before(self, house: House) -> None:
        number = launched(house)
        first_look(house, "pia", REVOKE)
        with house.later(days=15):
            house.close(number)
            item = house.item("pia", INBOX)
            assert (item.state, item.answer) == (ItemState.FINAL, Answer.REVOKE)
            assert decisions(house, item)[-1].person_id is None
            assert house.item("batch", INBOX).answer is Answer.NO_ANSWER

    def test_stages_need_days(self, house: House) -> None:
        house.snapshot()
        with pytest.raises(StagesRejected, match="all the time until the due date"):
            house.drafted("Short", stages=Stages((Stage("manager", days=14),)))

    def test_a_keep_until_a_date_keeps_its_date(self, house: House) -> None:
        launched(house)
        day = house.now + timedelta(days=30)
        first_look(house, "pia", Reply(Answer.KEEP, until=day))
        house.decide("pia", INBOX, KEEP, by="mona")
        house.finish("mona")
        house.carry_out()
        assert house.item("pia", INBOX).keep_until == day


class TestEvidence:
    def test_a_review_with_stages_is_genuine(self, house: House) -> None:
        number = launched(house)
        house.decide("lea", INBOX, REVOKE)
        house.decide("batch", INBOX, Reply(Answer.REDUCE, Rights.LIST))
        first_look(house, "pia", KEEP)
        assert judged(house.export(number))[0] == 0  # in the middle of it
        house.decide("pia", INBOX, REVOKE, by="mona")
        house.decide("batch", INBOX, Reply(Answer.REDUCE, Rights.DOWNLOAD), by="mona")
        house.finish("mona")
        house.carry_out()
        with house.later(days=15):
            house.close(number)
            house.carry_out()
            house.sign_off(number)
            code, said = judged(house.export(number))
        assert code == 0, said


@pytest.mark.parametrize(
    "text", ["", "somebody", "manager:some", "manager:kept:x", "manager:kept:0", "manager:all:91"]
)
def test_a_stage_that_makes_no_sense_is_named(text: str) -> None:
    with pytest.raises(StagesRejected):
        Stage.of(text)


def test_more_than_three_looks_are_refused() -> None:
    with pytest.raises(StagesRejected, match="3 times at most"):
        Stages((Stage("manager"), Stage("manager"), Stage("server owner")))


class TestWhatWentOn:
    def test_its_giver_still_finds_it(self, house: House) -> None:
        number = launched(house)
        first_look(house, "pia", KEEP)
        alice, mona = house.person("alice").person_id, house.person("mona").person_id
        assert alice
        assert mona
        with house.db.reading() as session:
            [row] = forwarded.went_on(session, number, alice)
            assert forwarded.went_on(session, number, mona) == []
        assert (row.about, row.account, row.answer) == (INBOX, "pia", Answer.KEEP)
        assert (row.reviewer, row.state) == ("Mona Mill", ItemState.OPEN)

    def test_only_his_newest_answer_is_shown(self, house: House) -> None:
        number = launched(house)
        house.decide("pia", INBOX, REVOKE)
        first_look(house, "pia", KEEP)
        alice = house.person("alice").person_id
        assert alice
        with house.db.reading() as session:
            found = forwarded.went_on(session, number, alice)
        assert [row.answer for row in found] == [Answer.KEEP]
