"""Reading GeoJSON files: their features, each with its position in the file for error messages.

`geo.study.facilities` and `geo.study.areas` check what the features say.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias, TypedDict

import shapely
from shapely.geometry.base import BaseGeometry

from geo.errors import TableError

Properties: TypeAlias = Mapping[str, object]
"""The values of one row or feature, by column or property name."""
Row: TypeAlias = tuple[str, Properties, BaseGeometry | None]
"""The position of a row or feature in its file (“row 2”, “feature 1”), its values, and its WGS84 geometry, if any."""


class Feature(TypedDict, total=False):
    """A GeoJSON feature as the json module parses it; the members are not checked, except the type of properties."""

    id: object
    properties: dict[str, object] | None
    geometry: object


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
        raise TableError(path, [f"{where}: its properties are not an object" for where in wrong])
    yield from numbered


def parse_geometry(feature: Feature) -> BaseGeometry | None:
    """Return the geometry of a GeoJSON feature; None if it has none or if shapely cannot read it."""
    try:
        geometry: BaseGeometry | None = shapely.from_geojson(json.dumps(feature.get("geometry")))
    except (shapely.errors.GEOSException, TypeError):
        return None
    return geometry
