"""Where the rows of a list lie: the cells and shapes of its tables, in the coordinate system that each row is in.

A system may be stated by the user, by a heading or layer, and by a column such as 坐标系 for each row; the row's own
statement goes first.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo.arrays import GeometryArray, ObjectArray
from geo.choices import COORDINATE_SYSTEMS
from geo.errors import FieldError, TableError, UnknownNameError
from geo.geodesy import datums
from geo.lists import degrees, locations, option_hints, projected, stated_systems, values
from geo.lists.headings import DATUM, EXTRA
from geo.lists.list_tables import ListTable
from geo.lists.locations import Located
from geo.lists.remarks import Remarks
from geo.lists.sheets import Cell
from geo.lists.vector_files import is_in_metres

_NOT_STATED = frozenset(["", "-", "/", "—", "无"])


@dataclass(frozen=True)
class StatedSystem:
    """What the user states of all positions that do not state their own system.

    Attributes
    ----------
    coordinates
        One of `COORDINATE_SYSTEMS`; None if the user does not say.
    crs
        The EPSG code of a reference system, such as “EPSG:4549”; None if the user gives none.
    """

    coordinates: str | None = None
    crs: str | None = None

    def check(self) -> None:
        """UnknownNameError if there is no such system; FieldError if both are given and differ."""
        if self.coordinates is not None and self.coordinates not in COORDINATE_SYSTEMS:
            raise UnknownNameError("coordinates", self.coordinates, COORDINATE_SYSTEMS)
        if self.crs is not None:
            system = stated_systems.by_code(self.crs)
            if self.coordinates is not None and system != self.coordinates:
                problem = f"crs {self.crs} and coordinates {self.coordinates} contradict each other: give one"
                raise FieldError([("crs", problem)])

    @property
    def system(self) -> str | None:
        """One of `COORDINATE_SYSTEMS`, an EPSG code, or None."""
        return self.coordinates if self.crs is None else stated_systems.by_code(self.crs)


def locate(
    tables: Sequence[ListTable], shapes: GeometryArray, stated: StatedSystem, within: BaseGeometry | None, path: Path,
    remarks: Remarks,
) -> tuple[Located, bool]:  # fmt: skip
    """Move the shapes of all rows of a file to WGS84; and whether the file or the user states their system.

    Parameters
    ----------
    shapes
        What `shapes_of` returns for each table, joined, shape (n,).
    stated
        What the user states.
    within
        The WGS84 polygon in which they should lie; None if it is not known.
    remarks
        Receives the problems, doubts and notes of single rows.

    Raises
    ------
    TableError
        The file and the user contradict each other, a layer of metres has no CRS, or nobody states the system although
        it decides which rows lie in the area.
    """
    notes: list[str] = []
    file_system = _file_system(tables, stated, path)
    own = _systems_of_rows(tables, stated, shapes, remarks, notes)
    if stated.crs is not None:
        unstated = [table.accepts_crs for table in tables for _ in table.row_names]
        for row in np.flatnonzero(unstated).tolist():
            own[row] = own[row] or stated.system
        if not any(unstated):
            notes.append(f"--crs {stated.crs} is not needed: the file states its own coordinate system")
    _check_layers_without_crs(tables, shapes, own, path, notes)
    for code in sorted({system for system in own if system and system not in COORDINATE_SYSTEMS}):
        rows = np.flatnonzero((own == code) & ~shapely.is_missing(shapes))
        notes += projected.to_degrees(shapes, rows, code, within, remarks)
        own[own == code] = "wgs84"
    row_names = [name for table in tables for name in table.row_names]
    located = locations.to_wgs84(shapes, row_names, file_system, within, path, remarks, own)
    every_row_states = bool(len(own)) and all(system is not None for system in own[~shapely.is_missing(located.shapes)])
    return (
        Located(located.shapes, located.system, notes + located.notes),
        file_system is not None or (every_row_states and any(own)),
    )


def _file_system(tables: Sequence[ListTable], stated: StatedSystem, path: Path) -> str | None:
    """The coordinate system that the user or the file states; TableError where they disagree."""
    tables_by_system: dict[str | None, list[str]] = {}
    for table in tables:
        if table.has_locations:
            tables_by_system.setdefault(table.system, []).append(table.name)
    systems = sorted(system for system in tables_by_system if system is not None)
    if len(systems) > 1 or (systems and None in tables_by_system and stated.system is None):
        listed = ", ".join(
            f"{system or 'nothing'} ({', '.join(names)})"
            for system, names in sorted(tables_by_system.items(), key=lambda item: str(item[0]))
        )
        advice = "split the file"
        if len(systems) == 1:
            advice += f", or {option_hints.coordinates(systems[0])} if all of them are in that system"
        raise TableError(path, [f"its sheets or layers state different coordinates: {listed}; {advice}"])
    if systems and stated.system and not _agree(systems[0], stated.coordinates):
        raise TableError(path, [f"states that its coordinates are {systems[0]}, and not {stated.system} as you say"])
    shifted = [table for table in tables if table.accepts_crs and table.system not in (None, *datums.UNSHIFTED)]
    if shifted and stated.crs is not None:
        raise TableError(
            path, [f"states that its coordinates are {shifted[0].system}, and not {stated.crs} as you say"]
        )
    return stated.coordinates or (systems[0] if systems else None)


def _systems_of_rows(
    tables: Sequence[ListTable], stated: StatedSystem, shapes: GeometryArray, remarks: Remarks, notes: list[str]
) -> ObjectArray:
    """The system that each row's own column states, shape (n,); None where there is none.

    Of metres the word CGCS2000 names the datum only; the CRS is the one that the user gives.
    """
    result: list[str | None] = []
    in_metres = np.nan_to_num(np.abs(shapely.bounds(shapes))).max(axis=1, initial=0) > 1000
    for table in tables:
        own = _systems_of_table(table, len(result), remarks)
        if stated.crs is not None and table.accepts_crs:
            metres = in_metres[len(result) : len(result) + len(own)]
            own = [
                None if far and system in datums.UNSHIFTED else system for system, far in zip(own, metres, strict=True)
            ]
        if table.shapes is not None and table.system is not None and any(own):
            # Such a file, an export of ours for example, says which system its shapes are in; a property may be older.
            disagree = sum(system is not None and not _agree(system, table.system) for system in own)
            if disagree:
                heading = table.column_names[table.fields.index(DATUM)]
                notes.append(
                    f"{heading} of {disagree:,} features contradicts {table.system}, which the file states: ignored"
                )
            own = [None] * len(own)
        if DATUM in table.fields and any(own):
            heading = table.column_names[table.fields.index(DATUM)]
            counts = ", ".join(f"{count:,} {system}" for system, count in sorted(Counter(filter(None, own)).items()))
            notes.append(f"the column {heading} states the coordinate system of each row: {counts}")
            others = sum(system is not None and not _agree(system, stated.system or table.system) for system in own)
            if others:
                said = (
                    f"{stated.system} as you say" if stated.system else f"{table.system} as its heading or layer says"
                )
                notes.append(
                    f"{others:,} of {len(own):,} rows state another system than {said}: each row's own is used"
                )
        result += own
    array = np.empty(len(result), dtype=object)
    array[:] = result
    return array


def _agree(system: str, stated: str | None) -> bool:
    return stated is None or locations.distinct(system) == locations.distinct(stated)


def _systems_of_table(table: ListTable, first_row: int, remarks: Remarks) -> list[str | None]:
    if DATUM not in table.fields:
        return [None] * len(table.row_names)
    column = table.fields.index(DATUM)
    heading = table.column_names[column]
    known: dict[str, str | None] = {}
    result: list[str | None] = []
    for row, cell in enumerate(table.cells[column]):
        words = values.text(cell if cell is not values.MISSING else None) or ""
        if words not in known:
            try:
                known[words] = None if words in _NOT_STATED else stated_systems.parse(words)
            except (ValueError, UnknownNameError) as error:
                reason = str(error) if isinstance(error, ValueError) else "is no code of the EPSG registry"
                advice = f"write one of {', '.join(COORDINATE_SYSTEMS)} or an EPSG code"
                remarks.problems[first_row + row].append(f"{heading} = {words[:60]!r}: {reason}; {advice}")
                result.append(None)
                continue
        result.append(known[words])
    return result


def _check_layers_without_crs(
    tables: Sequence[ListTable], shapes: GeometryArray, own: ObjectArray, path: Path, notes: list[str]
) -> None:
    first = 0
    for table in tables:
        rows = slice(first, first + len(table.row_names))
        first += len(table.row_names)
        if not table.is_without_crs or all(own[rows]):
            continue
        subject = f"layer {table.name}" if table.name else ""
        if is_in_metres(shapes[rows]):
            problem = f"{subject} has no CRS, and its places are in metres: {option_hints.CRS}".strip()
            raise TableError(path, [problem])
        notes.append(f"{subject}: no CRS is given: read as degrees".removeprefix(": "))


def shapes_of(table: ListTable) -> GeometryArray:
    """Where the rows of a table lie, in its own coordinate system, shape (n,); None where a row does not say.

    If a row gives several: the outline is used before ``lon`` and ``lat``, and these before ``place`` (both degrees in
    one cell).
    """
    if table.shapes is not None:
        return table.shapes
    column_of = {column_field: column for column, column_field in enumerate(table.fields)}
    if "place" in column_of:
        heading = table.column_names[column_of["place"]]
        in_words = "location" in heading.lower() and not degrees.has_coordinates(table.cells[column_of["place"]])
        if in_words or ("lon" in column_of and "lat" in column_of):
            table.fields[column_of.pop("place")] = EXTRA
    result: GeometryArray = np.full(len(table.row_names), None, dtype=object)
    if "lon" in column_of or "lat" in column_of:
        lon, lat = (_axis(table, column_of, axis) for axis in ("lon", "lat"))
        result = degrees.points(lon, lat, table.remarks)
    elif "place" in column_of:
        result = degrees.shapes(table.cells[column_of["place"]], table.remarks)
    if "geometry" in column_of:
        outlines = degrees.shapes(table.cells[column_of["geometry"]], table.remarks)
        degrees.check_agreement(outlines, result, table.remarks)
        result = np.where(shapely.is_missing(outlines), result, outlines)
    return result


def _axis(table: ListTable, column_of: dict[str, int], axis: str) -> Sequence[Cell]:
    """The cells of an axis, joined with those of its minutes and seconds where they stand in columns of their own."""
    empty: Sequence[Cell] = [""] * len(table.row_names)
    whole, minutes, seconds = (
        table.cells[column_of[name]] if name in column_of else empty
        for name in (axis, f"{axis}_minutes", f"{axis}_seconds")
    )
    heading = table.column_names[column_of[axis]] if axis in column_of else axis
    if f"{axis}_minutes" in column_of or f"{axis}_seconds" in column_of:
        return degrees.joined(heading, whole, minutes, seconds, table.remarks)
    if "度分秒" in heading or "dms" in heading.lower():
        return degrees.unpacked(heading, whole, table.remarks)
    return whole
