"""The page of access tokens and change items."""

import re

import pytest
from sqlalchemy import select

from recert.people import tokens
from recert.people.models import AccessToken
from tests.support.program import Program

PAGE = "/interfaces"
FILLED = {"name": "Identity Governance", "scopes": ["read access"], "servers": ["main"], "days": 90}


def secret_on(text: str) -> str:
    (found,) = re.findall(r"recert_[\w-]+", text)
    return str(found)


class TestTokens:
    def test_the_secret_is_shown_once_and_works(self, house, app, admin):
        house.snapshot()
        admin.get(PAGE)
        secret = secret_on(admin.post(f"{PAGE}/tokens", 200, **FILLED))
        assert "recert_" not in admin.get(PAGE)
        feed = "/api/v1/identity-governance/servers/main/accounts.csv"
        assert Program(app, secret).get(feed).status_code == 200
        assert "from 127.0.0.1" in admin.get(PAGE)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"name": ""}, "Enter a name."),
            ({"scopes": []}, "Choose at least one purpose."),
            ({"servers": []}, "Choose the servers that the token is for."),
            ({"servers": ["nowhere"]}, "not a valid choice"),
            ({"days": "1000"}, "Enter 1 to 730."),
            ({"name": "a:b"}, "without colon"),
        ],
    )
    def test_what_is_refused_keeps_what_was_typed(self, house, admin, change, message):
        admin.get(PAGE)
        page = admin.post(f"{PAGE}/tokens", 422, **(FILLED | change))
        assert message in page
        assert f'value="{(FILLED | change)["days"]}"' in page
        with house.db.reading() as session:
            assert session.scalar(select(AccessToken)) is None

    def test_rotate_and_revoke(self, house, admin):
        admin.get(PAGE)
        first = secret_on(admin.post(f"{PAGE}/tokens", 200, **FILLED))
        second = secret_on(admin.post(f"{PAGE}/tokens/Identity Governance/rotate", 200))
        assert first != second
        admin.post(f"{PAGE}/tokens/Identity Governance/revoke")
        with house.db.reading() as session, pytest.raises(tokens.TokenRefused):
            tokens.authenticate(session, second, now=house.now)
        assert "revoked" in admin.get(PAGE)

    def test_one_that_is_not_there(self, admin):
        admin.get(PAGE)
        page = admin.post(f"{PAGE}/tokens/nobody/revoke", 404)
        assert "There is no such access token" in page


class TestChangeItems:
    def test_a_refused_one_is_found_by_its_number(self, house, app, admin):
        house.snapshot()
        admin.get(PAGE)
        program = Program(app, secret_on(admin.post(f"{PAGE}/tokens", 200, **WRITER)))
        body = {"changeItemId": 4711, "requestType": "REMOVE_ACCOUNT", "account": "zoe"}
        program.post("/api/v1/identity-governance/servers/main/fulfilment", json=body)
        body = {"changeItemId": 4712, "requestType": "REMOVE_ACCOUNT", "account": "pia"}
        program.post("/api/v1/identity-governance/servers/main/fulfilment", json=body)
        text = admin.get(PAGE)
        assert "4711" in text
        assert "has no account &#39;zoe&#39;" in text
        assert "Change 1</a>" in text


WRITER = FILLED | {"scopes": ["change access"]}
