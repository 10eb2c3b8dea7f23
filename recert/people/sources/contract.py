"""What a source of persons states, whatever it is: a file, a directory, a provisioning client."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final, Protocol

from recert.people.models import OrganisationKind


class Unstated(Enum):
    """What a source does not say. Absence is no evidence: what is known stays as it is."""

    UNSTATED = "unstated"


UNSTATED: Final = Unstated.UNSTATED


@dataclass(frozen=True)
class PersonFact:
    """One person as a source states them. `entry` is its number in the source, for messages: the
    line of a file. An empty `manager_email` states that there is no manager."""

    entry: int
    email: str
    name: str
    organisation: str
    organisation_kind: OrganisationKind | Unstated = UNSTATED
    department: str | Unstated = UNSTATED
    manager_email: str | Unstated = UNSTATED
    left_on: date | Unstated | None = UNSTATED
    language: str | Unstated = UNSTATED
    zone: str | Unstated = UNSTATED


class PeopleSource(Protocol):
    """Reads persons. It writes nothing, and knows neither the database nor other sources."""

    def persons(self) -> Sequence[PersonFact]:
        """Every person that the source states, in its order. Raises BadInput (a file: CsvRejected)
        naming every entry that cannot be read. What contradicts itself, whoever uses it finds."""
