"""Lists of facilities as offices keep them, read and recognised, not yet compared with what is known.

Values are recognised here, whatever they are called and however they are written. They are validated as a
`facilities.Facility` where they are merged with what the register knows.
"""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo.choices import COORDINATE_SYSTEMS
from geo.errors import TableError, UnknownNameError
from geo.lists import headings, locations, tables, tabular_files, values
from geo.lists.tables import Part
from geo.lists.values import MISSING
from geo.study import categories, facilities

_BLOCK = 10_000
# What a null cannot clear, since every facility has it.
_KEPT = frozenset({"id", "category", "provenance", "extra"})


@dataclass(frozen=True, slots=True)
class ListRow:
    """One facility as the file gives it.

    ``where`` is “row 7”, “名单 row 7” or “feature 3”. ``values`` has the fields that the row gives, further columns
    under ``extra``; None stands only where GeoJSON says null. ``geometry``
    is WGS84, None if the row gives none. ``problems`` say why the row cannot be taken, ``doubts`` what speaks against
    its place alone, ``notes`` what was taken how.
    """

    where: str
    values: dict[str, Any]
    geometry: BaseGeometry | None
    problems: tuple[str, ...]
    doubts: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class FacilityList:
    """What a file holds.

    ``left_out`` says where and why rows are none; ``coordinates`` the system that places were taken in, and
    ``coordinates_stated`` whether anybody has said so; ``columns`` the field of every heading as written, “extra” for
    what nobody knows; ``notes`` are about the whole file.
    """

    file: Path
    rows: list[ListRow]
    left_out: list[tuple[str, str]]
    coordinates: str
    coordinates_stated: bool
    columns: dict[str, str]
    notes: list[str]


def read(
    path: Path,
    *,
    within: Any = None,
    coordinates: str | None = None,
    columns: Mapping[str, str] | None = None,
    category: str | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> FacilityList:
    """The facilities of a workbook (xlsx, xls), text table, GeoJSON, GeoPackage, shapefile or OpenStreetMap extract.

    ``within`` is the WGS84 polygon in which they should lie; ``coordinates`` is the system they are in, if the user
    says; ``columns`` gives fields by heading; ``category`` is for files without such a column. ``advance`` is called
    with how many rows have been read since the last call.

    Raises
    ------
    TableError
        The file cannot be read, or cannot be taken without an answer of the user: which column is which, which
        coordinates these are. What is wrong with single rows is in the rows.
    ExtractError
        The OpenStreetMap extract cannot be read.
    UnknownNameError
        There is no such system or category.
    """
    path, mapping = Path(path), dict(columns or {})
    if coordinates is not None and coordinates not in COORDINATE_SYSTEMS:
        raise UnknownNameError("coordinates", coordinates, COORDINATE_SYSTEMS)
    if category is not None:
        categories.category(category)
    with garbage_collection_paused():
        return _read(path, within, coordinates, mapping, category, advance)


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """A hundred thousand rows are none, and looking for it among them takes as long as reading them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _read(
    path: Path,
    within: Any,
    coordinates: str | None,
    mapping: Mapping[str, str],
    category: str | None,
    advance: Callable[[int], None],
) -> FacilityList:
    kind = tabular_files.kind(path)
    notes: list[str] = []
    if path.suffix.lower() not in tabular_files.ENDINGS[kind]:
        notes.append(f"is called {path.suffix or 'by no ending'} but is {tabular_files.WORDS[kind]}: read as that")
    found = list(tables.read(path, kind, mapping, within, notes))
    if kind == "pbf" and not any(part.wheres for part in found):
        raise TableError(path, ["holds no facility" + ("" if within is None else " within the area")])
    stated = _stated(found, coordinates, path)
    known = any("category" in part.fields or "subtype" in part.fields for part in found)
    if not known and category is None and not any("id" in part.fields for part in found):
        raise TableError(path, ["has no column of categories: say category " + "|".join(categories.CATEGORIES)])
    if kind != "pbf" and not any("name" in part.fields for part in found):
        unknown = [name for part in found for name, one in zip(part.names, part.fields, strict=True) if one == "extra"]
        listed = ", ".join(dict.fromkeys(unknown)) or "none"
        notes.append(f"has no column of names; not recognised: {listed[:300]}; if one is: say column HEADING=name")
    return _rows(path, found, stated, within, category, notes, advance)


def _stated(found: list[Part], coordinates: str | None, path: Path) -> str | None:
    """The system that the file or the user states; TableError where they differ."""
    said = {part.system for part in found if part.placed}
    own = sorted(one for one in said if one is not None)
    if len(own) > 1 or (own and None in said and coordinates is None):
        by_system = {one: [part.name for part in found if part.placed and part.system == one] for one in said}
        listed = ", ".join(f"{one or 'nothing'} ({', '.join(by_system[one])})" for one in sorted(said, key=str))
        how = "split it" if len(own) > 1 else f"say coordinates {own[0]} if all of them are, or split it"
        raise TableError(path, [f"its sheets or layers state different coordinates: {listed}; {how}"])
    if own and coordinates is not None and locations.shift(own[0]) != locations.shift(coordinates):
        raise TableError(path, [f"states that its coordinates are {own[0]}, and not {coordinates} as you say"])
    return coordinates or (own[0] if own else None)


def _rows(
    path: Path,
    found: list[Part],
    stated: str | None,
    within: Any,
    category: str | None,
    notes: list[str],
    advance: Callable[[int], None],
) -> FacilityList:
    wheres = [where for part in found for where in part.wheres]
    problems: dict[int, list[str]] = {}
    doubts: dict[int, list[str]] = {}
    remarks: dict[int, list[str]] = {}
    given: list[dict[str, Any]] = []
    shapes: list[NDArray[Any]] = []
    columns: dict[str, str] = {}
    for part in found:
        begin = len(given)
        shapes.append(_shapes(part))
        own_given = _recognised(part, category)
        given += own_given
        for all_of, own in ((problems, part.problems), (remarks, part.notes)):
            all_of.update({begin + row: texts for row, texts in own.items()})
        columns |= {name: one for name, one in zip(part.names, part.fields, strict=True) if name}
    placed, system, said = locations.settle(
        np.concatenate(shapes), wheres, stated, within, path, problems, doubts, remarks
    )
    _twice(wheres, given, problems)
    drawn = np.flatnonzero(shapely.get_type_id(placed) > 0)
    for row in drawn.tolist():
        if kind := given[row].get("category"):
            placed[row] = facilities.facility_geometry(kind, placed[row])
    rows: list[ListRow] = []
    for row, where in enumerate(wheres):
        wrong, doubted, say = (tuple(texts.get(row, ())) for texts in (problems, doubts, remarks))
        rows.append(ListRow(where, given[row], placed[row], wrong, doubted, say))
        if row % _BLOCK == _BLOCK - 1:
            advance(_BLOCK)
    advance(len(wheres) % _BLOCK)
    left_out = [one for part in found for one in part.left_out]
    return FacilityList(path, rows, left_out, system, stated is not None, columns, notes + said)


def _shapes(part: Part) -> NDArray[Any]:
    """Where the rows of a part lie, as given: by an outline, else by degrees in two columns, or in one."""
    if part.shapes is not None:
        return part.shapes
    at = {one: column for column, one in enumerate(part.fields)}
    if "place" in at:
        cells = part.cells[at["place"]]
        in_words = "location" in part.names[at["place"]].lower() and not locations.any_place(cells)
        if in_words or ("lon" in at and "lat" in at):
            part.fields[at.pop("place")] = "extra"
    found = np.full(len(part.wheres), None, dtype=object)
    if "lon" in at or "lat" in at:
        lon, lat = (part.cells[at[axis]] if axis in at else [""] * len(part.wheres) for axis in ("lon", "lat"))
        found = locations.points(lon, lat, part.problems, part.notes)
    elif "place" in at:
        found = locations.shapes(part.cells[at["place"]], part.problems, part.notes)
    if "geometry" in at:
        outlines = locations.shapes(part.cells[at["geometry"]], part.problems, part.notes)
        locations.agreed(outlines, found, part.problems)
        found = np.where(shapely.is_missing(outlines), found, outlines)
    return found


def _recognised(part: Part, category: str | None) -> list[dict[str, Any]]:
    """What each row gives."""
    count = len(part.wheres)
    read: dict[str, list[Any]] = {}
    further: list[tuple[str, list[Any]]] = []
    for name, one, cells in zip(part.names, part.fields, part.cells, strict=True):
        if one == "extra":
            further.append((name, cells))
        elif one and one not in headings.PLACES:
            read[one] = values.column(one, cells, part.problems, part.notes)
    raw = {one: cells for one, cells in zip(part.fields, part.cells, strict=True) if one in read}
    fields = tuple(read)
    given = [
        {one: value for one, value in zip(fields, row, strict=True) if value is not None}
        for row in (zip(*read.values(), strict=True) if read else ((),) * count)
    ]
    if part.nulls_clear:
        for one in read.keys() - _KEPT:
            for number, cell in enumerate(raw[one]):
                if cell is None:
                    given[number][one] = None
    for name, cells in further:
        for number, cell in enumerate(cells):
            if cell is None or cell is MISSING or cell == "":
                continue
            if more := values.further(name, cell):
                given[number].setdefault("extra", {}).update(more)
    _kinds(part, given, category)
    return given


def _kinds(part: Part, given: list[dict[str, Any]], category: str | None) -> None:
    """Categories and subtypes by what both columns say, and by ``category`` where neither does."""
    unsaid = "category" not in part.fields and "subtype" not in part.fields and category is None
    for number, row in enumerate(given):
        kind = row.get("category")
        if kind is not None:
            row["category"] = kind[0]
            if kind[1] and "subtype" not in row:
                row["subtype"] = kind[1]
        elif category is not None and number not in part.problems:
            row["category"] = category
            if isinstance(row.get("subtype"), str) and (other := values.of_another(category, row["subtype"])):
                kind = (other, None)
        if category is not None and kind is not None and kind[0] != category:
            part.problems.setdefault(number, []).append(f"its category is {kind[0]}, and not {category} as you say")
        if isinstance(row.get("subtype"), str):
            found, row["subtype"] = values.subtype(row.get("category"), row["subtype"])
            if found:
                row["category"] = found
        if "category" not in row and "id" not in row and number not in part.problems:
            why = "has no category, nor an id by which it is known" if unsaid else "category is missing"
            if isinstance(row.get("subtype"), str):
                why = values.no_kind(row["subtype"])
            part.problems.setdefault(number, []).append(why)


def _twice(wheres: list[str], given: list[dict[str, Any]], problems: dict[int, list[str]]) -> None:
    seen: dict[Any, int] = {}
    for number, row in enumerate(given):
        if (identity := row.get("id")) is not None and (first := seen.setdefault(identity, number)) != number:
            problems.setdefault(number, []).append(f"id {identity!r} stands already in {wheres[first]}")
