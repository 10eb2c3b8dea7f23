"""What comes from elsewhere: other sites, proxies, settings of programs."""

from dataclasses import replace

from flask import Flask
from sqlalchemy import select

from recert.app import create_app
from recert.inventory.models import Server
from recert.trail.models import TrailEntry
from tests.support.browser import Visitor, visible
from tests.support.house import PASSWORD, House


def names(house: House) -> list[str]:
    with house.db.reading() as session:
        return list(session.scalars(select(Server.name)))


class TestAnotherSite:
    def test_its_forms_do_nothing_whatever_token_they_carry(
        self, house: House, officer: Visitor
    ) -> None:
        officer.get("/servers")
        for site in ("cross-site", "same-site"):
            answer = officer.client.post(
                "/servers/1/snapshot",
                data={"csrf_token": officer.token},
                headers={"Sec-Fetch-Site": site},
            )
            assert answer.status_code == 400
        assert house.server().snapshot_wanted_at is None

    def test_a_token_from_before_the_sign_in_is_worth_nothing_after_it(
        self, house: House, app: Flask
    ) -> None:
        house.user(house.officer)
        visitor = Visitor(app)
        visitor.get("/sign-in")
        before = visitor.token
        visitor.sign_in(house.officer)
        answer = visitor.client.post("/servers/1/snapshot", data={"csrf_token": before})
        assert answer.status_code == 400
        assert house.server().snapshot_wanted_at is None


class TestAServerFromThePages:
    def add(self, admin: Visitor, **more: str) -> str:
        path = "/servers/new/proftpd"
        admin.get(path)
        given = {"set-config": "/etc/proftpd/proftpd.conf", **more}
        return visible(admin.post(path, 422, name="other", **given))

    def test_no_program_of_somebody_else_can_be_named(self, house: House, admin: Visitor) -> None:
        said = self.add(admin, **{"set-prefix": "/tmp/evil"})
        assert "can be set on Recert's machine only" in said
        assert "recert server add NAME proftpd --set prefix=" in said
        assert names(house) == ["main"]

    def test_no_file_of_somebody_else_can_be_read(self, house: House, admin: Visitor) -> None:
        assert "Recert's machine only" in self.add(admin, **{"set-config": "/etc/shadow"})
        assert names(house) == ["main"]

    def test_a_missing_setting_is_bad_input(self, admin: Visitor) -> None:
        assert "needs config" in self.add(admin, **{"set-config": ""})


class TestBehindAProxy:
    def sign_in(self, house: House, proxies: int) -> str:
        app = create_app(replace(house.settings, proxies=proxies), house.db)
        house.user(house.officer)
        visitor = Visitor(app)
        visitor.client.environ_base["HTTP_X_FORWARDED_FOR"] = "203.0.113.66, 198.51.100.7"
        visitor.get("/sign-in")
        visitor.post("/sign-in", 302, email=house.officer.name, password=PASSWORD)
        with house.db.reading() as session:
            body = select(TrailEntry.body).where(TrailEntry.action == "user.signed_in")
            return str(session.scalars(body.order_by(TrailEntry.seq.desc())).first())

    def test_the_trail_holds_the_address_that_the_proxy_saw(self, house: House) -> None:
        assert '"address":"198.51.100.7"' in self.sign_in(house, proxies=1)

    def test_without_a_proxy_nobody_chooses_their_address(self, house: House) -> None:
        assert '"address":"127.0.0.1"' in self.sign_in(house, proxies=0)


def test_a_refused_sign_in_stands_in_the_trail(house: House, stranger: Visitor) -> None:
    stranger.get("/sign-in")
    stranger.post("/sign-in", 422, email="olga@house.example", password="wrong")
    assert house.trail_actions()[-1] == "user.sign_in_refused"


def test_the_delegation_of_somebody_else_is_not_there(house: House, alice: Visitor) -> None:
    alice.get("/reviews/delegations")
    alice.post("/reviews/delegations/1/end", 404)


class TestThePassword:
    def test_a_user_changes_it_and_stays_signed_in(self, house: House, officer: Visitor) -> None:
        officer.get("/account/password")
        given = {"present": PASSWORD, "new": "another good one", "again": "another good one"}
        assert "do not match" in visible(
            officer.post("/account/password", 422, **{**given, "again": "x"})
        )
        assert "not your present password" in visible(
            officer.post("/account/password", 422, **{**given, "present": "x"})
        )
        assert officer.post("/account/password", 302, **given) == "/"
        officer.get("/campaigns")
