"""Reading CSV and GeoJSON files: their rows and features, each with its position for error messages.

The modules of this folder check what the rows say.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias, TypedDict

import shapely
from shapely.geometry.base import BaseGeometry

from geo.errors import TableError

Properties: TypeAlias = Mapping[str, object]
"""The values of one row or feature, by column or property name."""
Row: TypeAlias = tuple[str, Properties, BaseGeometry | None]
"""A row's position in its file (“row 2”, “feature 1”), its values, and its WGS84 geometry; None if it has none."""


class Feature(TypedDict, total=False):
    """A GeoJSON feature as the json module parses it; the members are not checked, except the type of properties."""

    id: object
    properties: dict[str, object] | None
    geometry: object


def csv_rows(path: Path, required: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (“row 2”, {column: text}) and so on of a UTF-8 CSV file; the heading is row 1.

    Raises
    ------
    TableError
        The file cannot be read, is not UTF-8 text, lacks a ``required`` column, or has a row longer than its heading.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise TableError(path, [f"cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise TableError(path, ["is not UTF-8 text; save it as “CSV UTF-8”"]) from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in required if name not in (reader.fieldnames or [])]
    if missing:
        raise TableError(path, [f"has no column {', '.join(missing)}; its columns: {reader.fieldnames or []}"])
    try:
        rows = [(f"row {reader.line_num}", row) for row in reader]
    except csv.Error as error:
        raise TableError(path, [f"row {reader.line_num}: {error}"]) from error
    longer = [f"{where} has more cells than the heading" for where, row in rows if None in row]
    if longer:
        raise TableError(path, longer)
    for where, row in rows:
        yield where, {column: cell for column, cell in row.items() if cell is not None}


def geojson_features(path: Path) -> Iterator[tuple[str, Feature]]:
    """Yield (“feature 1”, feature) and so on of a GeoJSON file.

    Raises
    ------
    TableError
        The file cannot be read or is not a GeoJSON FeatureCollection.
    """
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise TableError(path, [f"cannot be read: {error.strerror}"]) from error
    except (ValueError, RecursionError) as error:
        raise TableError(path, [f"is not JSON: {error}"]) from error
    yield from features_of(content, path)


def features_of(content: object, path: object) -> Iterator[tuple[str, Feature]]:
    """Yield (“feature 1”, feature) and so on of a parsed GeoJSON FeatureCollection; ``path`` is for messages.

    Raises
    ------
    TableError
        ``content`` is not a FeatureCollection, or the properties of a feature are not an object.
    """
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        raise TableError(path, ["is not a GeoJSON FeatureCollection"])
    numbered = [(f"feature {number}", feature) for number, feature in enumerate(features, start=1)]
    wrong = [where for where, feature in numbered if not isinstance(feature.get("properties"), dict | None)]
    if wrong:
        raise TableError(path, [f"{where}: its properties are no table" for where in wrong])
    yield from numbered


def parse_geometry(feature: Feature) -> BaseGeometry | None:
    """Return the geometry of a GeoJSON feature; None if it has none or if shapely cannot read it."""
    try:
        geometry: BaseGeometry | None = shapely.from_geojson(json.dumps(feature.get("geometry")))
    except (shapely.errors.GEOSException, TypeError):
        return None
    return geometry
