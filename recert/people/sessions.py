"""Signing in and out: passwords are checked here and nowhere else, and guessing is slowed down."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from recert import trail
from recert.foundation import secrets
from recert.foundation.actor import Actor, Assurance, Channel
from recert.foundation.db import one_at_a_time
from recert.foundation.errors import BadInput
from recert.people import passwords
from recert.people.addresses import known_as
from recert.people.models import SignInFailure, User, WebSession
from recert.people.queries import can_sign_in, number_of
from recert.trail.act import Act
from recert.trail.actions import Action

SESSION_LIFE = timedelta(hours=8)
WINDOW = timedelta(minutes=15)
# Attempts in that time that were not successful: at one account from one address, at one account
# from anywhere, from one address at any accounts, and altogether.
MOST_HERE, MOST_AT_ACCOUNT, MOST_FROM_ADDRESS, MOST_ALTOGETHER = 10, 50, 50, 1000


class SignInRefused(BadInput):
    """Wrong email or password."""


class TooManyAttempts(BadInput):
    """Too many attempts to sign in. Wait 15 minutes and try again."""


def begin_attempt(session: Session, email: str, *, address: str, now: datetime) -> int:
    """Counts an attempt before its password is looked at, so that many at once do not get past
    the limits; its number. Raises TooManyAttempts."""
    one_at_a_time(session, "sign in")
    account = SignInFailure.email == known_as(email)
    here = SignInFailure.address == address
    session.execute(delete(SignInFailure).where(SignInFailure.at < now - WINDOW))
    for most, *where in (
        (MOST_HERE, account, here),
        (MOST_AT_ACCOUNT, account),
        (MOST_FROM_ADDRESS, here),
        (MOST_ALTOGETHER,),
    ):
        if _attempts(session, where, now) >= most:
            raise TooManyAttempts
    made = SignInFailure(at=now, email=known_as(email), address=address)
    session.add(made)
    session.flush()
    return made.id


def _attempts(session: Session, where: list[ColumnElement[bool]], now: datetime) -> int:
    query = select(func.count()).select_from(SignInFailure)
    return session.scalar(query.where(SignInFailure.at >= now - WINDOW, *where)) or 0


def check_password(session: Session, email: str, password: str) -> User:
    """The user, or SignInRefused. It takes its time: hold no write transaction."""
    here = (User.email == known_as(email), can_sign_in())
    user = session.scalar(select(User).where(*here))
    if not passwords.fits(user.password_hash if user else None, password) or user is None:
        raise SignInRefused
    return user


def succeed(session: Session, attempt: int) -> None:
    """The attempt was right: it does not count as a failure."""
    session.execute(delete(SignInFailure).where(SignInFailure.id == attempt))


def note_refusal(session: Session, email: str, why: str, *, address: str, now: datetime) -> None:
    """A refused sign-in stands in the trail."""
    actor = Actor("nobody", Channel.WEB, Assurance.NONE, address=address)
    details = {"email": known_as(email), "because": why}
    trail.append(session, Action.USER_SIGN_IN_REFUSED, "sign-in", details, actor=actor, at=now)


def open_session(act: Act, user: User, *, address: str) -> str:
    """A new session id for the cookie; the table keeps its hash."""
    session_id = secrets.new_token()
    act.session.add(
        WebSession(
            id_hash=secrets.digest(session_id),
            user_id=user.id,
            created_at=act.now,
            last_used_at=act.now,
            expires_at=act.now + SESSION_LIFE,
            address=address,
        )
    )
    act.session.execute(delete(WebSession).where(WebSession.expires_at < act.now))
    details = {"session": number_of(session_id)}
    act.record(Action.USER_SIGNED_IN, user.ref, details)
    return session_id


def session_of(session: Session, session_id: str) -> WebSession | None:
    """The browser session with this id."""
    return session.get(WebSession, secrets.digest(session_id))


def close_session(session: Session, session_id: str) -> None:
    """Signs one browser out; a copied cookie is dead as well."""
    session.execute(delete(WebSession).where(WebSession.id_hash == secrets.digest(session_id)))
