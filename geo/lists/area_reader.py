"""Lists of areas as offices keep them: the same files, encodings, headings and coordinates as facility lists.

`geo.study.areas.from_rows` checks the rows that are read here.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from shapely.geometry.base import BaseGeometry

from geo.errors import TableError
from geo.lists import file_types, list_tables, reader, table_locations, values
from geo.lists.headings import AREA_COLUMNS, DATUM, EXTRA, LOCATION_FIELDS
from geo.lists.list_tables import ListTable
from geo.lists.remarks import Remarks
from geo.lists.table_locations import StatedSystem
from geo.lists.values import MISSING

_REQUIRED = ("code", "level")
_WITH_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")


@dataclass(frozen=True)
class AreaList:
    """The areas of a file.

    Attributes
    ----------
    rows
        (where in the file, fields, WGS84 geometry), as `geo.study.areas.from_rows` takes them.
    left_out
        (row, why) of the rows that are no areas.
    notes
        About the whole file, and what was understood of single rows in a way that the user should know of.
    """

    rows: list[tuple[str, Mapping[str, object], BaseGeometry | None]]
    left_out: list[tuple[str, str]]
    notes: list[str]


def read(path: Path, stated: StatedSystem, advance: Callable[[int], None] = reader.ignore_progress) -> AreaList:
    """The areas of a list of any file type.

    ``stated`` is what the user states of the positions. ``advance`` is called with each table's rows.

    Raises
    ------
    TableError
        The file cannot be read, has no column of codes or levels, or holds cells that cannot be read; all are named.
    UnknownNameError
        There is no such coordinate system.
    """
    path = Path(path)
    stated.check()
    file_type = file_types.detect(path)
    if file_type == "pbf":
        raise TableError(path, ["is an OpenStreetMap extract; its boundaries are used where no areas are given"])
    notes = file_types.naming_note(path, file_type)
    tables = list_tables.read(path, file_type, AREA_COLUMNS, notes)
    _check_columns(path, tables)
    row_names = [name for table in tables for name in table.row_names]
    remarks = Remarks()
    row_values: list[dict[str, object]] = []
    shapes = []
    for table in tables:
        shapes.append(table_locations.shapes_of(table))
        values_of_table = _values(table)
        remarks.add(table.remarks, len(row_values))
        row_values += values_of_table
        advance(len(values_of_table))
    located, _ = table_locations.locate(tables, np.concatenate(shapes), stated, None, path, remarks)
    for row, doubts in remarks.doubts.items():
        remarks.problems[row] += doubts
    if remarks.problems:
        raise TableError(path, [f"{row_names[row]}: {text}" for row, texts in sorted(remarks.problems.items())
                                for text in texts])  # fmt: skip
    left_out = [row for table in tables for row in table.left_out]
    rows = list(zip(row_names, row_values, located.shapes.tolist(), strict=True))
    row_notes = [f"{row_names[row]}: {text}" for row, texts in sorted(remarks.notes.items()) for text in texts]
    return AreaList([*rows], left_out, notes + located.notes + row_notes)


def _check_columns(path: Path, tables: list[ListTable]) -> None:
    fields = {field for table in tables for field in table.fields}
    missing = [f"{field} ({AREA_COLUMNS.headings[field][0]})" for field in _REQUIRED if field not in fields]
    if missing:
        names = dict.fromkeys(name for table in tables for name in table.column_names if name)
        raise TableError(path, [f"has no column {' nor '.join(missing)}; its columns: {', '.join(names) or 'none'}"])


def _values(table: ListTable) -> list[dict[str, object]]:
    """The fields that each row gives, as text."""
    result: list[dict[str, object]] = [{} for _ in table.row_names]
    for field, cells in zip(table.fields, table.cells, strict=True):
        if not field or field in (EXTRA, DATUM, *LOCATION_FIELDS):
            continue
        for row, cell in enumerate(cells):
            if cell is None or cell is MISSING:
                continue
            if field in ("code", "parent") and (problem := values.lost_digits(cell)):
                table.remarks.problems[row].append(f"{field} = {str(cell)[:60]!r}: {problem}")
            words = values.text(cell)
            if field == "population" and words and _WITH_THOUSANDS.fullmatch(words):
                words = words.replace(",", "")
            if words is not None:
                result[row][field] = words
    return result
