"""The officer's and the administrator's pages."""

import io
import re
from datetime import timedelta

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, CampaignState
from recert.campaigns.policy_rules import NUMBERS
from recert.changes.models import OrderState
from recert.foundation import clock
from recert.inventory import queries
from recert.inventory.models import SnapshotState
from recert.jobs import runner
from recert.people.queries import people_count
from recert.web.formats import plural
from tests.support.browser import Visitor, visible
from tests.support.house import NOON, House

LAUNCH = {"name": "Winter", "folder": "/", "due": "2026-12-15"}


class TestLaunching:
    def test_counts_come_first_and_nothing_is_sent(self, house: House, officer: Visitor) -> None:
        house.snapshot()
        officer.get("/campaigns/new")
        where = officer.post("/campaigns/new", **LAUNCH, servers=house.server_id)
        text = visible(officer.get(where))
        assert "Nothing has been sent." in text
        assert "9 questions" in text
        assert house.campaign(1).state is CampaignState.DRAFT

    def test_the_button_launches_it(self, house: House, officer: Visitor) -> None:
        house.snapshot()
        officer.get("/campaigns/new")
        where = officer.post("/campaigns/new", **LAUNCH, servers=house.server_id)
        officer.get(where)
        officer.post(f"{where}/launch")
        assert house.campaign(1).state is CampaignState.ACTIVE
        assert house.campaign(1).launched_by == "olga@house.example"
        assert "9 questions" in visible(officer.get(where))

    def test_the_form_says_what_can_be_answered_by_mail(
        self, house: House, officer: Visitor
    ) -> None:
        house.snapshot()
        officer.get("/campaigns/new")
        fields = {"high": "keep", "medium": "keep", "low": "keep", "due": "2026-12-31"}
        place = officer.post(
            "/campaigns/new",
            name="Winter",
            servers=house.server_id,
            folder="/",
            mail_answers="off",
            **fields,
        )
        assert "not possible: everybody signs in" in visible(officer.get(place))
        assert house.campaign(1).policy["mail_answers"] == "off"

    def test_without_a_snapshot_it_says_what_to_do(self, house: House, officer: Visitor) -> None:
        officer.get("/campaigns/new")
        where = officer.post("/campaigns/new", **LAUNCH, servers=house.server_id)
        page = officer.get(where)
        assert "main has no complete snapshot. Take one first." in visible(page)
        assert re.search(r"<button[^>]* disabled", page)
        assert "no complete snapshot" in visible(officer.post(f"{where}/launch", 409))
        assert house.campaign(1).state is CampaignState.DRAFT

    def test_bad_input_is_named_and_kept(self, house: House, officer: Visitor) -> None:
        officer.get("/campaigns/new")
        bad = {"name": "W", "folder": "/", "due": "soon", "servers": house.server_id}
        page = officer.post("/campaigns/new", 422, **bad)
        assert "Use 2 to 120 characters." in visible(page)
        assert "Enter a date like 2026-12-31." in visible(page) or "valid date" in visible(page)
        assert 'value="W"' in page
        past = {**LAUNCH, "due": "2020-01-01", "servers": house.server_id}
        assert "must lie in the future" in visible(officer.post("/campaigns/new", 422, **past))

    def test_a_relative_folder_is_refused(self, house: House, officer: Visitor) -> None:
        officer.get("/campaigns/new")
        bad = {**LAUNCH, "folder": "finance/..", "servers": house.server_id}
        assert "not an absolute folder path" in visible(officer.post("/campaigns/new", 422, **bad))


class TestTheBoard:
    def test_reminding_works_once_a_day(self, house: House, officer: Visitor) -> None:
        campaign_id = house.launched()
        officer.get(f"/campaigns/{campaign_id}")
        officer.post(f"/campaigns/{campaign_id}/remind")
        page = officer.post(f"/campaigns/{campaign_id}/remind", 422)
        assert "reminded today already" in visible(page)

    def test_every_number_leads_to_its_rows(self, house: House, officer: Visitor) -> None:
        campaign_id = house.launched()
        page = officer.get(f"/campaigns/{campaign_id}")
        links = set(re.findall(rf'href="(/campaigns/{campaign_id}/items[^"]*)"', page))
        assert len(links) > 5
        for link in links:
            officer.get(link.replace("&amp;", "&"))

    def test_a_question_of_the_queue_is_given_to_somebody(
        self, house: House, officer: Visitor
    ) -> None:
        house.write_permissions({"x": {"folders": {"/orphaned": "list"}}})
        campaign_id = house.launched()
        item = house.item("x", "/orphaned")
        assert "x" in visible(officer.get(f"/campaigns/{campaign_id}/items?reviewer=queue"))
        path = f"/campaigns/{campaign_id}/items/{item.id}/reassign"
        officer.post(path, 422, email="nobody@house.example", reason="Knows it")
        officer.post(path, email="bob@house.example", reason="Knows it")
        assert house.item("x", "/orphaned").reviewer_id == house.person("bob").person_id

    def test_sign_off_waits_for_the_proof(self, house: House, officer: Visitor) -> None:
        campaign_id = house.launched()
        house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE))
        house.ask_to_close(campaign_id)
        officer.get(f"/campaigns/{campaign_id}")
        officer.post(f"/campaigns/{campaign_id}/close")
        assert "1 change not verified yet" in visible(officer.get(f"/campaigns/{campaign_id}"))
        fields = {"statement": "Seen.", "confirmed": "y"}
        officer.post(f"/campaigns/{campaign_id}/sign-off", 409, **fields)
        house.carry_out()
        officer.get(f"/campaigns/{campaign_id}")
        officer.post(f"/campaigns/{campaign_id}/sign-off", **fields)
        assert house.campaign(campaign_id).state is CampaignState.SIGNED_OFF
        assert "Seen." in visible(officer.get(f"/campaigns/{campaign_id}"))


class TestServers:
    def test_says_that_another_server_shows_the_same_storage(self, admin: Visitor) -> None:
        admin.get("/servers/1")
        admin.post("/servers/1/storage", storage="fileserver1")
        assert "Storage fileserver1, no other server" in visible(admin.get("/servers/1"))
        page = visible(admin.post("/servers/1/storage", 422, storage="x" * 65))
        assert "Please check the form." in page

    def test_one_is_added_and_checked(self, house: House, admin: Visitor) -> None:
        admin.get("/servers/new/embedded")
        fields = {"name": "second", "set-file": str(house.permissions)}
        where = admin.post("/servers/new/embedded", **fields)
        assert "Automatic changes Off." in visible(admin.get(where))
        admin.post(f"{where}/test")
        assert "The check is queued" in visible(admin.get(f"{where}/test"))
        runner.run_all(house.app().extensions["recert.job_context"])
        page = visible(admin.get(f"{where}/test"))
        assert "ok read" in page
        assert "failed" not in page

    def test_a_missing_file_is_explained(self, house: House, admin: Visitor) -> None:
        admin.get("/servers/new/embedded")
        fields = {"name": "second", "set-file": "/nowhere/permissions.json"}
        where = admin.post("/servers/new/embedded", **fields)
        admin.get(where)
        admin.post(f"{where}/test")
        runner.run_all(house.app().extensions["recert.job_context"])
        assert "/nowhere/permissions.json" in visible(admin.get(f"{where}/test"))

    def test_bad_input_is_named(self, house: House, admin: Visitor) -> None:
        admin.get("/servers/new/embedded")
        fields = {"name": "main", "set-file": str(house.permissions)}
        assert "already a server" in visible(admin.post("/servers/new/embedded", 422, **fields))
        page = visible(admin.post("/servers/new/embedded", 422, name="other"))
        assert "needs file" in page

    def test_a_snapshot_is_asked_for_and_the_difference_shown(
        self, house: House, admin: Visitor
    ) -> None:
        house.snapshot()
        admin.get("/servers/1")
        admin.post("/servers/1/snapshot")
        assert house.server().snapshot_wanted_at == NOON
        house.write_permissions({"pia": {"folders": {"/finance/inbox": "list"}}}, {})
        house.snapshot(accept_shrink=True)
        text = visible(admin.get("/servers/1/difference"))
        assert "New access: 1" in text
        assert "Removed access: 9" in text

    def test_writing_is_switched(self, house: House, admin: Visitor) -> None:
        admin.get("/servers/1")
        admin.post("/servers/1/writes", enabled="no")
        assert house.server().writes_enabled is False
        assert house.trail_actions()[-1] == "server.writes_disabled"

    def test_folders_show_their_owners(self, house: House, admin: Visitor) -> None:
        house.snapshot()
        text = visible(admin.get("/servers/1/folders"))
        assert "/finance/inbox Alice Archer as owner of /finance" in text
        assert "/ none" in text


class TestPeople:
    def test_a_good_file_is_imported(self, house: House, admin: Visitor) -> None:
        admin.get("/people")
        text = b"email,name,organisation\nnew@house.example,New One,House\n"
        admin.post("/people/import/people", file=(io.BytesIO(text), "people.csv"))
        with house.db.reading() as session:
            assert people_count(session) == 7

    def test_every_bad_line_is_named_and_nothing_changes(
        self, house: House, admin: Visitor
    ) -> None:
        admin.get("/people")
        text = b"email,name,organisation\nnobody,,House\nb@house.example,B,\n"
        page = visible(
            admin.post("/people/import/people", 422, file=(io.BytesIO(text), "people.csv"))
        )
        for expected in ("Line 2, email", "Line 2, name", "Line 3, organisation"):
            assert expected in page
        with house.db.reading() as session:
            assert people_count(session) == 6

    def test_an_unknown_owner_is_named(self, house: House, admin: Visitor) -> None:
        admin.get("/people")
        text = b"server,folder,owner_email\nmain,/x,ghost@house.example\n"
        page = admin.post("/people/import/owners", 422, file=(io.BytesIO(text), "owners.csv"))
        assert "nobody has the address ghost@house.example" in visible(page)


class TestChanges:
    def test_the_plan_the_log_and_the_undo_are_shown(self, house: House, admin: Visitor) -> None:
        house.launched()
        house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE))
        house.finish("alice")
        house.carry_out()
        text = visible(admin.get("/orders/1"))
        assert "Revoke pia in /finance/inbox verified" in text
        assert "Looked again at 2026-11-23 12:00 UTC: no access." in text
        assert admin.post("/orders/1/undo", reason="A mistake.") == "/orders/1"
        assert "Another officer or administrator must approve it" in visible(admin.get("/orders/1"))
        assert "need" in visible(admin.post("/orders/1/undo/approve", 403)).lower()
        officer = Visitor(admin.client.application).sign_in(house.user(house.officer))
        assert "A mistake." in visible(officer.get("/orders"))
        officer.get("/orders/1")
        assert officer.post("/orders/1/undo/approve") == "/orders/2"
        house.carry_out()
        assert house.orders()[1].state is OrderState.VERIFIED
        assert "Undone by change 2" in visible(admin.get("/orders/1"))

    def test_an_old_change_cannot_be_taken_back(self, house: House, admin: Visitor) -> None:
        house.launched()
        house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE))
        house.finish("alice")
        house.carry_out()
        with clock.frozen(NOON + timedelta(days=31)):
            admin.sign_in(house.user(house.admin))
            admin.get("/orders/1")
            page = admin.post("/orders/1/undo", 409, reason="A mistake.")
        assert "more than 30 days old" in visible(page)

    def test_the_list_shows_all_of_them(self, house: House, admin: Visitor) -> None:
        assert "No changes yet." in visible(admin.get("/orders"))


class TestSnapshots:
    def test_a_failed_one_is_shown_with_its_reason(self, house: House, admin: Visitor) -> None:
        house.permissions.unlink()
        assert house.snapshot().state is SnapshotState.FAILED
        assert "failed" in visible(admin.get("/servers/1"))
        with house.db.reading() as session:
            assert queries.last_complete(session, 1) is None


def test_plurals_are_right() -> None:
    assert [plural(1, "item"), plural(0, "item"), plural(1200, "person", "people")] == [
        "1 item",
        "0 items",
        "1,200 people",
    ]


def test_every_number_of_the_policy_stands_in_the_form(officer: Visitor, house: House) -> None:
    house.snapshot()
    page = officer.get("/campaigns/new")
    assert [r.name for r in NUMBERS.values() if f'name="{r.stored}"' not in page] == []
