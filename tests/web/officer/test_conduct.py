"""What an officer does while a campaign runs, on the pages."""

import re

from flask import Flask

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, CampaignState
from recert.foundation.actor import Role
from tests.support.browser import Visitor, visible
from tests.support.house import House, staff


def second(house: House, app: Flask) -> Visitor:
    return Visitor(app).sign_in(house.user(staff("otto@house.example", Role.OFFICER)))


class TestOneReviewer:
    def test_he_is_reminded_alone_once_a_day(self, house: House, officer: Visitor) -> None:
        campaign = house.launched()
        alice = house.person("alice").person_id
        path = f"/campaigns/{campaign}/reviewers/{alice}"
        assert f'href="{path}"' in officer.get(f"/campaigns/{campaign}")
        assert "Alice Archer" in visible(officer.get(path))
        assert officer.post(f"{path}/remind") == path
        assert "A reminder to Alice Archer" in visible(officer.get(path))
        page = officer.post(f"{path}/remind", 422)
        assert "Alice Archer was reminded today already" in visible(page)

    def test_somebody_who_is_not_asked_has_no_page(self, house: House, officer: Visitor) -> None:
        campaign = house.launched()
        pia = house.person("mona").person_id
        officer.get(f"/campaigns/{campaign}/reviewers/{pia}", 404)
        officer.get(f"/campaigns/{campaign}")
        officer.post(f"/campaigns/{campaign}/reviewers/{pia}/remind", 422)
        officer.post(f"/campaigns/{campaign}/reviewers/999/remind", 404)

    def test_all_his_questions_go_to_somebody_else(self, house: House, officer: Visitor) -> None:
        campaign = house.launched()
        alice = house.person("alice").person_id
        officer.get(f"/campaigns/{campaign}/reviewers/{alice}")
        fields = {"reviewer": alice, "email": "bob@house.example", "reason": "She is ill."}
        where = officer.post(f"/campaigns/{campaign}/give", **fields)
        text = visible(officer.get(where))
        assert "questions were reassigned to Bob Brook. 2 were not moved" in text
        assert house.item("batch", "/finance/inbox").reviewer_id == house.person("bob").person_id

    def test_a_folder_and_the_queue_are_given_from_their_lists(
        self, house: House, officer: Visitor
    ) -> None:
        house.give("pia", "/orphaned", "list")
        campaign = house.launched()
        for source in (f"folder={house.item('seller', '/sales').folder_id}", "reviewer=queue"):
            page = officer.get(f"/campaigns/{campaign}/items?{source}")
            assert "Reassign all" in visible(page)
            name, _, value = source.partition("=")
            fields = {name: value, "email": "mona@house.example", "reason": "She knows."}
            officer.post(f"/campaigns/{campaign}/give", **fields)
        mona = house.person("mona").person_id
        assert house.item("seller", "/sales").reviewer_id == mona
        assert house.item("pia", "/orphaned").reviewer_id == mona

    def test_nonsense_is_named(self, house: House, officer: Visitor) -> None:
        campaign = house.launched()
        officer.get(f"/campaigns/{campaign}")
        path, good = f"/campaigns/{campaign}/give", {"email": "bob@house.example", "reason": "So."}
        for fields, message in (
            ({**good}, "Choose whose questions"),
            ({**good, "reviewer": "999"}, "This reviewer does not exist"),
            ({**good, "folder": "999"}, "This folder no longer exists"),
            ({**good, "reviewer": "queue"}, "no open questions"),
            (
                {**good, "reviewer": "queue", "email": "x@house.example"},
                "No person has the email address",
            ),
            ({**good, "reviewer": "queue", "reason": ""}, "Give a reason."),
        ):
            assert message in visible(officer.post(path, 422, **fields)), fields


class TestTime:
    def test_it_is_extended_from_the_board(self, house: House, officer: Visitor) -> None:
        campaign = house.launched()
        officer.get(f"/campaigns/{campaign}")
        path = f"/campaigns/{campaign}/extend"
        page = officer.post(path, 422, due="2026-12-01", reason="Holidays.")
        assert "can only become later" in visible(page)
        officer.post(path, due="2027-01-08", reason="Holidays.")
        assert "8 Jan 2027, 23:59 CET (Europe/Berlin)" in visible(
            officer.get(f"/campaigns/{campaign}")
        )

    def test_an_early_close_takes_two(self, house: House, app: Flask, officer: Visitor) -> None:
        campaign = house.launched()
        board = f"/campaigns/{campaign}"
        assert "Closing early needs two people" in visible(officer.get(board))
        assert "not due yet" in visible(officer.post(f"{board}/close", 409))
        officer.post(f"{board}/ask-to-close", reason="All important ones are answered.")
        assert "All important ones are answered." in visible(officer.get(board))
        page = officer.post(f"{board}/close", 403)
        assert "You asked to close the campaign early" in visible(page)
        otto = second(house, app)
        otto.get(board)
        otto.post(f"{board}/close")
        found = house.campaign(campaign)
        assert found.state is CampaignState.CLOSING
        assert (found.close_asked_by, found.closed_by) == (
            "olga@house.example",
            "otto@house.example",
        )

    def test_a_zone_of_its_own_is_chosen_and_shown(self, house: House, officer: Visitor) -> None:
        house.snapshot()
        officer.get("/campaigns/new")
        fields = {"name": "Winter", "folder": "/", "due": "2026-12-15", "servers": 1}
        page = officer.post("/campaigns/new", 422, **fields, zone="Mars/Olympus")
        assert "Mars/Olympus" in visible(page)
        where = officer.post("/campaigns/new", **fields, zone="America/New_York")
        assert "15 Dec 2026, 23:59 EST (America/New_York)" in visible(officer.get(where))


class TestSeeingAsAReviewer:
    def test_it_is_his_page_to_read_only_and_each_look_is_in_the_trail(
        self, house: House, officer: Visitor
    ) -> None:
        campaign = house.launched()
        house.decide("batch", "/finance/inbox", Reply(Answer.KEEP))
        alice = house.person("alice").person_id
        start = f"/campaigns/{campaign}/as/{alice}"
        officer.get(f"/campaigns/{campaign}/reviewers/{alice}")
        before = len(house.trail_actions())
        page = officer.post(start, 200)
        assert "You see what Alice Archer sees. You can read, not answer." in visible(page)
        assert "Submit" not in visible(page)
        folder = house.item("pia", "/finance/inbox").folder_id
        page = officer.post(f"{start}/folders/{folder}", 200)
        assert "pia" in page
        actions = set(re.findall(r'<form[^>]*action="([^"]*)"', page)) - {"/sign-out"}
        assert actions == {start}  # only the way back
        assert house.trail_actions()[before:] == ["review.looked_at"] * 2

    def test_there_is_no_way_to_look_by_get(self, house: House, officer: Visitor) -> None:
        campaign = house.launched()
        alice = house.person("alice").person_id
        before = house.trail_actions()
        officer.get(f"/campaigns/{campaign}/as/{alice}", 405)
        assert house.trail_actions() == before

    def test_nobody_else_may_and_only_reviewers_have_pages(
        self, house: House, officer: Visitor, bob: Visitor
    ) -> None:
        campaign = house.launched()
        alice, mona = (house.person(name).person_id for name in ("alice", "mona"))
        bob.get("/reviews")
        bob.post(f"/campaigns/{campaign}/as/{alice}", 404)
        officer.get(f"/campaigns/{campaign}")
        for path in (f"as/{mona}", "as/999", f"as/{alice}/folders/999", "as/999/folders/1"):
            officer.post(f"/campaigns/{campaign}/{path}", 404)
        assert "review.looked_at" not in house.trail_actions()
