"""Persons from a CSV file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from recert.foundation.settings import LANGUAGES
from recert.people import csv_rows
from recert.people.addresses import clean_email
from recert.people.csv_rows import CellError, Column, CsvRow
from recert.people.models import OrganisationKind
from recert.people.sources.contract import PersonFact


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


COLUMNS = (
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


@dataclass(frozen=True)
class CsvPeople:
    """The text of a CSV file as a source of persons. A column that it does not have states
    nothing."""

    text: str

    def persons(self) -> Sequence[PersonFact]:
        """Raises CsvRejected with every cell that cannot be read."""
        return [_fact(row) for row in csv_rows.read(self.text, COLUMNS)]


def _fact(row: CsvRow) -> PersonFact:
    values: dict[str, Any] = row.values
    return PersonFact(entry=row.line, **values)
