"""Reading a CSV of people or owners: every row is checked, every error listed, all or nothing."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recert.foundation.errors import BadInput

MAX_ERRORS_SHOWN = 20
MAX_CHARACTERS = 64 * 1024 * 1024


@dataclass(frozen=True)
class RowError:
    """One bad row; line 1 is the header."""

    line: int
    column: str
    why: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.column}: {self.why}"


class CsvRejected(BadInput):
    """The file was not imported; nothing was changed."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        self.errors = list(errors)
        shown = "; ".join(str(error) for error in self.errors[:MAX_ERRORS_SHOWN])
        more = len(self.errors) - MAX_ERRORS_SHOWN
        super().__init__(shown + (f"; and {more} more" if more > 0 else "") + ".")


class CellError(Exception):
    """Raised by a column's reader: why this cell is wrong."""


Reader = Callable[[str], object]


@dataclass(frozen=True)
class Column:
    """One column: how its text becomes a value, and whether the header must have it."""

    name: str
    read: Reader
    required: bool = True


@dataclass(frozen=True)
class CsvRow:
    line: int
    values: dict[str, object]

    def text(self, column: str) -> str:
        """The cell as text, "" when it is empty or the file has no such column."""
        return str(self.values.get(column) or "")


def read(text: str, columns: Sequence[Column]) -> list[CsvRow]:
    """All rows, or CsvRejected with every error. A byte order mark and `;` or tab as
    delimiter are fine."""
    if len(text) > MAX_CHARACTERS:
        raise CsvRejected([RowError(1, "file", "it is larger than 64 MiB")])
    text = text.removeprefix("\ufeff")
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        header = [name.strip().lower() for name in reader.fieldnames or []]
        reader.fieldnames = header
        _check_header(header, columns)
        errors: list[RowError] = []
        rows = [_read_row(reader.line_num, cells, columns, errors) for cells in reader]
    except csv.Error as error:
        raise CsvRejected([RowError(reader.line_num, "file", f"not valid CSV: {error}")]) from error
    if errors:
        raise CsvRejected(errors)
    return rows


def decode(raw: bytes) -> str:
    """UTF-8 text, or CsvRejected."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise CsvRejected([RowError(line, "file", "it is not UTF-8 text")]) from error


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0].partition("\r")[0]
    return max(",;\t", key=header.count)


def _check_header(header: list[str], columns: Sequence[Column]) -> None:
    known = {column.name for column in columns}
    errors = [
        RowError(1, column.name, "the column is missing")
        for column in columns
        if column.required and column.name not in header
    ]
    errors += [
        RowError(1, name or "(empty)", "unknown column") for name in header if name not in known
    ]
    errors += [
        RowError(1, name, "the column stands twice")
        for name in dict.fromkeys(header)
        if header.count(name) > 1
    ]
    if errors:
        raise CsvRejected(errors)


def _read_row(
    line: int, cells: dict[str | None, object], columns: Sequence[Column], errors: list[RowError]
) -> CsvRow:
    values: dict[str, object] = {}
    if None in cells or None in cells.values():
        errors.append(RowError(line, "row", "it has more or fewer cells than the header"))
        return CsvRow(line, values)
    for column in columns:
        if column.name not in cells:
            continue  # a column that the file does not have says nothing
        text = str(cells[column.name]).strip()
        try:
            _refuse_control(text)
            values[column.name] = column.read(text)
        except CellError as error:
            errors.append(RowError(line, column.name, str(error)))
    return CsvRow(line, values)


def _refuse_control(text: str) -> None:
    if any(not character.isprintable() for character in text):
        raise CellError("it contains control characters")


def required_text(text: str) -> str:
    """A cell that must not be empty."""
    if not text:
        raise CellError("it is empty")
    return text
