"""Invitations and reminders: each once, to those who still have something to do."""

import re
import threading

import pytest
from sqlalchemy import select, update

from recert.campaigns.decisions import mail_tokens
from recert.campaigns.decisions import service as decisions
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign, Item
from recert.campaigns.notifications import reviewer_mails
from recert.campaigns.progress_models import Progress
from recert.campaigns.reviewing import reassignment
from recert.foundation.actor import Actor
from recert.foundation.errors import BadInput, NotAllowed
from recert.mail.models import OutboxMessage
from recert.people import queries as people
from recert.people.models import Person
from recert.trail.act import Act
from tests.support.house import House

INBOX = "/finance/inbox"


def send(house: House) -> int:
    return reviewer_mails.send_due(house.db, house.head, now=house.now)


def mails(house: House) -> list[OutboxMessage]:
    with house.db.reading() as session:
        return list(session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


def remind(house: House, campaign: int, actor: Actor | None = None) -> int:
    with house.db.transaction() as session:
        found = session.get_one(Campaign, campaign)
        who = actor or house.officer
        return reviewer_mails.remind_now(Act(session, who, house.now), found, house.head)


def answer_all(house: House, name: str) -> None:
    me = house.person(name)
    with house.db.transaction() as session:
        for item in session.scalars(select(Item.id).where(Item.reviewer_id == me.person_id)).all():
            decisions.record(Act(session, me, house.now), item, Reply(Answer.KEEP))


class TestInvitations:
    def test_each_reviewer_gets_one_however_often_they_are_sent(self, house: House) -> None:
        house.launched()
        assert [send(house) for _ in range(3)] == [3, 0, 0]
        assert sorted(mail.to_address.partition("@")[0] for mail in mails(house)) == [
            *("alice", "bob", "charlie"),
        ]

    def test_two_workers_at_once_send_no_more(self, house: House) -> None:
        house.launched()
        start, sent = threading.Barrier(3), list[int]()

        def work() -> None:
            start.wait(30)
            sent.append(send(house))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert (len(sent), sum(sent), len(mails(house))) == (3, 3, 3)

    def test_a_draft_invites_nobody(self, house: House) -> None:
        house.drafted("Autumn")
        assert send(house) == 0

    def test_who_answered_before_the_mail_gets_none(self, house: House) -> None:
        house.launched()
        answer_all(house, "charlie")
        assert send(house) == 2

    def test_who_left_gets_none_until_he_is_back(self, house: House) -> None:
        house.launched()
        charlie = Person.email == "charlie@house.example"
        for active, wanted in ((False, 2), (True, 1)):
            with house.db.transaction() as session:
                session.execute(update(Person).where(charlie).values(active=active))
            assert send(house) == wanted

    def test_the_links_open_the_right_questions(self, house: House) -> None:
        house.launched()
        send(house)
        (mail,) = [mail for mail in mails(house) if mail.to_address.startswith("charlie@")]
        (token,) = set(re.findall(r"http://localhost/d/(\S+)", mail.text))
        with house.db.reading() as session:
            found = mail_tokens.invitation(session, token, now=house.now)
        assert found.item_id == house.item("seller", "/sales").id
        assert token in mail.html

    def test_a_new_reviewer_is_invited_and_not_reminded_at_once(self, house: House) -> None:
        house.launched()
        send(house)
        with house.later(days=12):
            send(house)
            with house.db.transaction() as session:
                mona = people.person_by_email(session, "mona@house.example")
                item = session.get_one(Item, house.item("seller", "/sales").id)
                assert mona
                reassignment.reassign(Act(session, house.officer, house.now), item, mona, "Ill.")
            assert [send(house), send(house)] == [1, 0]
        assert (mails(house)[-1].kind, mails(house)[-1].to_name) == ("reassignment", "Mona Mill")


class TestReminders:
    @pytest.mark.parametrize("days", [7, 11, 13, 14])
    def test_each_slot_comes_once(self, house: House, days: int) -> None:
        house.launched()
        send(house)
        with house.later(days=days, seconds=-1):
            before = send(house)
        with house.later(days=days):
            assert [send(house), send(house)] == [3, 0]
        assert before in (0, 3)

    def test_there_are_four_of_them(self, house: House) -> None:
        house.launched()
        sent = []
        for hours in range(0, 24 * 20, 6):
            with house.later(hours=hours):
                sent.append(send(house))
        assert [number for number in sent if number] == [3] * 5

    def test_a_worker_that_slept_sends_one_and_not_all_that_it_missed(self, house: House) -> None:
        house.launched()
        send(house)
        with house.later(days=15):
            assert [send(house), send(house)] == [3, 0]

    def test_who_is_finished_is_left_in_peace(self, house: House) -> None:
        house.launched()
        send(house)
        answer_all(house, "charlie")
        with house.later(days=7):
            assert send(house) == 2

    def test_after_the_close_there_are_none(self, house: House) -> None:
        campaign = house.launched()
        send(house)
        house.close(campaign)
        with house.later(days=14):
            assert send(house) == 0

    def test_they_follow_the_invitation_in_one_thread(self, house: House) -> None:
        house.launched()
        send(house)
        with house.later(days=7):
            send(house)
        found = mails(house)
        first = {mail.to_address: mail.message_id for mail in found if mail.kind == "invitation"}
        for mail in found[3:]:
            assert (mail.kind, mail.in_reply_to) == ("reminder", first[mail.to_address])


class TestAReminderByHand:
    def test_it_goes_out_once_a_day(self, house: House) -> None:
        campaign = house.launched()
        send(house)
        assert remind(house, campaign) == 3
        with pytest.raises(BadInput, match="today already"):
            remind(house, campaign)
        with house.later(days=1):
            assert remind(house, campaign) == 3
        assert house.trail_actions()[-1] == "campaign.reminded"

    def test_the_day_is_that_of_the_office(self, house: House) -> None:
        campaign = house.launched()
        with house.later(hours=10):  # 23:00 in Berlin
            remind(house, campaign)
        with house.later(hours=11):  # midnight there, still the same day in UTC
            assert remind(house, campaign) == 3

    def test_only_a_running_campaign_reminds(self, house: House) -> None:
        campaign = house.launched()
        house.close(campaign)
        with pytest.raises(BadInput, match="running"):
            remind(house, campaign)

    def test_only_an_officer_may(self, house: House) -> None:
        campaign = house.launched()
        with pytest.raises(NotAllowed):
            remind(house, campaign, house.admin)


def test_the_guess_of_the_minutes_is_never_zero() -> None:
    assert reviewer_mails.minutes_for(Progress(open=1)) == 1
    assert reviewer_mails.minutes_for(Progress(open=60)) == 20
