"""Mails that had to wait: what is sent is true when it is sent."""

from sqlalchemy import select, update

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.campaigns.notifications import reviewer_mails, stale_mails
from recert.mail.models import MessageState, OutboxMessage
from tests.support.house import House


def look(house: House) -> int:
    return stale_mails.look_again(house.db, house.head, now=house.now)


def mails(house: House, name: str) -> list[tuple[str, str]]:
    with house.db.reading() as session:
        here = OutboxMessage.to_address == f"{name}@house.example"
        query = select(OutboxMessage).where(here).order_by(OutboxMessage.id)
        return [(row.state.value, " ".join(row.text.split())) for row in session.scalars(query)]


def start(house: House) -> None:
    house.launched()
    reviewer_mails.send_due(house.db, house.head, now=house.now)


class TestAMailThatWaited:
    def test_is_taken_back_when_all_is_answered(self, house: House) -> None:
        start(house)
        house.decide("seller", "/sales", Reply(Answer.KEEP, reason="Needed."), by="charlie")
        with house.later(minutes=11):
            look(house)
        assert mails(house, "charlie") == [("withdrawn", "")]
        assert "mail.withdrawn" in house.trail_actions()

    def test_is_written_anew_when_some_is_answered(self, house: House) -> None:
        start(house)
        house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE))
        with house.later(minutes=11):
            look(house)
        (old, new) = mails(house, "alice")
        assert (old, new[0]) == (("withdrawn", ""), "queued")
        assert "Pia Partner" not in new[1]

    def test_that_may_have_arrived_is_not_written_a_second_time(self, house: House) -> None:
        start(house)
        with house.db.transaction() as session:
            session.execute(update(OutboxMessage).values(attempts=1))
        with house.later(minutes=11):
            assert look(house) == 0

    def test_goes_as_it_is_when_it_waited_for_a_moment(self, house: House) -> None:
        start(house)
        with house.later(minutes=9):
            assert look(house) == 0

    def test_is_left_alone_while_it_is_sent(self, house: House) -> None:
        start(house)
        with house.db.transaction() as session:
            session.execute(update(OutboxMessage).values(state=MessageState.SENDING))
        with house.later(minutes=11):
            assert look(house) == 0
