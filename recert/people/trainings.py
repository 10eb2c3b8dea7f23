"""Trainings of reviewers: who learned when, in which course, how to review access."""

from collections.abc import Collection
from datetime import date, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from recert import trail
from recert.foundation.actor import Role
from recert.foundation.db import one_at_a_time
from recert.people import csv_rows
from recert.people.addresses import clean_email
from recert.people.csv_rows import CellError, Column, CsvRejected, RowError
from recert.people.models import Person, Training
from recert.trail.act import Act
from recert.trail.actions import Action

MOST_TEXT = 200


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CellError(f"{text!r} is not a date like 2026-12-31") from error


def _course(text: str) -> str:
    if len(text) > MOST_TEXT:
        raise CellError(f"it is longer than {MOST_TEXT} characters")
    return csv_rows.required_text(text)


COLUMNS = (Column("email", clean_email), Column("date", _day), Column("course", _course))


def import_trainings(act: Act, text: str) -> int:
    """Adds trainings from CSV; the number of rows. CsvRejected names every bad row and changes
    nothing. What is known already stays as it is, and nothing is taken away."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    rows = csv_rows.read(text, COLUMNS)
    one_at_a_time(act.session, "import trainings")
    people = {row.email: row.id for row in act.session.execute(select(Person.email, Person.id))}
    errors, known, new = [], {tuple(row) for row in act.session.execute(_known())}, []
    tomorrow = act.now.date() + timedelta(days=1)  # it is that day already somewhere
    for row in rows:
        email, on, course = row.text("email"), row.values["date"], row.text("course")
        assert isinstance(on, date)
        if email not in people:
            errors.append(RowError(row.line, "email", f"nobody has the address {email}"))
        elif on > tomorrow:
            errors.append(RowError(row.line, "date", f"{on} is in the future"))
        elif (people[email], on, course) not in known:
            known.add((people[email], on, course))
            new.append((email, on, course))
    if errors:
        raise CsvRejected(errors)
    act.session.add_all(
        Training(person_id=people[email], on=on, course=course, at=act.now)
        for email, on, course in new
    )
    recorded = [[email, on.isoformat(), course] for email, on, course in new]
    details = {"rows": len(rows), "trainings": recorded}
    named = (Action.TRAININGS_IMPORTED, "trainings", details, "trainings")
    trail.append_parts(act.session, *named, actor=act.actor, at=act.now)
    return len(rows)


def _known() -> Select[int, date, str]:
    return select(Training.person_id, Training.on, Training.course)


def newest_of(session: Session, person_ids: Collection[int]) -> dict[int, Training]:
    """The newest training of each of some people who have one."""
    query = select(Training).where(Training.person_id.in_(person_ids))
    ordered = query.order_by(Training.on, Training.course)
    return {one.person_id: one for one in session.scalars(ordered)}
