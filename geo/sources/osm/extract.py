"""OpenStreetMap extracts: streets, facilities, administrative areas, place nodes and buildings out of an `.osm.pbf`.

It is read twice: for the boundaries, so that the second time it is known where to look, and for everything else.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import shapely

from geo.errors import ExtractError
from geo.sources.osm import buildings, highways, opl
from geo.sources.osm.opl_scan import Box
from geo.study import facilities
from geo.study.study import Speeds

Progress = Callable[[str, int], None]
"""Called with the name of a step and how many objects it has read since the last call."""

FACILITY_KEYS = ("amenity", "healthcare", "leisure")
AREA_KEYS = ("building", *FACILITY_KEYS)
WAY_KEYS = ("highway", *AREA_KEYS)
_MULTIPOLYGON = re.compile("[T,]type=(?:multipolygon|boundary)[, ]")
_FACILITY_KEYS = frozenset(FACILITY_KEYS)
_RULES = [
    (category, rule.get("subtype"), [*rule["tags"].items()])
    for category in facilities.CATEGORIES.values()
    for rule in category.osm
]
_CATEGORY_KEYS = {key for *_, wanted in _RULES for key, _ in wanted}
RULED = (*highways.RULED, *buildings.KEYS, *_CATEGORY_KEYS)
"""The keys that decide what a way is, beside `WAY_KEYS`: nothing that judges kinds of ways sees others."""
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
    "source",
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
    administrative = partial(osmium.filter.TagFilter, ("boundary", "administrative"))
    drawn: Iterable[Any] = ()
    if opl.any_of(_existing(path), administrative()):
        with opl.text(path, administrative()) as text:
            relations = text.relations()
            ways = text.ways(["boundary"], set().union(*map(opl.member_ways, relations)))
            nodes = text.nodes(ids=np.unique(ways.refs))
        every = np.ones(len(ways.ids), dtype=bool)
        drawn = opl.areas(path, nodes, ways, every, relations, administrative())
    for area in drawn:
        tags = dict(area.tags)
        level = tags.get("admin_level", "")
        geometry = _outline(area)
        if level.isdigit() and "name" in tags and geometry is not None:
            progress("boundaries", 1)
            names = {value for key, value in tags.items() if key == "name" or key.startswith("name:")}
            records.append(
                {
                    "osm_id": ("w" if area.from_way() else "r") + str(area.orig_id()),
                    "name": tags["name"],
                    "name_en": tags.get("name:en"),
                    "names": names,
                    "admin_level": int(level),
                    "population": opl.number(tags.get("population")),
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
    box = within.bounds if within is not None else opl.WORLD
    nodes, ways, relations = _around(_existing(path), box)
    lonlat = nodes.places(ways.refs)
    classes = Speeds().drive_class_kph
    lines, left_out = highways.edges(*ways.kinds, ways.lengths, ways.refs, lonlat, box, classes)
    if lines.empty:
        raise ExtractError(f"{path}: holds no street{'' if within is None else ' in or around the area'}")
    progress("streets", len(lines))
    rows: list[tuple[str, dict[str, Any], Any]] = []
    places: list[tuple[str, float | None, Any]] = []
    for line in nodes.lines:
        tags, point = opl.tags(line), shapely.Point(opl.place(line))
        if tags.get("place") in PLACES and "name" in tags:
            places.append((tags["name"], opl.number(tags.get("population")), point))
        if found := _category(tags):
            rows += _facility_rows(f"n{opl.identity(line)}", tags, *found, point, left_out)

    kinds, kind = ways.kinds
    others = np.array([_category(tags) is not None for tags in kinds], dtype=bool)[kind]
    others |= np.isin(ways.ids, list(set().union(*map(opl.member_ways, relations))))
    levels, shapes, odd = buildings.rings(ways, lonlat, ~others)
    others |= odd
    for area in opl.areas(path, nodes, ways, others, relations, osmium.filter.KeyFilter(*AREA_KEYS)):
        tags = dict(area.tags)
        found, lived_in = _category(tags), buildings.lived_in(tags)
        if not found and not lived_in:
            continue
        outline = _outline(area)
        if outline is None:
            left_out["areas with a broken outline"] += 1
            continue
        if found:
            rows += _facility_rows(_number(area), tags, *found, outline, left_out)
        if lived_in:
            levels.append(buildings.levels(tags))
            shapes.append(outline)
    progress("facilities", len(rows))
    progress("buildings", len(shapes))
    return Extract(
        path=path,
        day=_day(path),
        boundaries=boundaries,
        places=gpd.GeoDataFrame(
            pd.DataFrame([place[:2] for place in places], columns=["name", "population"]),
            geometry=[place[2] for place in places],
            crs="EPSG:4326",
        ),
        buildings=buildings.frame(levels, shapes),
        streets=lines,
        facility_rows=rows,
        left_out=left_out,
    )


def read_facilities(path: Path, within: Any) -> tuple[list[tuple[str, dict[str, Any], Any]], Counter[str]]:
    """The facilities alone that touch ``within`` (a WGS84 polygon; None: all), and what was left out, counted.

    They come as (number, properties, WGS84 geometry), as in `Extract`.

    Raises
    ------
    ExtractError
        As `read_boundaries`.
    """
    nodes, ways, relations = _around(
        _existing(path), opl.WORLD if within is None else within.bounds, FACILITY_KEYS, FACILITY_KEYS
    )
    rows: list[tuple[str, dict[str, Any], Any]] = []
    left_out: Counter[str] = Counter()
    for line in nodes.lines:
        tags = opl.tags(line)
        if found := _category(tags):
            rows += _facility_rows(f"n{opl.identity(line)}", tags, *found, shapely.Point(opl.place(line)), left_out)
    every = np.ones(len(ways.ids), dtype=bool)
    for area in opl.areas(path, nodes, ways, every, relations, osmium.filter.KeyFilter(*FACILITY_KEYS)):
        tags = dict(area.tags)
        if found := _category(tags):
            outline = _outline(area)
            if outline is None:
                left_out["areas with a broken outline"] += 1
            else:
                rows += _facility_rows(_number(area), tags, *found, outline, left_out)
    if within is not None:
        shapely.prepare(within)
        rows = [row for row in rows if within.intersects(row[2])]
    return rows, left_out


def _around(
    path: Path, box: Box, way_keys: Sequence[str] = WAY_KEYS, area_keys: Sequence[str] = AREA_KEYS
) -> tuple[opl.Nodes, opl.Ways, list[str]]:
    """What there may be streets, facilities and buildings of: the nodes in ``box``, the ways that come into it with
    all their nodes, and the lines of the multipolygons of such ways.
    """
    with opl.text(path, osmium.filter.KeyFilter(*area_keys)) as text:
        nodes = text.nodes(box, keys=("place", *FACILITY_KEYS))
        relations = {line: opl.member_ways(line) for line in text.relations() if _MULTIPOLYGON.search(line)}
        among = None if box == opl.WORLD else nodes
        ways = text.ways(way_keys, set().union(*relations.values()), among, RULED)
        near = set(ways.ids.tolist())
        relations = {line: members for line, members in relations.items() if not near.isdisjoint(members)}
        if beyond := set(ways.beyond.tolist()).intersection(set().union(*relations.values())):
            ways = ways.and_also(text.ways((), beyond, also=(*way_keys, *RULED)))
        if among is not None and len(unknown := np.unique(ways.refs[nodes.at(ways.refs) < 0])):
            nodes = nodes.and_also(text.nodes(ids=unknown))
    return nodes, ways, list(relations)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ExtractError(f"{path}: is no file" if path.exists() else f"{path}: there is no such file")
    return path


def _day(path: Path) -> date | None:
    with osmium.io.Reader(str(path), osmium.osm.NOTHING) as reader:
        stamp = str(reader.header().get("osmosis_replication_timestamp") or "")
    return date.fromisoformat(stamp[:10]) if _is_day(stamp[:10]) else None


def _number(area: Any) -> str:
    return f"{'w' if area.from_way() else 'r'}{area.orig_id()}"


def _outline(area: Any) -> Any:
    try:
        shape = shapely.from_wkb(osmium.geom.WKBFactory().create_multipolygon(area))
    except (RuntimeError, shapely.errors.GEOSException):
        return None
    shape = shapely.make_valid(shape)
    return shape.geoms[0] if shape.geom_type == "MultiPolygon" and len(shape.geoms) == 1 else shape


def _category(tags: Mapping[str, str]) -> tuple[facilities.Category, str | None] | None:
    if _FACILITY_KEYS.isdisjoint(tags):
        return None
    for category, subtype, wanted in _RULES:
        for key, values in wanted:
            if not (key in tags and (tags[key] in values or "*" in values)):
                break
        else:
            name = tags.get("name", "")
            return category, subtype or next((kind for part, kind in category.names if part in name), None)
    return None


def _facility_rows(
    number: str,
    tags: Mapping[str, str],
    category: facilities.Category,
    subtype: str | None,
    geometry: Any,
    left_out: Counter[str],
) -> list[tuple[str, dict[str, Any], Any]]:
    """The one row of a facility, with its number and geometry; none if it is private."""
    if tags.get("access") in ("no", "private"):
        left_out[f"{category.label_en.lower()}s that are private"] += 1
        return []
    start = tags.get("start_date", "")
    capacity = tags.get("capacity", "")
    row = {
        "id": f"osm-{number}",
        "category": category.id,
        "subtype": subtype,
        "name": tags.get("name", "")[:300],
        "name_en": tags.get("name:en", "")[:300],
        "address": _address(tags),
        "phone": tags.get("phone", tags.get("contact:phone", ""))[:300],
        "opening_hours": tags.get("opening_hours", "")[:300],
        "capacity": int(capacity) if capacity.isdecimal() and len(capacity) < 10 else None,
        "opened": start if _is_day(start) and date.fromisoformat(start) >= facilities.FIRST_DAY else None,
        "provenance": "openstreetmap",
        "source": tags.get("source", "")[:300],
        # A tag may be called as a field is.
        "extra": {
            f"osm:{key}" if key in facilities.FIELDS else key: value
            for key, value in tags.items()
            if key not in _OWN_FIELDS
        },
    }
    return [(number, row, geometry)]


def _address(tags: Mapping[str, str]) -> str:
    parts = [tags.get(f"addr:{part}", "") for part in ("city", "street", "housenumber")]
    return (tags.get("addr:full") or " ".join(part for part in parts if part))[:300]


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == 10
