"""Every message before the launch, and mails in the demo's mailbox."""

from email.message import EmailMessage
from pathlib import Path

from sqlalchemy import func, select

from recert.campaigns.models import CampaignState, Item
from recert.campaigns.notifications import preview
from recert.mail.models import MailToken, OutboxMessage
from tests.support.browser import Visitor, visible
from tests.support.house import House

KINDS = {
    *preview.DIGESTS,
    *("question", "answer", "receipt", "unclear", "result", "expiry", "summary"),
}


class TestBeforeTheLaunch:
    def test_every_message_is_shown_for_three_reviewers(
        self, house: House, officer: Visitor
    ) -> None:
        house.snapshot()
        campaign = house.drafted("Winter")
        officer.get(f"/campaigns/{campaign}")
        page = visible(officer.post(f"/campaigns/{campaign}/messages", 200))
        for name in ("Alice Archer", "Bob Brook", "Charlie Cole"):
            assert f"{name} <" in page
        for kind in KINDS:
            assert f"{kind.replace('_', ' ').capitalize()}: " in page

    def test_nothing_is_launched_written_or_sent(self, house: House, officer: Visitor) -> None:
        house.snapshot()
        campaign = house.drafted("Winter")
        officer.get(f"/campaigns/{campaign}")
        before = house.trail_actions()
        officer.post(f"/campaigns/{campaign}/messages", 200)
        assert house.trail_actions() == before
        assert house.campaign(campaign).state is CampaignState.DRAFT
        with house.db.reading() as session:
            for table in (Item, MailToken, OutboxMessage):
                assert session.scalar(select(func.count()).select_from(table)) == 0

    def test_what_cannot_be_launched_says_why(self, house: House, officer: Visitor) -> None:
        campaign = house.drafted("Winter")
        officer.get("/campaigns/new")
        page = officer.post(f"/campaigns/{campaign}/messages", 409)
        assert "has no complete snapshot" in visible(page)

    def test_its_pages_run_no_scripts(self, house: House, officer: Visitor) -> None:
        house.snapshot()
        campaign = house.drafted("Winter")
        officer.get(f"/campaigns/{campaign}")
        answer = officer.client.post(
            f"/campaigns/{campaign}/messages", data={"csrf_token": officer.token}
        )
        rules = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in rules
        assert "script" not in rules


class TestTheDemosMailbox:
    def test_a_mail_is_shown_in_both_forms(self, house: House, tmp_path: Path) -> None:
        mail = EmailMessage()
        mail["To"], mail["Subject"], mail["Date"] = "alice@house.example", "Hello", "today"
        mail.set_content("As text")
        mail.add_alternative("<p onclick='x'>As HTML</p>", subtype="html")
        (tmp_path / "000001.eml").write_bytes(mail.as_bytes())
        page = Visitor(house.app(demo_mailbox=tmp_path)).get("/mailbox/000001.eml")
        assert "As text" in visible(page)
        assert 'srcdoc="&lt;p onclick=' in page
        assert 'sandbox="allow-popups"' in page
