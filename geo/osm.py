"""OpenStreetMap extracts: streets, facilities, administrative areas, place nodes and buildings out of an `.osm.pbf`.

Two passes: one for the boundaries, so that the second knows where to look, and one for everything else.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo import facilities, streets
from geo.errors import ExtractError
from geo.projection import projection
from geo.study import Speeds

Progress = Callable[[str, int], None]
"""Called with the name of a step and how many objects it has read since the last call."""

FACILITY_KEYS = ("amenity", "healthcare", "leisure")
# Tag:building on the OpenStreetMap wiki: the kinds people live in; an untold "yes" counts unless the building has
# another use.
RESIDENTIAL = {
    "yes",
    "residential",
    "house",
    "detached",
    "semidetached_house",
    "terrace",
    "apartments",
    "bungalow",
    "dormitory",
    "farm",
    "houseboat",
    "static_caravan",
}
OTHER_USES = (
    "amenity",
    "shop",
    "office",
    "tourism",
    "industrial",
    "man_made",
    "power",
    "leisure",
    "public_transport",
)
DEFAULT_LEVELS = 2.0
PLACES = ("city", "town", "village", "suburb", "municipality", "hamlet", "neighbourhood")
_OWN_FIELDS = {
    "name",
    "name:en",
    "opening_hours",
    "capacity",
    "phone",
    "contact:phone",
    "start_date",
    "addr:full",
}


@dataclass
class Extract:
    """What is used of an extract, in WGS84.

    ``boundaries`` has ``osm_id, name, names, admin_level, population, geometry``; ``places`` has
    ``name, population, geometry``; ``buildings`` are the residential ones: ``floor_m2, geometry`` (points).
    ``left_out`` counts what was not kept, by reason.
    """

    path: Path
    day: date | None
    boundaries: gpd.GeoDataFrame
    places: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame
    facility_rows: list[tuple[str, dict[str, Any], Any]]
    left_out: Counter[str] = field(default_factory=Counter)


def read_boundaries(path: Path, progress: Progress) -> gpd.GeoDataFrame:
    """The administrative boundaries that the extract holds complete.

    Raises
    ------
    ExtractError
        The file does not exist, is truncated, or is no OpenStreetMap extract.
    """
    records: list[dict[str, Any]] = []
    geometries: list[Any] = []
    administrative = osmium.filter.TagFilter(("boundary", "administrative"))
    reader = osmium.FileProcessor(str(_existing(path)), osmium.osm.WAY | osmium.osm.RELATION | osmium.osm.NODE)
    reader = reader.with_areas(administrative).with_filter(administrative)
    for thing in _objects(path, reader):
        if not thing.is_area():
            continue
        tags = dict(thing.tags)
        level = tags.get("admin_level", "")
        geometry = _area(thing)
        if level.isdigit() and "name" in tags and geometry is not None:
            progress("boundaries", 1)
            names = {value for key, value in tags.items() if key == "name" or key.startswith("name:")}
            records.append(
                {
                    "osm_id": ("w" if thing.from_way() else "r") + str(thing.orig_id()),
                    "name": tags["name"],
                    "name_en": tags.get("name:en"),
                    "names": names,
                    "admin_level": int(level),
                    "population": _number(tags.get("population")),
                }
            )
            geometries.append(geometry)
    columns = ["osm_id", "name", "name_en", "names", "admin_level", "population"]
    return gpd.GeoDataFrame(pd.DataFrame(records, columns=columns), geometry=geometries, crs="EPSG:4326")


def find_area(boundaries: gpd.GeoDataFrame, wanted: str) -> Any:
    """The row of ``boundaries`` named ``wanted`` in any language, or with that relation or way id.

    Raises
    ------
    ExtractError
        There is none, or there are several; says which there are.
    """
    number = wanted.lstrip("rw")
    if number.isdigit():
        found = boundaries[boundaries["osm_id"].isin([wanted, f"r{wanted}", f"w{wanted}"])]
    else:
        found = boundaries[[wanted in names for names in boundaries["names"]]]
    if len(found) == 1:
        return found.iloc[0]
    listed = boundaries if found.empty else found
    options = ", ".join(
        f"{row.name} ({row.osm_id}, admin_level {row.admin_level})"
        for row in listed.sort_values(["admin_level", "osm_id"]).drop(columns="names").itertuples(index=False)
    )
    what = "is not in the extract" if found.empty else "is the name of several: give --area an id"
    raise ExtractError(f"area {wanted!r} {what}; complete boundaries there: {_shortened(options) or 'none'}")


def _shortened(text: str, most: int = 600) -> str:
    return text if len(text) <= most else text[:most].rsplit(",", 1)[0] + ", …"


def read(path: Path, boundaries: gpd.GeoDataFrame, within: Any, progress: Progress) -> Extract:
    """Everything else of the extract, as far as it touches ``within`` (a WGS84 polygon; None: all of it).

    Raises
    ------
    ExtractError
        As `read_boundaries`; or the file holds no street (within).
    """
    ways = streets.Ways(Speeds().drive_class_kph)
    rows: list[tuple[str, dict[str, Any], Any]] = []
    places: list[tuple[str, float | None, Any]] = []
    floors: list[tuple[float, Any]] = []
    left_out: Counter[str] = Counter()
    box = within.bounds if within is not None else (-180.0, -90.0, 180.0, 90.0)
    keys = osmium.filter.KeyFilter("highway", "building", "place", *FACILITY_KEYS)
    reader = osmium.FileProcessor(str(_existing(path)))
    reader = reader.with_areas(osmium.filter.KeyFilter("building", *FACILITY_KEYS)).with_filter(keys)
    for thing in _objects(path, reader):
        tags = thing.tags
        if thing.is_way():
            if "highway" in tags:
                nodes = [(n.ref, n.lon, n.lat) if n.location.valid() else None for n in thing.nodes]
                progress("streets", ways.add(dict(tags), nodes, box))
            continue
        if thing.is_relation():
            continue
        geometry: Any = None
        if thing.is_node():
            if not streets.in_box(thing.location.lon, thing.location.lat, box):
                continue
            geometry = shapely.Point(thing.location.lon, thing.location.lat)
            if tags.get("place") in PLACES and "name" in tags:
                places.append((tags["name"], _number(tags.get("population")), geometry))
        found = _category(tags)
        lived_in = thing.is_area() and _lived_in(tags)
        if not found and not lived_in:
            continue
        if thing.is_area():
            first = next(iter(next(iter(thing.outer_rings()))))
            if not streets.in_box(first.lon, first.lat, box):
                continue
            geometry = _area(thing)
            if geometry is None:
                left_out["areas with a broken outline"] += 1
                continue
        if found:
            progress("facilities", 1)
            row = _facility_row(thing, *found, geometry, left_out)
            if row is not None:
                rows.append(row)
        if lived_in:
            progress("buildings", 1)
            floors.append((_levels(tags), geometry))
    if not ways.lines:
        raise ExtractError(f"{path}: holds no street{'' if within is None else ' in or around the area'}")
    left_out.update(ways.left_out)
    shapes = np.array([shape for _, shape in floors], dtype=object)
    return Extract(
        path=path,
        day=_day(path),
        boundaries=boundaries,
        places=gpd.GeoDataFrame(
            pd.DataFrame([place[:2] for place in places], columns=["name", "population"]),
            geometry=[place[2] for place in places],
            crs="EPSG:4326",
        ),
        buildings=gpd.GeoDataFrame(
            {"floor_m2": np.array([levels for levels, _ in floors]) * _square_metres(shapes)},
            geometry=shapely.point_on_surface(shapes),
            crs="EPSG:4326",
        ),
        streets=ways.edges(),
        facility_rows=rows,
        left_out=left_out,
    )


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ExtractError(f"{path}: is no file" if path.exists() else f"{path}: there is no such file")
    return path


def _objects(path: Path, reader: Any) -> Iterator[Any]:
    try:
        yield from reader
    except (RuntimeError, ValueError, OSError) as error:  # osmium's own errors are RuntimeErrors
        raise ExtractError(
            f"{path}: is truncated or no OpenStreetMap extract ({error}); download it again, or give an .osm.pbf"
        ) from error


def _day(path: Path) -> date | None:
    with osmium.io.Reader(str(path)) as reader:
        stamp = str(reader.header().get("osmosis_replication_timestamp") or "")
    return date.fromisoformat(stamp[:10]) if _is_day(stamp[:10]) else None


def _area(thing: Any) -> Any:
    try:
        shape = shapely.from_wkb(osmium.geom.WKBFactory().create_multipolygon(thing))
    except (RuntimeError, shapely.errors.GEOSException):
        return None
    shape = shapely.make_valid(shape)
    return shape.geoms[0] if shape.geom_type == "MultiPolygon" and len(shape.geoms) == 1 else shape


def _category(tags: Any) -> tuple[facilities.Category, str | None] | None:
    for category in facilities.CATEGORIES.values():
        for rule in category.osm:
            if all(key in tags and (tags[key] in values or "*" in values) for key, values in rule["tags"].items()):
                name = tags.get("name", "")
                by_name = (subtype for part, subtype in category.names if part in name)
                return category, rule.get("subtype") or next(by_name, None)
    return None


def _facility_row(
    thing: Any, category: facilities.Category, subtype: str | None, geometry: Any, left_out: Counter[str]
) -> tuple[str, dict[str, Any], Any] | None:
    tags: dict[str, str] = dict(thing.tags)
    if tags.get("access") in ("no", "private"):
        left_out[f"{category.label_en.lower()}s that are private"] += 1
        return None
    kind = "n" if thing.is_node() else "w" if thing.from_way() else "r"
    number = thing.id if thing.is_node() else thing.orig_id()
    start = tags.get("start_date", "")
    capacity = tags.get("capacity", "")
    row = {
        "id": f"osm-{kind}{number}",
        "category": category.id,
        "subtype": subtype,
        "name": tags.get("name", "")[:300],
        "name_en": tags.get("name:en", "")[:300],
        "address": _address(tags),
        "phone": tags.get("phone", tags.get("contact:phone", ""))[:300],
        "opening_hours": tags.get("opening_hours", "")[:300],
        "capacity": int(capacity) if capacity.isdecimal() and len(capacity) < 10 else None,
        "opened": start if _is_day(start) else None,
        "provenance": "openstreetmap",
        "extra": {key: value for key, value in tags.items() if key not in _OWN_FIELDS},
    }
    return f"{kind}{number}", row, geometry


def _address(tags: Mapping[str, str]) -> str:
    parts = [tags.get(f"addr:{part}", "") for part in ("city", "street", "housenumber")]
    return (tags.get("addr:full") or " ".join(part for part in parts if part))[:300]


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == 10


def _lived_in(tags: Any) -> bool:
    kind = tags.get("building")
    return kind in RESIDENTIAL and (kind != "yes" or not any(key in tags for key in OTHER_USES))


def _levels(tags: Any) -> float:
    levels = _number(tags.get("building:levels"))
    return levels if levels and levels <= 200 else DEFAULT_LEVELS


def _square_metres(shapes: NDArray[Any]) -> NDArray[np.float64]:
    # An equal-area projection of the world: only the proportions matter.
    return shapely.area(projection("EPSG:6933").forward(shapes)) if len(shapes) else np.empty(0)


def _number(text: str | None) -> float | None:
    digits = (text or "").replace(",", "").replace("'", "").replace(" ", "").split(";")[0]
    try:
        number = float(digits)
    except ValueError:
        return None
    return number if 0 <= number < 1e10 else None
