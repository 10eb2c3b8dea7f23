"""Which token may call what. Bearer, or Basic with the token's name as user."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

from flask import current_app, g, request

from recert.foundation import clock
from recert.foundation.db import Database
from recert.people import tokens
from recert.people.models import AccessToken, TokenScope
from recert.people.tokens import TokenRefused
from recert.trail.act import Act

View = TypeVar("View", bound=Callable[..., Any])
DECLARED = "declared_access"  # what a view needs; the test of all routes reads it


def database() -> Database:
    """The database of this application."""
    found: Database = current_app.extensions["recert.db"]
    return found


def for_token(scope: TokenScope) -> Callable[[View], View]:
    """Declares what a token needs for a view; the server is the one that the path names."""

    def declare(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            authenticate(scope, kwargs.get("server", ""))
            return view(*args, **kwargs)

        setattr(guarded, DECLARED, f"token: {scope.value}")
        return cast(View, guarded)

    return declare


def authenticate(scope: TokenScope, server: str = "") -> None:
    """Raises TokenRefused or OutOfScope unless the request's token may do this."""
    now, address = clock.now(), request.remote_addr or ""
    with database().reading() as session:
        token = tokens.authenticate(session, _secret(), now=now)
        if _basic_name() not in ("", token.name):
            raise TokenRefused
        tokens.check_scope(token, scope, server)
    if tokens.needs_touch(token, address, now=now):
        with database().transaction() as session:
            tokens.touch(session, token.id, address, now=now)
    g.access_token = token


@contextmanager
def acting(*, reads_only: bool = False) -> Iterator[Act]:
    """One use case of the program, in a transaction of its own. One that only reads keeps no writer
    waiting."""
    token: AccessToken = g.access_token
    actor = tokens.actor_of(token, request.remote_addr or "")
    db = database()
    with db.reading() if reads_only else db.transaction() as session:
        yield Act(session, actor, clock.now())


def _secret() -> str:
    credentials = request.authorization
    if credentials is None:
        raise TokenRefused
    if credentials.type == "bearer" and credentials.token:
        return credentials.token
    if credentials.type == "basic" and credentials.password:
        return credentials.password
    raise TokenRefused


def _basic_name() -> str:
    """The user of Basic; "?" for an empty one, which no token is called."""
    credentials = request.authorization
    if credentials is None or credentials.type != "basic":
        return ""
    return credentials.username or "?"
