"""Signing in by an identity provider, with a real one."""

import base64
import hmac
import html
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from sqlalchemy import select

from recert.foundation import clock
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput
from recert.people.models import Person, User, WebSession
from recert.people.single_sign_on import protocol, service
from recert.people.single_sign_on.models import Provider
from recert.people.single_sign_on.protocol import Issuer, ProviderUnreachable, TokenInvalid
from recert.trail.act import Act
from tests.support.browser import Visitor
from tests.support.house import House
from tests.support.identity_provider import SECRET, IdentityProvider

BACK = "http://localhost/sign-in/by/osp/callback"
ALICE = {"email": "alice@house.example", "email_verified": True, "name": "Alice"}


@pytest.fixture(scope="module")
def there() -> Iterator[IdentityProvider]:
    with IdentityProvider(BACK, "http://127.0.0.1:9/sign-in/by/osp/logout") as provider:
        yield provider


def registered(house: House, issuer: str, **more: Any) -> Provider:
    secret = house.folder / "oidc-secret"
    secret.write_text(SECRET + "\n")
    values: dict[str, Any] = {
        "name": "osp",
        "title": "House ID",
        "issuer": issuer,
        "client_id": "recert",
        "secret_file": str(secret),
        "scopes": "openid email profile",
        "email_claim": "email",
        "groups_claim": "groups",
        "group_roles": {"ftp-officers": "officer", "ftp-auditors": "auditor"},
        **more,
    }
    with house.db.transaction() as session:
        added = service.add(Act(session, house.admin, clock.now()), Provider(**values))
        session.flush()
        session.expunge(added)
    return added


@pytest.fixture
def provider(house: House, there: IdentityProvider) -> Provider:
    return registered(house, there.issuer)


class Browser:
    """One browser, at our side and at the provider's."""

    def __init__(self, app: Flask, there: IdentityProvider) -> None:
        self.here, self._there = Visitor(app), there
        self._session = requests.Session()

    def sent_to(self, next_page: str = "") -> str:
        """Presses the button; the address of the provider."""
        self.here.get(f"/sign-in?next={next_page}")
        page = self.here.post("/sign-in/by/osp", 200, next=next_page)
        (url,) = re.findall(r'http-equiv="refresh" content="0; url=([^"]+)"', page)
        return html.unescape(url)

    def back(self, next_page: str = "") -> str:
        """Goes to the provider; the address to which it leads back, path and query."""
        parts = urlsplit(self._there.follow(self.sent_to(next_page), self._session))
        return f"{parts.path}?{parts.query}"

    def enter(self, code: int = 302, next_page: str = "") -> str:
        """The whole way; where it ends, or the page of the refusal."""
        answer = self.here.client.get(self.back(next_page))
        assert answer.status_code == code, answer.text
        return answer.headers["Location"] if code == 302 else answer.text


@pytest.fixture
def browser(app: Flask, there: IdentityProvider, provider: Provider) -> Browser:
    return Browser(app, there)


def user(house: House, email: str) -> User | None:
    with house.db.reading() as session:
        return session.scalar(select(User).where(User.email == email))


class TestSigningIn:
    def test_a_person_of_the_register_needs_no_password(self, house, there, browser):
        there.next_is("guid-alice", **ALICE)
        assert browser.enter(next_page="/reviews") == "/reviews"
        assert "Alice Archer" in browser.here.get("/reviews") or browser.here.get("/reviews")
        made = user(house, "alice@house.example")
        assert made
        assert (made.name, made.roles) == ("Alice Archer", [])
        assert house.trail_actions()[-1] == "user.signed_in"

    def test_the_address_may_change_afterwards(self, house, there, browser):
        there.next_is("guid-alice", **ALICE)
        browser.enter()
        there.next_is("guid-alice", email="alice.baker@house.example", email_verified=False)
        Browser(browser.here.client.application, there).enter()
        assert user(house, "alice.baker@house.example") is None

    def test_groups_give_roles_for_this_session_only(self, house, there, browser):
        groups = ["cn=FTP-Officers,ou=groups,o=house", "other"]
        there.next_is("guid-alice", **ALICE, groups=groups)
        browser.enter()
        browser.here.get("/campaigns")
        made = user(house, "alice@house.example")
        assert made
        assert made.roles == []
        there.next_is("guid-alice", **ALICE, groups="nothing")
        another = Browser(browser.here.client.application, there)
        another.enter()
        another.here.get("/campaigns", 404)

    def test_signing_out_ends_the_session_there_too(self, there, browser):
        there.next_is("guid-alice", **ALICE)
        browser.enter()
        browser.here.get("/reviews")
        place = browser.here.post("/sign-out")
        assert place.startswith(f"{there.issuer}/session/end?")
        assert "id_token_hint" in parse_qs(urlsplit(place).query)
        assert browser.here.client.get("/reviews").status_code == 302


class TestWhoIsRefused:
    @pytest.mark.parametrize(
        ("claims", "why"),
        [
            ({"email": "zoe@house.example", "email_verified": True}, "Nobody has the address"),
            ({"email": "alice@house.example"}, "has not verified your mail address"),
            (
                {"email": "alice@house.example", "email_verified": "true"},
                "has not verified your mail address",
            ),
            ({}, "has no mail address"),
            ({"email": "lea@house.example", "email_verified": True}, "Nobody has the address"),
        ],
    )
    def test_unknown_unverified_and_left(self, house, there, browser, claims, why):
        there.next_is("guid-x", **claims)
        assert why in browser.enter(409)
        assert house.trail_actions()[-1] == "user.sign_in_refused"

    def test_somebody_who_left_since(self, house, there, browser):
        there.next_is("guid-alice", **ALICE)
        browser.enter()
        with house.db.transaction() as session:
            session.scalars(
                select(Person).where(Person.email == ALICE["email"])
            ).one().active = False
        assert "you have left" in browser.enter(409)

    def test_another_subject_with_the_same_address(self, there, browser):
        there.next_is("guid-alice", **ALICE)
        browser.enter()
        there.next_is("guid-mallory", **ALICE)
        assert "Another account of your company" in Browser(
            browser.here.client.application, there
        ).enter(409)

    def test_an_answer_in_another_browser_and_a_second_time(self, house, app, there, browser):
        there.next_is("guid-alice", **ALICE)
        before = house.trail_actions()
        back = browser.back()
        assert Visitor(app).client.get(back).status_code == 422
        assert house.trail_actions() == before  # nobody fills the trail from outside
        assert browser.here.client.get(back).status_code == 302
        assert browser.here.client.get(back).status_code == 422

    def test_an_answer_that_comes_too_late_or_from_another_issuer(self, house, there, browser):
        there.next_is("guid-alice", **ALICE)
        back = browser.back()
        with house.later(minutes=16):
            assert browser.here.client.get(back).status_code == 422
        back = re.sub(r"iss=[^&]+", "iss=http%3A%2F%2Fevil.example", browser.back())
        assert browser.here.client.get(back).status_code == 500
        assert browser.here.client.get("/reviews").status_code == 302

    def test_access_denied_and_forged_codes(self, there, browser):
        there.next_is("guid-alice", **ALICE)
        state = parse_qs(urlsplit(browser.sent_to()).query)["state"][0]
        path = f"/sign-in/by/osp/callback?state={state}&error=access_denied&error_description=<b>"
        page = browser.here.client.get(path)
        assert page.status_code == 422
        assert "<b>" not in page.text.partition("<main")[2]
        back = re.sub(r"code=[^&]+", "code=forged", browser.back())
        assert "The code was not accepted" in browser.here.client.get(back).text

    def test_next_never_leads_away(self, there, browser):
        there.next_is("guid-alice", **ALICE)
        assert browser.enter(next_page="https://evil.example") == "/"


class TestOnlyTheProvider:
    def test_passwords_are_for_administrators(self, house, app, there):
        registered(house, there.issuer, is_only=True)
        visitor = Visitor(app)
        page = visitor.get("/sign-in")
        assert "Continue with House ID" in page
        assert "Administrators: sign in with a password" in page
        officer, admin = house.user(house.officer), house.user(house.admin)
        refused = visitor.post(
            "/sign-in", 422, email=officer.name, password="correct horse battery"
        )
        assert "Passwords are for administrators here" in refused
        Visitor(app).sign_in(admin)

    def test_a_provider_that_is_down(self, house, app):
        registered(house, "http://127.0.0.1:9/osp")
        visitor = Visitor(app)
        visitor.get("/sign-in")
        assert "did not answer as expected" in visitor.post("/sign-in/by/osp", 500, next="")
        visitor.get("/sign-in")


class TestRegistering:
    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"name": "a b"}, "letters, digits"),
            ({"name": ""}, "letters, digits"),
            ({"issuer": "http://idp.example"}, "no https address"),
            ({"group_roles": {"g": "king"}}, "there is no role 'king'"),
            ({"secret_file": "/nowhere/secret"}, "no file /nowhere/secret"),
        ],
    )
    def test_bad_input_is_named(self, house, change, why):
        with pytest.raises(BadInput, match=why):
            registered(house, **{"issuer": "https://idp.example/osp", **change})

    def test_removing_ends_its_sessions(self, house, there, browser):
        there.next_is("guid-alice", **ALICE)
        browser.enter()
        with house.db.transaction() as session:
            service.remove(Act(session, house.admin, clock.now()), "osp")
        assert browser.here.client.get("/reviews").status_code == 302


# What a provider may send: signed by a key of ours that a small server publishes.
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
ISSUER = "http://127.0.0.1:1/idp/a"
DESCRIPTION = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authz",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
}


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Issuer:
    found = Issuer(ISSUER, "recert", "secret")

    def fetched(_self: Issuer, url: str) -> Any:
        return KeySet([KEY]).as_dict() if url.endswith("/keys") else DESCRIPTION

    monkeypatch.setattr(Issuer, "_fetched", fetched)
    return found


def token(key: Any = KEY, header: dict[str, Any] | None = None, **change: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": "recert", "sub": "x", "iat": now, "exp": now + 60, **change}
    claims = {name: value for name, value in claims.items() if value is not None}
    head = {"alg": "RS256", "kid": "one", **(header or {})}
    return str(jwt.encode(head, claims, key, algorithms=[head["alg"]]))


def part(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def unsigned(**claims: Any) -> str:
    head = part(json.dumps({"alg": "none"}).encode())
    return f"{head}.{part(json.dumps(claims).encode())}."


def signed_by_secret(secret: bytes, **claims: Any) -> str:
    head = part(json.dumps({"alg": "HS256"}).encode())
    text = f"{head}.{part(json.dumps(claims).encode())}"
    return f"{text}.{part(hmac.digest(secret, text.encode(), 'sha256'))}"


NOW = int(time.time())
FORGED: dict[str, Callable[[], str]] = {
    "signed by another key": lambda: token(OTHER),
    "unsigned": lambda: unsigned(iss=ISSUER, aud="recert", sub="x", iat=NOW, exp=NOW + 60),
    "signed with the public key as a secret": lambda: signed_by_secret(
        KEY.as_pem(private=False), iss=ISSUER, aud="recert", sub="x", iat=NOW, exp=NOW + 60
    ),
    "of another issuer": lambda: token(iss="http://127.0.0.1:1/idp/b"),
    "for another client": lambda: token(aud="other"),
    "for several clients without saying for whom": lambda: token(aud=["recert", "other"]),
    "expired": lambda: token(exp=NOW - 3600),
    "from the future": lambda: token(iat=NOW + 3600),
    "with an unknown key": lambda: token(
        ECKey.generate_key("P-256", {"kid": "two"}), {"alg": "ES256", "kid": "two"}
    ),
    "no token": lambda: "x.y.z",
    "empty": lambda: "",
}


class TestTokens:
    def test_a_good_one(self, issuer):
        assert issuer.verified(token())["sub"] == "x"
        assert issuer.verified(token(aud=["recert", "other"], azp="recert"))["sub"] == "x"

    @pytest.mark.parametrize("name", FORGED)
    def test_a_forged_one(self, issuer, name):
        with pytest.raises(TokenInvalid):
            issuer.verified(FORGED[name]())

    def test_a_new_key_is_fetched(self, issuer, monkeypatch):
        issuer.description()
        new = RSAKey.generate_key(2048, {"kid": "new", "use": "sig"})
        monkeypatch.setattr(Issuer, "_fetched", lambda *_: KeySet([new]).as_dict())
        monkeypatch.setattr(protocol, "RETRY_KEYS", 0.0)
        assert issuer.verified(token(new, {"kid": "new"}))["sub"] == "x"

    def test_one_that_is_down_is_not_asked_by_everybody(self, monkeypatch):
        asked = []

        def silent(*_: object) -> None:
            asked.append(1)
            raise ProviderUnreachable("Timeout")

        monkeypatch.setattr(Issuer, "_fetched", silent)
        issuer = Issuer(ISSUER, "recert", "")
        for _ in range(5):
            with pytest.raises(ProviderUnreachable, match="Timeout"):
                issuer.description()
        assert len(asked) == 1
        monkeypatch.setattr(protocol, "SILENT", 0.0)
        with pytest.raises(ProviderUnreachable):
            issuer.description()
        assert len(asked) == 2

    def test_a_description_of_another_issuer(self, monkeypatch):
        monkeypatch.setattr(Issuer, "_fetched", lambda *_: {**DESCRIPTION, "issuer": "https://x"})
        with pytest.raises(ProviderUnreachable, match="another issuer"):
            Issuer(ISSUER, "recert", "").description()


def logout(**change: Any) -> str:
    events = {protocol.LOGOUT_EVENT: {}}
    return token(**{"jti": "1", "events": events, "sub": None, "sid": "s1", **change})


class TestBackChannelLogout:
    @pytest.fixture
    def signed_in(self, house, app, issuer) -> Visitor:
        """Alice, signed in as the provider's session s1."""
        provider = registered(house, ISSUER)
        visitor = Visitor(app)
        with house.db.transaction() as session:
            here = service.named(session, "osp")
            claims = {**ALICE, "sub": "x", "sid": "s1"}
            session_id = service.enter(
                session, here, claims, "raw", address="127.0.0.1", now=clock.now()
            )
        with visitor.client.session_transaction() as cookie:
            cookie["_user_id"], cookie["_fresh"] = session_id, True
        visitor.get("/reviews")
        assert provider.name == "osp"
        return visitor

    @pytest.mark.parametrize("change", [{}, {"sid": None, "sub": "x"}])
    def test_it_ends_the_session(self, signed_in, change):
        answer = signed_in.client.post(
            "/sign-in/by/osp/logout", data={"logout_token": logout(**change)}
        )
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert signed_in.client.get("/reviews").status_code == 302

    @pytest.mark.parametrize(
        "change",
        [
            {"events": None},
            {"events": {"x": {}}},
            {"nonce": "n"},
            {"jti": None},
            {"sid": None},
            {"aud": "other"},
            {"iss": "https://x"},
            {"iat": NOW + 3600},
            {"exp": NOW - 3600},
            {"iat": NOW - 3600, "exp": None},
        ],
    )
    def test_a_wrong_one_ends_nothing(self, signed_in, change):
        answer = signed_in.client.post(
            "/sign-in/by/osp/logout", data={"logout_token": logout(**change)}
        )
        assert answer.status_code == 400
        signed_in.get("/reviews")

    def test_the_same_one_counts_once(self, house, signed_in):
        path, data = "/sign-in/by/osp/logout", {"logout_token": logout()}
        assert signed_in.client.post(path, data=data).status_code == 200
        assert signed_in.client.post(path, data=data).status_code == 400
        with house.db.reading() as session:
            assert session.scalars(select(WebSession)).all() == []


class TestRoles:
    @pytest.mark.parametrize(
        ("groups", "roles"),
        [
            (["FTP-officers"], {Role.OFFICER}),
            ("ftp-auditors", {Role.AUDITOR}),
            ("cn=ftp-officers,ou=x", {Role.OFFICER}),
            (["uid=ftp-officers,ou=x", "administrator", "officer"], set()),
            ([{"name": "ftp-officers"}, 7, None], set()),
            (None, set()),
            ({"ftp-officers": True}, set()),
        ],
    )
    def test_only_as_mapped(self, groups, roles):
        provider = Provider(
            groups_claim="groups",
            group_roles={"ftp-officers": "officer", "ftp-auditors": "auditor"},
        )
        assert service.roles_of(provider, {"groups": groups}) == roles
