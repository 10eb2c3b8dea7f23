"""What a link from a mail opens."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from recert.campaigns.decisions import mail_tokens, service
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Item
from recert.campaigns.reviewing import reassignment
from recert.mail import service as mail
from recert.mail.models import MailToken, Purpose
from recert.people import queries as people
from recert.trail.act import Act
from tests.support.house import House

INBOX = "/finance/inbox"


def issue(house: House, name: str = "alice") -> tuple[Item, str]:
    item, until = house.item("pia", INBOX), house.now + timedelta(days=28)
    holder = f"person:{house.person(name).person_id}"
    with house.db.transaction() as session:
        made = mail.issue_tokens(
            session, Purpose.DECIDE_ITEM, [item.ref], holder, expires_at=until, now=house.now
        )
    return item, made[item.ref]


def opened(house: House, token: str) -> mail_tokens.Invitation:
    with house.db.reading() as session:
        return mail_tokens.invitation(session, token, now=house.now)


def test_it_names_the_item_and_the_person(house: House) -> None:
    house.launched()
    item, token = issue(house)
    found = opened(house, token)
    assert (found.item_id, found.person_id) == (item.id, house.person("alice").person_id)


@pytest.mark.parametrize("token", ["", "nonsense", "x" * 5000, "\x00", "' OR 1=1 --"])
def test_an_unknown_one_opens_nothing(house: House, token: str) -> None:
    with pytest.raises(mail.LinkUnknown):
        opened(house, token)


def test_a_truncated_one_opens_nothing(house: House) -> None:
    house.launched()
    with pytest.raises(mail.LinkUnknown):
        opened(house, issue(house)[1][:-1])


def test_one_for_another_purpose_opens_nothing(house: House) -> None:
    house.launched()
    _, token = issue(house)
    with house.db.transaction() as session:
        session.execute(update(MailToken.__table__).values(purpose="reset password"))
    with pytest.raises(mail.LinkUnknown):
        opened(house, token)


def test_it_dies_with_the_assignment(house: House) -> None:
    house.launched()
    item, token = issue(house)
    with house.db.transaction() as session:
        bob = people.person_by_email(session, "bob@house.example")
        assert bob
        found = session.get_one(Item, item.id)
        reassignment.reassign(Act(session, house.officer, house.now), found, bob, "Holiday.")
    with pytest.raises(mail.LinkOver):
        opened(house, token)


def test_it_dies_when_the_question_is_passed_on(house: House) -> None:
    house.launched()
    _, token = issue(house)
    house.decide("pia", INBOX, Reply(Answer.NOT_MINE, reason="Bob's."))
    with pytest.raises(mail.LinkOver):
        opened(house, token)


def test_it_expires(house: House) -> None:
    house.launched()
    _, token = issue(house)
    with house.later(days=28), pytest.raises(mail.LinkOver):
        opened(house, token)


def test_after_the_close_it_shows_but_does_not_answer(house: House) -> None:
    campaign = house.launched()
    item, token = issue(house)
    house.close(campaign)
    assert opened(house, token).item_id == item.id
    with pytest.raises(service.rules.TooLate):
        house.decide("pia", INBOX, Reply(Answer.KEEP))
