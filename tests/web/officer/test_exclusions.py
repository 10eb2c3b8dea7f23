"""Exclusions, delegations, questions, scope, and keeps that end, on their pages."""

import pytest
from flask import Flask

from recert.campaigns.models import Answer
from recert.foundation.actor import Role
from tests.support.browser import Visitor, visible
from tests.support.house import House, staff

INBOX = "/finance/inbox"


def send(
    visitor: Visitor, path: str, fields: dict[str, object] | None = None, code: int = 302
) -> str:
    """Sends a form with the token of the start page."""
    visitor.get("/reviews")
    return visitor.post(path, code, **(fields or {}))


@pytest.fixture
def otto(house: House, app: Flask) -> Visitor:
    """A second officer."""
    return Visitor(app).sign_in(house.user(staff("otto@house.example", Role.OFFICER)))


class TestExclusions:
    def ask(self, officer: Visitor, **fields: object) -> str:
        wanted = {
            "server": 1, "account": "batch", "folder": "/", "reason": "Moves.",
            "ends": "2026-12-31",
        }  # fmt: skip
        return send(officer, "/campaigns/exclusions", {**wanted, **fields}, code=302)

    def test_one_asks_and_another_approves(self, officer: Visitor, otto: Visitor) -> None:
        self.ask(officer)
        page = officer.get("/campaigns/exclusions")
        assert "waiting for approval" in page
        assert "Approve" not in page
        send(otto, "/campaigns/exclusions/1/approve", code=302)
        assert "approved by otto@house.example" in officer.get("/campaigns/exclusions")
        send(officer, "/campaigns/exclusions/1/end", code=302)
        assert "ended by olga@house.example" in officer.get("/campaigns/exclusions")

    def test_nobody_approves_his_own(self, officer: Visitor) -> None:
        self.ask(officer)
        assert "second person" in send(officer, "/campaigns/exclusions/1/approve", code=403)

    def test_what_is_wrong_is_named_and_kept(self, officer: Visitor) -> None:
        wanted = {"server": 1, "account": "batch", "folder": "/", "ends": "2026-12-31"}
        page = send(officer, "/campaigns/exclusions", {**wanted, "reason": ""}, code=422)
        assert "Give a reason." in page
        assert 'value="batch"' in page
        late = {**wanted, "reason": "x", "ends": "2029-01-01"}
        assert "within a year" in send(officer, "/campaigns/exclusions", late, code=422)


class TestDelegations:
    def test_a_reviewer_lets_somebody_answer(self, house: House, alice: Visitor) -> None:
        fields = {
            "stand_in": "charlie@house.example", "starts": "2026-11-23", "ends": "2026-11-30",
            "reason": "Holiday.",
        }  # fmt: skip
        send(alice, "/reviews/delegations", fields, code=302)
        page = alice.get("/reviews/delegations")
        assert "Charlie Cole" in page
        assert "End now" in page
        send(alice, "/reviews/delegations/1/end", code=302)
        assert "End now" not in alice.get("/reviews/delegations")

    def test_not_for_somebody_else(self, bob: Visitor) -> None:
        fields = {
            "principal": "alice@house.example", "stand_in": "charlie@house.example",
            "starts": "2026-11-23", "ends": "2026-11-30", "reason": "So.",
        }  # fmt: skip
        assert "or an officer" in send(bob, "/reviews/delegations", fields, code=403)

    def test_bad_input_is_named(self, alice: Visitor) -> None:
        fields = {
            "stand_in": "nobody@house.example", "starts": "2026-11-23", "ends": "2026-11-30",
            "reason": "So.",
        }  # fmt: skip
        page = send(alice, "/reviews/delegations", fields, code=422)
        assert "No person has the email address" in page


class TestQuestions:
    def test_they_travel_between_reviewer_and_officer(
        self, house: House, alice: Visitor, officer: Visitor
    ) -> None:
        campaign_id = house.launched()
        item = house.item("batch", INBOX)
        send(alice, f"/reviews/items/{item.id}/question", {"text": "What for?"}, code=302)
        assert "1 question from a reviewer to answer" in visible(
            officer.get(f"/campaigns/{campaign_id}")
        )
        assert "What for?" in officer.get(f"/campaigns/{campaign_id}/questions")
        send(officer, f"/campaigns/items/{item.id}/answer", {"text": "Payroll."}, code=302)
        assert "Payroll." in alice.get(f"/reviews/{campaign_id}/folders/{item.folder_id}")
        assert "No open questions" in officer.get(f"/campaigns/{campaign_id}/questions")

    def test_an_item_of_somebody_else_is_not_there(self, house: House, bob: Visitor) -> None:
        house.launched()
        item = house.item("batch", INBOX)
        send(bob, f"/reviews/items/{item.id}/question", {"text": "Hm?"}, code=404)


class TestAnswering:
    def test_a_keep_until_a_date(self, house: House, alice: Visitor) -> None:
        campaign_id = house.launched()
        item = house.item("batch", INBOX)
        fields = {
            "answer": "keep", "version": 0, "seen": item.content_hash, "until": "2027-03-31",
        }  # fmt: skip
        send(alice, f"/reviews/items/{item.id}", fields, code=302)
        kept = house.item("batch", INBOX)
        assert kept.answer is Answer.KEEP
        assert kept.keep_until
        assert kept.keep_until.date().isoformat() == "2027-03-31"
        page = alice.get(f"/reviews/{campaign_id}/folders/{item.folder_id}")
        assert "until 31 March 2027" in page

    def test_a_date_in_the_past_is_named_and_nothing_saved(
        self, house: House, alice: Visitor
    ) -> None:
        house.launched()
        item = house.item("batch", INBOX)
        fields = {
            "answer": "keep", "version": 0, "seen": item.content_hash, "until": "2020-01-01",
        }  # fmt: skip
        assert "two years" in send(alice, f"/reviews/items/{item.id}", fields, code=422)
        assert house.item("batch", INBOX).answer is None

    def test_hints_stand_beside_the_question(self, house: House, alice: Visitor) -> None:
        campaign_id = house.launched()
        item = house.item("lea", "/finance")
        page = alice.get(f"/reviews/{campaign_id}/folders/{item.folder_id}")
        assert "Lea Left has left on 2026-01-31." in page
        assert "Reason required to keep" in page


class TestScope:
    def test_it_is_chosen_shown_and_kept(self, house: House, officer: Visitor) -> None:
        house.snapshot()
        fields = {
            "name": "Deleters", "servers": [1], "folder": "/", "due": "2026-12-20",
            "rights": ["16"], "holders": ["service"],
        }  # fmt: skip
        send(officer, "/campaigns/new", fields, code=302)
        page = officer.get("/campaigns/1")
        assert "accounts that are service; access that can delete" in page
        assert "<b>1</b> question</li>" in page

    def test_old_snapshots_need_two(self, house: House, app: Flask) -> None:
        house.snapshot()
        with house.later(days=3):
            officer = Visitor(app).sign_in(house.user(house.officer))
            otto = Visitor(app).sign_in(house.user(staff("otto@house.example", Role.OFFICER)))
            campaign_id = house.drafted("Late")
            assert "Allow older snapshots" in officer.get(f"/campaigns/{campaign_id}")
            path = f"/campaigns/{campaign_id}/allow-older-snapshots"
            send(officer, path, {"reason": "It moves."}, code=302)
            assert "somebody else" in send(officer, f"/campaigns/{campaign_id}/launch", code=403)
            send(otto, f"/campaigns/{campaign_id}/launch", code=302)
        assert house.campaign(campaign_id).launched_by == "otto@house.example"
