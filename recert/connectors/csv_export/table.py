"""The file as rows: encoding, delimiter, header, and all or nothing."""

import codecs
import csv
import hashlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recert.connectors.contract import ServerBusy, ServerDataInvalid
from recert.connectors.csv_export.row import COLUMNS, REQUIRED, Row, read_row
from recert.connectors.environment import REAL, Opened, World
from recert.connectors.file_store import as_connector_errors

_DELIMITERS = (",", ";", "\t")
_SHOWN = 20
_MARKS_OF_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Table:
    """The rows of one file and how they were found."""

    rows: Sequence[Row]
    fingerprint: str
    warnings: Sequence[str]


def read_table(path: Path, world: World = REAL) -> Table:
    """Every row of the file; one bad row refuses them all, with the first bad ones named."""
    with as_connector_errors(path), world.opened(path) as file:
        before = os.fstat(file.fileno())
        fingerprint = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        rows, warnings = _read(file)
        after = os.fstat(file.fileno())
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
        raise ServerBusy(f"{path.name} was being written while it was read.")
    return Table(rows, fingerprint, warnings)


def _read(file: Opened) -> tuple[list[Row], list[str]]:
    encoding = _encoding(file)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        skipped, delimiter = _preamble(text)
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        header = _header(next(reader))
        rows = _rows(header, reader, skipped)
    except UnicodeDecodeError as error:
        raise ServerDataInvalid(_no_text(encoding, error)) from error
    except csv.Error as error:
        raise ServerDataInvalid(f"The export is not CSV: {error}.") from error
    finally:
        text.detach()
    unknown = [name for name in header if name not in COLUMNS]
    warnings = [f"Unknown columns were not read: {', '.join(unknown)}."] if unknown else []
    return rows, warnings + ([] if rows else ["The export has no rows."])


def _encoding(file: Opened) -> str:
    """UTF-16 of PowerShell and of Windows' own programs begins with its mark."""
    start = file.read(4)
    file.seek(0)
    if b"\0" in start and not start.startswith(_MARKS_OF_UTF_16):
        raise ServerDataInvalid(
            "The export looks like UTF-16 without a byte order mark. Convert it: "
            "iconv -f UTF-16LE -t UTF-8 FILE"
        )
    return "utf-16" if start.startswith(_MARKS_OF_UTF_16) else "utf-8-sig"


def _no_text(encoding: str, error: UnicodeDecodeError) -> str:
    if encoding == "utf-16":
        return "The export begins as UTF-16 and breaks off in a character."
    byte = error.object[error.start]
    return (
        f"The export is not UTF-8 text: it holds the byte 0x{byte:02x}, as Windows-1252 does (the "
        '"CSV" of Excel). Save it as "CSV UTF-8", or convert it: iconv -f CP1252 -t UTF-8 FILE'
    )


def _preamble(text: io.TextIOWrapper) -> tuple[int, str]:
    """Passes over lines that products put before the header ("sep=;" of Excel, "#TYPE ..." of
    PowerShell): how many there were, and the delimiter."""
    lines: list[str] = []
    named = ""
    while True:
        lines.append(text.readline())
        first = lines[-1].strip()
        if first.lower().startswith("sep=") and len(first) == len("sep=;"):
            named = first[-1]
        elif not first.lower().startswith("#type "):
            break
    skipped = len(lines) - 1
    text.seek(0)
    for _ in range(skipped):
        text.readline()
    if not first:
        raise ServerDataInvalid("The export is empty or begins with an empty line.")
    return skipped, named or _delimiter(first)


def _delimiter(first: str) -> str:
    """The one that makes most known columns of the header."""

    def known(delimiter: str) -> int:
        header = next(csv.reader([first], delimiter=delimiter), [])
        return sum(name.strip().lower() in COLUMNS for name in header)

    return max(_DELIMITERS, key=known)


def _header(cells: list[str]) -> list[str]:
    header = [cell.strip().lower() for cell in cells]
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        # The setting may point at any file: only the header of an export is shown.
        known = any(name in COLUMNS for name in header)
        found = ", ".join(filter(None, header[:_SHOWN]))
        there = f"Its columns are: {found}" if known else "No column of its first line is known"
        raise ServerDataInvalid(f"The export has no column {', '.join(missing)}. {there}.")
    if len(set(header)) != len(header):
        raise ServerDataInvalid("The export has two columns of one name.")
    return header


def _rows(header: list[str], reader: Iterator[list[str]], skipped: int) -> list[Row]:
    rows: list[Row] = []
    bad: list[tuple[int, str]] = []
    line = skipped + 2
    for cells in reader:
        try:
            if cells:
                rows.append(read_row(line, _by_name(header, cells)))
        except ValueError as error:
            bad.append((line, str(error)))
        line = skipped + reader.line_num + 1  # type: ignore[attr-defined]  # a row may have several lines
    if bad:
        raise refusal(bad)
    return rows


def refusal(bad: Sequence[tuple[int, str]]) -> ServerDataInvalid:
    """The error that names the first bad rows of a file."""
    shown = "; ".join(f"row {line}: {why}" for line, why in bad[:_SHOWN])
    more = f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    return ServerDataInvalid(f"{len(bad)} bad rows, nothing was read: {shown}{more}.")


def _by_name(header: list[str], cells: list[str]) -> Mapping[str, str]:
    if len(cells) != len(header):
        raise ValueError(f"has {len(cells)} cells, the header has {len(header)}")
    return dict(zip(header, cells, strict=True))
