"""OpenStreetMap extracts: streets, facilities, administrative areas, place nodes and buildings out of an `.osm.pbf`.

It is read twice: for the boundaries, so that the second time it is known where to look, and for everything else.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import shapely

from geo.errors import ExtractError
from geo.sources.osm import buildings, facilities, highways, opl
from geo.sources.osm.boundaries import Boundary
from geo.sources.osm.opl import Progress
from geo.sources.osm.opl_scan import Box
from geo.study.settings import Speeds

AREA_KEYS = ("building", *facilities.KEYS)
WAY_KEYS = ("highway", *AREA_KEYS)
_MULTIPOLYGON = re.compile("[T,]type=(?:multipolygon|boundary)[, ]")
RULED = (*highways.RULED, *buildings.KEYS, *facilities.CATEGORY_KEYS)
"""The keys that decide what a way is, beside `WAY_KEYS`: nothing that judges kinds of ways sees others."""
PLACES = ("city", "town", "village", "suburb", "municipality", "hamlet", "neighbourhood")


@dataclass
class Extract:
    """What is used of an extract, in WGS84.

    ``places`` has ``name, population, geometry``; ``buildings`` are the residential ones: ``floor_m2, geometry``
    (points). ``left_out`` counts what was not kept, by reason.
    """

    path: Path
    day: date | None
    boundaries: list[Boundary]
    places: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame
    facility_rows: list[tuple[str, dict[str, Any], Any]]
    left_out: Counter[str] = field(default_factory=Counter)


def read(path: Path, boundaries: list[Boundary], within: Any, progress: Progress) -> Extract:
    """Everything else of the extract, as far as it touches ``within`` (a WGS84 polygon; None: all of it).

    Raises
    ------
    ExtractError
        As `boundaries.read`; or the file holds no street (within).
    """
    box = within.bounds if within is not None else opl.WORLD
    nodes, ways, relations = _around(opl.existing(path), box)
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
        if found := facilities.category(tags):
            rows += facilities.rows(f"n{opl.identity(line)}", tags, *found, point, left_out)

    kinds, kind = ways.kinds
    others = np.array([facilities.category(tags) is not None for tags in kinds], dtype=bool)[kind]
    others |= np.isin(ways.ids, list(set().union(*map(opl.member_ways, relations))))
    levels, shapes, odd = buildings.rings(ways, lonlat, ~others)
    others |= odd
    for area in opl.areas(path, nodes, ways, others, relations, osmium.filter.KeyFilter(*AREA_KEYS)):
        tags = dict(area.tags)
        found, lived_in = facilities.category(tags), buildings.lived_in(tags)
        if not found and not lived_in:
            continue
        outline = opl.outline(area)
        if outline is None:
            left_out["areas with a broken outline"] += 1
            continue
        if found:
            rows += facilities.rows(opl.area_id(area), tags, *found, outline, left_out)
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
        As `boundaries.read`.
    """
    nodes, ways, relations = _around(
        opl.existing(path), opl.WORLD if within is None else within.bounds, facilities.KEYS, facilities.KEYS
    )
    rows: list[tuple[str, dict[str, Any], Any]] = []
    left_out: Counter[str] = Counter()
    for line in nodes.lines:
        tags = opl.tags(line)
        if found := facilities.category(tags):
            rows += facilities.rows(f"n{opl.identity(line)}", tags, *found, shapely.Point(opl.place(line)), left_out)
    every = np.ones(len(ways.ids), dtype=bool)
    for area in opl.areas(path, nodes, ways, every, relations, osmium.filter.KeyFilter(*facilities.KEYS)):
        tags = dict(area.tags)
        if found := facilities.category(tags):
            outline = opl.outline(area)
            if outline is None:
                left_out["areas with a broken outline"] += 1
            else:
                rows += facilities.rows(opl.area_id(area), tags, *found, outline, left_out)
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
        nodes = text.nodes(box, keys=("place", *facilities.KEYS))
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


def _day(path: Path) -> date | None:
    with osmium.io.Reader(str(path), osmium.osm.NOTHING) as reader:
        stamp = str(reader.header().get("osmosis_replication_timestamp") or "")
    return date.fromisoformat(stamp[:10]) if facilities.is_day(stamp[:10]) else None
