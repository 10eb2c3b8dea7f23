"""OpenID Connect with one provider: discovery, the code flow with PKCE, and what a token proves.

The issuer may have a path (Access Manager, OSP), so the address of its description is issuer plus
suffix, and every endpoint is taken from there. Access tokens are never read: some are encrypted.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from recert.foundation.errors import RecertError

SUFFIX = "/.well-known/openid-configuration"
TIMEOUT = 8.0  # seconds for one request
KEPT = 600.0  # seconds for which a description and its keys count
SILENT = 15.0  # seconds for which one that did not answer is not asked again
OLDEST_LOGOUT = 300  # seconds after which a logout token does not count any more
RETRY_KEYS = 30.0  # seconds before keys are fetched again for an unknown one
LEEWAY = 60  # seconds by which clocks may differ
# Signatures with a secret that both know are refused: they prove nothing about who signed.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
FIELDS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderUnreachable(RecertError):
    """The identity provider did not answer as expected. Try again later, or tell your
    administrator."""


class TokenInvalid(RecertError):
    """The identity provider's answer could not be verified, so nobody was signed in. Try again."""


@dataclass
class _Known:
    """What was fetched of one issuer, and when."""

    description: Mapping[str, Any]
    keys: KeySet
    at: float
    keys_at: float


@dataclass
class Issuer:
    """One identity provider as a client sees it. Safe to use from several threads."""

    issuer: str
    client_id: str
    secret: str = field(repr=False)
    scopes: str = "openid email profile"

    def __post_init__(self) -> None:
        check_address(self.issuer)
        self._lock = threading.Lock()
        self._known: _Known | None = None
        self._failed: tuple[float, str] | None = None

    def authorization_url(
        self, redirect_uri: str, *, state: str, nonce: str, verifier: str, fresh: bool = False
    ) -> str:
        """Where to send a browser. `fresh`: the provider shall ask for the password again."""
        client = self._client(redirect_uri)
        more: dict[str, str] = {"max_age": "0"} if fresh else {}
        url, _ = client.create_authorization_url(
            str(self.description()["authorization_endpoint"]),
            state=state,
            nonce=nonce,
            code_verifier=verifier,
            **more,
        )
        return str(url)

    def claims(
        self, redirect_uri: str, *, code: str, nonce: str, verifier: str
    ) -> tuple[Mapping[str, Any], str]:
        """Redeems a code: what the ID token states, and the token itself. Raises TokenInvalid."""
        client = self._client(redirect_uri)
        try:
            token = client.fetch_token(
                str(self.description()["token_endpoint"]), code=code, code_verifier=verifier
            )
        except requests.RequestException as error:
            raise ProviderUnreachable(type(error).__name__) from error
        except (AuthlibBaseError, ValueError) as error:
            raise TokenInvalid("The code was not accepted.") from error
        raw = token.get("id_token")
        if not isinstance(raw, str):
            raise TokenInvalid("There is no ID token in the answer.")
        claims = self.verified(raw)
        self._check_id_token(claims, nonce)
        return claims, raw

    def logout_claims(self, raw: str) -> Mapping[str, Any]:
        """What a back-channel logout token states. Raises TokenInvalid."""
        claims = self.verified(raw)
        events = claims.get("events")
        if not isinstance(events, Mapping) or LOGOUT_EVENT not in events:
            raise TokenInvalid("It is no logout token.")
        if "nonce" in claims:
            raise TokenInvalid("A logout token has no nonce.")
        if not isinstance(claims.get("jti"), str) or not claims["jti"]:
            raise TokenInvalid("It has no number.")
        if time.time() - float(claims["iat"]) > OLDEST_LOGOUT:
            raise TokenInvalid("It is too old.")
        if not (claims.get("sub") or claims.get("sid")):
            raise TokenInvalid("It names nobody.")
        return claims

    def logout_url(self, id_token: str, back_to: str) -> str | None:
        """Where a browser goes to end its session at the provider too; None when it has no such
        place."""
        endpoint = self.description().get("end_session_endpoint")
        if not isinstance(endpoint, str) or not id_token:
            return None
        values = {"id_token_hint": id_token, "post_logout_redirect_uri": back_to}
        request = requests.Request("GET", endpoint, params=values).prepare()
        return request.url

    def description(self) -> Mapping[str, Any]:
        """What the provider says of itself. Raises ProviderUnreachable."""
        with self._lock:
            now = time.monotonic()
            if self._failed and now - self._failed[0] < SILENT:
                raise ProviderUnreachable(self._failed[1])  # nobody waits for it one by one
            try:
                return self._described(now)
            except ProviderUnreachable as error:
                self._failed = (time.monotonic(), error.detail)
                raise

    def _described(self, now: float) -> Mapping[str, Any]:
        if self._known is None or now - self._known.at > KEPT:
            description = self._fetched(self.issuer.rstrip("/") + SUFFIX)
            if description.get("issuer") != self.issuer:
                raise ProviderUnreachable("It describes another issuer.")
            for name in FIELDS:
                check_address(str(description.get(name, "")))
            keys = self._keys_of(description)
            self._known = _Known(description, keys, now, now)
        return self._known.description

    def verified(self, raw: str) -> Mapping[str, Any]:
        """The claims of a token that this provider signed for us and that is valid now."""
        self.description()
        try:
            return self._decoded(raw)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            if not self._fetched_new_keys():
                raise TokenInvalid("Its signature or its times are wrong.") from error
        try:
            return self._decoded(raw)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise TokenInvalid("Its signature or its times are wrong.") from error

    def _decoded(self, raw: str) -> Mapping[str, Any]:
        known = self._known
        if known is None:
            raise ProviderUnreachable
        claims = jwt.decode(raw, known.keys, algorithms=list(ALGORITHMS)).claims
        rules = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": self.issuer},
            iat={"essential": True},
        )
        rules.validate(claims)
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else list(audience or ())
        if self.client_id not in audiences:
            raise ValueError("another audience")
        if len(audiences) > 1 and claims.get("azp") != self.client_id:
            raise ValueError("several audiences")
        return dict(claims)

    def _check_id_token(self, claims: Mapping[str, Any], nonce: str) -> None:
        if claims.get("nonce") != nonce:
            raise TokenInvalid("It is the answer to another request.")
        if not isinstance(claims.get("exp"), int | float):
            raise TokenInvalid("It never ends.")
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise TokenInvalid("It names nobody.")

    def _fetched_new_keys(self) -> bool:
        """Once in a while: an unknown key may be a new one."""
        with self._lock:
            known, now = self._known, time.monotonic()
            if known is None or now - known.keys_at < RETRY_KEYS:
                return False
            known.keys, known.keys_at = self._keys_of(known.description), now
            return True

    def _keys_of(self, description: Mapping[str, Any]) -> KeySet:
        try:
            keys = cast(KeySetSerialization, self._fetched(str(description["jwks_uri"])))
            found = KeySet.import_key_set(keys)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderUnreachable("Its keys cannot be read.") from error
        return found

    def _fetched(self, url: str) -> Mapping[str, Any]:
        try:
            answer = requests.get(url, timeout=TIMEOUT, allow_redirects=False)
            answer.raise_for_status()
            found = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise ProviderUnreachable(type(error).__name__) from error
        if not isinstance(found, Mapping):
            raise ProviderUnreachable("Its description is no object.")
        return found

    def _client(self, redirect_uri: str) -> OAuth2Session:
        method = "client_secret_basic" if self.secret else "none"
        return OAuth2Session(
            self.client_id,
            self.secret or None,
            scope=self.scopes,
            redirect_uri=redirect_uri,
            token_endpoint_auth_method=method,
            code_challenge_method="S256",
            default_timeout=TIMEOUT,
        )


def check_address(url: str) -> None:
    """Raises ProviderUnreachable unless it is an https address, or one of this machine."""
    parts = urlsplit(url)
    is_local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
        raise ProviderUnreachable(f"{url!r} is no https address.")
