"""Putting a question off, on the pages."""

from recert.campaigns.policy import Policy
from tests.campaigns.reviewing.test_postponement import INBOX, TEN, put_off
from tests.support.browser import Visitor, visible
from tests.support.house import House


class TestThePages:
    def test_the_page_offers_it_where_it_is_allowed(self, house: House, alice: Visitor) -> None:
        house.launched()
        folder = house.item("pia", INBOX).folder_id
        assert "Answer later" not in alice.get(f"/reviews/1/folders/{folder}")
        house.launched("Winter", policy=TEN)
        page = f"/reviews/2/folders/{folder}"
        assert "until 17 December 2026 at the latest" in visible(alice.get(page))
        item = house.item("pia", INBOX).id
        path = f"/reviews/items/{item}/postpone"
        assert "Choose a day" in visible(alice.post(path, 422, until="2027-01-01"))
        assert "Enter a date" in visible(alice.post(path, 422, until="soon"))
        alice.post(path, until="2026-12-12")
        assert "You postponed this until the end of 12 December 2026." in visible(alice.get(page))
        assert "can be put off once only" in visible(alice.post(path, 409, until="2026-12-13"))

    def test_somebody_elses_question_is_not_there(self, house: House, bob: Visitor) -> None:
        house.launched(policy=TEN)
        bob.get("/reviews")
        bob.post(f"/reviews/items/{house.item('pia', INBOX).id}/postpone", 404, until="2026-12-12")

    def test_the_board_counts_it(self, house: House, officer: Visitor) -> None:
        house.launched(policy=TEN)
        put_off(house)
        assert "1 question postponed by its reviewer" in visible(officer.get("/campaigns/1"))
        assert "pia" in visible(officer.get("/campaigns/1/items?postponed=1&state=open"))

    def test_the_form_asks_for_it(self, house: House, officer: Visitor) -> None:
        house.snapshot()
        officer.get("/campaigns/new")
        fields = {"name": "Winter", "folder": "/", "due": "2026-12-15", "servers": 1}
        page = officer.post("/campaigns/new", 422, **fields, postpone_days="91", days_low="0")
        assert "Use a number from 0 to 90." in visible(page)
        where = officer.post("/campaigns/new", **fields, postpone_days="5", days_high="2")
        assert "until 5 days after the due date" in visible(officer.get(where))
        policy = Policy.of(house.campaign(1).policy)
        assert (policy.postpone_days, policy.days_high, policy.days_low) == (5, 2, 7)
