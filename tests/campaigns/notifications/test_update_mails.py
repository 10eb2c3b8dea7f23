"""News of a campaign: each once, to whom it concerns."""

from datetime import timedelta

from sqlalchemy import select

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Item
from recert.campaigns.notifications import update_mails
from recert.campaigns.reviewing import comments
from recert.mail import service as mail
from recert.mail.models import OutboxMessage
from recert.trail.act import Act
from tests.support.house import House

INBOX = "/finance/inbox"


def send(house: House) -> int:
    return update_mails.send_due(house.db, house.head, now=house.now)


def mails(house: House, kind: str) -> list[OutboxMessage]:
    with house.db.reading() as session:
        query = select(OutboxMessage).where(OutboxMessage.kind == kind)
        return list(session.scalars(query.order_by(OutboxMessage.id)))


def flat(text: str) -> str:
    return " ".join(text.split())


class TestConversations:
    def say(self, house: House, *, question: bool) -> None:
        with house.db.transaction() as session:
            item = session.get_one(Item, house.item("pia", INBOX).id)
            use_case, who = (
                (comments.ask, house.person("alice"))
                if question
                else (comments.answer, house.officer)
            )
            use_case(Act(session, who, house.now), item, "What is it for?")

    def test_a_question_goes_to_the_officers_once(self, house: House) -> None:
        house.user(house.officer)
        house.launched()
        self.say(house, question=True)
        assert [send(house), send(house)] == [1, 0]
        (found,) = mails(house, "question")
        assert found.to_address == "olga@house.example"
        assert "Alice Archer has a question about the access of Pia Partner" in flat(found.text)
        assert "What is it for?" in found.text

    def test_an_answer_goes_to_the_reviewer(self, house: House) -> None:
        house.user(house.officer)
        house.launched()
        self.say(house, question=True)
        self.say(house, question=False)
        assert send(house) == 2
        (found,) = mails(house, "answer")
        assert found.to_address == "alice@house.example"
        assert f"#item-{house.item('pia', INBOX).id}" in found.text


class TestResults:
    def test_they_come_when_all_is_checked(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, Reply(Answer.REVOKE))
        house.decide("batch", INBOX, Reply(Answer.REVOKE))
        assert send(house) == 0
        house.finish("alice")
        assert send(house) == 0
        with house.later(minutes=5):
            house.carry_out()
            assert [send(house), send(house)] == [1, 0]
        (found,) = mails(house, "result")
        assert (
            "The 2 removals you asked for are complete and verified (23 November 2026, 13:05 CET)"
            in flat(found.text)
        )
        assert "- Pia Partner, /finance/inbox, main: revoke" in found.text

    def test_who_does_not_want_them_gets_none(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, Reply(Answer.REVOKE))
        house.finish("alice")
        house.carry_out()
        send(house)
        (found,) = mails(house, "result")
        token = found.unsubscribe.rpartition("/")[2]
        with house.db.transaction() as session:
            assert mail.opt_out(session, token, now=house.now).kind == "result"
            assert mail.has_opted_out(session, "alice@house.example", "result")
        house.decide("batch", INBOX, Reply(Answer.REVOKE))
        house.finish("alice")
        house.carry_out()
        assert send(house) == 0


class TestEndings:
    def test_what_is_kept_until_a_day_is_told_before(self, house: House) -> None:
        house.launched()
        until = house.now + timedelta(days=20)
        house.decide("pia", INBOX, Reply(Answer.KEEP, until=until))
        assert send(house) == 0
        with house.later(days=6, hours=12):
            assert [send(house), send(house)] == [1, 0]
        with house.later(days=7, hours=13):
            assert send(house) == 0
        (found,) = mails(house, "expiry")
        assert "Pia Partner, /finance/inbox, main: ends on 13 December 2026" in found.text


class TestSummaries:
    def test_officers_hear_weekly_at_the_due_date_and_after_the_close(self, house: House) -> None:
        house.user(house.officer)
        campaign = house.launched()
        house.decide("pia", INBOX, Reply(Answer.KEEP))
        sent = []
        for days in (0, 7, 8, 14, 15):
            with house.later(days=days):
                sent.append(send(house))
        house.close(campaign)
        sent.append(send(house))
        assert sent == [0, 1, 0, 1, 0, 1]
        first = mails(house, "summary")[0]
        assert "1 of 9 questions are answered: 1 kept" in flat(first.text)
        assert first.unsubscribe
