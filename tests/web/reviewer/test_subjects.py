"""Pages of reviews that are not about access to folders."""

import io
import re

import pytest
from flask import Flask

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, ItemState, Subject
from recert.campaigns.setup.presets import TEMPLATES
from tests.campaigns.setup.test_subjects import answer, items, launched, register
from tests.support.browser import Visitor, form_fields, visible
from tests.support.house import House

LAUNCH = {"name": "Winter", "folder": "/", "due": "2026-12-15"}


@pytest.fixture
def charlie(house: House, app: Flask) -> Visitor:
    return Visitor(app).sign_in(house.user(house.person("charlie")))


class TestAReviewOfGroups:
    def test_the_reviewer_sees_what_the_group_opens(self, house: House, charlie: Visitor) -> None:
        number = launched(house, Subject.MEMBERSHIP)
        assert "Show the questions" in visible(charlie.get(f"/reviews/{number}"))
        text = visible(charlie.get(f"/reviews/{number}/questions"))
        assert "Shall Bob Brook stay in group finance?" in text
        assert "The group gives access to /finance see file names, open and download files" in text
        assert "Keep some permissions only" not in text
        assert "Lea Left has left" in text

    def test_one_answer_and_the_rest_together(self, house: House, charlie: Visitor) -> None:
        number = launched(house, Subject.MEMBERSHIP)
        path = f"/reviews/{number}/questions"
        item = items(house, number)["bob"]
        hidden = form_fields(charlie.get(path), f"/reviews/items/{item.id}")
        hidden.pop("csrf_token")
        where = charlie.post(f"/reviews/items/{item.id}", answer="revoke", **hidden)
        assert where.startswith(path)
        fields = {"scope": "all", "answer": "keep", "reason": "All work here."}
        assert "has left" in visible(charlie.get(path))
        charlie.post(f"{path}/several", **fields)
        found = items(house, number)
        assert found["bob"].answer is Answer.REVOKE
        assert found["alice"].answer is Answer.KEEP

    def test_a_question_goes_to_the_officer(self, house: House, charlie: Visitor) -> None:
        number = launched(house, Subject.MEMBERSHIP)
        item = items(house, number)["bob"]
        charlie.get(f"/reviews/{number}/questions")
        where = charlie.post(f"/reviews/items/{item.id}/question", text="Who is he?")
        assert f"/reviews/{number}/questions" in where
        assert "Who is he?" in visible(charlie.get(f"/reviews/{number}/questions"))

    def test_nobody_else_sees_it(self, house: House, bob: Visitor) -> None:
        number = launched(house, Subject.MEMBERSHIP)
        bob.get(f"/reviews/{number}/questions", 404)


class TestAReviewOfOwnership:
    def test_an_owner_names_his_successor(self, house: House, alice: Visitor) -> None:
        number = launched(house, Subject.OWNERSHIP)
        path = f"/reviews/{number}/questions"
        text = alice.get(path)
        assert "Do you answer for folder /finance?" in visible(text)
        assert "Can get in 5 accounts" in visible(text)
        assert 'value="revoke"' not in text
        item = items(house, number)["folder /finance"]
        hidden = form_fields(text, f"/reviews/items/{item.id}")
        hidden.pop("csrf_token")
        said = {"answer": "not mine", "reason": "New job.", "successor": "bob@house.example"}
        alice.post(f"/reviews/items/{item.id}", **said, **hidden)
        assert items(house, number)["folder /finance"].reviewer_id == house.person("bob").person_id


class TestAReviewOfServiceAccounts:
    def test_it_says_what_it_is_for(self, house: House, bob: Visitor) -> None:
        number = launched(house, Subject.SERVICE)
        path = f"/reviews/{number}/questions"
        page = bob.get(path)
        assert "Is the service account batch still needed?" in visible(page)
        assert "For nobody has written it down" in visible(page)
        item = items(house, number)["batch"]
        hidden = form_fields(page, f"/reviews/items/{item.id}")
        hidden.pop("csrf_token")
        refused = bob.post(f"/reviews/items/{item.id}", 422, answer="keep", **hidden)
        assert "Say what the account is for" in visible(refused)
        bob.post(f"/reviews/items/{item.id}", answer="keep", reason="Invoices.", **hidden)
        assert items(house, number)["batch"].state is ItemState.DECIDED


class TestTheOfficer:
    def test_every_template_fills_the_form_in(self, house: House, officer: Visitor) -> None:
        for one in TEMPLATES:
            page = officer.get(f"/campaigns/new?template={one.key}")
            assert re.search(rf'<option selected value="{one.about.value}"', page), one.key
        page = officer.get("/campaigns/new?template=orphans")
        assert re.search(r'name="holders" value="orphan" checked', page)
        officer.get("/campaigns/new?template=none", 404)

    def test_a_review_of_groups_is_drafted_and_launched(
        self, house: House, officer: Visitor
    ) -> None:
        register(house)
        house.snapshot()
        officer.get("/campaigns/new?template=groups")
        fields = {**LAUNCH, "servers": house.server_id, "about": "membership"}
        where = officer.post("/campaigns/new", **fields)
        text = visible(officer.get(where))
        assert "3 questions" in text
        assert "Subject Membership" in text
        officer.post(f"{where}/launch")
        rows = visible(officer.get(f"{where}/items"))
        assert "group finance" in rows

    def test_a_scope_that_means_nothing_is_named(self, house: House, officer: Visitor) -> None:
        house.snapshot()
        officer.get("/campaigns/new")
        fields = {**LAUNCH, "servers": house.server_id, "about": "ownership", "holders": "orphan"}
        text = visible(officer.post("/campaigns/new", 422, **fields))
        assert "A review about ownership cannot be limited by holders." in text

    def test_owners_of_groups_are_imported(self, house: House, officer: Visitor) -> None:
        officer.get("/people")
        rows = b"server,group,owner_email\nmain,finance,bob@house.example\n"
        officer.post("/people/import/groups", file=(io.BytesIO(rows), "groups.csv"))
        assert "1 rows imported." in visible(officer.get("/people"))

    def test_a_schedule_starts_from_a_template(self, house: House, officer: Visitor) -> None:
        officer.get("/campaigns/schedules/new")
        fields = {
            **{"name": "Groups", "rhythm": "monthly", "first_day": "2026-12-01", "at": "08:00"},
            **{"zone": "UTC", "template": "groups", "days": 14, "folder": "/"},
            "servers": house.server_id,
        }
        officer.post("/campaigns/schedules/new", **fields)
        page = visible(officer.get("/campaigns/schedules"))
        assert "Groups" in page

    def test_a_second_look_stands_on_the_preview(self, house: House, officer: Visitor) -> None:
        house.snapshot()
        officer.get("/campaigns/new")
        fields = {**LAUNCH, "servers": house.server_id, "second_who": "named"}
        text = visible(officer.post("/campaigns/new", 422, **fields))
        assert "is nobody" in text
        fields |= {"second_name": "Mona@House.example", "second_sees": "kept", "second_days": 4}
        where = officer.post("/campaigns/new", **fields)
        text = visible(officer.get(where))
        assert "Stage 2: mona@house.example sees what was kept, 4 days" in text


class TestTheAuditor:
    def test_he_reads_what_was_asked_and_answered(self, house: House, auditor: Visitor) -> None:
        number = launched(house, Subject.MEMBERSHIP)
        item = items(house, number)["bob"]
        answer(house, item, Reply(Answer.KEEP), "charlie")
        text = visible(auditor.get(f"/audit/items/{item.id}"))
        assert "bob in group finance" in text
        assert "The group gives access to /finance" in text


class TestFoldersThatAreNotMine:
    def test_the_list_names_them_and_settles_them(self, house: House, officer: Visitor) -> None:
        assert "No disputed folders" in visible(officer.get("/campaigns/not-mine"))
        house.launched()
        reply = Reply(Answer.NOT_MINE, reason="Bob runs it.")
        house.decide("pia", "/finance/inbox", reply)
        assert "/finance on main" in visible(officer.get("/campaigns/not-mine"))
        wrong = {"owner": "lea@house.example", "reason": "So it is."}
        assert "they have left" in visible(officer.post("/campaigns/not-mine/1", 422, **wrong))
        officer.post("/campaigns/not-mine/1", owner="alice@house.example", reason="I asked her.")
        assert "No disputed folders" in visible(officer.get("/campaigns/not-mine"))
        assert house.trail_actions()[-1] == "ownership.settled"


class TestTheBoardOfMemberships:
    def test_it_counts_by_server_and_the_number_opens_its_rows(
        self, house: House, officer: Visitor
    ) -> None:
        number = launched(house, Subject.MEMBERSHIP)
        page = officer.get(f"/campaigns/{number}")
        assert f"/campaigns/{number}/items?server=1&amp;state=open" in page
        assert "<h2>Folders</h2>" not in page
        rows = visible(officer.get(f"/campaigns/{number}/items?server=1&state=open"))
        assert "group finance" in rows
        assert "group finance" not in visible(officer.get(f"/campaigns/{number}/items?server=2"))
