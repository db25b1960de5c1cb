"""The tables of a list, whatever file they come from: which rows hold data, and which field each column is.

A table is a sheet of a workbook, a text table, or a layer of features. `geo.lists.reader` makes facilities of them,
`geo.lists.area_reader` areas.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from geo.arrays import GeometryArray
from geo.errors import TableError
from geo.lists import geojson_files, headings, option_hints, sheet_columns, text_tables, vector_files, workbooks
from geo.lists.file_types import MAX_CELLS, WORKBOOKS, FileType, Workbook
from geo.lists.headings import LOCATION_FIELDS, Heading, Vocabulary
from geo.lists.layers import Layer
from geo.lists.remarks import Remarks
from geo.lists.sheets import Cell, Sheet, is_blank
from geo.lists.spreadsheets import plain_cell

T = TypeVar("T", Sheet, Layer)

_SUM = re.compile(r"(?:合计|小计|总计|共计|总数|total|subtotal|sum)[:：]?\s*\d*\s*[家个所张处]?", re.IGNORECASE)
_REMARK = re.compile(r"(?:注|备注|说明|附注|填表人|制表人?|审核人?|note)\s*\d*\s*[:：]", re.IGNORECASE)


@dataclass
class ListTable:
    """The rows of one sheet or layer that hold data, column by column.

    Attributes
    ----------
    row_names
        What each row is called in messages: “row 7”, “名单 row 7” or “feature 3”.
    column_names
        The headings, in the order of the columns.
    fields
        The field of each column, as `headings.fields` gives it.
    cells
        For each column, one cell a row.
    shapes
        A layer's shapes, shape (n,); None for a sheet, whose locations are in its columns.
    system
        The coordinate system that the sheet or layer states; None if it states none.
    is_without_crs
        Whether this is a layer that could state the CRS of its shapes, and does not.
    nulls_clear
        Whether an empty cell says that the facility has no such value, as null does in GeoJSON.
    left_out
        (row name, why) of the rows that hold no data.
    """

    name: str
    row_names: list[str]
    column_names: list[str]
    fields: list[str]
    cells: list[Sequence[Cell]]
    shapes: GeometryArray | None = None
    system: str | None = None
    is_without_crs: bool = False
    nulls_clear: bool = False
    remarks: Remarks = field(default_factory=Remarks)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    @property
    def has_locations(self) -> bool:
        """Whether the table says where its rows lie."""
        return self.shapes is not None or not {*LOCATION_FIELDS}.isdisjoint(self.fields)

    @property
    def accepts_crs(self) -> bool:
        """Whether a user may say which CRS its positions are in: cells and layers without a CRS do not say."""
        return self.shapes is None or self.is_without_crs


def read(
    path: Path, file_type: FileType, vocabulary: Vocabulary, notes: list[str], sheets: Sequence[str] = ()
) -> list[ListTable]:
    """The tables of any file but an OpenStreetMap extract; remarks on the file are appended to ``notes``.

    Only the sheets or layers with the names ``sheets`` are read, or all that are not hidden if there are no names.

    Raises
    ------
    TableError
        The file cannot be read, has no such sheet or layer, or its columns cannot be told apart.
    """
    if file_type in (*WORKBOOKS, "csv"):
        return list(_from_sheets(path, file_type, vocabulary, notes, sheets))
    if file_type == "json":
        content, encoding = text_tables.decode(path)
        notes += text_tables.encoding_note(encoding)
        layers = [geojson_files.read(path, content)]
    elif file_type == "pbf":
        raise TableError(path, ["is an OpenStreetMap extract, and not a list"])
    else:
        layers = list(vector_files.layers(path, file_type, vocabulary))
    if sheets:
        layers = _named(path, layers, sheets, "layer")
    names = list(dict.fromkeys(name for layer in layers for name in layer.columns))
    headings.check_mapping(vocabulary, names, path)
    result = []
    for layer in layers:
        # The shapes of a layer say where it lies; its columns cannot.
        fields = headings.fields(list(layer.columns), vocabulary, path, excluded=LOCATION_FIELDS)
        if len(layers) > 1 and not set(fields) - {headings.EXTRA}:
            notes.append(f"layer {layer.name} is skipped: none of its columns is known")
            continue
        notes += [f"layer {layer.name}: {note}" if layer.name else note for note in layer.notes]
        result.append(from_layer(layer, fields, nulls_clear=file_type == "json"))
    if not result:
        raise TableError(path, [f"none of the columns of its layers is known: {', '.join(names) or 'none'}"])
    return result


def from_layer(layer: Layer, fields: list[str], nulls_clear: bool = False) -> ListTable:
    """A layer as a table, given the field of each of its columns."""
    return ListTable(
        layer.name,
        layer.row_names,
        list(layer.columns),
        fields,
        list(layer.columns.values()),
        layer.shapes,
        layer.system,
        layer.is_without_crs,
        nulls_clear,
        layer.remarks,
    )


def _named(path: Path, tables: list[T], names: Sequence[str], what: str) -> list[T]:
    """The sheets or layers with these names; TableError if one is missing."""
    known = [table.name for table in tables]
    if missing := [name for name in names if name not in known]:
        listed = ", ".join(name or "one without a name" for name in known) or "none"
        raise TableError(path, [f"has no {what} {missing[0]!r} that holds anything; its {what}s: {listed}"])
    return [table for table in tables if table.name in names]


def _visible(path: Path, sheets: list[Sheet], notes: list[str]) -> list[Sheet]:
    """The sheets that are not hidden, with a note on the others."""
    hidden = [sheet for sheet in sheets if sheet.is_hidden]
    for sheet in hidden:
        hint = option_hints.sheet(sheet.name)
        notes.append(f"sheet {sheet.name} is hidden and was not read ({len(sheet.rows):,} rows): {hint}")
    if hidden and len(hidden) == len(sheets):
        raise TableError(path, [f"all of its sheets are hidden: {option_hints.sheet(hidden[0].name)}"])
    return [sheet for sheet in sheets if not sheet.is_hidden]


def _from_sheets(
    path: Path, file_type: FileType, vocabulary: Vocabulary, notes: list[str], names: Sequence[str]
) -> Iterator[ListTable]:
    encoding_notes: list[str] = []
    if file_type == "csv":
        content, encoding = text_tables.decode(path)
        encoding_notes = text_tables.encoding_note(encoding)
        notes += encoding_notes
        sheets = [text_tables.read(path, content, lambda rows: headings.score(rows, vocabulary))]
    else:
        sheets = workbooks.read(path, cast(Workbook, file_type), notes)
    prefixes = {sheet.name: f"{sheet.name} row" if len(sheets) > 1 else "row" for sheet in sheets}
    sheets = _named(path, sheets, names, "sheet") if names else _visible(path, sheets, notes)
    with_headings = [(sheet, headings.find(sheet, vocabulary)) for sheet in sheets]
    used = [(sheet, heading) for sheet, heading in with_headings if heading is not None]
    if not used:
        doubt = f"; {encoding_notes[0]}: if that is not what it is, save it as “CSV UTF-8”" if encoding_notes else ""
        raise TableError(path, [_no_heading(sheets) + doubt])
    known_names = dict.fromkeys(
        name or sheet_columns.placeholder(sheet, column)
        for sheet, heading in used
        for column, name in enumerate(heading.names)
    )
    headings.check_mapping(vocabulary, list(known_names), path)
    for sheet, heading in with_headings:
        if heading is None:
            notes.append(f"sheet {sheet.name} is skipped: it has no heading that names two fields")
        else:
            yield _SheetReader(path, sheet, heading, prefixes[sheet.name], vocabulary, notes).table()
    if len(prefixes) > 1:
        notes.append(f"sheets read: {', '.join(sheet.name for sheet, _ in used)}")


def _no_heading(sheets: list[Sheet]) -> str:
    rows = [row for sheet in sheets for row in sheet.rows[: headings.SEARCHED_ROWS]]
    if not any(str(cell).strip() for row in rows for cell in row):
        return "is empty"
    fullest = max(rows, key=lambda row: sum(isinstance(cell, str) and bool(cell.strip()) for cell in row))
    listed = ", ".join(str(cell).strip()[:30] for cell in fullest[:20] if str(cell).strip())
    if rows and sum(_is_number(cell) for cell in rows[0]) >= 2:
        return (
            f"its first row holds data and no headings ({listed}): put a row of headings such as 名称 and 经度 above it"
        )
    return (
        f"no heading is known: none of the first {headings.SEARCHED_ROWS} rows names two fields such as 名称 and 经度; "
        f"found: {listed or 'nothing'}; if these are headings, {option_hints.column('机构名', 'name')} or the like"
    )


def _is_number(cell: Cell) -> bool:
    return re.fullmatch(r"\s*-?\d+(?:\.\d+)?\s*", str(cell)) is not None


class _SheetReader:
    """Separates the rows of data of one sheet from what else stands under its heading."""

    def __init__(
        self, path: Path, sheet: Sheet, heading: Heading, prefix: str, vocabulary: Vocabulary, notes: list[str]
    ) -> None:
        self._path, self._sheet, self._heading, self._prefix, self._notes = path, sheet, heading, prefix, notes
        self._heading_width = len(heading.names)
        names = sheet_columns.named_by_user(sheet, heading.names, vocabulary)
        names = sheet_columns.with_minutes(sheet, heading.last_row, names, vocabulary, self._note)
        width = max(column for column, name in enumerate(names, 1) if name)
        self._names = names[:width]
        self._fields = headings.fields(self._names, vocabulary, path)
        self._location_columns = [
            column for column, column_field in enumerate(self._fields) if column_field in LOCATION_FIELDS
        ]

    def _note(self, text: str) -> None:
        """Say something of the whole sheet."""
        self._notes.append(f"sheet {self._sheet.name}: {text}" if self._prefix != "row" else text)

    def table(self) -> ListTable:
        """The sheet as a table."""
        rows, left_out = self._data_rows()
        width = len(self._names)
        if width * len(rows) > MAX_CELLS:
            problem = f"has {width:,} columns in {len(rows):,} rows: too many; delete the empty columns"
            raise TableError(self._path, [problem])
        self._fill_merged_cells(rows)
        remarks = self._unread_cells(rows)
        for row, number in enumerate(rows):
            if number in self._sheet.hidden_rows:
                remarks.notes[row].append(
                    "is hidden in its workbook (by a filter or by hand); it is read like the others"
                )
        for text in sheet_columns.remarks(self._sheet, self._names, self._heading_width, rows):
            self._note(text)
        columns = self._columns(rows)
        if self._sheet.is_text:
            sheet_columns.report_errors(self._names, self._fields, columns, remarks)
        columns = [
            [
                plain_cell(cell, self._sheet.is_text) if cell.__class__ is str and cell[:1] in ("'", "=") else cell
                for cell in column
            ]
            for column in columns
        ]
        groups = (self._heading.group_names + [""] * width)[:width]
        return ListTable(
            self._sheet.name,
            [self._row_name(row) for row in rows],
            self._names,
            self._fields,
            [*columns],
            system=headings.coordinate_system(self._names, self._fields, groups, self._path),
            remarks=remarks,
            left_out=left_out,
        )

    def _row_name(self, row: int) -> str:
        return f"{self._prefix} {row + self._sheet.first_row}"

    def _data_rows(self) -> tuple[list[int], list[tuple[str, str]]]:
        """The rows that hold data, and (row name, why) of the others; blank rows at the end are not mentioned."""
        first = self._heading.last_row + 1
        heading_rows = [[cell for cell in row if not is_blank(cell)] for row in self._sheet.rows[:first]]
        location_column = self._location_columns[0] if self._location_columns else None
        location_names: set[Cell] = set()
        if location_column is not None:
            location_names = {row[location_column] for row in self._sheet.rows[:first] if location_column < len(row)}
        kept: list[int] = []
        left_out: list[tuple[str, str]] = []
        blank: list[int] = []
        width = self._heading_width
        for number in range(first, len(self._sheet.rows)):
            row = self._sheet.rows[number]
            location = row[location_column] if location_column is not None and len(row) == width else ""
            if location != "" and location not in location_names and row.count("") < width - 1 and not blank:
                kept.append(number)  # a shortcut, which suffices for most rows
                continue
            filled = [cell for cell in row if cell != "" and not is_blank(cell)]
            if not filled:
                blank.append(number)
                continue
            left_out += [(self._row_name(empty), "is blank") for empty in blank]
            blank.clear()
            reason = None
            if len(filled) < len(row) or len(filled) == 1:
                reason = self._why_no_data(row, filled)
            if reason is None and filled in heading_rows:
                reason = "repeats the heading"
            if reason is not None:
                left_out.append((self._row_name(number), reason))
            elif len(row) > width and not all(is_blank(cell) for cell in row[width:]):
                raise TableError(self._path, [f"{self._row_name(number)} has more cells than the heading"])
            else:
                kept.append(number)
        return kept, left_out

    def _why_no_data(self, row: list[Cell], filled: list[Cell]) -> str | None:
        """Why a row under the heading holds no data: it is a remark or a sum; None if it may hold data."""
        first = str(filled[0]).strip()
        if len(filled) == 1 and len(self._fields) > 1:
            return f"only one cell is filled: {first[:60]!r}"
        if any(column < len(row) and not is_blank(row[column]) for column in self._location_columns):
            return None
        if any(isinstance(cell, str) and _SUM.fullmatch("".join(cell.split())) for cell in filled[:3]):
            return f"is a sum: {first[:60]!r}"
        return f"is a remark: {first[:60]!r}" if _REMARK.match(first) else None

    def _columns(self, rows: list[int]) -> list[list[Cell]]:
        width = len(self._names)
        padded = (
            row if len(row) == width else (row + [""] * width)[:width]
            for row in map(self._sheet.rows.__getitem__, rows)
        )
        columns = zip(*padded, strict=True) if rows else ((),) * width
        return [list(column) for column in columns]

    def _fill_merged_cells(self, rows: list[int]) -> None:
        """Write the value of vertically merged cells into every row of data that they cover."""
        data_rows = set(rows)
        cells_left = MAX_CELLS
        cells = self._sheet.rows
        for top, column, bottom, _ in self._sheet.merged:
            bottom = min(bottom, len(cells) - 1)
            if top <= self._heading.last_row or bottom <= top or column >= len(cells[top]) or cells_left < 0:
                continue
            cells_left -= bottom - top
            for number in range(top + 1, bottom + 1):
                if number in data_rows and column < len(cells[number]):
                    cells[number][column] = cells[top][column]

    def _unread_cells(self, rows: list[int]) -> Remarks:
        """Cells without a value: a problem in a known field, a note in further columns."""
        remarks = Remarks()
        if self._sheet.unread:
            position = {number: row for row, number in enumerate(rows)}
            for (number, column), reason in self._sheet.unread.items():
                if number in position and column < len(self._names) and self._fields[column]:
                    is_extra = self._fields[column] == headings.EXTRA
                    (remarks.notes if is_extra else remarks.problems)[position[number]].append(reason)
        return remarks
