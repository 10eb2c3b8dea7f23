"""Two answers to one question at the same moment: one wins, the other is told so."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import func, select

from recert.campaigns.decisions import service
from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign, Item, ItemState
from recert.campaigns.progress_models import Progress
from recert.campaigns.reviewing import bulk_reassignment
from recert.campaigns.reviewing.bulk_reassignment import From
from recert.foundation.actor import Actor, Role
from recert.foundation.errors import MovedMeanwhile, RecertError
from recert.people.models import Person
from recert.trail.act import Act
from tests.campaigns.test_progress import by_place, counted, recounted
from tests.support.house import House, staff

INBOX = "/finance/inbox"


def at_once(*acts: Callable[[], object]) -> list[BaseException | None]:
    """Runs the acts in threads that start together; the error of each."""
    start = threading.Barrier(len(acts))
    errors: list[BaseException | None] = [None] * len(acts)

    def run(number: int) -> None:
        start.wait(30)
        try:
            acts[number]()
        except BaseException as error:
            errors[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return errors


@pytest.mark.parametrize("others", [1, 5])
def test_one_answer_wins_and_the_rest_are_told(house: House, others: int) -> None:
    house.launched()
    item, alice = house.item("pia", INBOX), house.person("alice")

    def answer() -> None:
        with house.db.transaction() as session:
            reply = Reply(Answer.KEEP, version=0, content_hash=item.content_hash)
            service.record(Act(session, alice, house.now), item.id, reply)

    errors = at_once(*[answer] * (others + 1))
    assert errors.count(None) == 1
    assert all(isinstance(error, MovedMeanwhile) for error in errors if error)
    with house.db.reading() as session:
        assert session.scalar(select(func.count(Decision.id))) == 1


def test_a_mail_link_pressed_twice_is_one_answer(house: House) -> None:
    house.launched()
    item, alice = house.item("pia", INBOX), house.person("alice")

    def answer() -> None:
        with house.db.transaction() as session:
            kept = session.get_one(Item, item.id)  # the page looked at it before
            reply = Reply(Answer.REVOKE, version=0)
            service.record(Act(session, alice, house.now), kept.id, reply)

    errors = at_once(answer, answer, answer)
    assert errors.count(None) == 1
    assert all(isinstance(error, MovedMeanwhile) for error in errors if error)


def test_answers_to_different_questions_are_all_counted(house: House) -> None:
    campaign = house.launched()
    alice = house.person("alice")
    names = ("pia", "batch", "bob", "lea")

    def answer(name: str) -> Callable[[], None]:
        return lambda: house.decide(name, INBOX, Reply(Answer.KEEP, reason="Seen."))

    assert at_once(*map(answer, names)) == [None] * 4
    with house.db.reading() as session:
        mine = (Progress.campaign_id == campaign, Progress.reviewer_id == alice.person_id)
        counted = session.scalars(select(Progress).where(*mine)).one()
    assert (counted.total, counted.open, counted.keep) == (6, 2, 4)


def test_folders_and_servers_are_counted_right_whoever_answers_at_once(house: House) -> None:
    campaign = house.launched()
    keep, elsewhere = Reply(Answer.KEEP, reason="Seen."), Reply(Answer.NOT_MINE, reason="No.")
    acts = [
        ("pia", INBOX, keep),
        ("batch", INBOX, elsewhere),
        ("lea", "/finance", keep),
        ("alice", INBOX, keep, "bob"),  # another reviewer, the same folder
        ("seller", "/sales", keep, "charlie"),  # another folder, the same server
        ("bob", INBOX, keep),
    ]
    assert at_once(*[partial(house.decide, *act) for act in acts]) == [None] * 6
    assert by_place(house, campaign)


def test_two_officers_who_give_the_same_questions_away_do_not_both_do_it(house: House) -> None:
    campaign = house.launched()
    alice, to = house.person("alice"), ("bob", "mona")
    officers = [staff(f"{name}.officer@house.example", Role.OFFICER) for name in to]

    def give(name: str, officer: Actor) -> None:
        with house.db.transaction() as session:
            found = session.get_one(Campaign, campaign)
            new = session.get_one(Person, house.person(name).person_id)
            source = From(reviewer_id=alice.person_id)
            who = {"actor": officer, "now": house.now}
            bulk_reassignment.reassign_all(Act(session, **who), found, source, new, "She is ill.")

    pairs = zip(to, officers, strict=True)
    errors = at_once(*[partial(give, name, officer) for name, officer in pairs])
    assert None in errors
    assert all(isinstance(error, RecertError) for error in errors if error)
    assert counted(house, campaign) == recounted(house, campaign)


def test_the_queue_is_counted_once_however_many_pass_on(house: House) -> None:
    campaign = house.launched()
    reply, names = Reply(Answer.NOT_MINE, reason="Not mine."), ("pia", "batch", "lea")
    for name in names:
        for reviewer in ("alice", "bob"):
            house.decide(name, INBOX, reply, by=reviewer)

    def pass_on(name: str) -> Callable[[], None]:
        return lambda: house.decide(name, INBOX, reply, by="mona")

    assert at_once(*map(pass_on, names)) == [None] * 3
    queue = (Progress.campaign_id == campaign, Progress.reviewer_id.is_(None))
    with house.db.reading() as session:
        assert session.scalars(select(Progress.total).where(*queue)).all() == [3]


def test_two_who_give_each_other_a_question_do_not_wait_for_each_other(house: House) -> None:
    house.launched()
    reply = Reply(Answer.NOT_MINE, reason="Not mine.")
    acts = [(name, INBOX, reply) for name in ("pia", "batch", "lea", "bob")]
    others = [("alice", INBOX, reply, "bob"), ("alice", "/finance", reply, "bob")]
    assert at_once(*[partial(house.decide, *act) for act in (*acts, *others)]) == [None] * 6


def test_an_answer_and_the_close_do_not_leave_a_question_between_them(house: House) -> None:
    campaign = house.launched()

    def answer(name: str, reply: Reply) -> Callable[[], None]:
        return lambda: house.decide(name, INBOX, reply)

    errors = at_once(
        answer("pia", Reply(Answer.REVOKE)),
        answer("batch", Reply(Answer.KEEP)),
        lambda: house.close(campaign),
        answer("lea", Reply(Answer.NOT_MINE, reason="Bob's.")),
    )
    assert all(isinstance(error, RecertError) for error in errors if error)
    with house.db.reading() as session:
        states = set(session.scalars(select(Item.state).where(Item.campaign_id == campaign)))
    assert states <= {ItemState.CLOSED, ItemState.FINAL}


def test_bulk_answers_from_two_tabs_answer_each_question_once(house: House) -> None:
    campaign = house.launched()
    alice, folder = house.person("alice"), house.item("pia", INBOX).folder_id

    def bulk(actor: Actor = alice) -> None:
        with house.db.transaction() as session:
            found, reply = session.get_one(Campaign, campaign), Reply(Answer.KEEP, reason="Ok.")
            service.record_many(Act(session, actor, house.now), found, folder, None, reply)

    assert at_once(bulk, bulk, bulk) == [None] * 3
    with house.db.reading() as session:
        assert session.scalar(select(func.count(Decision.id))) == 4
