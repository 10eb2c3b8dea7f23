"""Writes a planned synchronisation into the register, in the caller's transaction."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby, islice
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from recert import trail
from recert.foundation.db import AnyRow, Moment, refresh_statistics
from recert.people import users
from recert.people.models import OrganisationKind
from recert.people.synchronisation.person_matching import Run
from recert.people.synchronisation.plan import Plan
from recert.trail.act import Act
from recert.trail.actions import Action
from recert.trail.service import MOST_ROWS

_ORGANISATIONS = """
INSERT INTO organisation (name, kind)
SELECT DISTINCT coalesce(s.organisation, :organisation), :kind FROM staged_person s
WHERE NOT s.aside AND (s.organisation IS NOT NULL OR s.is_new)
  AND coalesce(s.organisation, :organisation) NOT IN (SELECT name FROM organisation)
"""
# Addresses may be exchanged between people, and each is unique at every moment.
_FREE_ADDRESSES = """
UPDATE person SET email = 'moving-' || id || '@retired.invalid'
WHERE id IN (SELECT person_id FROM planned_change WHERE field = 'email')
"""
_TEXT_FIELD = """
UPDATE person SET {field} = (SELECT c.after FROM planned_change c
    WHERE c.person_id = person.id AND c.field = '{field}')
WHERE id IN (SELECT person_id FROM planned_change WHERE field = '{field}')
"""
_TEXT_FIELDS = tuple(
    _TEXT_FIELD.format(field=name) for name in ("email", "name", "department", "language")
)
_ORGANISATION = """
UPDATE person SET organisation_id = (SELECT o.id FROM organisation o JOIN planned_change c
    ON c.after = o.name WHERE c.person_id = person.id AND c.field = 'organisation')
WHERE id IN (SELECT person_id FROM planned_change WHERE field = 'organisation')
"""
_STATE = """
UPDATE person SET
    active = (SELECT s.want_active FROM staged_person s
              WHERE s.person_id = person.id AND NOT s.aside),
    left_on = (SELECT s.want_left_on FROM staged_person s
               WHERE s.person_id = person.id AND NOT s.aside)
WHERE id IN (SELECT person_id FROM planned_change WHERE field IN ('active', 'left_on'))
  AND id NOT IN (SELECT person_id FROM planned_leaver)
"""
_LEAVERS = """
UPDATE person SET active = FALSE, left_on = :today
WHERE id IN (SELECT person_id FROM planned_leaver)
"""
_NEW = """
INSERT INTO person (email, name, department, language, organisation_id, active, left_on)
SELECT s.email, s.name, coalesce(s.department, ''), coalesce(s.language, ''), o.id,
       s.want_active, s.want_left_on
FROM staged_person s JOIN organisation o ON o.name = coalesce(s.organisation, :organisation)
WHERE s.is_new ORDER BY s.entry
"""
_NUMBERS_OF_NEW = """
UPDATE staged_person SET person_id = (SELECT p.id FROM person p WHERE p.email = staged_person.email)
WHERE is_new
"""
_MANAGERS = """
UPDATE person SET manager_id = (SELECT m.person_id FROM staged_person s
    LEFT JOIN staged_person m ON m.entry = s.manager_entry
    WHERE s.person_id = person.id AND NOT s.aside)
WHERE id IN (SELECT person_id FROM planned_change WHERE field = 'manager')
   OR id IN (SELECT person_id FROM staged_person WHERE is_new AND manager_entry IS NOT NULL)
"""
_IDENTITIES = """
INSERT INTO person_identity (source, key, person_id, added_at)
SELECT :source, s.key, s.person_id, :at FROM staged_person s
WHERE (s.is_new OR s.adopted) AND NOT s.aside ORDER BY s.entry
"""
_GONE = """
UPDATE person_identity SET gone_at = :at WHERE source = :source AND gone_at IS NULL
  AND key NOT IN (SELECT key FROM staged_person)
"""
_BACK = """
UPDATE person_identity SET gone_at = NULL WHERE source = :source AND gone_at IS NOT NULL
  AND key IN (SELECT key FROM staged_person)
"""
_HISTORY = """
INSERT INTO person_history (person_id, field, before, after, at, source)
SELECT c.person_id, c.field, c.before, c.after, :at, :source FROM planned_change c
WHERE c.field IN ('manager', 'department', 'active', 'left_on', 'email', 'name', 'organisation')
ORDER BY c.person_id, c.field
"""
_CHANGED = """
SELECT p.email, c.field, c.before, c.after FROM planned_change c JOIN person p ON p.id = c.person_id
ORDER BY c.person_id, c.field
"""
_ADDED = """
SELECT p.email, p.name, o.name AS organisation, o.kind, p.department, b.email AS manager,
       CAST(p.left_on AS TEXT) AS left_on, p.active
FROM staged_person s JOIN person p ON p.id = s.person_id
JOIN organisation o ON o.id = p.organisation_id LEFT JOIN person b ON b.id = p.manager_id
WHERE s.is_new ORDER BY s.entry
"""


def apply(act: Act, run: Run, plan: Plan, *, details: dict[str, Any]) -> None:
    """Everything of a plan, with its history and its entries in the trail. Nothing is written when
    the plan changes nothing."""
    if not plan.writes:
        return
    session = act.session
    _execute(session, run, act.now, _ORGANISATIONS, _FREE_ADDRESSES, *_TEXT_FIELDS)
    _execute(session, run, act.now, _ORGANISATION, _STATE, _LEAVERS, _NEW, _NUMBERS_OF_NEW)
    _execute(session, run, act.now, _MANAGERS, _IDENTITIES, _GONE, _BACK, _HISTORY)
    session.expire_all()
    users.join_persons(session)
    users.end_sessions_of_leavers(session)
    refresh_statistics(session, plan.counts["new"], "person", "person_identity")
    _record(act, run, plan, details)


def _execute(session: Session, run: Run, at: datetime, *statements: str) -> None:
    for statement in statements:
        bound = run.bound(statement)
        if ":at" in statement:
            bound = bound.bindparams(bindparam("at", at, type_=Moment()))
        if ":kind" in statement:
            bound = bound.bindparams(kind=OrganisationKind.OWN.value)
        session.execute(bound)


def _record(act: Act, run: Run, plan: Plan, details: dict[str, Any]) -> None:
    """One entry for every so many people, as for a file. They are streamed: 100,000 new people are
    never in memory at once."""
    changed = sum(1 for _ in _people(act.session))
    parts = max(1, -(-changed // MOST_ROWS))
    common = {"rows": plan.counts["entries"], "source": run.source, **details}
    rows = _people(act.session)
    for number in range(1, parts + 1):
        part = list(islice(rows, MOST_ROWS))
        which = {"part": number, "parts": parts} if parts > 1 else {}
        trail.append(
            act.session,
            Action.PEOPLE_IMPORTED,
            "people",
            {**common, **which, "changed": part},
            actor=act.actor,
            at=act.now,
        )


def _people(session: Session) -> Iterator[dict[str, Any]]:
    """Each new or changed person with every field that became another one: the form of the entries
    that importing a file writes."""
    options = {"yield_per": MOST_ROWS}
    for row in session.execute(text(_ADDED), execution_options=options):
        yield {
            "person": row.email,
            "new": True,
            "name": [None, row.name],
            "organisation": [None, row.organisation],
            "organisation_kind": [None, row.kind],
            "department": [None, row.department],
            "manager": [None, row.manager or ""],
            "left_on": [None, row.left_on or ""],
            "active": [None, bool(row.active)],
        }
    rows = session.execute(text(_CHANGED), execution_options=options)
    for email, fields in groupby(rows, key=lambda row: row.email):
        yield {"person": email, **{row.field: _both(row) for row in fields}}


def _both(row: AnyRow) -> list[Any]:
    if row.field == "active":
        return [row.before == "yes", row.after == "yes"]
    return [row.before, row.after]
