"""What the preview of a campaign says."""

from datetime import timedelta

from recert.campaigns.setup import drafts
from recert.campaigns.setup.scope import Scope
from recert.trail.act import Act
from tests.support.browser import Visitor, visible
from tests.support.house import House


def test_it_counts_the_accounts_of_unknown_use(house: House, officer: Visitor) -> None:
    house.snapshot()
    with house.db.transaction() as session:
        number = drafts.draft(
            Act(session, house.officer, house.now),
            drafts.CampaignDraft(
                "Unused",
                [house.server_id],
                "/",
                house.now + timedelta(days=14),
                scope=Scope(unused_days=90, unknown_unused=True),
                undo_minutes=60,
            ),
        ).id
    page = visible(officer.get(f"/campaigns/{number}"))
    assert "Of 7 accounts on main neither a sign-in nor a transfer is known." in page
    assert "They count as unused." in page
