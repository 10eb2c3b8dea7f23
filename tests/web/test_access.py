"""Who may open what: every route declares it, and every answer is as declared."""

import re

import pytest
from flask import Flask

from recert.foundation.actor import Role
from recert.web.access import DECLARED, HEADERS
from tests.support.browser import Visitor
from tests.support.house import House

PLACE = re.compile(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>")
SAFE = {"GET", "HEAD", "OPTIONS"}
PUBLIC = {
    "sign_in.show",
    "sign_in.enter",
    "item_link.show",
    "item_link.question",
    "item_link.answer",
}
PUBLIC |= {"unsubscribe.show", "unsubscribe.stop", "folder_link.questions", "folder_link.answer"}
PUBLIC |= {"challenge_link.by_mail", "challenge_link.object_by_mail"}
PUBLIC |= {f"single_sign_on.{name}" for name in ("begin", "callback", "logged_out_there")}
# The secret of the link is all that mail programs can send (RFC 8058).
WITHOUT_FORM = {"unsubscribe.stop", "single_sign_on.logged_out_there"}
HELD = {"officer": Role.OFFICER, "admin": Role.ADMINISTRATOR, "auditor": Role.AUDITOR}
NUMBERS = {
    "campaign_id": "1",
    "server_id": "1",
    "kind": "csv",
    "what": "people",
    "look": "test",
    "state": "on",
    "token": "x",
    "place": "x",
}


def is_for_programs(app: Flask, endpoint: str) -> bool:
    """Whether a route wants an access token, and no browser ever opens it."""
    return str(getattr(app.view_functions[endpoint], DECLARED, "")).startswith("token: ")


def routes(app: Flask, *, programs: bool = False) -> list[tuple[str, str, str]]:
    """(endpoint, method, a path) of every page, or of every route for programs."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static" or is_for_programs(app, rule.endpoint) is not programs:
            continue
        path = re.sub(
            r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", lambda m: NUMBERS.get(m[1], "999"), rule.rule
        )
        found += [
            (rule.endpoint, method, path)
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        ]
    return found


class TestEveryRoute:
    def test_it_declares_who_may_open_it(self, app: Flask) -> None:
        views = {name: view for name, view in app.view_functions.items() if name != "static"}
        assert [name for name, view in views.items() if not hasattr(view, DECLARED)] == []
        public = {name for name, view in views.items() if getattr(view, DECLARED) == "public"}
        assert public == PUBLIC

    def test_a_stranger_is_sent_to_the_sign_in(self, app: Flask, stranger: Visitor) -> None:
        stranger.get("/sign-in")
        for endpoint, method, path in routes(app):
            if endpoint not in PUBLIC:
                answer = stranger.client.open(
                    path, method=method, data={"csrf_token": stranger.token}
                )
                assert (endpoint, answer.status_code) == (endpoint, 302)
                assert answer.headers["Location"].startswith("/sign-in")

    @pytest.mark.parametrize("who", ["alice", "officer", "admin", "auditor"])
    def test_other_roles_find_nothing(
        self, house: House, app: Flask, who: str, request: pytest.FixtureRequest
    ) -> None:
        house.launched()
        visitor: Visitor = request.getfixturevalue(who)
        held = {"officer": Role.OFFICER, "admin": Role.ADMINISTRATOR, "auditor": Role.AUDITOR}.get(
            who
        )
        visitor.get("/reviews")
        for endpoint, method, path in routes(app):
            wanted = getattr(app.view_functions[endpoint], DECLARED)
            if wanted == "public" or not wanted or held in wanted:
                continue
            answer = visitor.client.open(path, method=method, data={"csrf_token": visitor.token})
            assert (endpoint, answer.status_code) == (endpoint, 404)

    def test_programs_need_a_token_and_no_session_helps(
        self, app: Flask, officer: Visitor, stranger: Visitor
    ) -> None:
        found = routes(app, programs=True)
        assert len(found) >= 5
        for endpoint, method, path in found:
            for visitor in (stranger, officer):
                answer = visitor.client.open(path, method=method, json={})
                assert (endpoint, answer.status_code) == (endpoint, 401)

    def test_a_form_without_its_token_is_refused(self, app: Flask, officer: Visitor) -> None:
        for endpoint, method, path in routes(app):
            if method not in SAFE and endpoint not in WITHOUT_FORM:
                answer = officer.client.open(path, method=method, data={"csrf_token": "forged"})
                assert (endpoint, answer.status_code) == (endpoint, 400)

    def test_reading_changes_nothing(self, house: House, app: Flask, officer: Visitor) -> None:
        house.launched()
        before = house.trail_actions()
        for _, method, path in routes(app):
            if method == "GET":
                officer.client.get(path)
        assert house.trail_actions() == before

    @pytest.mark.parametrize("number", ["9" * 30, "9" * 5000])
    def test_a_number_that_no_row_has_is_no_accident(
        self, app: Flask, officer: Visitor, number: str
    ) -> None:
        for rule in app.url_map.iter_rules():
            if "GET" in (rule.methods or ()) and "<int:" in rule.rule:
                path = re.sub(r"<int:\w+>", number, rule.rule)
                assert officer.client.get(path).status_code == 404, path
        query = f"?before={number}&after={number}&reviewer={number}"
        for path in ("/orders", "/audit/trail"):
            officer.get(path + query)

    def test_every_answer_carries_the_headers(self, app: Flask, officer: Visitor) -> None:
        for path in ("/campaigns", "/sign-in", "/nothing-here", "/d/unknown"):
            answer = officer.client.get(path)
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS

    def test_a_foreign_host_name_is_refused(self, app: Flask) -> None:
        answer = app.test_client().get("/sign-in", base_url="http://evil.example")
        assert answer.status_code == 400

    def test_secure_installations_have_secure_cookies(self, house: House) -> None:
        app = house.app(secure_cookies=True, base_url="https://recert.house.example")
        answer = app.test_client().get("/sign-in", base_url="https://recert.house.example")
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-recert=")
        assert "Secure" in cookie
        assert answer.headers["Strict-Transport-Security"]


class TestForeignThings:
    def test_a_review_of_somebody_else_is_not_there(self, house: House, bob: Visitor) -> None:
        bob.get("/reviews")
        campaign_id = house.launched("Winter", "/finance/inbox")
        item = house.item("pia", "/finance/inbox")
        page = bob.get(f"/reviews/{campaign_id}/folders/{item.folder_id}")
        assert "Pia Partner" not in page
        bob.get(f"/reviews/{campaign_id}/folders/{item.folder_id + 999}", 404)
        bob.post(f"/reviews/items/{item.id}", 404, answer="keep", version=0, seen=item.content_hash)
        assert house.item("pia", "/finance/inbox").answer is None


def test_the_menu_marks_the_page_one_is_on(officer: Visitor) -> None:
    for path, entry in (
        ("/campaigns", "Campaigns"),
        ("/campaigns/schedules", "Campaigns"),
        ("/servers", "Servers"),
        ("/people", "People"),
        ("/orders", "Changes"),
        ("/releases", "Approvals"),
        ("/audit", "Audit"),
    ):
        page = officer.get(path)
        assert re.findall(r'aria-current="page">([^<]+)</a>', page) == [entry], path
