"""Pages on which somebody objects, and an officer settles it."""

import pytest
from flask import Flask

from recert.campaigns.models import ItemState
from tests.campaigns.test_contests import announced, pia
from tests.support.browser import Visitor, visible
from tests.support.house import House


@pytest.fixture
def loser(house: House, app: Flask) -> Visitor:
    return Visitor(app).sign_in(house.user(pia(house)))


def test_somebody_objects_and_the_reviewer_reads_it(
    house: House, loser: Visitor, alice: Visitor
) -> None:
    announced(house)
    assert "You are going to lose access" in visible(loser.get("/reviews"))
    text = visible(loser.get("/reviews/access-that-ends"))
    assert "Your account pia on main loses: see file names, add new files" in text
    item = house.item("pia", "/finance/inbox")
    where = f"/reviews/access-that-ends/{item.id}"
    assert "Say in 1 to 1000" in visible(loser.post(where, 422, text=" "))
    loser.post(where, text="Needed until March.")
    assert "You lose nothing at present." in visible(loser.get("/reviews/access-that-ends"))
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
    assert "An officer looks at it" in visible(loser.get("/reviews/access-that-ends"))
    assert "1 objection to settle" in visible(officer.get(f"/campaigns/{number}"))
    assert "Needed until March." in visible(officer.get(f"/campaigns/{number}/objections"))
    officer.post(f"/campaigns/items/{item.id}/objection", keep="yes", reason="Agreed.")
    assert house.item("pia", "/finance/inbox").state is ItemState.CLOSED


def test_nobody_objects_for_somebody_else(house: House, bob: Visitor) -> None:
    announced(house)
    item = house.item("pia", "/finance/inbox")
    bob.get("/reviews/access-that-ends")
    bob.post(f"/reviews/access-that-ends/{item.id}", 404, text="Mine!")
