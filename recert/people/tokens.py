"""Access tokens: programs of an identity system use the API with them."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from recert.foundation import secrets
from recert.foundation.actor import Actor, Assurance, Channel, Role
from recert.foundation.db import one_at_a_time
from recert.foundation.errors import BadInput, NotAllowed, NotFound
from recert.people.models import AccessToken, TokenScope
from recert.trail.act import Act
from recert.trail.actions import Action

PREFIX = "recert_"  # lets scanners for leaked secrets recognise one
LONGEST_LIFE = timedelta(days=730)
OVERLAP = timedelta(days=7)
TOUCH_AFTER = timedelta(minutes=5)
LONGEST_NAME = 100


class NoSuchToken(NotFound):
    """There is no such access token. `recert token list` shows them."""


class TokenRefused(NotAllowed):
    """The access token is unknown, expired or revoked."""


class OutOfScope(NotAllowed):
    """The access token is not for this. An administrator can issue another one."""


def issue(
    act: Act,
    name: str,
    scopes: Collection[TokenScope],
    servers: Collection[str],
    expires_at: datetime,
) -> str:
    """A new token; returns its secret, which is shown this once."""
    act.actor.require(Role.ADMINISTRATOR)
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or {*name} & {*":/"}:
        limits = f"1 to {LONGEST_NAME} characters without colon or slash"
        raise BadInput(f"A token needs a name of {limits}.")
    if not scopes:
        raise BadInput("Choose what the token is for.")
    if not servers:
        raise BadInput("Choose the servers that the token is for.")
    if not act.now < expires_at <= act.now + LONGEST_LIFE:
        raise BadInput(f"A token ends in the future, within {LONGEST_LIFE.days} days.")
    one_at_a_time(act.session, "issue token")
    if act.session.scalar(select(AccessToken.id).where(AccessToken.name == name)):
        raise BadInput(f"There is a token {name!r} already. Choose another name, or rotate it.")
    secret = _new_secret()
    token = AccessToken(
        name=name,
        scopes=sorted(scopes),
        servers=sorted(servers),
        secret_hash=secrets.digest(secret),
        created_at=act.now,
        created_by=act.actor.name,
        expires_at=expires_at,
    )
    act.session.add(token)
    act.session.flush()
    details = {
        "name": name,
        "scopes": token.scopes,
        "servers": token.servers,
        "expires_at": expires_at.isoformat(),
    }
    act.record(Action.TOKEN_ISSUED, token.ref, details)
    return secret


def rotate(act: Act, name: str, expires_at: datetime) -> str:
    """A new secret for a token; the former one works for another week at most."""
    act.actor.require(Role.ADMINISTRATOR)
    token = _live(act.session, name)
    if not act.now < expires_at <= act.now + LONGEST_LIFE:
        raise BadInput(f"A token ends in the future, within {LONGEST_LIFE.days} days.")
    secret = _new_secret()
    token.previous_hash = token.secret_hash
    token.previous_until = min(token.expires_at, act.now + OVERLAP)
    token.secret_hash, token.expires_at = secrets.digest(secret), expires_at
    details = {
        "name": token.name,
        "expires_at": expires_at.isoformat(),
        "former_until": token.previous_until.isoformat(),
    }
    act.record(Action.TOKEN_ROTATED, token.ref, details)
    return secret


def revoke(act: Act, name: str) -> None:
    """Ends a token at once, with its former secret."""
    act.actor.require(Role.ADMINISTRATOR)
    token = _live(act.session, name)
    token.revoked_at = act.now
    act.record(Action.TOKEN_REVOKED, token.ref, {"name": token.name})


def authenticate(session: Session, secret: str, *, now: datetime) -> AccessToken:
    """The token of a secret; TokenRefused when there is none that counts."""
    digest = secrets.digest(secret)
    former = and_(AccessToken.previous_hash == digest, AccessToken.previous_until > now)
    query = select(AccessToken).where(
        or_(AccessToken.secret_hash == digest, former),
        AccessToken.expires_at > now,
        AccessToken.revoked_at.is_(None),
    )
    token = session.scalar(query)
    if token is None:
        raise TokenRefused
    return token


def needs_touch(token: AccessToken, address: str, *, now: datetime) -> bool:
    """Whether its last use is to be noted anew."""
    recently = token.used_at is not None and now - token.used_at < TOUCH_AFTER
    return not recently or token.used_from != address


def touch(session: Session, token_id: int, address: str, *, now: datetime) -> None:
    """Notes that the token was used."""
    here = AccessToken.id == token_id
    session.execute(update(AccessToken).where(here).values(used_at=now, used_from=address))


def check_scope(token: AccessToken, scope: TokenScope, server: str = "") -> None:
    """Raises OutOfScope unless the token is for this, and for this server."""
    if scope.value not in token.scopes:
        raise OutOfScope(f"Needed: {scope.value}.")
    if server and server not in token.servers:
        raise OutOfScope(f"Server: {server!r}.")


def actor_of(token: AccessToken, address: str) -> Actor:
    """The program as an actor. It holds no role: what it may do is its scope."""
    return Actor(f"token: {token.name}", Channel.API, Assurance.TOKEN, address=address)


def tokens(session: Session) -> Sequence[AccessToken]:
    """All tokens, by name."""
    return session.scalars(select(AccessToken).order_by(AccessToken.name)).all()


def _live(session: Session, name: str) -> AccessToken:
    here = (AccessToken.name == name, AccessToken.revoked_at.is_(None))
    token = session.scalar(select(AccessToken).where(*here).with_for_update())
    if token is None:
        raise NoSuchToken(f"Asked for: {name!r}.")
    return token


def _new_secret() -> str:
    return PREFIX + secrets.new_token()
