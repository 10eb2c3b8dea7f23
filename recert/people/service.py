"""Verbs of people: import persons, add users, sign in and out."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import email_validator
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from recert import trail
from recert.foundation import secrets
from recert.foundation.actor import Actor, Role
from recert.foundation.db import one_at_a_time
from recert.foundation.errors import BadInput
from recert.foundation.settings import LANGUAGES
from recert.people import csv_rows, register_changes
from recert.people.csv_rows import CellError, Column, CsvRejected, CsvRow, RowError
from recert.people.models import (
    Organisation,
    OrganisationKind,
    Person,
    SignInFailure,
    User,
    WebSession,
)

# Names that many companies use inside: an address there is as good as any.
email_validator.SPECIAL_USE_DOMAIN_NAMES = [
    name
    for name in email_validator.SPECIAL_USE_DOMAIN_NAMES
    if name not in ("local", "test", "localhost")
]

SESSION_LIFE = timedelta(hours=8)
SESSION_IDLE = timedelta(minutes=30)
FAILURES_ALLOWED = 10
FAILURE_WINDOW = timedelta(minutes=15)
MIN_PASSWORD = 12
MAX_PASSWORD = 1024  # hashing a novel would keep the processor busy
MAX_EMAIL = 320

_hasher = PasswordHasher()
# Checked for unknown users, so that they take as long as known ones.
_NOBODY = _hasher.hash(secrets.new_token())


class SignInRefused(BadInput):
    """The mail address and the password do not belong together. Check both and try again."""


class TooManyAttempts(BadInput):
    """Too many attempts to sign in. Wait 15 minutes and try again."""


def clean_email(text: str) -> str:
    """The address in lower case and as mail servers write it; CellError when it is none that
    every mail server can deliver to."""
    try:
        checked = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise CellError(f"{text!r} is not a mail address") from error
    return (checked.ascii_email or checked.normalized).lower()


def known_as(text: str) -> str:
    """The address as it would be stored if it is one, else text that belongs to nobody."""
    try:
        return clean_email(text.strip())
    except CellError:
        shown = "".join(one if one.isprintable() else "?" for one in text.strip())
        return shown.lower()[:MAX_EMAIL]


def _optional_email(text: str) -> str:
    return clean_email(text) if text else ""


def _optional_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise CellError(f"{text!r} is not a date like 2026-12-31") from error


def _kind(text: str) -> OrganisationKind:
    try:
        return OrganisationKind(text.lower() or "own")
    except ValueError as error:
        raise CellError(f"{text!r} is not own or partner") from error


def _language(text: str) -> str:
    code = text.lower().partition("-")[0]
    if code and code not in LANGUAGES:
        raise CellError(f"{text!r} is not {' or '.join(LANGUAGES)}")
    return code


def _zone(text: str) -> str:
    try:
        return ZoneInfo(text).key if text else ""
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CellError(f"{text!r} is not a time zone like Europe/Berlin") from error


PERSON_COLUMNS = (
    Column("email", clean_email),
    Column("name", csv_rows.required_text),
    Column("organisation", csv_rows.required_text),
    Column("organisation_kind", _kind, required=False),
    Column("department", str, required=False),
    Column("manager_email", _optional_email, required=False),
    Column("left_on", _optional_date, required=False),
    Column("language", _language, required=False),
    Column("zone", _zone, required=False),
)


def import_people(session: Session, text: str, *, actor: Actor, now: datetime) -> int:
    """Adds and updates persons from CSV; the number of rows. CsvRejected changes nothing. A
    person or a column that the file does not name is left alone: absence is not evidence."""
    actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    rows = csv_rows.read(text, PERSON_COLUMNS)
    one_at_a_time(session, "import people")
    known = {person.email: person for person in session.scalars(select(Person))}
    _check_people(rows, set(known))
    before = register_changes.facts(session)
    organisations = _organisations(session, rows)
    for row in rows:
        person = known.get(row.text("email"))
        if person is None:
            person = known[row.text("email")] = Person(email=row.text("email"))
            session.add(person)
        person.name = row.text("name")
        person.organisation_id = organisations[row.text("organisation")]
        if "department" in row.values:
            person.department = row.text("department")
        for name in ("language", "zone"):
            if name in row.values:
                setattr(person, name, row.text(name))
        if "left_on" in row.values:
            left_on = row.values["left_on"]
            person.left_on = left_on if isinstance(left_on, date) else None
        person.active = person.left_on is None or person.left_on > now.date()
    session.flush()
    for row in rows:
        if "manager_email" in row.values:
            manager = known.get(row.text("manager_email"))
            known[row.text("email")].manager_id = manager.id if manager else None
    session.flush()
    changed = register_changes.differences(before, register_changes.facts(session))
    details = {"rows": len(rows), "changed": changed}
    trail.append_parts(
        session, "people.imported", "people", details, "changed", actor=actor, at=now
    )
    return len(rows)


def note_leavers(session: Session, *, actor: Actor, now: datetime) -> int:
    """Persons whose announced last day has come are not active any more; how many."""
    actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    here = (Person.active, Person.left_on <= now.date())
    leavers = session.scalars(select(Person).where(*here).order_by(Person.id)).all()
    for person in leavers:
        person.active = False
        details = {"email": person.email, "left_on": str(person.left_on)}
        trail.append(session, "person.left", f"person:{person.id}", details, actor=actor, at=now)
    return len(leavers)


def _check_people(rows: list[CsvRow], known: set[str]) -> None:
    errors, seen = [], set[str]()
    in_file = {row.text("email") for row in rows}
    for row in rows:
        email, manager = row.text("email"), row.text("manager_email")
        if email in seen:
            errors.append(RowError(row.line, "email", f"{email} stands twice"))
        seen.add(email)
        if manager and manager not in in_file | known:
            errors.append(RowError(row.line, "manager_email", f"nobody has the address {manager}"))
        if manager == email:
            errors.append(RowError(row.line, "manager_email", "nobody is his own manager"))
    errors += _contradicting_kinds(rows)
    if errors:
        raise CsvRejected(errors)


def _contradicting_kinds(rows: list[CsvRow]) -> list[RowError]:
    first: dict[str, CsvRow] = {}
    errors = []
    for row in rows:
        said = first.setdefault(row.text("organisation"), row)
        if said.values.get("organisation_kind") != row.values.get("organisation_kind"):
            why = f"line {said.line} says otherwise about {row.text('organisation')}"
            errors.append(RowError(row.line, "organisation_kind", why))
    return errors


def _organisations(session: Session, rows: list[CsvRow]) -> dict[str, int]:
    known = {found.name: found for found in session.scalars(select(Organisation))}
    for row in rows:
        name, kind = row.text("organisation"), row.values.get("organisation_kind")
        if name not in known:
            known[name] = Organisation(name=name, kind=OrganisationKind.OWN)
            session.add(known[name])
        if isinstance(kind, OrganisationKind):
            known[name].kind = kind
    session.flush()
    return {name: found.id for name, found in known.items()}


def add_user(
    session: Session,
    email: str,
    name: str,
    password: str,
    roles: frozenset[Role],
    *,
    actor: Actor,
    now: datetime,
) -> User:
    """Adds somebody who can sign in, or gives an existing one a new password and roles."""
    actor.require(Role.ADMINISTRATOR)
    try:
        email = clean_email(email)
    except CellError as error:
        raise BadInput(f"{error}.") from error
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadInput(f"A password needs {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
    if not name.strip() or not name.isprintable():
        raise BadInput("A user needs a name without control characters.")
    one_at_a_time(session, "add user")
    user = session.scalar(select(User).where(User.email == email))
    if user is None:
        user = User(email=email, created_at=now, active=True)
        session.add(user)
    user.name, user.roles = name, sorted(roles)
    user.password_hash = _hasher.hash(password)
    session.flush()
    session.execute(delete(WebSession).where(WebSession.user_id == user.id))
    details = {"email": email, "roles": user.roles}
    trail.append(session, "user.saved", f"user:{user.id}", details, actor=actor, at=now)
    return user


def check_password(
    session: Session, email: str, password: str, *, address: str, now: datetime
) -> User:
    """The user, or SignInRefused / TooManyAttempts. The only place that checks a password."""
    email = known_as(email)
    since = now - FAILURE_WINDOW
    recent = select(func.count()).where(
        SignInFailure.at > since, SignInFailure.email == email, SignInFailure.address == address
    )
    if (session.scalar(recent) or 0) >= FAILURES_ALLOWED:
        raise TooManyAttempts
    user = session.scalar(select(User).where(User.email == email, User.active))
    kept = user.password_hash if user else _NOBODY
    if not _fits(kept, password[: MAX_PASSWORD + 1]) or user is None:
        raise SignInRefused
    return user


def note_failure(session: Session, email: str, *, address: str, now: datetime) -> None:
    """Counts a refused sign-in and forgets old ones."""
    session.execute(delete(SignInFailure).where(SignInFailure.at < now - FAILURE_WINDOW))
    session.add(SignInFailure(at=now, email=known_as(email), address=address))


def _fits(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


def open_session(session: Session, user: User, *, address: str, actor: Actor, now: datetime) -> str:
    """A new session id for the cookie; the table keeps its hash."""
    session_id = secrets.new_token()
    session.add(
        WebSession(
            id_hash=secrets.digest(session_id),
            user_id=user.id,
            created_at=now,
            seen_at=now,
            expires_at=now + SESSION_LIFE,
            address=address,
        )
    )
    session.execute(delete(WebSession).where(WebSession.expires_at < now))
    details = {"session": number_of(session_id)}
    trail.append(session, "user.signed_in", f"user:{user.id}", details, actor=actor, at=now)
    return session_id


def number_of(session_id: str) -> str:
    """How the trail and decisions name a session. It cannot be turned back into its id."""
    return f"sign-in {secrets.digest(session_id)[:16]}"


def close_session(session: Session, session_id: str) -> None:
    """Signs one browser out; a copied cookie is dead as well."""
    session.execute(delete(WebSession).where(WebSession.id_hash == secrets.digest(session_id)))
