"""The three journeys, in a real browser: launch, decide on a phone without scripts, read."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from recert.campaigns.models import Answer, CampaignState, ItemState
from recert.campaigns.notifications import reviewer_mails
from recert.evidence import verifier
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.mail.models import OutboxMessage
from recert.trail import checks
from tests.browser.conftest import Enter
from tests.support.house import House, staff

pytestmark = pytest.mark.browser


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).first.click()


class TestTheOfficer:
    def test_he_launches_a_review(self, house: House, enter: Enter) -> None:
        house.snapshot()
        page = enter(house.officer)
        page.get_by_role("link", name="New campaign").click()
        page.get_by_label("Name of the review").fill("Winter")
        press(page, "Preview")
        expect(page.get_by_role("heading", name="Preview of “Winter”")).to_be_visible()
        press(page, "Launch and send")
        expect(page.get_by_role("status")).to_contain_text("is launched")
        assert house.campaign(1).state is CampaignState.ACTIVE

    def test_two_close_early_and_one_signs_off(self, house: House, enter: Enter) -> None:
        campaign_id = house.launched()
        other = enter(staff("otto@house.example", Role.OFFICER))
        other.goto(f"/campaigns/{campaign_id}")
        other.locator("summary", has_text="Close this review").click()
        other.locator("#close-why").fill("All that matters is answered.")
        press(other, "Request early close")
        expect(other.get_by_role("status")).to_contain_text("Another officer can now close")
        page = enter(house.officer)
        page.goto(f"/campaigns/{campaign_id}")
        page.locator("summary", has_text="Close this review").click()
        press(page, "Close the review now")
        page.get_by_label("I have reviewed the totals").check()
        press(page, "Sign off")
        expect(page.get_by_role("status")).to_contain_text("signed off")
        assert house.campaign(campaign_id).state is CampaignState.SIGNED_OFF


class TestTheOwnerOnAPhoneWithoutScripts:
    def test_she_decides_every_question(self, house: House, enter: Enter) -> None:
        house.launched()
        page = enter(house.person("alice"), width=360, scripts=False)
        page.get_by_role("link", name="Start").click()
        page.get_by_role("link", name="/finance/inbox").click()
        card = page.locator("article", has_text="Pia Partner")
        card.get_by_role("button", name="Remove").click()
        expect(page.get_by_role("status")).to_have_text("Saved for Pia Partner.")
        card = page.locator("article", has_text="batch")
        card.get_by_text("Keep some permissions only").click()
        card.get_by_label("see file names").check()
        card.get_by_role("button", name="Save reduced access").click()
        for name in ("Bob Brook", "Lea Left"):
            card = page.locator("article", has_text=name)
            if name == "Lea Left":  # she has left: keeping her access needs a reason
                card.get_by_role("textbox", name="Reason").fill("Hands over until May.")
            card.get_by_role("button", name="Keep").first.click()
        assert house.item("pia", "/finance/inbox").answer is Answer.REVOKE
        assert house.item("batch", "/finance/inbox").answer_rights == 1
        page.get_by_role("link", name="Back to all folders").click()
        press(page, "Submit 4 answers")
        expect(page.get_by_role("status")).to_contain_text("4 answers are final")
        house.carry_out()
        assert house.item("pia", "/finance/inbox").state is ItemState.VERIFIED

    def test_she_decides_from_her_mail_without_signing_in(self, house: House, enter: Enter) -> None:
        house.launched()
        reviewer_mails.send_due(house.db, house.head, now=clock.now())
        with house.db.reading() as session:
            here = OutboxMessage.to_address == "alice@house.example"
            text = session.scalars(select(OutboxMessage.text).where(here)).one()
        link = re.search(r"Pia Partner .*\n.*\n\s+Answer: http://localhost(\S+)", text)
        assert link
        page = enter(None, width=360, scripts=False)
        page.goto(link[1])
        assert link[1] not in page.url
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "May Pia Partner keep access to /finance/inbox?"
        )
        with house.later(seconds=9):
            press(page, "Remove")
        expect(page.get_by_role("heading", level=1)).to_have_text("Saved. Thank you.")
        assert house.item("pia", "/finance/inbox").answer is Answer.REVOKE


class TestTheAuditor:
    def test_he_reads_checks_and_takes_the_evidence(
        self, house: House, enter: Enter, tmp_path: Path
    ) -> None:
        house.launched()
        page = enter(house.auditor)
        page.get_by_role("link", name="Autumn").click()
        expect(page.get_by_role("cell", name="main")).to_be_visible()
        with page.expect_download() as download:
            press(page, "Download evidence")
        target = tmp_path / "evidence.zip"
        download.value.save_as(target)
        assert verifier.main([str(target)]) == 0
        page.goto("/audit/trail")
        press(page, "Verify the whole chain")
        expect(page.get_by_text("Verification is queued")).to_be_visible()
        job_context = house.app().extensions["recert.job_context"]
        assert checks.check_trail(job_context) == 1
        assert job_context.servers.wait(30)
        page.get_by_role("link", name="Show the result").click()
        expect(page.get_by_text("The audit trail is intact")).to_be_visible()
