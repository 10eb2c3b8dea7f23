"""A directory that the house synchronises, and what came of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select

from recert.foundation import clock
from recert.people.models import Person
from recert.people.synchronisation import register, runs
from recert.people.synchronisation.models import PersonHistory, PersonIdentity, RegisteredSource
from recert.people.synchronisation.plan import Plan
from recert.people.synchronisation.register import NewSource
from recert.people.synchronisation.runs import Outcome
from recert.trail.act import Act
from recert.trail.models import TrailEntry
from tests.support.directory import DirectoryServer, Someone
from tests.support.house import House

NAME = "corporate"


class Joined:
    """A house and its directory."""

    def __init__(self, house: House, server: DirectoryServer) -> None:
        self.house, self.server = house, server

    def register(self, *, enabled: bool = True, percent: int = 10, **more: str) -> None:
        with self.house.db.transaction() as session:
            new = NewSource(
                NAME,
                self.server.settings(**more),
                str(self.server.secret),
                enabled=enabled,
                most_lost_percent=percent,
            )
            register.save(Act(session, self.house.admin, clock.now()), new)

    def preview(self) -> Plan:
        return runs.preview(self.house.db, NAME, now=clock.now())

    def sync(self, **more: Any) -> Outcome:
        return runs.synchronise(self.house.db, NAME, actor=self.house.admin, now=clock.now, **more)

    def person(self, email: str) -> Person | None:
        with self.house.db.reading() as session:
            return session.scalar(select(Person).where(Person.email == email))

    def one(self, email: str) -> Person:
        found = self.person(email)
        assert found, email
        return found

    def manager_of(self, email: str) -> str:
        with self.house.db.reading() as session:
            person = session.scalars(select(Person).where(Person.email == email)).one()
            manager = session.get(Person, person.manager_id) if person.manager_id else None
            return manager.email if manager else ""

    def people(self) -> dict[str, tuple[Any, ...]]:
        """Everything the register holds, by address."""
        with self.house.db.reading() as session:
            return {
                one.email: (
                    *(one.id, one.name, one.department, one.organisation_id, one.manager_id),
                    *(one.active, one.left_on),
                )
                for one in session.scalars(select(Person).order_by(Person.id))
            }

    def source(self) -> RegisteredSource:
        with self.house.db.reading() as session:
            return register.named(session, NAME)

    def history(self, email: str) -> list[tuple[str, str, str]]:
        with self.house.db.reading() as session:
            query = select(PersonHistory).join(Person, Person.id == PersonHistory.person_id)
            rows = session.scalars(query.where(Person.email == email).order_by(PersonHistory.id))
            return [(one.field, one.before, one.after) for one in rows]

    def identities(self) -> int:
        with self.house.db.reading() as session:
            return len(session.scalars(select(PersonIdentity)).all())

    def entries(self) -> list[dict[str, Any]]:
        """Details of the entries about people in the trail, without the file of the house."""
        with self.house.db.reading() as session:
            query = select(TrailEntry).where(TrailEntry.action == "people.imported")
            found = [
                json.loads(one.body)["details"]
                for one in session.scalars(query.order_by(TrailEntry.seq))
            ]
            return [one for one in found if one.get("source") == NAME]


@contextmanager
def joined(
    house: House, people: list[Someone] | None = None, *, registered: bool = True, **more: Any
) -> Iterator[Joined]:
    with DirectoryServer(people) as server:
        found = Joined(house, server)
        if registered:
            found.register(**more)
        yield found
