"""The administrative boundaries of an extract: read, found by name, and the units that divide an area."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import osmium
import shapely
from shapely.geometry.base import BaseGeometry

from geo.errors import ExtractError
from geo.geodesy.projection import projection
from geo.sources.osm import opl, opl_lines, polygons, tag_values
from geo.sources.summary import Progress

COVERING_SHARE = 0.95
"""The share of an area that the units of an admin_level must cover to divide it."""


@dataclass(frozen=True)
class Boundary:
    """An administrative boundary: a WGS84 polygon with its tags.

    ``osm_id`` is the object's number after ``r`` (relation) or ``w`` (closed way); ``names`` are its names in all
    languages; ``name_en`` and ``population`` are None where they are not tagged.
    """

    osm_id: str
    name: str
    name_en: str | None
    names: frozenset[str]
    admin_level: int
    population: float | None
    geometry: BaseGeometry


def read(path: Path, progress: Progress) -> list[Boundary]:
    """The named administrative boundaries that the extract holds complete.

    Raises
    ------
    ExtractError
        The file does not exist, is truncated, or is no OpenStreetMap extract.
    """
    administrative = partial(osmium.filter.TagFilter, ("boundary", "administrative"))
    if not opl.has_way_or_relation(path, administrative()):
        return []
    with opl.converted(path, administrative()) as text:
        relations = text.relations()
        ways = text.ways(["boundary"], set().union(*map(opl_lines.member_ways, relations)))
        nodes = text.nodes(ids=np.unique(ways.node_ids))
    all_ways = np.ones(len(ways.ids), dtype=bool)
    boundaries = []
    for polygon in polygons.assembled(path, nodes, ways, all_ways, relations, administrative(), _is_named):
        if polygon.outline is not None:
            progress("boundaries", 1)
            boundaries.append(_boundary(polygon.osm_id, polygon.tags, polygon.outline))
    return boundaries


def _is_named(tags: polygons.Tags) -> bool:
    return "name" in tags and tags.get("admin_level", "").isdigit()


def _boundary(osm_id: str, tags: polygons.Tags, outline: BaseGeometry) -> Boundary:
    return Boundary(
        osm_id=osm_id,
        name=tags["name"],
        name_en=tags.get("name:en"),
        names=frozenset(value for key, value in tags.items() if key == "name" or key.startswith("name:")),
        admin_level=int(tags["admin_level"]),
        population=tag_values.number(tags.get("population")),
        geometry=outline,
    )


def find(boundaries: Sequence[Boundary], name_or_id: str) -> Boundary:
    """The boundary with that name in any language, or with that relation or way number.

    Raises
    ------
    ExtractError
        There is none, or there are several; says which boundaries there are.
    """
    if re.fullmatch(r"[rw]?-?\d+", name_or_id):
        ids = (name_or_id, f"r{name_or_id}", f"w{name_or_id}")
        matches = [boundary for boundary in boundaries if boundary.osm_id in ids]
    else:
        matches = [boundary for boundary in boundaries if name_or_id in boundary.names]
    if len(matches) == 1:
        return matches[0]
    choices = sorted(matches or boundaries, key=lambda boundary: (boundary.admin_level, boundary.osm_id))
    listed = ", ".join(f"{b.name} ({b.osm_id}, admin_level {b.admin_level})" for b in choices)
    problem = "is the name of several: give --area an id" if matches else "is not in the extract"
    raise ExtractError(f"area {name_or_id!r} {problem}; complete boundaries there: {_shortened(listed) or 'none'}")


def _shortened(text: str, most: int = 600) -> str:
    return text if len(text) <= most else text[:most].rsplit(",", 1)[0] + ", …"


def population(boundary: Boundary, places: gpd.GeoDataFrame) -> float | None:
    """The people of a boundary: its own tag, else that of the largest place node inside that has one of its names."""
    if boundary.population is not None:
        return boundary.population
    namesakes = places[
        places["name"].isin(boundary.names) & places["population"].notna() & places.intersects(boundary.geometry)
    ]
    return None if namesakes.empty else float(namesakes["population"].max())


def finest(
    boundaries: Sequence[Boundary], area: Boundary | None, level: int | None
) -> tuple[int | None, list[Boundary] | None]:
    """The admin_level that divides ``area`` (None: the whole extract), and its units; None where no level does.

    It is the finest level whose units cover `COVERING_SHARE` of the area, or ``level`` where that is given.

    Raises
    ------
    ExtractError
        No boundary of ``level`` is there.
    """
    inside = boundaries if area is None else _inside(boundaries, area)
    levels = sorted({unit.admin_level for unit in inside})
    if level is not None:
        units = [unit for unit in inside if unit.admin_level == level]
        if not units:
            known = ", ".join(map(str, levels)) or "none"
            raise ExtractError(f"no complete boundary of admin_level {level} is there; levels: {known}")
        return level, units
    if area is None:
        return None, None
    equal_area = projection("EPSG:6933")
    for candidate in reversed(levels):
        units = [unit for unit in inside if unit.admin_level == candidate]
        covered = shapely.intersection(shapely.union_all([unit.geometry for unit in units]), area.geometry)
        if equal_area.forward(covered).area >= COVERING_SHARE * equal_area.forward(area.geometry).area:
            return candidate, units
    return None, None


def _inside(boundaries: Sequence[Boundary], area: Boundary) -> list[Boundary]:
    """The boundaries of a finer level than the area's that have a point inside it."""
    finer = [boundary for boundary in boundaries if boundary.admin_level > area.admin_level]
    points = shapely.point_on_surface([boundary.geometry for boundary in finer])
    return [boundary for boundary, near in zip(finer, shapely.intersects(points, area.geometry), strict=True) if near]
