"""The placemarks of KML (OGC KML 2.3), alone or zipped as KMZ, as layers.

GDAL's reader loses Chinese names of untyped data, and would open other formats that an XML file announces.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo.errors import TableError
from geo.lists.file_types import MAX_CELLS, MAX_ROWS, MAX_UNPACKED_BYTES, open_zip
from geo.lists.headings import Vocabulary
from geo.lists.layers import Layer
from geo.lists.sheets import Cell
from geo.lists.values import MISSING

_FOLDER, _FOLDERS = "folder", ("Folder", "Document")
_OWN_ELEMENTS = ("name", "address", "phoneNumber", "description")
_GEOMETRIES = ("Point", "LineString", "LinearRing", "Polygon", "MultiGeometry")
_OTHER_GEOMETRIES = ("Track", "MultiTrack", "Model")


def read(path: Path, file_type: Literal["kml", "kmz"], vocabulary: Vocabulary) -> Iterator[Layer]:
    """The layer of a KML file, or those of the KML files in a KMZ.

    A column is an element of the placemarks, such as ``name``, or one of their data; ``folder`` names the folder that a
    placemark is in.

    Raises
    ------
    TableError
        The file is truncated, no KML, or too large.
    """
    if file_type == "kml":
        with path.open("rb") as file:
            yield _layer(path, "", file, vocabulary)
        return
    with open_zip(path) as archive:
        members = [member for member in archive.infolist() if member.filename.lower().endswith(".kml")]
        # zipfile unpacks no more of a member than its stated size.
        if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
            raise TableError(path, [f"would unpack to more than {MAX_UNPACKED_BYTES / 1e6:,.0f} MB: split it"])
        for member in members:
            with _unpacked(path, archive, member) as file:
                layer = _layer(path, member.filename if len(members) > 1 else "", file, vocabulary)
            if layer.row_names or len(members) == 1:
                yield layer


@contextmanager
def _unpacked(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    try:
        with archive.open(member) as file:
            yield file
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        if isinstance(error, TableError):
            raise
        raise TableError(path, [f"is truncated, broken or encrypted ({error})"]) from error


def _layer(path: Path, name: str, file: IO[bytes], vocabulary: Vocabulary) -> Layer:
    rows: list[dict[str, Cell]] = []
    shapes: list[BaseGeometry | None] = []
    layer = Layer(name, [], {}, np.zeros(0, dtype=object))
    folders: list[dict[str, str]] = []
    in_placemark, links = False, 0
    try:
        for event, element in ElementTree.iterparse(file, ("start", "end")):
            tag = _tag(element)
            if event == "start":
                in_placemark |= tag == "Placemark"
                if tag in _FOLDERS:
                    folders.append({"tag": tag})
                continue
            if tag == "Placemark":
                in_placemark = False
                _report_other_geometry(element, len(rows), layer)
                shapes.append(_shape_of_place(element, len(rows), layer))
                rows.append(_cells(element, folders))
                visibilities = [_text(element, "visibility"), *(folder.get("visibility") for folder in folders)]
                if any((words or "").strip() == "0" for words in visibilities):
                    layer.remarks.notes[len(rows) - 1].append("is not shown in its file; it is read like the others")
                element.clear()
            elif tag in _FOLDERS:
                folders.pop()
                element.clear()
            elif not in_placemark and folders and tag in ("name", "visibility"):
                folders[-1].setdefault(tag, element.text or "")
            links += tag == "NetworkLink"
            if len(rows) > MAX_ROWS:
                raise TableError(path, [f"has more than {MAX_ROWS:,} features; split it"])
    except (ElementTree.ParseError, LookupError) as error:
        raise TableError(path, [f"is truncated, or no KML ({error})"]) from error
    headings = dict.fromkeys(heading for row in rows for heading in row)
    if len(headings) * len(rows) > MAX_CELLS:
        raise TableError(path, [f"has {len(headings):,} columns in {len(rows):,} features: too many"])
    prefix = f"layer {name} feature" if name else "feature"
    layer.row_names = [f"{prefix} {number}" for number in range(1, len(rows) + 1)]
    layer.columns = {
        _not_repeated(heading, headings, vocabulary): [row.get(heading, MISSING) for row in rows]
        for heading in headings
    }
    layer.shapes = np.empty(len(shapes), dtype=object)
    layer.shapes[:] = shapes
    if links:
        layer.notes.append(f"has {links:,} links to other files (NetworkLink), which are not read")
    return layer


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _report_other_geometry(element: Element, row: int, layer: Layer) -> None:
    """Report what a placemark has instead of a shape that can be read."""
    if other := next((_tag(child) for child in element.iter() if _tag(child) in _OTHER_GEOMETRIES), None):
        layer.remarks.problems[row].append(f"its geometry is a {other}, which cannot be read: give a point")


def _cells(element: Element, folders: list[dict[str, str]]) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for child in element:
        tag = _tag(child)
        if tag in _OWN_ELEMENTS and (child.text or "").strip():
            cells[tag] = child.text
        elif tag == "ExtendedData":
            for data in child.iter():
                if _tag(data) == "SimpleData":
                    cells[data.get("name", "")] = data.text
                elif _tag(data) == "Data":
                    cells[data.get("name", "")] = next((value.text for value in data if _tag(value) == "value"), None)
    cells.pop("", None)
    names = [folder["name"] for folder in folders if folder["tag"] == "Folder" and folder.get("name")]
    return cells | ({_FOLDER: names[-1]} if names else {})


def _text(element: Element, tag: str) -> str | None:
    return next((child.text for child in element if _tag(child) == tag), None)


def _not_repeated(heading: str, headings: dict[str, None], vocabulary: Vocabulary) -> str:
    """The heading of an element of placemarks, changed if one of their data is the same field."""
    field = vocabulary.field_of(heading)
    if heading in _OWN_ELEMENTS and field and any(
        other != heading and vocabulary.field_of(other) == field for other in headings
    ):  # fmt: skip
        return f"placemark {heading}"
    return heading


def _shape_of_place(element: Element, row: int, layer: Layer) -> BaseGeometry | None:
    try:
        shapes = [shape for child in element if _tag(child) in _GEOMETRIES for shape in _shapes(child)]
    except (ValueError, RecursionError, shapely.errors.GEOSException):  # MultiGeometry may hold MultiGeometry
        layer.remarks.problems[row].append("its geometry cannot be read")
        return None
    if len(shapes) < 2:
        return shapes[0] if shapes else None
    types = {shape.geom_type for shape in shapes}
    if types == {"Point"}:
        return shapely.MultiPoint(shapes)
    if types == {"Polygon"}:
        return shapely.MultiPolygon(shapes)
    return shapely.GeometryCollection(shapes)


def _shapes(element: Element) -> list[BaseGeometry]:
    """The shapes of an element; ValueError if its coordinates cannot be read."""
    tag = _tag(element)
    if tag == "MultiGeometry":
        return [shape for child in element if _tag(child) in _GEOMETRIES for shape in _shapes(child)]
    if tag == "Polygon":
        boundaries = {
            side: [_positions(ring) for child in element if _tag(child) == side for ring in child]
            for side in ("outerBoundaryIs", "innerBoundaryIs")
        }
        (outer,) = boundaries["outerBoundaryIs"]
        return [shapely.Polygon(outer, boundaries["innerBoundaryIs"])]
    positions = _positions(element)
    if tag == "Point":
        (position,) = positions
        return [shapely.Point(position)]
    return [shapely.LineString(positions)]


def _positions(element: Element) -> list[tuple[float, float]]:
    """Longitudes and latitudes; some programs write spaces after the commas between them."""
    words = (_text(element, "coordinates") or "").strip()
    groups = words.split() if "," in words else []
    if any(group.endswith(",") or group.startswith(",") for group in groups):
        groups = [word for line in words.splitlines() if (word := "".join(line.split()))]
    numbers = [[float(number) for number in group.split(",") if number] for group in groups]
    if not numbers or any(len(group) not in (2, 3) for group in numbers):
        raise ValueError("no coordinates")
    return [(group[0], group[1]) for group in numbers]
