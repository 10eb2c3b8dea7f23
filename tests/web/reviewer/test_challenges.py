"""Pages on which somebody objects, and an officer settles it."""

import re

import pytest
from flask import Flask
from sqlalchemy import select

from recert.campaigns.models import ItemState
from recert.campaigns.notifications import removal_mails
from recert.mail.models import OutboxMessage
from recert.people.queries import person_by_email
from tests.campaigns.completion.test_challenges import announced, pia
from tests.support.browser import Visitor, visible
from tests.support.house import House


@pytest.fixture
def loser(house: House, app: Flask) -> Visitor:
    return Visitor(app).sign_in(house.user(pia(house)))


def test_somebody_objects_and_the_reviewer_reads_it(
    house: House, loser: Visitor, alice: Visitor
) -> None:
    announced(house)
    assert "You are about to lose access" in visible(loser.get("/reviews"))
    text = visible(loser.get("/reviews/access-that-ends"))
    assert "Your account pia on main loses: see file names, add new files" in text
    item = house.item("pia", "/finance/inbox")
    where = f"/reviews/access-that-ends/{item.id}"
    assert "Say in 1 to 1000" in visible(loser.post(where, 422, text=" "))
    loser.post(where, text="Needed until March.")
    assert "You are not losing any access." in visible(loser.get("/reviews/access-that-ends"))
    page = visible(alice.get(f"/reviews/{item.campaign_id}/folders/{item.folder_id}"))
    assert "pia@partner.example objects: Needed until March." in page


def test_an_officer_settles_it_after_the_close(
    house: House, loser: Visitor, officer: Visitor
) -> None:
    number = announced(house)
    house.close(number)
    item = house.item("pia", "/finance/inbox")
    loser.get("/reviews/access-that-ends")
    loser.post(f"/reviews/access-that-ends/{item.id}", text="Needed until March.")
    assert "A compliance officer decides" in visible(loser.get("/reviews/access-that-ends"))
    assert "1 objection to decide" in visible(officer.get(f"/campaigns/{number}"))
    assert "Needed until March." in visible(officer.get(f"/campaigns/{number}/objections"))
    officer.post(f"/campaigns/items/{item.id}/objection", keep="yes", reason="Agreed.")
    assert house.item("pia", "/finance/inbox").state is ItemState.CLOSED


def test_nobody_objects_for_somebody_else(house: House, bob: Visitor) -> None:
    announced(house)
    item = house.item("pia", "/finance/inbox")
    bob.get("/reviews/access-that-ends")
    bob.post(f"/reviews/access-that-ends/{item.id}", 404, text="Mine!")


class TestByMail:
    def told(self, house: House) -> tuple[str, OutboxMessage]:
        """The link of the mail that announces a removal, and that mail."""
        announced(house)
        assert removal_mails.send_due(house.db, house.head, now=house.now) == 1
        assert removal_mails.send_due(house.db, house.head, now=house.now) == 0
        with house.db.reading() as session:
            query = select(OutboxMessage).where(OutboxMessage.kind == "removal")
            mail = session.scalars(query).one()
        found = re.search(r"http://localhost(/d/\S+)", mail.text)
        assert found
        return found[1], mail

    def test_whoever_loses_it_is_told_and_objects_without_a_sign_in(
        self, house: House, app: Flask
    ) -> None:
        link, mail = self.told(house)
        assert mail.to_address == "pia@partner.example"
        assert "/finance/inbox (main)" in mail.text
        visitor = Visitor(app)
        place, page = visitor.follow(link)
        assert "Do you still need access to /finance/inbox?" in visible(page)
        assert house.item("pia", "/finance/inbox").state is ItemState.FINAL
        assert "Say in 1 to 1000" in visible(visitor.post(place, 422, text=" "))
        visitor.post(place, text="Needed until March.")
        assert "Your objection is recorded." in visible(visitor.get(place))
        item = house.item("pia", "/finance/inbox")
        assert (item.state, item.outcome) == (
            *(ItemState.OPEN, "pia@partner.example objects: Needed until March."),
        )

    def test_it_is_too_late_when_the_window_is_over(self, house: House, app: Flask) -> None:
        link, _ = self.told(house)
        visitor = Visitor(app)
        place, _ = visitor.follow(link)
        with house.later(days=4):
            visitor.post(place, 410, text="Late.")
        assert house.item("pia", "/finance/inbox").state is ItemState.FINAL

    def test_the_link_of_somebody_who_left_is_dead(self, house: House, app: Flask) -> None:
        link, _ = self.told(house)
        with house.db.transaction() as session:
            person = person_by_email(session, "pia@partner.example")
            assert person
            person.active = False
        Visitor(app).get(link, 410)
