"""Persons, as the identity system knows them: synchronisation, and who has left."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert import trail
from recert.foundation.actor import Role
from recert.foundation.db import one_at_a_time
from recert.foundation.jobs.registration import WORKER, JobContext, Phase, job
from recert.people import register_changes, self_assignment, users
from recert.people.csv_rows import CsvRejected, RowError
from recert.people.models import AssignedBy, Organisation, OrganisationKind, Person
from recert.people.sources.contract import UNSTATED, PeopleSource, PersonFact
from recert.people.sources.csv_file import CsvPeople
from recert.trail.act import Act
from recert.trail.actions import Action


def import_people(act: Act, text: str) -> int:
    """Adds and updates persons from CSV; the number of rows. CsvRejected changes nothing."""
    return synchronise(act, CsvPeople(text))


def synchronise(act: Act, source: PeopleSource) -> int:
    """Adds and updates the persons that a source states; how many it states. Raises BadInput, and
    then nothing is changed. A person or a field that it does not state is left alone: absence is
    no evidence."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    facts = list(source.persons())
    one_at_a_time(act.session, "import people")
    known = {person.email: person for person in act.session.scalars(select(Person))}
    _check(facts, set(known))
    before = register_changes.facts(act.session)
    organisations = _organisations(act.session, facts)
    were_active = {person.id for person in known.values() if person.active}
    for fact in facts:
        person = known.get(fact.email)
        if person is None:
            person = known[fact.email] = Person(email=fact.email)
            act.session.add(person)
        person.name = fact.name
        person.organisation_id = organisations[fact.organisation]
        for name in ("department", "language", "zone", "left_on"):
            value = getattr(fact, name)
            if value is not UNSTATED:
                setattr(person, name, value)
        person.active = person.left_on is None or person.left_on > act.now.date()
    act.session.flush()
    led = _set_managers(facts, known)
    _note_own_changes(act, led, were_active, known.values())
    users.join_persons(act.session)
    users.end_sessions_of_leavers(act.session)
    act.session.flush()
    changed = register_changes.differences(before, register_changes.facts(act.session))
    details = {"rows": len(facts), "changed": changed}
    trail.append_parts(
        act.session,
        Action.PEOPLE_IMPORTED,
        "people",
        details,
        "changed",
        actor=act.actor,
        at=act.now,
    )
    return len(facts)


def _set_managers(
    facts: Sequence[PersonFact], known: dict[str, Person]
) -> list[tuple[Person, Person]]:
    """Sets the managers that are stated; who got a new one, and whom."""
    changed = []
    for fact in facts:
        if fact.manager_email is UNSTATED:
            continue
        person, manager = known[fact.email], known.get(fact.manager_email)
        if manager is not None and person.manager_id != manager.id:
            changed.append((person, manager))
        person.manager_id = manager.id if manager else None
    return changed


def _note_own_changes(
    act: Act, led: list[tuple[Person, Person]], were_active: set[int], people: Iterable[Person]
) -> None:
    """Whoever made themselves somebody's manager, or marked somebody as left, may have become
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
        act.record(Action.PERSON_LEFT, f"person:{person.id}", details)
    if leavers:
        act.session.flush()
        users.end_sessions_of_leavers(act.session)
    return len(leavers)


def _check(facts: Sequence[PersonFact], known: set[str]) -> None:
    """What no entry shows by itself, whatever the source: every fault in one list."""
    errors, emails = [], set[str]()
    known = known | {fact.email for fact in facts}
    kinds: dict[str, PersonFact] = {}
    for fact in facts:
        if fact.email in emails:
            errors.append(RowError(fact.entry, "email", f"{fact.email} stands twice"))
        emails.add(fact.email)
        manager = "" if fact.manager_email is UNSTATED else fact.manager_email
        if manager and manager not in known:
            why = f"nobody has the address {manager}"
            errors.append(RowError(fact.entry, "manager_email", why))
        if manager == fact.email:
            errors.append(RowError(fact.entry, "manager_email", "nobody is their own manager"))
        first = kinds.setdefault(fact.organisation, fact)
        if first.organisation_kind is not fact.organisation_kind:
            why = f"line {first.entry} says otherwise about {fact.organisation}"
            errors.append(RowError(fact.entry, "organisation_kind", why))
    if errors:
        raise CsvRejected(errors)


def _organisations(session: Session, facts: Sequence[PersonFact]) -> dict[str, int]:
    known = {found.name: found for found in session.scalars(select(Organisation))}
    for fact in facts:
        if fact.organisation not in known:
            known[fact.organisation] = Organisation(
                name=fact.organisation, kind=OrganisationKind.OWN
            )
            session.add(known[fact.organisation])
        if fact.organisation_kind is not UNSTATED:
            known[fact.organisation].kind = fact.organisation_kind
    session.flush()
    return {name: found.id for name, found in known.items()}


@job(Phase.PEOPLE, 1)
def note_due_leavers(context: JobContext) -> int:
    """Marks persons whose announced last day has come."""
    with context.db.transaction() as session:
        return note_leavers(Act(session, WORKER, context.now()))
