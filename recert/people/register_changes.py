"""What an import changed, person by person, for the trail."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from recert.people.models import Organisation, Person

FIELDS = (
    *("name", "organisation", "organisation_kind", "department", "manager", "left_on", "active"),
)
Facts = dict[str, dict[str, Any]]


def facts(session: Session) -> Facts:
    """What the register says of everybody, by address."""
    manager = aliased(Person)
    query = (
        select(
            Person.email,
            Person.name,
            Organisation.name,
            Organisation.kind,
            Person.department,
            manager.email,
            Person.left_on,
            Person.active,
        )
        .join(Organisation, Organisation.id == Person.organisation_id)
        .outerjoin(manager, manager.id == Person.manager_id)
    )
    return {
        email: dict(
            zip(
                FIELDS,
                (
                    *(name, organisation, kind.value, department, boss or ""),
                    *(left_on.isoformat() if left_on else "", active),
                ),
                strict=True,
            )
        )
        for email, name, organisation, kind, department, boss, left_on, active in session.execute(
            query.order_by(Person.email)
        )
    }


def differences(before: Facts, after: Facts) -> list[dict[str, Any]]:
    """Each person of whom something is other than before: every such field with both values, and
    `new` for those who were not there."""
    found = []
    for email, now in after.items():
        was = before.get(email)
        if was is None:
            found.append({"person": email, "new": True, **{n: [None, now[n]] for n in FIELDS}})
        elif was != now:
            other = {name: [was[name], now[name]] for name in FIELDS if was[name] != now[name]}
            found.append({"person": email, **other})
    return found
