"""The pages of the second person, and the board that points at them."""

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, ItemState
from recert.campaigns.policy import NonResponse, Policy
from tests.support.browser import Visitor, form_fields, visible
from tests.support.house import House

INBOX = "/finance/inbox"
SILENT = Policy(high=NonResponse.REVOKE)


def much(house: House) -> str:
    """More than one change waits; the path of its page."""
    campaign = house.launched(policy=Policy(removal_threshold=1))
    house.decide_all("pia", INBOX, Reply(Answer.REVOKE, reason="Over."))
    house.finish("alice")
    return f"/releases/{campaign}"


class TestTheBoard:
    def test_it_says_what_waits_and_where(self, house: House, officer: Visitor) -> None:
        path = much(house)
        page = officer.get("/campaigns/1")
        assert "4 changes wait for second-person approval" in visible(page)
        assert f'href="{path}"' in page

    def test_it_says_what_silence_means_before_the_close(
        self, house: House, officer: Visitor
    ) -> None:
        house.launched(policy=SILENT)
        page = visible(officer.get("/campaigns/1"))
        assert "high risk: removed, once a second person releases it" in page
        house.ask_to_close(1)
        house.carry_out()
        officer.post("/campaigns/1/close")
        assert "removed by policy when they are released" in visible(officer.get("/campaigns/1"))


class TestReleasing:
    def test_counts_and_rows_are_shown(self, house: House, admin: Visitor) -> None:
        page = visible(admin.get(much(house)))
        assert "4 changes wait for second-person approval" in page
        assert "More than 1 changes at once." in page
        assert "pia" in page

    def test_the_button_releases_them(self, house: House, admin: Visitor) -> None:
        path = much(house)
        hidden = form_fields(admin.get(path), path)
        hidden.pop("csrf_token", None)
        assert admin.post(path, **hidden, reason="Seen.") == "/releases"
        assert "4 changes are approved." in visible(admin.get("/releases"))
        house.carry_out()
        assert house.item("pia", INBOX).state is ItemState.VERIFIED

    def test_without_a_reason_nothing_happens(self, house: House, admin: Visitor) -> None:
        path = much(house)
        hidden = form_fields(admin.get(path), path)
        hidden.pop("csrf_token", None)
        assert "Give a reason for the approval." in visible(admin.post(path, 422, **hidden))
        house.carry_out()
        assert house.orders() == []

    def test_an_old_page_releases_nothing(self, house: House, admin: Visitor) -> None:
        path = much(house)
        admin.get(path)
        admin.post(path, 409, reason="Seen.", seen="0" * 64)
        house.carry_out()
        assert house.orders() == []

    def test_the_closer_is_told_to_ask_another(self, house: House, officer: Visitor) -> None:
        house.close(house.launched(policy=SILENT))
        hidden = form_fields(officer.get("/releases/1"), "/releases/1")
        hidden.pop("csrf_token", None)
        page = officer.post("/releases/1", 403, **hidden, reason="Mine.")
        assert "You closed the campaign, so somebody else must do this" in visible(page)

    def test_the_list_is_empty_or_names_the_campaign(self, house: House, admin: Visitor) -> None:
        assert "No changes wait for approval." in visible(admin.get("/releases"))
        much(house)
        assert "Autumn" in visible(admin.get("/releases"))
        admin.get("/releases/99", 404)


class TestTheForm:
    def test_a_new_campaign_takes_the_policy(self, house: House, officer: Visitor) -> None:
        house.snapshot()
        officer.get("/campaigns/new")
        fields = {"name": "Winter", "folder": "/", "due": "2026-12-15", "servers": house.server_id}
        where = officer.post("/campaigns/new", **fields, high="suspend", wave_size="25")
        policy = Policy.of(house.campaign(1).policy)
        assert (policy.high, policy.low, policy.batch_size) == (
            NonResponse.SUSPEND,
            NonResponse.KEEP,
            25,
        )
        page = visible(officer.get(where))
        assert "high risk: suspended, once a second person releases it" in page
        assert "Batch size 25" in page

    def test_nonsense_is_named(self, house: House, officer: Visitor) -> None:
        officer.get("/campaigns/new")
        fields = {"name": "Winter", "folder": "/", "due": "2026-12-15", "servers": house.server_id}
        page = officer.post("/campaigns/new", 422, **fields, wave_size="-1")
        assert "Use a number from 0." in visible(page)
