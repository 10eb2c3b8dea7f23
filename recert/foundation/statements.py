"""Statements that are built once and used for each answer: building one takes longer than running
it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BindParameter, CursorResult, Executable, bindparam
from sqlalchemy.orm import Session


def numbers(name: str) -> BindParameter[Any]:
    """A set of numbers that is bound when the statement runs, as a sorted list."""
    return bindparam(name, expanding=True)


def run(
    session: Session, statement: Executable, values: Mapping[str, Any] | None = None
) -> CursorResult[*tuple[Any, ...]]:
    """Runs a statement of columns and tables, not of entities, in the transaction of the session.
    It goes past the ORM, which takes as long again for each statement. What the session has not
    written yet is written first, as always."""
    session.flush()
    return session.connection().execute(statement, values or {})
