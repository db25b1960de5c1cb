"""Facility lists as offices keep them, read and recognised, but not yet compared with what the register knows.

Columns are recognised whatever their headings are, and values however they are written. The values are validated as a
`facilities.Facility` where they are merged with the register, or put into a study.

The program reads files through `geo.sources.facility_lists`, which knows OpenStreetMap extracts too and reads in a
process with limits. Tests may call `read` directly.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo import garbage_collection
from geo.arrays import GeometryArray
from geo.errors import TableError
from geo.lists import file_types, headings, list_tables, option_hints, outlines, table_locations, values
from geo.lists.file_types import WORKBOOKS, FileType
from geo.lists.headings import EXTRA, FACILITY_COLUMNS
from geo.lists.list_tables import ListTable
from geo.lists.remarks import Remarks
from geo.lists.sheets import Cell
from geo.lists.table_locations import StatedSystem
from geo.lists.values import MISSING
from geo.study import facilities
from geo.study.categories import BUILT_IN, Categories, Category
from geo.study.texts import name_key

_ROWS_PER_ADVANCE = 10_000
# A null does not clear these fields, because every facility must have them.
_NEVER_CLEARED = frozenset({"id", "category", "provenance", "extra"})

Values = dict[str, Any]
"""The fields of one row: text, whole numbers, dates, None; further properties under ``extra``."""


@dataclass(frozen=True, slots=True)
class ListRow:
    """One facility as the file gives it.

    Attributes
    ----------
    where
        “row 7”, “名单 row 7” or “feature 3”.
    values
        The fields that the row gives, further columns under ``extra``. None stands only where GeoJSON says null.
    geometry
        In WGS84; None if the row gives no location.
    problems
        Why the row cannot be used.
    doubts
        Doubts about its location. The row is usable if the register has the facility at the same place.
    notes
        What was understood in a way that the user should know of.
    status
        Whether the facility stands, in the words of the list; None if it does not say.
    """

    where: str
    values: Values
    geometry: BaseGeometry | None
    problems: tuple[str, ...]
    doubts: tuple[str, ...]
    notes: tuple[str, ...]
    status: str | None = None


@dataclass(frozen=True)
class FacilityList:
    """What a file holds.

    Attributes
    ----------
    left_out
        (row, why) of the rows that are no facilities.
    coordinates
        The coordinate system that locations were read in.
    coordinates_stated
        Whether the file or the user states that system.
    columns
        {heading as written: field}; “extra” for headings that are not recognised.
    notes
        About the whole file.
    """

    file: Path
    rows: list[ListRow]
    left_out: list[tuple[str, str]]
    coordinates: str
    coordinates_stated: bool
    columns: dict[str, str]
    notes: list[str]

    def __reduce__(self) -> tuple[object, ...]:
        # Pickled row by row, the shapes of 100,000 rows take most of the time.
        columns = [[getattr(row, name) for row in self.rows] for name in ("where", "values", *_REMARK_FIELDS)]
        wkb = shapely.to_wkb(_object_array([row.geometry for row in self.rows]))
        other_fields = (self.left_out, self.coordinates, self.coordinates_stated, self.columns, self.notes)
        return _unpickled, (self.file, columns, wkb, other_fields)


_REMARK_FIELDS = ("problems", "doubts", "notes", "status")


def _unpickled(
    file: Path, columns: list[list[Any]], wkb: GeometryArray, other_fields: tuple[Any, Any, Any, Any, Any]
) -> FacilityList:
    row_names, row_values, *remarks = columns
    rows = [ListRow(*row) for row in zip(row_names, row_values, shapely.from_wkb(wkb), *remarks, strict=True)]
    return FacilityList(file, rows, *other_fields)


def _object_array(items: Sequence[object]) -> GeometryArray:
    result = np.empty(len(items), dtype=object)
    result[:] = items
    return result


@dataclass(frozen=True)
class ListOptions:
    """How a list is read.

    Attributes
    ----------
    within
        The WGS84 polygon in which the facilities should lie; None if it is not known.
    coordinates
        The coordinate system, if the user states it.
    crs
        The EPSG code of the reference system of its positions, if the user gives it.
    sheets
        The names of the sheets or layers that are read, hidden or not; all that are not hidden if it is empty.
    columns
        {heading: field} as the user states it.
    category
        The category of all rows, for files without such a column.
    may_be_empty
        Whether a file without rows is accepted, as an empty list. If false, it is refused.
    categories
        Those of the study.
    """

    within: BaseGeometry | None = None
    coordinates: str | None = None
    crs: str | None = None
    sheets: Sequence[str] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    category: str | None = None
    may_be_empty: bool = False
    categories: Categories = BUILT_IN

    @property
    def stated(self) -> StatedSystem:
        """What the user states of the positions."""
        return StatedSystem(self.coordinates, self.crs)

    def check(self) -> None:
        """UnknownNameError if there is no such coordinate system or category."""
        self.stated.check()
        if self.category is not None:
            self.categories[self.category]


NO_OPTIONS = ListOptions()


def ignore_progress(rows: int) -> None:
    """The default for ``advance``, which does nothing."""


def read(
    path: Path, options: ListOptions = NO_OPTIONS, advance: Callable[[int], None] = ignore_progress
) -> FacilityList:
    """The facilities of a workbook, text table or file of features, of any of `file_types.FileType` but an extract.

    ``advance`` is called with how many rows have been read since the last call.

    Raises
    ------
    TableError
        The file cannot be read, or cannot be used without an answer of the user: which column is which, which
        coordinates these are. What is wrong with single rows is in the rows.
    UnknownNameError
        There is no such system or category.
    """
    path = Path(path)
    options.check()
    with garbage_collection.paused():
        file_type = file_types.detect(path)
        notes = file_types.naming_note(path, file_type)
        tables = list_tables.read(
            path, file_type, FACILITY_COLUMNS.with_mapping(options.columns), notes, options.sheets
        )
        return from_tables(path, file_type, tables, options, notes, advance)


def from_tables(
    path: Path,
    file_type: FileType,
    tables: Sequence[ListTable],
    options: ListOptions,
    notes: list[str],
    advance: Callable[[int], None],
) -> FacilityList:
    """The facilities of the tables of a file; raises as `read`."""
    if not any(table.row_names for table in tables) and (options.may_be_empty or file_type in ("csv", *WORKBOOKS)):
        if options.may_be_empty:
            return FacilityList(path, [], [], options.coordinates or "wgs84", True, {}, notes)
        names = dict.fromkeys(name for table in tables for name in table.column_names if name)
        raise TableError(path, [f"has a heading and no rows under it: {', '.join(names)}"])
    fields = {field for table in tables for field in table.fields}
    if not fields and options.category is None:
        raise TableError(path, ["holds no features"])
    if fields.isdisjoint(("category", "subtype", "id")) and options.category is None:
        hint = option_hints.category("|".join(options.categories.ids))
        if any("folder" in table.column_names for table in tables):  # of KML
            hint += f"; if the names of its folders are the categories, {option_hints.column('folder', 'category')}"
        raise TableError(path, [f"has no column of categories: {hint}"])
    if file_type != "pbf" and "name" not in fields:
        unknown = dict.fromkeys(
            name
            for table in tables
            for name, table_field in zip(table.column_names, table.fields, strict=True)
            if table_field == EXTRA
        )
        listed = ", ".join(unknown) or "none"
        hint = option_hints.column("HEADING", "name")
        notes.append(f"has no column of names; not recognised: {listed[:300]}; if one of these is it, {hint}")
    return _facilities_of_tables(path, tables, options, notes, advance, are_from_list=file_type != "pbf")


def _facilities_of_tables(
    path: Path,
    tables: Sequence[ListTable],
    options: ListOptions,
    notes: list[str],
    advance: Callable[[int], None],
    are_from_list: bool,
) -> FacilityList:
    row_names = [name for table in tables for name in table.row_names]
    remarks = Remarks()
    row_values: list[Values] = []
    shapes: list[GeometryArray] = []
    columns: dict[str, str] = {}
    statuses: list[str | None] = []
    for table in tables:
        statuses += _statuses(table)
        shapes.append(table_locations.shapes_of(table))
        values_of_table = _values(table, options)
        remarks.add(table.remarks, len(row_values))
        row_values += values_of_table
        columns |= {name: column for name, column in zip(table.column_names, table.fields, strict=True) if name}
    located, is_stated = table_locations.locate(
        tables, np.concatenate(shapes), options.stated, options.within, path, remarks
    )
    _report_repeated_ids(row_names, row_values, remarks)
    drawn = np.flatnonzero(shapely.get_type_id(located.shapes) > 0)
    for row in drawn.tolist():
        if category := row_values[row].get("category"):
            kept = facilities.facility_geometry(options.categories[category], located.shapes[row])
            if are_from_list and (note := outlines.what_became(located.shapes[row], kept)):
                remarks.notes[row].append(note)
            located.shapes[row] = kept
    rows: list[ListRow] = []
    for row, name in enumerate(row_names):
        rows.append(ListRow(name, row_values[row], located.shapes[row], *remarks.of(row), statuses[row]))
        if row % _ROWS_PER_ADVANCE == _ROWS_PER_ADVANCE - 1:
            advance(_ROWS_PER_ADVANCE)
    advance(len(row_names) % _ROWS_PER_ADVANCE)
    left_out = [row for table in tables for row in table.left_out]
    return FacilityList(path, rows, left_out, located.system, is_stated, columns, notes + located.notes)


def _statuses(table: ListTable) -> Sequence[str | None]:
    """Whether the facility of each row stands, as the column of it says; None where nothing is said."""
    if headings.STATUS not in table.fields:
        return [None] * len(table.row_names)
    cells = table.cells[table.fields.index(headings.STATUS)]
    return [values.known_text(cell) if isinstance(cell, str) else None for cell in cells]


def _values(table: ListTable, options: ListOptions) -> list[Values]:
    """The fields that each row gives."""
    fields: dict[str, list[object]] = {}
    raw_cells: dict[str, Sequence[Cell]] = {}
    further: list[tuple[str, Sequence[Cell]]] = []
    for name, column_field, cells in zip(table.column_names, table.fields, table.cells, strict=True):
        if column_field in (EXTRA, headings.STATUS):
            further.append((name, cells))
        elif column_field and column_field not in (headings.DATUM, *headings.LOCATION_FIELDS):
            fields[column_field] = values.column(column_field, cells, table.remarks, options.categories)
            raw_cells[column_field] = cells
    names = tuple(fields)
    columns = zip(*fields.values(), strict=True) if fields else ((),) * len(table.row_names)
    result: list[Values] = [
        {name: value for name, value in zip(names, row, strict=True) if value is not None} for row in columns
    ]
    if table.nulls_clear:
        for name in fields.keys() - _NEVER_CLEARED:
            for row, cell in enumerate(raw_cells[name]):
                if cell is None:
                    result[row][name] = None
    for name, cells in further:
        for row, cell in enumerate(cells):
            if cell is None or cell is MISSING or cell == "":
                continue
            properties = values.further_properties(name, cell)
            if values.is_nested_too_deeply(properties):
                table.remarks.problems[row].append(f"{name}: its value has too many levels of lists or objects")
            elif properties:
                result[row].setdefault("extra", {}).update(properties)
    _settle_categories(table, result, options)
    return result


def _settle_categories(table: ListTable, row_values: list[Values], options: ListOptions) -> None:
    """Set each row's category and subtype by both columns, or ``options.category`` where neither says it."""
    category, categories = options.category, options.categories
    no_category_stated = category is None and {"category", "subtype"}.isdisjoint(table.fields)
    problems = table.remarks.problems
    for row, fields in enumerate(row_values):
        stated_category = stated_subtype = None
        if (category_and_subtype := fields.get("category")) is not None:
            stated_category, stated_subtype = category_and_subtype
            fields["category"] = stated_category
            if stated_subtype:
                _add_subtype(fields, stated_subtype, categories[stated_category], table.remarks.notes[row])
        elif category is not None and row not in problems:
            fields["category"] = category
            if isinstance(fields.get("subtype"), str):
                stated_category = values.other_category(category, fields["subtype"], categories)
        if category is not None and stated_category is not None and stated_category != category:
            problems[row].append(f"its category is {stated_category}, and not {category} as you say")
        if isinstance(fields.get("subtype"), str):
            category_of_subtype, fields["subtype"] = values.subtype(
                fields.get("category"), fields["subtype"], categories
            )
            if category_of_subtype:
                fields["category"] = category_of_subtype
                _check_subtype(fields, categories[category_of_subtype], table.remarks.notes[row])
        if "category" not in fields and "id" not in fields and row not in problems:
            problem = "has neither a category nor an id" if no_category_stated else "category is missing"
            if isinstance(fields.get("subtype"), str):
                problem = values.unknown_subtype(fields["subtype"], categories)
            problems[row].append(problem)


def _add_subtype(fields: Values, subtype: str, category: Category, notes: list[str]) -> None:
    """Add the subtype that the word for the category says, unless the column of subtypes says a known one."""
    words = fields.get("subtype")
    in_column = category.subtypes_by_name.get(name_key(words)) if isinstance(words, str) else None
    if in_column is None:
        fields["subtype"] = subtype
        if isinstance(words, str):
            notes.append(
                f"subtype {words[:60]!r} is not known; its category says {category.subtypes[subtype].zh} {subtype}"
            )
    elif in_column != subtype:
        notes.append(f"its category says the subtype {subtype}, and its subtype {in_column}, which was kept")


def _check_subtype(fields: Values, category: Category, notes: list[str]) -> None:
    """Note a subtype that the category does not have; drop it where it is only the category's name."""
    if fields["subtype"] is None:
        del fields["subtype"]
    elif (note := facilities.subtype_remark(category, fields["subtype"])) is not None:
        notes.append(note)


def _report_repeated_ids(row_names: list[str], row_values: list[Values], remarks: Remarks) -> None:
    first_row: dict[Hashable, int] = {}
    first_of_number: dict[str, int] = {}
    for row, fields in enumerate(row_values):
        if (identity := fields.get("id")) is not None and (first := first_row.setdefault(identity, row)) != row:
            remarks.problems[row].append(f"id {identity!r} stands already in {row_names[first]}")
        elif isinstance(identity, str) and identity.isdecimal():
            number = identity.lstrip("0")
            first = first_of_number.setdefault(number, row)
            if first != row and (other := row_values[first]["id"]) != identity:
                remarks.notes[row].append(
                    f"id {identity} differs only in zeros at its beginning from {other} in {row_names[first]}: "
                    "are they two?"
                )
