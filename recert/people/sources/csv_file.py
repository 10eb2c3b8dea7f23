"""Persons from a CSV file: every row is checked, every error listed, all or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from recert.foundation.settings import LANGUAGES
from recert.people import csv_rows
from recert.people.addresses import clean_email
from recert.people.csv_rows import CellError, Column, CsvRejected, CsvRow, RowError
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
        """Raises CsvRejected with every error."""
        rows = csv_rows.read(self.text, COLUMNS)
        _check(rows)
        return [_fact(row) for row in rows]


def _fact(row: CsvRow) -> PersonFact:
    values: dict[str, Any] = row.values
    return PersonFact(entry=row.line, **values)


def _check(rows: Sequence[CsvRow]) -> None:
    errors, emails = [], set[str]()
    for row in rows:
        email = row.text("email")
        if email in emails:
            errors.append(RowError(row.line, "email", f"{email} stands twice"))
        emails.add(email)
    errors += _contradicting_kinds(rows)
    if errors:
        raise CsvRejected(errors)


def _contradicting_kinds(rows: Sequence[CsvRow]) -> list[RowError]:
    first: dict[str, CsvRow] = {}
    errors = []
    for row in rows:
        before = first.setdefault(row.text("organisation"), row)
        if before.values.get("organisation_kind") != row.values.get("organisation_kind"):
            why = f"line {before.line} says otherwise about {row.text('organisation')}"
            errors.append(RowError(row.line, "organisation_kind", why))
    return errors
