"""An XLSX file that is written row by row: every cell is a text or a number, nothing is a formula
or a link. It has just what ECMA-376 part 1 asks of a workbook with inline texts; a general library
needs ten times as long for a million rows, because it keeps styles and strings for each cell."""

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from xml.sax.saxutils import escape

WIDE = {"folder": 40, "rights": 40, "reason": 40, "outcome": 40, "reviewer": 30}
SHEET_ROWS = 1_048_575  # what a sheet can take below its header
MOST_TEXT = 32_767  # characters in a cell
Rows = Sequence[Sequence[Any]]

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
# What must be written otherwise. XML has no control characters; "_x" would begin an escape.
_SPECIAL = re.compile("[&<>\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]|_x(?=[0-9A-Fa-f]{4}_)")
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><fonts count="2"><font/><font><b/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf/><xf fontId="1" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)


class Workbook:
    """The file while it is written; rows pass by and are not kept."""

    def __init__(
        self, path: Path, columns: Sequence[str], *, now: datetime, sheet_rows: int = SHEET_ROWS
    ) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self._columns, self._now, self._sheet_rows = columns, now, sheet_rows
        self._sheets, self._left = 0, 0
        self._sheet: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self._start_sheet()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._end_sheet()
        for name, content in self._parts().items():
            self._zip.writestr(name, _HEAD + content)
        self._zip.close()

    def also(self, parts: Iterable[Rows]) -> Iterator[Rows]:
        """Passes the rows on, and writes each into the workbook meanwhile."""
        for part in parts:
            self._write(part)
            yield part

    def _write(self, part: Rows) -> None:
        at = 0
        while at < len(part):
            if not self._left:
                self._start_sheet()
            some = part[at : at + self._left]
            self._put("".join([_row(row) for row in some]))
            self._left -= len(some)
            at += len(some)

    def _put(self, xml: str) -> None:
        assert self._sheet
        self._sheet.write(xml.encode())

    def _start_sheet(self) -> None:
        self._end_sheet()
        self._sheets, self._left = self._sheets + 1, self._sheet_rows
        name = f"xl/worksheets/sheet{self._sheets}.xml"
        self._sheet = self._zip.open(name, "w", force_zip64=True)
        widths = "".join(
            f'<col min="{at}" max="{at}" width="{WIDE.get(name, 18)}" customWidth="1"/>'
            for at, name in enumerate(self._columns, start=1)
        )
        pane = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        self._put(
            f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
            f"{pane}</sheetView></sheetViews><cols>{widths}</cols><sheetData>"
            + _row(self._columns, ' s="1"')
        )

    def _end_sheet(self) -> None:
        if self._sheet is not None:
            self._put("</sheetData></worksheet>")
            self._sheet.close()
            self._sheet = None

    def _parts(self) -> dict[str, str]:
        """Everything but the sheets."""
        numbers = range(1, self._sheets + 1)
        styles = self._sheets + 1
        overrides = "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" '
            f'ContentType="{_TYPE}.worksheet+xml"/>'
            for n in numbers
        )
        sheets = "".join(
            f'<sheet name="{"Items" if n == 1 else f"Items {n}"}" sheetId="{n}" r:id="rId{n}"/>'
            for n in numbers
        )
        links = "".join(_link(n, "worksheet", f"worksheets/sheet{n}.xml") for n in numbers)
        return {
            "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
            '<Override PartName="/docProps/core.xml" '
            'ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>'
            f"{overrides}</Types>",
            "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
            + _link(1, "officeDocument", "xl/workbook.xml")
            + f'<Relationship Id="rId2" Type="{_PACKAGE}/relationships/metadata/core-properties" '
            'Target="docProps/core.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
            f"<sheets>{sheets}</sheets></workbook>",
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
            f"{links}{_link(styles, 'styles', 'styles.xml')}</Relationships>",
            "xl/styles.xml": _STYLES,
            "docProps/core.xml": _core(self._now),
        }


def _link(number: int, kind: str, target: str) -> str:
    return f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'


def _core(now: datetime) -> str:
    at = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return (
        f'<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:creator>Recert</dc:creator>'
        f'<dcterms:created xsi:type="dcterms:W3CDTF">{at}</dcterms:created></cp:coreProperties>'
    )


def _row(row: Sequence[Any], style: str = "") -> str:
    cells = (_cell(cell, style) for cell in row) if style else map(_cell, row)
    return f"<row>{''.join(cells)}</row>"


@lru_cache(maxsize=65_536)  # most cells stand in many rows
def _cell(cell: str | int, style: str = "") -> str:
    if isinstance(cell, int):
        return f"<c><v>{cell}</v></c>"
    if not cell:
        return "<c/>"
    return f'<c t="inlineStr"{style}><is><t xml:space="preserve">{_text(cell)}</t></is></c>'


def _text(text: str) -> str:
    if _SPECIAL.search(text) or len(text) > MOST_TEXT:
        return _SPECIAL.sub(_escaped, text[:MOST_TEXT])
    return text


def _escaped(match: re.Match[str]) -> str:
    """The entity, or the escape of spreadsheets ("_x0007_") for what XML cannot hold."""
    character = match[0]
    if character in "&<>":
        return escape(character)
    return "_x005F_x" if character == "_x" else f"_x{ord(character):04X}_"
