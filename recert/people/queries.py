"""Questions about people."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from recert.foundation import secrets
from recert.foundation.actor import Actor, Assurance, Channel, Role
from recert.foundation.statements import run
from recert.people.models import Person, User, WebSession

# Whose sign-ins were all disabled acts by no way any more, also not from a mail.
_DISABLED = (
    select(User.id).where(User.person_id == Person.id, ~User.active).correlate(Person).exists()
)
_ENABLED = (
    select(User.id).where(User.person_id == Person.id, User.active).correlate(Person).exists()
)
# False when the person has left, or all their sign-ins were disabled.
IS_ACTIVE = select(and_(Person.active, or_(_ENABLED, ~_DISABLED))).where(
    Person.id == bindparam("person")
)
_Led = aliased(Person)
SESSION_IDLE = timedelta(minutes=30)
TOUCH_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class SignedIn:
    """Who sits behind one browser session."""

    user_id: int
    email: str
    name: str
    roles: frozenset[Role]
    person_id: int | None
    needs_touch: bool
    number: str = ""  # of the session; it opens nothing

    def actor(self, address: str) -> Actor:
        """The signed-in person as an actor of the web pages."""
        return Actor(
            self.email,
            Channel.WEB,
            Assurance.SIGNED_IN,
            person_id=self.person_id,
            user_id=self.user_id,
            roles=self.roles,
            address=address,
            session=self.number,
        )


def signed_in(session: Session, session_id: str, *, now: datetime) -> SignedIn | None:
    """The user of a live session; None when it ended, idled out or the user was disabled."""
    query = (
        select(User, WebSession.last_used_at, WebSession.provider_roles)
        .join(WebSession, WebSession.user_id == User.id)
        .where(
            WebSession.id_hash == secrets.digest(session_id),
            WebSession.expires_at > now,
            WebSession.last_used_at > now - SESSION_IDLE,
            can_sign_in(),
        )
    )
    row = session.execute(query).one_or_none()
    if row is None:
        return None
    user, last_used_at, provider_roles = row
    return SignedIn(
        user.id,
        user.email,
        user.name,
        frozenset(Role(role) for role in (*user.roles, *provider_roles)),
        user.person_id,
        needs_touch=now - last_used_at > TOUCH_AFTER,
        number=number_of(session_id),
    )


def touch(session: Session, session_id: str, *, now: datetime) -> None:
    """Renews the time of the last request of a session."""
    here = WebSession.id_hash == secrets.digest(session_id)
    session.execute(update(WebSession).where(here).values(last_used_at=now))


def can_sign_in() -> ColumnElement[bool]:
    """The condition that a user is not disabled, and their person has not left."""
    left = select(Person.id).where(Person.id == User.person_id, Person.active.is_(False))
    return and_(User.active, ~left.correlate(User).exists())


def user_by_email(session: Session, email: str) -> User | None:
    """The user with this address who can sign in."""
    here = (User.email == email.strip().lower(), can_sign_in())
    return session.scalar(select(User).where(*here))


def holders_of(session: Session, role: Role) -> list[User]:
    """The users who can sign in and hold a role."""
    users = session.scalars(select(User).where(can_sign_in()).order_by(User.id))
    return [user for user in users if role.value in user.roles]


def suggested(session: Session, size: int = 300) -> list[tuple[str, str]]:
    """Address and name of people whom somebody may want to pick: those who lead others first."""
    leads = select(_Led.id).where(_Led.manager_id == Person.id).exists()
    query = select(Person.email, Person.name).where(Person.active)
    rows = session.execute(query.order_by(leads.desc(), Person.name, Person.id).limit(size))
    return [(row.email, row.name) for row in rows]


def person_by_email(session: Session, email: str) -> Person | None:
    """The person with this address."""
    return session.scalar(select(Person).where(Person.email == email.strip().lower()))


def is_active(session: Session, person_id: int) -> bool:
    """False when the person has left, or all their sign-ins were disabled."""
    return bool(run(session, IS_ACTIVE, {"person": person_id}).scalar())


def people_count(session: Session) -> int:
    """How many persons are known."""
    return session.scalar(select(func.count()).select_from(Person)) or 0


def number_of(session_id: str) -> str:
    """How the trail and decisions name a session. It cannot be turned back into its id."""
    return f"sign-in {secrets.digest(session_id)[:16]}"
