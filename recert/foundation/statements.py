"""Parameters of statements that are built once and used for each answer: building one takes longer
than running it."""

from typing import Any

from sqlalchemy import BindParameter, bindparam


def numbers(name: str) -> BindParameter[Any]:
    """A set of numbers that is given when the statement runs, as a sorted list."""
    return bindparam(name, expanding=True)
