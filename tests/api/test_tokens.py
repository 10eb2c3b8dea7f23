"""Access tokens: what they open, and what ends them."""

from datetime import timedelta

import pytest

from recert.foundation import clock
from recert.foundation.errors import BadInput, NotAllowed
from recert.people import tokens
from recert.people.models import AccessToken, TokenScope
from recert.trail.act import Act
from tests.support.browser import Visitor
from tests.support.house import House
from tests.support.program import Program

FEED = "/api/v1/identity-governance/servers/main/accounts.csv"
ITEMS = "/api/v1/identity-governance/servers/main/fulfilment"


class TestWhoGetsIn:
    def test_a_bearer_token_and_basic_with_its_name(self, app, issued):
        secret = issued()
        assert Program(app, secret).get(FEED).status_code == 200
        assert Program(app, secret, "suite").get(FEED).status_code == 200

    @pytest.mark.parametrize("secret", ["", "recert_", "recert_wrong", "x" * 5000, "\u00e4"])
    def test_anything_else_is_refused_alike(self, app, issued, secret):
        issued()
        answer = app.test_client().get(FEED, headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 401
        assert "Basic" in answer.headers["WWW-Authenticate"]
        assert answer.json == {"error": "The access token is unknown, expired or revoked."}

    def test_without_a_token_and_with_the_name_of_another(self, app, issued):
        secret = issued()
        assert app.test_client().get(FEED).status_code == 401
        assert Program(app, secret, "other").get(FEED).status_code == 401
        assert Program(app, secret, "?").get(FEED).status_code == 401

    def test_a_signed_in_administrator_is_no_program(self, house, app):
        admin = Visitor(app).sign_in(house.user(house.admin))
        assert admin.client.get(FEED).status_code == 401

    def test_only_its_scope_and_its_servers(self, app, issued):
        reader = Program(app, issued("reader", {TokenScope.READ_ACCESS}))
        assert reader.get(FEED).status_code == 200
        refused = reader.post(ITEMS, json={})
        assert refused.status_code == 403
        assert "change access" in refused.json["error"]
        other = Program(app, issued("other", servers=["elsewhere"]))
        assert other.get(FEED).status_code == 403

    def test_a_page_does_not_open_with_it(self, program):
        assert program.get("/orders").status_code == 302  # to the sign-in


class TestItsLife:
    def test_it_expires(self, house, program):
        with house.later(days=91):
            assert program.get(FEED).status_code == 401

    def test_a_revoked_one_is_dead_at_once(self, house, program):
        with house.db.transaction() as session:
            tokens.revoke(Act(session, house.admin, clock.now()), "suite")
        assert program.get(FEED).status_code == 401
        assert house.trail_actions()[-1] == "token.revoked"

    def test_after_a_rotation_both_work_for_a_week(self, house, app, program):
        with house.db.transaction() as session:
            act = Act(session, house.admin, clock.now())
            new = tokens.rotate(act, "suite", clock.now() + timedelta(days=90))
        assert program.get(FEED).status_code == 200
        assert Program(app, new).get(FEED).status_code == 200
        with house.later(days=8):
            assert program.get(FEED).status_code == 401
            assert Program(app, new).get(FEED).status_code == 200

    def test_only_its_hash_is_kept_and_its_use_is_noted(self, house, program):
        program.get(FEED)
        with house.db.reading() as session:
            (token,) = tokens.tokens(session)
            kept = repr({c.name: getattr(token, c.name) for c in AccessToken.__table__.columns})
        assert program.secret not in kept
        assert program.secret.startswith("recert_")
        assert (token.used_at, token.used_from) == (clock.now(), "127.0.0.1")


class TestIssuing:
    @pytest.mark.parametrize(
        ("change", "complaint"),
        [
            ({"name": ""}, "needs a name"),
            ({"name": "a:b"}, "without colon"),
            ({"name": "a/b"}, "slash"),  # the page could not name it in an address
            ({"name": "a\nb"}, "needs a name"),
            ({"scopes": ()}, "what the token is for"),
            ({"servers": ()}, "Choose the servers"),
            ({"days": 0}, "ends in the future"),
            ({"days": 731}, "within 730 days"),
        ],
    )
    def test_bad_input_is_named(self, house: House, change, complaint):
        wanted = {"name": "x", "scopes": [TokenScope.READ_ACCESS], "servers": ["main"], "days": 1}
        wanted |= change
        ends = clock.now() + timedelta(days=wanted["days"])
        with house.db.transaction() as session, pytest.raises(BadInput, match=complaint):
            tokens.issue(
                Act(session, house.admin, clock.now()),
                wanted["name"],
                wanted["scopes"],
                wanted["servers"],
                ends,
            )

    def test_a_name_once_only(self, issued):
        issued()
        with pytest.raises(BadInput, match="already"):
            issued()

    def test_by_an_administrator_only(self, house):
        ends = clock.now() + timedelta(days=1)
        with house.db.transaction() as session:
            act = Act(session, house.officer, clock.now())
            with pytest.raises(NotAllowed):
                tokens.issue(act, "x", [TokenScope.READ_ACCESS], ["main"], ends)
