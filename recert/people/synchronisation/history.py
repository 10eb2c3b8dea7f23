"""What a person was called at a moment, from the history that synchronisations keep."""

from typing import Any

from sqlalchemy import ColumnElement, func, select

from recert.people.models import Person
from recert.people.synchronisation.models import PersonHistory


def email_at(moment: Any, person: Any = Person) -> ColumnElement[str]:
    """The mail address that a person had at a moment: evidence shows it, as the trail does. For
    queries that select from `person` and from whatever holds the moment."""
    before = (
        select(PersonHistory.before)
        .where(
            PersonHistory.person_id == person.id,
            PersonHistory.field == "email",
            PersonHistory.at > moment,
        )
        .order_by(PersonHistory.id)
        .limit(1)
        .correlate_except(PersonHistory)
        .scalar_subquery()
    )
    return func.coalesce(before, person.email)
