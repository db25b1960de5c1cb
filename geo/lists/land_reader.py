"""Files of residential land as offices keep them: polygons, perhaps with a column that names their class of land.

The classes of residential land are 07… of the national classification of 2020 (用地用海分类, and of GB/T 21010-2017),
R… of GB 50137-2011, and words such as 居住用地.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo.arrays import GeometryArray
from geo.errors import TableError
from geo.lists import file_types, geojson_files, list_tables, reader, table_locations, text_tables, values, vector_files
from geo.lists.headings import AREA_COLUMNS, EXTRA
from geo.lists.layers import Layer
from geo.lists.remarks import Remarks
from geo.lists.table_locations import StatedSystem
from geo.lists.values import MISSING
from geo.study import facilities

RESIDENTIAL = ("07", "R", "居住用地", "住宅用地", "宅基地", "residential")
"""The classes that count where the user names none."""
NO_OUTLINE, UNREADABLE = "features that are no polygons", "features whose geometry cannot be read or placed"


@dataclass(frozen=True)
class LandOptions:
    """How a file of land is read.

    Attributes
    ----------
    stated : what the user states of the positions
    within : the WGS84 polygon of the place; None if it is not known
    field : the column that names the class of land; None takes all polygons as residential
    classes : the classes that count; none takes `RESIDENTIAL`
    """

    stated: StatedSystem
    within: BaseGeometry | None = None
    field: str | None = None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LandList:
    """The polygons of a file.

    Attributes
    ----------
    shapes : valid WGS84 polygons, shape (n,)
    names : what each is called in messages
    classes : what the column of classes says of each; empty where there is none
    counts : whether each is residential, shape (n,)
    repaired : whether each had an outline that crosses or touches itself, shape (n,)
    left_out : the features that are not among these, by reason
    columns : the file's columns
    notes : what is to be said of the whole file
    """

    shapes: GeometryArray
    names: list[str]
    classes: list[str]
    counts: list[bool]
    repaired: list[bool]
    left_out: dict[str, list[str]]
    columns: list[str]
    notes: list[str]


def read(path: Path, options: LandOptions, advance: Callable[[int], None] = reader.ignore_progress) -> LandList:
    """The polygons of a file of features. ``advance`` is called with their number.

    Raises
    ------
    TableError
        The file cannot be read, holds no features or several layers without the column of classes, or its positions
        cannot be understood.
    UnknownNameError
        There is no such coordinate system.
    """
    path = Path(path)
    options.stated.check()
    file_type = file_types.detect(path)
    notes = file_types.naming_note(path, file_type)
    layers = _chosen(path, _layers(path, file_type, notes), options.field)
    tables = [list_tables.from_layer(layer, [EXTRA] * len(layer.columns)) for layer in layers]
    names = [name for table in tables for name in table.row_names]
    shapes = np.concatenate([layer.shapes for layer in layers])
    was_valid = shapely.is_valid(shapes) | shapely.is_missing(shapes)
    remarks = Remarks()
    for table, first in zip(tables, np.cumsum([0, *(len(table.row_names) for table in tables)]).tolist(), strict=False):
        remarks.add(table.remarks, first)
    located, _ = table_locations.locate(tables, shapes, options.stated, options.within, path, remarks)
    outlines = [None if shape is None else facilities.outline_of(shape) for shape in located.shapes]
    left_out: dict[str, list[str]] = {}
    rows = []
    for row, outline in enumerate(outlines):
        if remarks.problems.get(row) or (located.shapes[row] is None):
            left_out.setdefault(UNREADABLE, []).append(names[row])
        elif outline is None or outline.is_empty:
            left_out.setdefault(NO_OUTLINE, []).append(names[row])
        else:
            rows.append(row)
    classes = [cell for layer in layers for cell in _classes(layer, options.field)]
    words = tuple(options.classes) or RESIDENTIAL
    known = {text: is_of(text, words) for text in set(classes)}
    polygons = np.empty(len(rows), dtype=object)
    polygons[:] = [outlines[row] for row in rows]
    advance(len(rows))
    return LandList(
        shapes=polygons,
        names=[names[row] for row in rows],
        classes=[classes[row] for row in rows] if options.field else [],
        counts=[options.field is None or known[classes[row]] for row in rows],
        repaired=[not was_valid[row] for row in rows],
        left_out=left_out,
        columns=list(dict.fromkeys(name for layer in layers for name in layer.columns)),
        notes=notes + [note for layer in layers for note in layer.notes] + located.notes,
    )


def _layers(path: Path, file_type: file_types.FileType, notes: list[str]) -> list[Layer]:
    if file_type in (*file_types.WORKBOOKS, "csv", "pbf"):
        described = file_types.DESCRIPTIONS[file_type]
        raise TableError(path, [f"is {described}: give polygons, as GeoPackage, GeoJSON or shapefile"])
    if file_type == "json":
        content, encoding = text_tables.decode(path)
        notes += text_tables.encoding_note(encoding)
        return [geojson_files.read(path, content)]
    return list(vector_files.layers(path, file_type, AREA_COLUMNS))


def _chosen(path: Path, layers: list[Layer], field: str | None) -> list[Layer]:
    """The layers that have the column ``field``; without one the only layer. TableError if there is none."""
    columns = ", ".join(dict.fromkeys(name for layer in layers for name in layer.columns)) or "none"
    if field is not None:
        chosen = [layer for layer in layers if field in layer.columns]
        if not chosen:
            raise TableError(path, [f"has no column {field!r} (--land-field); its columns: {columns}"])
        return chosen
    if len(layers) > 1:
        names = ", ".join(layer.name for layer in layers)
        raise TableError(path, [f"has several layers: {names}; save the one with residential land, or name the column "
                                "of classes with --land-field"])  # fmt: skip
    return layers


def _classes(layer: Layer, field: str | None) -> list[str]:
    if field is None:
        return [""] * len(layer.row_names)
    return [(values.text(cell) or "") if cell is not MISSING else "" for cell in layer.columns[field]]


def is_of(text: str, classes: Sequence[str]) -> bool:
    """Whether a class of land, such as “0701”, “R2” or “二类居住用地”, is one of ``classes`` or a part of one.

    A code belongs to the codes that it begins with. One with an odd number of digits lost its first zero, because a
    table kept it as a number.
    """
    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    if plain.isascii() and plain.isdecimal() and len(plain) % 2:
        plain = "0" + plain
    for each in classes:
        words = unicodedata.normalize("NFKC", each).strip().casefold()
        if not words.isascii():
            if re.search(f"(?<!非){re.escape(words)}", plain):
                return True
        elif re.match(re.escape(words) + ("(?![a-z])" if words[-1:].isalpha() else ""), plain):
            return True
    return False
