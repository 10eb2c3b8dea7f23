"""SCIM filters as conditions of SQL. What a table does not hold is refused, never filtered later:
the number of results and the pages would be wrong."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from scim2_models import InvalidFilterException
from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)
from scim2_models.path.visitor import FilterVisitor
from sqlalchemy import Boolean, ColumnElement, DateTime, and_, func, literal, not_, or_

from recert.foundation.db import Moment

# By lower case attribute: "username", "emails", "emails.value", "meta.lastmodified".
Columns = Mapping[str, ColumnElement[Any]]
MOST_TERMS = 100  # of one filter: no database takes conditions without end
EXACT_CASE = ("id", "externalid")  # RFC 7643 compares these by case, the others without


class SqlFilter(FilterVisitor[ColumnElement[bool]]):
    """Turns the tree of a filter into one condition over some columns."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._terms = 0

    def visit(self, node: Any) -> ColumnElement[bool]:
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise InvalidFilterException(detail=f"The filter has more than {MOST_TERMS} terms.")
        return super().visit(node)

    def visit_comparison(self, node: Comparison) -> ColumnElement[bool]:
        name, column = self._column(node.attr_path)
        value = node.value
        if value is None:
            empty = or_(column.is_(None), column == "")
            return empty if node.op is CompareOperator.eq else not_(empty)
        if isinstance(column.type, Boolean):
            return self._truth(column, node.op, value)
        if isinstance(column.type, Moment | DateTime):
            return _compared(column, node.op, _moment(value))
        if not isinstance(value, str):
            raise InvalidFilterException(detail=f"{name} is compared with a text.")
        if name not in EXACT_CASE:
            column, value = func.lower(column), value.lower()
        return _compared(column, node.op, value)

    def visit_present(self, node: Present) -> ColumnElement[bool]:
        _, column = self._column(node.attr_path)
        if isinstance(column.type, Boolean | Moment | DateTime):
            return column.is_not(None)
        return and_(column.is_not(None), column != "")

    def visit_not(self, node: Not) -> ColumnElement[bool]:
        return not_(self.visit(node.expr))

    def visit_logical_expr(self, node: LogicalExpr) -> ColumnElement[bool]:
        terms = [self.visit(term) for term in node.terms]
        return and_(*terms) if node.op is LogicalOperator.and_ else or_(*terms)

    def visit_value_path(self, node: ValuePath) -> ColumnElement[bool]:
        """As in emails[type eq "work" and value eq "x"]: every address that we have is for work."""
        if node.attr_path.attr.lower() != "emails":
            raise InvalidFilterException(detail=f"{node.attr_path} cannot be filtered.")
        inside = {
            "value": self._columns["emails.value"],
            "type": literal("work"),
            "primary": literal(True),
        }
        return SqlFilter(inside).visit(node.val_filter)

    def _column(self, path: AttrPath) -> tuple[str, ColumnElement[Any]]:
        name = path.attr.lower() + (f".{path.sub_attr.lower()}" if path.sub_attr else "")
        if name not in self._columns:
            raise InvalidFilterException(
                detail=f"{path} cannot be filtered. Known: {', '.join(self._columns)}."
            )
        return name, self._columns[name]

    @staticmethod
    def _truth(
        column: ColumnElement[Any], operator: CompareOperator, value: Any
    ) -> ColumnElement[bool]:
        if isinstance(value, str) and value.lower() in ("true", "false"):
            value = value.lower() == "true"
        if not isinstance(value, bool) or operator not in (CompareOperator.eq, CompareOperator.ne):
            raise InvalidFilterException(detail="A truth value is compared by eq or ne.")
        return column.is_(value if operator is CompareOperator.eq else not value)


def _compared(
    column: ColumnElement[Any], operator: CompareOperator, value: Any
) -> ColumnElement[bool]:
    match operator:
        case CompareOperator.eq:
            return column == value
        case CompareOperator.ne:
            return column != value
        case CompareOperator.co:
            return column.contains(value, autoescape=True)
        case CompareOperator.sw:
            return column.startswith(value, autoescape=True)
        case CompareOperator.ew:
            return column.endswith(value, autoescape=True)
        case CompareOperator.gt:
            return column > value
        case CompareOperator.ge:
            return column >= value
        case CompareOperator.lt:
            return column < value
        case CompareOperator.le:
            return column <= value


def _moment(value: Any) -> datetime:
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise InvalidFilterException(
            detail="A time is written like 2026-12-31T12:00:00Z."
        ) from error
    if at.tzinfo is None:
        raise InvalidFilterException(detail="A time needs its zone.")
    return at
