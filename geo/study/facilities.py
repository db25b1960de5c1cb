"""Facilities: parks, clinics, kindergartens and cultural halls, read and checked once, at the door.

A frame of facilities is a GeoDataFrame (WGS84) indexed by ``id``, one row a facility, with the columns of `Facility`
and ``geometry``: Points, and for parks Polygons too. Unknown is None.
"""

import csv
import io
import json
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import geopandas as gpd
import numpy as np
import orjson
import pandas as pd
import shapely
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from geo.errors import FieldError, TableError, UnknownNameError
from geo.geodesy import crs, datums


@dataclass(frozen=True)
class Category:
    """One kind of facility: what people call it, its subtypes, and the OpenStreetMap tags that mean it."""

    id: str
    label: str
    label_en: str
    subtypes: Mapping[str, tuple[str, str]]
    osm: tuple[Mapping[str, Any], ...]
    names: tuple[tuple[str, str], ...]


def _load_categories() -> dict[str, Category]:
    table = tomllib.loads(resources.files("geo.study").joinpath("categories.toml").read_text("utf-8"))
    return {
        key: Category(
            id=key,
            label=row["label"],
            label_en=row["label_en"],
            subtypes={subtype: (zh, en) for subtype, (zh, en) in row["subtypes"].items()},
            osm=tuple(row["osm"]),
            names=tuple((part, subtype) for part, subtype in row["names"]),
        )
        for key, row in table.items()
    }


CATEGORIES: dict[str, Category] = _load_categories()


def key(name: str) -> str:
    """A name without what two hands write differently: width, case, spaces."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


SUBTYPES: dict[str, dict[str, str]] = {
    one.id: {key(name): subtype for subtype, labels in one.subtypes.items() for name in (subtype, *labels)}
    for one in CATEGORIES.values()
}
"""By category, its subtypes by the `key` of any of their names."""


def category(name: str) -> Category:
    """The category called ``name``; UnknownNameError if there is none."""
    if name not in CATEGORIES:
        raise UnknownNameError("category", name, CATEGORIES)
    return CATEGORIES[name]


def known_category(value: str) -> str:
    """``value`` if it is a category; ValueError, as pydantic's validators want it, if not."""
    if value not in CATEGORIES:
        raise ValueError(f"{value[:60]!r} is none of {', '.join(CATEGORIES)}")
    return value


def clean(value: object) -> object:
    """Text in composed form without control characters and needless space, None for none; else as it is."""
    # Control characters break databases and terminals and mean nothing in a name; empty cells mean unknown.
    if isinstance(value, str):
        if not value.isprintable():
            value = "".join(c if c.isprintable() else " " for c in value)
        value = " ".join(value.split())
        if not value.isascii():
            value = unicodedata.normalize("NFC", value)
    return None if value == "" else value


FIRST_DAY, LAST_DAY = date(1000, 1, 1), date(2200, 12, 31)
Text = Annotated[Annotated[str, Field(max_length=300)] | None, BeforeValidator(clean)]
Day = Annotated[Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)] | None, BeforeValidator(clean)]
BELOW = ("/history", "/restore", "/merge")
"""How no id may end: what lies below a facility in the API is called so."""


class Facility(BaseModel):
    """What is known of one facility besides its place.

    Days are ISO dates; ``capacity`` counts beds or seats; ``source`` is the list or office that it is known from,
    ``verified`` the day when somebody last saw that it is so.
    """

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    id: Annotated[str, BeforeValidator(clean), Field(min_length=1, max_length=200)]
    category: str
    subtype: Text = None
    name: Text = None
    name_en: Text = None
    area_code: Text = None
    address: Text = None
    phone: Text = None
    opened: Day = None
    closed: Day = None
    opening_hours: Text = None
    capacity: Annotated[Annotated[int, Field(ge=0, lt=2**31)] | None, BeforeValidator(clean)] = None
    provenance: Annotated[str, BeforeValidator(clean), Field(min_length=1, max_length=300)] = "file"
    source: Text = None
    verified: Day = None
    verified_by: Text = None
    extra: dict[str, Any] = Field(default_factory=dict)

    @field_validator("id")
    @classmethod
    def _addressable(cls, value: str) -> str:
        if value in (".", "..") or value.endswith(BELOW):
            raise ValueError(f"cannot be an address: no id is . or .. or ends in {', '.join(BELOW)}")
        return value

    @field_validator("category")
    @classmethod
    def _known_category(cls, value: str) -> str:
        return known_category(value)

    @field_validator("closed")
    @classmethod
    def _closed_after_opened(cls, value: date | None, info: ValidationInfo) -> date | None:
        opened = info.data.get("opened")
        if value is not None and opened is not None and value < opened:
            raise ValueError(f"closed {value} is before opened {opened}")
        return value

    @field_validator("subtype")
    @classmethod
    def _subtype_by_any_name(cls, value: str | None, info: ValidationInfo) -> str | None:
        return SUBTYPES.get(info.data.get("category", ""), {}).get(key(value or ""), value)

    @field_validator("verified")
    @classmethod
    def _not_to_come(cls, value: date | None) -> date | None:
        if value is not None and value > date.today() + timedelta(days=1):  # it may be tomorrow elsewhere
            raise ValueError("is still to come")
        return value


MOST_EXTRA = 20_000
FIELDS: tuple[str, ...] = tuple(Facility.model_fields)
DAYS = ("opened", "closed", "verified")
SHOWN: tuple[str, ...] = tuple(field for field in FIELDS if field not in ("id", "extra"))


def frame(rows: Iterable[tuple[str, Mapping[str, Any], Any]], file: object) -> gpd.GeoDataFrame:
    """Checked facilities from ``rows`` of (where in the file, properties, WGS84 geometry).

    Each is `checked`.

    Raises
    ------
    TableError
        Any row is unusable: all of them are named, and none is taken.
    """
    records: list[dict[str, Any]] = []
    geometries: list[Any] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    for where, properties, geometry in rows:
        try:
            facility, place = checked(properties, geometry)
        except FieldError as error:
            problems += [f"{where}: {problem}" for _, problem in error.problems]
            continue
        if facility["id"] in seen:
            problems.append(f"{where}: id {facility['id']!r} stands already in {seen[facility['id']]}")
            continue
        seen[facility["id"]] = where
        records.append(facility)
        geometries.append(place)
    if problems:
        raise TableError(file, problems)
    return framed(records, geometries)


def framed(records: Sequence[Mapping[str, Any]], shapes: Any) -> gpd.GeoDataFrame:
    """Records that have the fields of `Facility`, and perhaps more, with their WGS84 shapes as a frame."""
    rows = [[record[field] for field in FIELDS] for record in records]
    table = pd.DataFrame(rows, columns=list(FIELDS), dtype=object).set_index("id")
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(shapes, index=table.index, crs="EPSG:4326"))


def checked(properties: Mapping[str, Any], geometry: Any) -> tuple[dict[str, Any], Any]:
    """The fields of a facility, as `validated`, and its place (WGS84), as `placed`; FieldError if anything is wrong."""
    facility = validated(properties)
    try:
        return facility, placed(facility["category"], checked_place(geometry))
    except ValueError as error:
        raise FieldError([("geometry", str(error))]) from error


def validated(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `Facility`; properties that it does not have go into ``extra``. FieldError if one is wrong."""
    known = {key: value for key, value in properties.items() if key in FIELDS and key != "extra"}
    extra = {key: value for key, value in properties.items() if key not in FIELDS}
    kept = properties.get("extra")
    if kept is not None:
        extra = extra | kept if isinstance(kept, dict) else kept
    try:
        facility = Facility(**known, extra=extra)
    except ValidationError as error:
        found = ((".".join(str(part) for part in problem["loc"]), problem) for problem in error.errors())
        raise FieldError((field, _explain(field, problem)) for field, problem in found) from error
    if facility.extra:
        try:
            text = orjson.dumps(facility.extra)
        except TypeError as error:
            raise FieldError([("extra", f"further properties: {error}")]) from error
        if len(text) > MOST_EXTRA:
            raise FieldError([("extra", f"more than {MOST_EXTRA} bytes of further properties")])
        facility.extra = orjson.loads(text)  # as they will be read again: not a number becomes nothing
    return dict(facility)


def _explain(field: str, problem: Any) -> str:
    if problem["type"] == "missing":
        return f"{field} is missing"
    reason = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"].startswith("date"):
        reason = "is no day such as 2021-06-30"
    return f"{field} = {str(problem['input'])[:60]!r}: {reason}"


def checked_place(geometry: Any) -> Any:
    """``geometry`` in two dimensions and valid; ValueError if it is none, or not in degrees."""
    if geometry is None or geometry.is_empty:
        raise ValueError("has no place (geometry)")
    west, south, east, north = geometry.bounds
    if not (west >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise ValueError(f"place {west:.6g}, {south:.6g} is not a longitude and latitude in degrees")
    return shapely.make_valid(shapely.force_2d(geometry))


def placed(category_id: str, place: Any) -> Any:
    """``place`` as a facility of the category has it: a park as it is drawn, any other as a point."""
    keeps = place.geom_type == "Point" or (category_id == "park" and place.geom_type in ("Polygon", "MultiPolygon"))
    return place if keeps else place.representative_point()


def read(path: Path, coordinates: str = "wgs84") -> gpd.GeoDataFrame:
    """Facilities of a ``.geojson``/``.json`` or ``.csv`` file, moved from ``coordinates`` to WGS84.

    Those without an id get one from the file's name and their row.

    Raises
    ------
    TableError
        The file cannot be read, or any of its rows is unusable.
    """
    if path.suffix.lower() in (".geojson", ".json"):
        return frame(_geojson_rows(path, coordinates), path)
    if path.suffix.lower() == ".csv":
        return frame(_csv_rows(path, coordinates), path)
    raise TableError(path, [f"is a {path.suffix or 'file without ending'}; give .geojson or .csv"])


def _geojson_rows(path: Path, coordinates: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
    for where, feature in geojson_features(path):
        properties = dict(feature.get("properties") or {})
        properties["id"] = feature.get("id", properties.get("id") or f"{path.stem}-{where.split()[-1]}")
        yield where, properties, datums.geometry_to_wgs84(geojson_geometry(feature), coordinates)


def geojson_features(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(“feature 1”, feature) and so on of a GeoJSON FeatureCollection; TableError if it is none."""
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise TableError(path, [f"cannot be read: {error.strerror}"]) from error
    except (ValueError, RecursionError) as error:
        raise TableError(path, [f"is not JSON: {error}"]) from error
    yield from features(content, path)


def features(content: Any, path: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """(“feature 1”, feature) and so on of what JSON holds; TableError if it is no GeoJSON FeatureCollection."""
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        raise TableError(path, ["is not a GeoJSON FeatureCollection"])
    numbered = [(f"feature {number}", feature) for number, feature in enumerate(features, start=1)]
    odd = [where for where, one in numbered if not isinstance(one.get("properties"), dict | None)]
    if odd:
        raise TableError(path, [f"{where}: its properties are no table" for where in odd])
    yield from numbered


def geojson_geometry(feature: Mapping[str, Any]) -> Any:
    """The shapely geometry of a GeoJSON feature; None where it has none or an unreadable one."""
    try:
        return shapely.from_geojson(json.dumps(feature.get("geometry")))
    except (shapely.errors.GEOSException, TypeError):
        return None


def _csv_rows(path: Path, coordinates: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
    for where, row in csv_rows(path, required=("category", "lon", "lat")):
        try:
            lon, lat = datums.to_wgs84(float(row.pop("lon", "")), float(row.pop("lat", "")), coordinates)
            place = shapely.Point(float(lon), float(lat))
        except ValueError:
            place = None
        yield where, {"id": f"{path.stem}-{where.split()[-1]}"} | row, place


def csv_rows(path: Path, required: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(“row 2”, {column: text}) and so on of a UTF-8 CSV file; the heading is row 1.

    Raises
    ------
    TableError
        The file cannot be read, is no UTF-8 text, or lacks a ``required`` column.
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
        yield where, {key: value for key, value in row.items() if value is not None}


def geojson_feature(facility: Any, facility_id: str, coordinates: str = "wgs84") -> dict[str, Any]:
    """One row of a frame as a GeoJSON feature in ``coordinates``, seven decimals (a centimetre)."""
    properties = {field: facility[field] for field in SHOWN}
    properties |= {field: _iso(facility[field]) for field in DAYS}
    return {
        "type": "Feature",
        "id": facility_id,
        "geometry": geojson_shape(facility["geometry"], coordinates),
        "properties": {**facility["extra"], **properties},
    }


def properties(facilities: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    """What GeoJSON features tell of each row besides its id and place; days are dates."""
    shown = zip(*(facilities[field] for field in SHOWN), strict=True)
    return [
        {**extra, **dict(zip(SHOWN, values, strict=True))}
        for extra, values in zip(facilities["extra"], shown, strict=True)
    ]


def geojson_shape(shape: Any, coordinates: str = "wgs84") -> dict[str, Any]:
    """A WGS84 shape as a GeoJSON geometry in ``coordinates``, seven decimals (a centimetre)."""
    geometry: dict[str, Any] = orjson.loads(crs.by_coordinates(coordinates).geojson(np.array([shape]))[0] or "null")
    return geometry


def to_geojson(facilities: gpd.GeoDataFrame, coordinates: str = "wgs84") -> dict[str, Any]:
    """A FeatureCollection as `read` takes it."""
    rows = facilities.iterrows()
    return {
        "type": "FeatureCollection",
        "features": [geojson_feature(row, str(key), coordinates) for key, row in rows],
    }


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def standing(facilities: gpd.GeoDataFrame, on: date) -> gpd.GeoDataFrame:
    """Those that stand on the day ``on``: opened by then (or unknown when) and not closed by then."""
    keep = [
        (opened is None or opened <= on) and (closed is None or closed > on)
        for opened, closed in zip(facilities["opened"], facilities["closed"], strict=True)
    ]
    return facilities.loc[keep]
