"""Questions about people."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from recert.foundation import secrets
from recert.foundation.actor import Actor, Assurance, Channel, Role, mail_of
from recert.people.models import Person, User, WebSession
from recert.people.service import SESSION_IDLE, number_of

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
        """The same as an actor at the web door."""
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
    """The user of a live session; None when it ended, idled out or the user was switched off."""
    query = (
        select(User, WebSession.seen_at, Person.id)
        .join(WebSession, WebSession.user_id == User.id)
        .outerjoin(Person, (Person.email == User.email) & Person.active)
        .where(
            WebSession.id_hash == secrets.digest(session_id),
            WebSession.expires_at > now,
            WebSession.seen_at > now - SESSION_IDLE,
            User.active,
        )
    )
    row = session.execute(query).one_or_none()
    if row is None:
        return None
    user, seen_at, person_id = row
    return SignedIn(
        user.id,
        user.email,
        user.name,
        frozenset(Role(role) for role in user.roles),
        person_id,
        needs_touch=now - seen_at > TOUCH_AFTER,
        number=number_of(session_id),
    )


def touch(session: Session, session_id: str, *, now: datetime) -> None:
    """Notes that the browser was seen."""
    here = WebSession.id_hash == secrets.digest(session_id)
    session.execute(update(WebSession).where(here).values(seen_at=now))


def user_by_email(session: Session, email: str) -> User | None:
    """The user with this address who can sign in."""
    here = (User.email == email.strip().lower(), User.active)
    return session.scalar(select(User).where(*here))


def holders_of(session: Session, role: Role) -> list[User]:
    """The users who can sign in and hold a role."""
    users = session.scalars(select(User).where(User.active).order_by(User.id))
    return [user for user in users if role.value in user.roles]


def person_by_email(session: Session, email: str) -> Person | None:
    """The person with this address."""
    return session.scalar(select(Person).where(Person.email == email.strip().lower()))


def is_active(session: Session, person_id: int) -> bool:
    """False when the person has left."""
    return bool(session.scalar(select(Person.active).where(Person.id == person_id)))


def people_count(session: Session) -> int:
    """How many persons are known."""
    return session.scalar(select(func.count()).select_from(Person)) or 0


def persons_behind(session: Session, actor: Actor) -> set[int]:
    """The persons that an actor is: by his sign-in, and by the address in his name."""
    known = person_by_email(session, mail_of(actor.name))
    return {number for number in (actor.person_id, known.id if known else None) if number}
