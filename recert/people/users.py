"""Users: who can sign in to Recert, with which roles, and until when."""

from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from recert.foundation.actor import Role
from recert.foundation.db import one_at_a_time
from recert.foundation.errors import BadInput, NotFound, RefusedByPolicy
from recert.people import passwords
from recert.people.addresses import clean_email
from recert.people.csv_rows import CellError
from recert.people.models import Person, User, WebSession
from recert.people.queries import can_sign_in, person_by_email
from recert.trail.act import Act
from recert.trail.actions import Action


class NoSuchUser(NotFound):
    """There is no such user. `recert user list` shows them."""


class LastAdministrator(RefusedByPolicy):
    """This is the last administrator who can sign in. Give somebody else the role first."""


class WrongPassword(BadInput):
    """This is not your present password. Nothing was changed."""


def add_user(
    act: Act, email: str, name: str, password: str, roles: frozenset[Role], *, person: str = ""
) -> User:
    """Adds somebody who can sign in, or gives an existing one a new password and roles. The user
    belongs to the person with this address, or to the one whose address is named."""
    act.actor.require(Role.ADMINISTRATOR)
    try:
        email = clean_email(email)
    except CellError as error:
        raise BadInput(f"{error}.") from error
    if not name.strip() or not name.isprintable():
        raise BadInput("A user needs a name without control characters.")
    passwords.check_strength(password, email, name)
    owner = person_by_email(act.session, person or email)
    if person and owner is None:
        raise BadInput(f"Nobody has the address {person!r}. Import the person first.")
    one_at_a_time(act.session, "add user")
    user = act.session.scalar(select(User).where(User.email == email))
    if user is None:
        user = User(email=email, created_at=act.now, active=True)
        act.session.add(user)
    if owner is not None:
        user.person_id = owner.id
    user.name, user.roles = name, sorted(roles)
    user.password_hash = passwords.make_hash(password)
    act.session.flush()
    sign_out_everywhere(act.session, [user.id])
    details = {"email": email, "roles": user.roles, "person": owner.email if owner else ""}
    act.record(Action.USER_SAVED, user.ref, details)
    return user


def change_password(act: Act, user_id: int, present: str, new: str) -> None:
    """A user chooses another password; all other browsers are signed out."""
    user = act.session.get_one(User, user_id)
    if not passwords.fits(user.password_hash, present):
        raise WrongPassword
    passwords.check_strength(new, user.email, user.name)
    user.password_hash = passwords.make_hash(new)
    sign_out_everywhere(act.session, [user.id])
    act.record(Action.USER_PASSWORD_CHANGED, user.ref, {})


def disable(act: Act, email: str, reason: str) -> User:
    """Ends the sign-in of a user at once: sessions, roles, everything. Never of the last
    administrator."""
    act.actor.require(Role.ADMINISTRATOR)
    if not reason.strip():
        raise BadInput("Say why the user is disabled.")
    one_at_a_time(act.session, "add user")
    user = _named(act.session, email)
    left = select(User).where(can_sign_in(), User.id != user.id)
    if Role.ADMINISTRATOR in user.roles and not any(
        Role.ADMINISTRATOR in other.roles for other in act.session.scalars(left)
    ):
        raise LastAdministrator
    user.active = False
    sign_out_everywhere(act.session, [user.id])
    details = {"email": user.email, "reason": reason.strip()}
    act.record(Action.USER_DISABLED, user.ref, details)
    return user


def enable(act: Act, email: str) -> User:
    """Lets a disabled user sign in again, with the roles and the password they had."""
    act.actor.require(Role.ADMINISTRATOR)
    user = _named(act.session, email)
    user.active = True
    act.record(Action.USER_ENABLED, user.ref, {"email": user.email})
    return user


def _named(session: Session, email: str) -> User:
    user = session.scalar(select(User).where(User.email == email.strip().lower()))
    if user is None:
        raise NoSuchUser(f"Asked for: {email!r}.")
    return user


def sign_out_everywhere(session: Session, user_ids: Sequence[int]) -> None:
    """Ends every browser session of some users."""
    session.execute(delete(WebSession).where(WebSession.user_id.in_(user_ids)))


def users(session: Session) -> Sequence[tuple[User, Person | None, bool]]:
    """All users with their persons, and whether they can sign in."""
    query = select(User, Person, can_sign_in()).outerjoin(Person, Person.id == User.person_id)
    return [(row[0], row[1], bool(row[2])) for row in session.execute(query.order_by(User.email))]


def join_persons(session: Session) -> None:
    """Users without a person belong to the one with their address."""
    person = select(Person.id).where(Person.email == User.email).scalar_subquery()
    session.execute(
        update(User)
        .where(User.person_id.is_(None), person.is_not(None))
        .values(person_id=person)
        .execution_options(synchronize_session=False)
    )


def end_sessions_of_leavers(session: Session) -> None:
    """Browser sessions of people who have left end at once."""
    gone = select(User.id).join(Person, Person.id == User.person_id).where(~Person.active)
    session.execute(delete(WebSession).where(WebSession.user_id.in_(gone)))
