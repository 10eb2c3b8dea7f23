"""How reviewers answered, and the instruction, on the pages."""

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from tests.support.browser import Visitor, visible
from tests.support.house import House


def answered(house: House) -> int:
    campaign = house.launched()
    house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE))
    with house.later(seconds=12):
        house.decide("batch", "/finance/inbox", Reply(Answer.KEEP))
    return campaign


class TestQuality:
    def test_officer_and_auditor_see_everybody(
        self, house: House, officer: Visitor, auditor: Visitor
    ) -> None:
        campaign = answered(house)
        assert f'href="/campaigns/{campaign}/quality"' in officer.get(f"/campaigns/{campaign}")
        for visitor in (officer, auditor):
            text = visible(visitor.get(f"/campaigns/{campaign}/quality"))
            assert "12.0 s 0 % 50 % 0 not yet" in text
            assert "count as 10" in text

    def test_a_reviewer_sees_his_own_and_only_his_own(
        self, house: House, alice: Visitor, bob: Visitor
    ) -> None:
        campaign = answered(house)
        text = visible(alice.get(f"/reviews/{campaign}"))
        assert "Your answers Answers 2 (1 kept) In bulk 0 %" in text
        assert "12.0 seconds (median)" in text
        assert "Your answers" not in bob.get(f"/reviews/{campaign}")
        bob.get(f"/campaigns/{campaign}/quality", 404)

    def test_a_campaign_that_is_not_there(self, house: House, officer: Visitor) -> None:
        officer.get("/campaigns/99/quality", 404)


class TestTheInstruction:
    def test_it_is_written_shown_and_read_once(
        self, house: House, officer: Visitor, alice: Visitor
    ) -> None:
        campaign = house.launched()
        assert "No instructions yet." in visible(officer.get("/campaigns/instruction"))
        officer.post("/campaigns/instruction", text="Who <needs> it?")
        assert "Version 1" in visible(officer.get("/campaigns/instruction"))
        page = officer.post("/campaigns/instruction", 422, text="Who <needs> it?")
        assert "version 1 already" in visible(page)
        assert "Enter the text." in visible(officer.post("/campaigns/instruction", 422, text=" "))
        page = alice.get(f"/reviews/{campaign}")
        assert "Who &lt;needs&gt; it?" in page
        assert "I have read this" in page
        alice.post(f"/reviews/{campaign}/instruction/1")
        page = alice.get(f"/reviews/{campaign}")
        assert "I have read this" not in page
        assert "You confirmed reading it on 23 November 2026." in visible(page)
        text = visible(officer.get(f"/campaigns/{campaign}/quality"))
        assert "version 1, 23 November 2026" in text

    def test_an_older_one_cannot_be_read_any_more(
        self, house: House, officer: Visitor, alice: Visitor
    ) -> None:
        campaign = house.launched()
        officer.get("/campaigns/instruction")
        officer.post("/campaigns/instruction", text="One.")
        alice.get(f"/reviews/{campaign}")
        officer.post("/campaigns/instruction", text="Two.")
        page = alice.post(f"/reviews/{campaign}/instruction/1", 409)
        assert "There is a newer instruction" in visible(page)

    def test_who_is_not_asked_reads_nothing_here(
        self, house: House, officer: Visitor, bob: Visitor
    ) -> None:
        officer.get("/campaigns/instruction")
        officer.post("/campaigns/instruction", text="One.")
        bob.get("/reviews")
        bob.post("/reviews/1/instruction/1", 404)
        bob.get("/campaigns/instruction", 404)
