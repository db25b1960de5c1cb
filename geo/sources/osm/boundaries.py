"""The administrative boundaries of an extract: read, found by name, and the units that divide an area."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import osmium
import shapely
from shapely.geometry.base import BaseGeometry

from geo.errors import ExtractError
from geo.geodesy.projection import projection
from geo.sources.osm import opl, opl_lines, polygons, tag_values
from geo.sources.osm.elements import Nodes, Ways
from geo.sources.osm.opl import OplFile
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


@dataclass(frozen=True)
class Incomplete:
    """A named administrative boundary that makes no polygon.

    ``osm_id`` and ``names`` are as of `Boundary`; ``missing`` is how many of its ways are not in the extract, and
    ``reason`` says what it lacks.
    """

    osm_id: str
    name: str
    names: frozenset[str]
    admin_level: int
    missing: int
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.osm_id}, admin_level {self.admin_level}) is there, but {self.reason}"


@dataclass(frozen=True)
class Boundaries:
    """The named administrative boundaries of an extract.

    ``way_ids`` are the ids of the ways that the outlines of those that are ``complete`` consist of.
    """

    complete: list[Boundary] = field(default_factory=list)
    incomplete: list[Incomplete] = field(default_factory=list)
    way_ids: frozenset[int] = frozenset()


def read(extract: Path | OplFile, progress: Progress) -> Boundaries:
    """The named administrative boundaries of an extract.

    Raises
    ------
    ExtractError
        The file does not exist, is truncated, or is no OpenStreetMap extract.
    """
    administrative = osmium.filter.TagFilter(("boundary", "administrative"))
    with opl.converted(extract) as text:
        path = text.source
        relations = [line for line in text.relations() if is_administrative(line)]
        members = {f"r{opl_lines.object_id(line)}": opl_lines.member_ways(line) for line in relations}
        ways = text.ways(["boundary"], set().union(*members.values()))
        nodes = text.nodes(ids=np.unique(ways.node_ids)) if len(ways.ids) else Nodes.none()
    all_ways = np.ones(len(ways.ids), dtype=bool)
    boundaries = []
    for polygon in polygons.assembled(path, nodes, ways, all_ways, relations, administrative, _is_named):
        if polygon.outline is not None:
            progress("boundaries", 1)
            boundaries.append(_boundary(polygon.osm_id, polygon.tags, polygon.outline))
    complete = {boundary.osm_id for boundary in boundaries}
    outlines = set().union(*(members.get(osm_id, {int(osm_id[1:])}) for osm_id in complete))
    lost = [line for line in relations if f"r{opl_lines.object_id(line)}" not in complete]
    return Boundaries(boundaries, _incomplete(lost, ways, nodes), frozenset(outlines))


def is_administrative(line: str) -> bool:
    """Whether a relation's line describes an administrative area; others describe only the line between two."""
    is_area = "boundary=administrative" in line and opl_lines.is_multipolygon(line)
    return is_area and opl_lines.tags(line).get("boundary") == "administrative"


def _incomplete(lines: Sequence[str], ways: Ways, nodes: Nodes) -> list[Incomplete]:
    """The boundaries of some relations' lines, with what they lack, those that lack least first.

    Those without a name or a level are not among them.
    """
    known = set(ways.ids.tolist())
    missing_nodes = np.bincount(
        np.repeat(np.arange(len(ways.ids)), ways.node_counts), nodes.index_of(ways.node_ids) < 0, len(ways.ids)
    )
    cut = set(ways.ids[missing_nodes > 0].tolist())
    incomplete = []
    for line in lines:
        tags, members = opl_lines.tags(line), opl_lines.member_ways(line)
        if not _is_named(tags):
            continue
        missing = len(members - known)
        if not members:
            reason = "it has no way"
        elif missing:
            reason = f"{missing} of its {len(members)} ways {'is' if missing == 1 else 'are'} not in the extract"
        elif lacking := len(members & cut):
            reason = f"{lacking} of its {len(members)} ways lack nodes in the extract"
        else:
            reason = "its ways do not form a closed outline"
        osm_id = f"r{opl_lines.object_id(line)}"
        incomplete.append(Incomplete(osm_id, tags["name"], _names(tags), int(tags["admin_level"]), missing, reason))
    return sorted(incomplete, key=lambda boundary: (boundary.missing, boundary.admin_level, boundary.osm_id))


def _names(tags: polygons.Tags) -> frozenset[str]:
    """The names of a boundary in all languages."""
    return frozenset(value for key, value in tags.items() if key == "name" or key.startswith("name:"))


def _is_named(tags: polygons.Tags) -> bool:
    return "name" in tags and tags.get("admin_level", "").isdigit()


def _boundary(osm_id: str, tags: polygons.Tags, outline: BaseGeometry) -> Boundary:
    return Boundary(
        osm_id=osm_id,
        name=tags["name"],
        name_en=tags.get("name:en"),
        names=_names(tags),
        admin_level=int(tags["admin_level"]),
        population=tag_values.number(tags.get("population")),
        geometry=outline,
    )


def find(boundaries: Boundaries, name_or_id: str) -> Boundary:
    """The boundary with that name in any language, or with that relation or way number.

    Raises
    ------
    ExtractError
        There is none, or there are several; says which boundaries there are.
    """
    ids = (name_or_id, f"r{name_or_id}", f"w{name_or_id}") if re.fullmatch(r"[rw]?-?\d+", name_or_id) else ()

    def is_meant(boundary: Boundary | Incomplete) -> bool:
        return boundary.osm_id in ids if ids else name_or_id in boundary.names

    matches = [boundary for boundary in boundaries.complete if is_meant(boundary)]
    if len(matches) == 1:
        return matches[0]
    choices = sorted(matches or boundaries.complete, key=lambda boundary: (boundary.admin_level, boundary.osm_id))
    listed = ", ".join(f"{b.name} ({b.osm_id}, admin_level {b.admin_level})" for b in choices)
    if matches:
        problem = f"area {name_or_id!r} is the name of several: give --area an id"
    elif incomplete := [str(boundary) for boundary in boundaries.incomplete if is_meant(boundary)]:
        problem = "; ".join(incomplete) + ": take a larger extract"
    else:
        problem = f"area {name_or_id!r} is not in the extract"
    raise ExtractError(f"{problem}; complete boundaries there: {_shortened(listed) or 'none'}")


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
