"""What a source of persons states, whatever it is: a file, a directory, a provisioning client."""

from collections.abc import Iterable
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
    line of a file. An empty `manager_email` or `manager_ref` states that there is no manager.

    A directory also states what stays when address and name change: `key` is the same for the whole
    life of an entry, and no other entry ever has it. An empty `email`, `name` or `organisation`
    is not stated."""

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
    key: str = ""
    label: str = ""  # the entry's own name in messages, such as its DN
    ref: str = ""  # under which other entries name this one as their manager
    manager_ref: str | Unstated = UNSTATED
    active: bool | Unstated = UNSTATED
    problem: str = ""  # why a part of the entry cannot be used


class PeopleSource(Protocol):
    """Reads persons. It writes nothing, and knows neither the database nor other sources."""

    def persons(self) -> Iterable[PersonFact]:
        """Every person that the source states, in its order. A file raises CsvRejected naming every
        entry that cannot be read; a directory raises DirectoryUnreadable when it did not give all
        of its entries. What contradicts itself, whoever uses it finds."""
