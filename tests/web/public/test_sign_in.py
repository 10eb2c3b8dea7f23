"""Signing in and out."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import quote

import pytest
from flask import Flask

from recert.foundation import clock
from recert.people import passwords
from tests.support.browser import Visitor, visible
from tests.support.house import NOON, PASSWORD, House


class TestSigningIn:
    def test_every_page_leads_to_it_and_back(self, house: House, stranger: Visitor) -> None:
        house.user(house.officer)
        assert stranger.client.get("/campaigns").headers["Location"] == "/sign-in?next=%2Fcampaigns"
        stranger.get("/sign-in?next=/campaigns")
        form = {"email": "olga@house.example", "password": PASSWORD, "next": "/campaigns"}
        assert stranger.post("/sign-in", **form) == "/campaigns"

    def test_a_wrong_password_says_so_and_keeps_the_address(
        self, house: House, stranger: Visitor
    ) -> None:
        house.user(house.officer)
        stranger.get("/sign-in")
        page = stranger.post("/sign-in", 422, email="olga@house.example", password="wrong")
        assert "Wrong email or password" in visible(page)
        assert "<title>Error:" in page
        assert 'value="olga@house.example"' in page

    def test_an_unknown_user_gets_the_same_answer(self, stranger: Visitor) -> None:
        stranger.get("/sign-in")
        page = stranger.post("/sign-in", 422, email="nobody@house.example", password="wrong")
        assert "Wrong email or password" in visible(page)

    def test_guessing_is_stopped(self, house: House, stranger: Visitor) -> None:
        house.user(house.officer)
        stranger.get("/sign-in")
        for _ in range(10):
            stranger.post("/sign-in", 422, email="olga@house.example", password="wrong")
        page = stranger.post("/sign-in", 422, email="olga@house.example", password=PASSWORD)
        assert "Too many attempts" in visible(page)

    def test_it_never_leads_to_another_site(self, house: House, app: Flask) -> None:
        house.user(house.officer)
        for target in (
            *("//evil.example", "https://evil.example", "/\\evil.example", "javascript:1"),
            *("//[", "/\t/evil.example", "\\/evil.example"),
        ):
            visitor = Visitor(app)
            visitor.get("/sign-in")
            form = {"email": "olga@house.example", "password": PASSWORD, "next": target}
            assert visitor.post("/sign-in", **form) == "/"

    def test_checking_a_password_keeps_no_writer_waiting(
        self, house: House, stranger: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        others = ThreadPoolExecutor()

        def slow(*_: str) -> bool:
            others.submit(house.user, house.admin).result(timeout=10)
            return True

        house.user(house.officer)
        monkeypatch.setattr(passwords, "fits", slow)
        stranger.sign_in(house.officer)
        others.shutdown()

    def test_it_gives_a_new_session_id(self, house: House, stranger: Visitor) -> None:
        stranger.get("/sign-in")
        before = stranger.client.get_cookie("recert")
        stranger.sign_in(house.user(house.officer))
        after = stranger.client.get_cookie("recert")
        assert before
        assert after
        assert before.value != after.value
        assert after.http_only
        assert after.same_site == "Lax"


class TestASession:
    def test_a_copied_cookie_is_dead_after_signing_out(self, app: Flask, officer: Visitor) -> None:
        cookie = officer.client.get_cookie("recert")
        assert cookie
        officer.get("/campaigns")
        officer.post("/sign-out")
        thief = app.test_client()
        thief.set_cookie("recert", cookie.value)
        assert thief.get("/campaigns").status_code == 302

    def test_it_ends_after_idling(self, officer: Visitor) -> None:
        with clock.frozen(NOON + timedelta(minutes=31)):
            officer.get("/campaigns", 302)

    def test_an_answer_that_comes_too_late_leads_back_to_its_page(
        self, house: House, app: Flask, alice: Visitor
    ) -> None:
        campaign_id = house.launched()
        item = house.item("pia", "/finance/inbox")
        folder = f"/reviews/{campaign_id}/folders/{item.folder_id}"
        alice.get(folder)
        with clock.frozen(NOON + timedelta(minutes=31)):
            late = alice.client.post(
                f"/reviews/items/{item.id}",
                data={"csrf_token": alice.token, "answer": "keep"},
                headers={"Referer": f"http://localhost{folder}"},
            )
            assert late.headers["Location"] == f"/sign-in?next={quote(folder, safe='')}"
            assert "this was not saved" in visible(alice.get(late.headers["Location"]))

    @pytest.mark.parametrize("page", ["", "https://evil.example//evil.example/", "http://a]b"])
    def test_no_referrer_leads_elsewhere(self, alice: Visitor, page: str) -> None:
        alice.get("/reviews")
        with clock.frozen(NOON + timedelta(minutes=31)):
            late = alice.client.post(
                "/sign-out", data={"csrf_token": alice.token}, headers={"Referer": page}
            )
        assert late.headers["Location"] in ("/sign-in", "/sign-in?next=%2F")

    def test_it_stays_while_it_is_used(self, officer: Visitor) -> None:
        for minutes in (20, 40, 60):
            with clock.frozen(NOON + timedelta(minutes=minutes)):
                officer.get("/campaigns")

    def test_it_ends_after_a_working_day(self, officer: Visitor) -> None:
        for minutes in range(20, 480, 20):
            with clock.frozen(NOON + timedelta(minutes=minutes)):
                officer.get("/campaigns")
        with clock.frozen(NOON + timedelta(minutes=481)):
            officer.get("/campaigns", 302)

    def test_a_new_password_ends_it(self, house: House, officer: Visitor) -> None:
        house.user(house.officer)
        officer.get("/campaigns", 302)
