"""Persons, as the identity system knows them: import, and who has left."""

from collections.abc import Iterable
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert import trail
from recert.foundation.actor import Role
from recert.foundation.db import one_at_a_time
from recert.foundation.settings import LANGUAGES
from recert.people import csv_rows, register_changes, self_assignment, users
from recert.people.addresses import clean_email
from recert.people.csv_rows import CellError, Column, CsvRejected, CsvRow, RowError
from recert.people.models import AssignedBy, Organisation, OrganisationKind, Person
from recert.trail.act import Act


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


def import_people(act: Act, text: str) -> int:
    """Adds and updates persons from CSV; the number of rows. CsvRejected changes nothing. A
    person or a column that the file does not name is left alone: absence is not evidence."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    rows = csv_rows.read(text, PERSON_COLUMNS)
    one_at_a_time(act.session, "import people")
    known = {person.email: person for person in act.session.scalars(select(Person))}
    _check_people(rows, set(known))
    before = register_changes.facts(act.session)
    organisations = _organisations(act.session, rows)
    were_active = {person.id for person in known.values() if person.active}
    for row in rows:
        person = known.get(row.text("email"))
        if person is None:
            person = known[row.text("email")] = Person(email=row.text("email"))
            act.session.add(person)
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
        person.active = person.left_on is None or person.left_on > act.now.date()
    act.session.flush()
    led = _set_managers(rows, known)
    _note_own_changes(act, led, were_active, known.values())
    users.join_persons(act.session)
    users.end_sessions_of_leavers(act.session)
    act.session.flush()
    changed = register_changes.differences(before, register_changes.facts(act.session))
    details = {"rows": len(rows), "changed": changed}
    trail.append_parts(
        act.session, "people.imported", "people", details, "changed", actor=act.actor, at=act.now
    )
    return len(rows)


def _set_managers(rows: list[CsvRow], known: dict[str, Person]) -> list[tuple[Person, Person]]:
    """Sets the managers that the file names; whom it gave a new one, and whom."""
    changed = []
    for row in rows:
        if "manager_email" not in row.values:
            continue
        person, manager = known[row.text("email")], known.get(row.text("manager_email"))
        if manager is not None and person.manager_id != manager.id:
            changed.append((person, manager))
        person.manager_id = manager.id if manager else None
    return changed


def _note_own_changes(
    act: Act, led: list[tuple[Person, Person]], were_active: set[int], people: Iterable[Person]
) -> None:
    """Whoever made themselves somebody's manager, or said that somebody has left, may have become
    the reviewer by it."""
    managers = [(boss.id, one.id, f"manager of {one.name}") for one, boss in led]
    self_assignment.note(act, AssignedBy.MANAGER, managers)
    left = [one for one in people if one.id in were_active and not one.active]
    own = self_assignment.may_be(act.session, act.actor) if left else set[int]()
    leavers = [(me, one.id, f"in place of {one.name}") for one in left for me in own]
    self_assignment.note(act, AssignedBy.LEAVER, leavers)


def note_leavers(act: Act) -> int:
    """Persons whose announced last day has come are not active any more; how many."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    here = (Person.active, Person.left_on <= act.now.date())
    leavers = act.session.scalars(select(Person).where(*here).order_by(Person.id)).all()
    for person in leavers:
        person.active = False
        details = {"email": person.email, "left_on": str(person.left_on)}
        act.record("person.left", f"person:{person.id}", details)
    if leavers:
        act.session.flush()
        users.end_sessions_of_leavers(act.session)
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
            errors.append(RowError(row.line, "manager_email", "nobody is their own manager"))
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
