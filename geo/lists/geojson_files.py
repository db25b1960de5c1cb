"""GeoJSON as a layer: a FeatureCollection, or a sequence of features (newline-delimited, or RFC 8142)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import shapely

from geo.arrays import GeometryArray
from geo.choices import COORDINATE_SYSTEMS
from geo.errors import TableError
from geo.lists.file_types import MAX_CELLS, MAX_ROWS
from geo.lists.layers import Layer, reproject
from geo.lists.remarks import Remarks
from geo.lists.sheets import Cell
from geo.lists.values import MISSING
from geo.study import files

_RECORD_SEPARATOR = "\x1e"


def read(path: Path, content: str) -> Layer:
    """The features of a FeatureCollection, of one feature, or of a sequence of these, one a line or record.

    The member ``coordinate_system`` or ``coordinates``, or ``crs`` as old files have it, of a collection states the
    coordinate system.

    Raises
    ------
    TableError
        It is no GeoJSON, or states a coordinate system that is not known.
    """
    collection = _collection(path, content)
    features = list(files.features_of(collection, path))
    if len(features) > MAX_ROWS:
        raise TableError(path, [f"has more than {MAX_ROWS:,} features; split it"])
    properties = [feature.get("properties") or {} for _, feature in features]
    names = dict.fromkeys(name for row in properties for name in row)
    if len(names) * len(properties) > MAX_CELLS:
        raise TableError(path, [f"has {len(names):,} different properties in {len(properties):,} features: too many"])
    columns: dict[str, list[Cell]] = {name: [row.get(name, MISSING) for row in properties] for name in names}
    ids = [feature.get("id", MISSING) for _, feature in features]
    remarks = Remarks()
    if any(identity is not MISSING for identity in ids):
        property_ids = columns.get("id", ids)
        columns["id"] = [b if a is MISSING else a for a, b in zip(ids, property_ids, strict=True)]
        _keep_other_ids(columns, ids, property_ids, remarks)
    shapes, unreadable = _geometries([feature.get("geometry") for _, feature in features])
    layer = Layer("", [row_name for row_name, _ in features], columns, shapes)
    layer.remarks.add(remarks)
    for row in unreadable:
        layer.remarks.problems[row].append("its geometry cannot be read")
    system = collection.get("coordinate_system", collection.get("coordinates"))
    if system is not None:
        if system not in COORDINATE_SYSTEMS:
            raise TableError(
                path, [f"states the coordinates {str(system)[:60]!r}; known: {', '.join(COORDINATE_SYSTEMS)}"]
            )
        layer.system = system
    elif isinstance(crs := collection.get("crs"), dict) and isinstance(crs.get("properties"), dict):
        reproject(layer, crs["properties"].get("name"), path)
    return layer


def _keep_other_ids(
    columns: dict[str, list[Cell]], ids: Sequence[Cell], property_ids: Sequence[Cell], remarks: Remarks
) -> None:
    """Keep a property “id” that differs from its feature's id as a further property, with a remark."""
    differ = [
        row
        for row, (own, other) in enumerate(zip(ids, property_ids, strict=True))
        if own is not MISSING and other is not MISSING and other is not None and str(own) != str(other)
    ]
    if not differ:
        return
    name = "properties.id"
    kept: list[Cell] = columns.setdefault(name, [MISSING] * len(ids))
    for row in differ:
        kept[row] = property_ids[row]
        remarks.notes[row].append(
            f"its id is {str(ids[row])[:60]!r}, and another, {str(property_ids[row])[:60]!r}, stands in its "
            f"properties: that was kept as the further property {name}"
        )


def _collection(path: Path, content: str) -> Mapping[str, object]:
    """The FeatureCollection that a text holds, or one of the features of a sequence."""
    try:
        document = None if _RECORD_SEPARATOR in content[:100] else json.loads(content)
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Extra data"):
            raise TableError(path, [f"is not JSON, or truncated: {error}"]) from error
        document = None
    except (ValueError, RecursionError) as error:
        raise TableError(path, [f"is not JSON, or truncated: {error}"]) from error
    if document is not None and not (isinstance(document, dict) and document.get("type") == "Feature"):
        return document  # type: ignore[no-any-return]  # features_of checks it
    features: list[object] = []
    members: dict[str, object] = {}
    for where, text in _documents(path, content) if document is None else [("it", document)]:
        if not isinstance(text, dict) or text.get("type") not in ("Feature", "FeatureCollection"):
            raise TableError(path, [f"{where} is no GeoJSON feature: {json.dumps(text)[:60]}"])
        if text["type"] == "Feature":
            features.append(text)
        else:
            members |= {
                name: value for name, value in text.items() if name in ("coordinate_system", "coordinates", "crs")
            }
            features += text["features"] if isinstance(text.get("features"), list) else [None]
    return {**members, "features": features}


def _documents(path: Path, content: str) -> Iterator[tuple[str, object]]:
    """(“line 3”, document) of each line of newline-delimited JSON, or of each record of RFC 8142."""
    is_record = _RECORD_SEPARATOR in content[:100]
    for number, text in enumerate(
        content.split(_RECORD_SEPARATOR) if is_record else content.split("\n"), not is_record
    ):
        if not text.strip():
            continue
        where = f"{'record' if is_record else 'line'} {number}"
        try:
            yield where, json.loads(text)
        except (ValueError, RecursionError) as error:
            raise TableError(path, [f"{where} is not JSON, or truncated: {error}"]) from error


def _geometries(geometries: Sequence[object]) -> tuple[GeometryArray, list[int]]:
    """Shapes of GeoJSON geometries, shape (n,), None for null; and the rows that cannot be read."""
    shapes = np.full(len(geometries), None, dtype=object)
    point_rows: list[int] = []
    coordinates: list[tuple[float, float]] = []
    unreadable: list[int] = []
    for row, geometry in enumerate(geometries):
        if geometry is None:
            continue
        try:
            if not isinstance(geometry, dict):
                raise TypeError
            if geometry["type"] == "Point":  # most are, and this takes a tenth of the time
                lon, lat = geometry["coordinates"][:2]
                if isinstance(geometry["coordinates"], str) or isinstance(lon, bool) or isinstance(lat, bool):
                    raise TypeError  # Python would make numbers of "12" and true
                coordinates.append((float(lon), float(lat)))
                point_rows.append(row)
            else:
                shapes[row] = shapely.from_geojson(json.dumps(geometry))
        except (shapely.errors.GEOSException, TypeError, ValueError, KeyError, IndexError):
            unreadable.append(row)
    if point_rows:
        shapes[point_rows] = shapely.points(np.array(coordinates))
    return shapes, unreadable
