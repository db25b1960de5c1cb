"""Streets of an OpenStreetMap extract: who may use a way, by its tags, and how ways become the edges of a network.

The rules follow the OpenStreetMap wiki: Key:access, Key:foot, Key:bicycle, Key:motor_vehicle and Key:oneway. Where
defaults differ by country they are those of China, where trunk roads are ordinary national roads, open to walkers.
"""

from collections import Counter
from collections.abc import Container, Mapping
from typing import NamedTuple, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.arrays import BoolArray, Float64Array, GeometryArray, Int64Array
from geo.sources.osm.elements import Ways
from geo.sources.osm.opl_scan import Box
from geo.study import streets

Tags: TypeAlias = Mapping[str, str]
KEYS = (
    "highway",
    "area",
    "access",
    "foot",
    "motorroad",
    "bicycle",
    "vehicle",
    "cycleway",
    "cycleway:left",
    "cycleway:right",
    "oneway",
    "oneway:bicycle",
    "junction",
    "motorcar",
    "motor_vehicle",
    "maxspeed",
    "bridge",
    "tunnel",
)
"""The keys that the rules below read."""

_ALLOWED = {"yes", "designated", "permissive", "destination", "official"}
_FORBIDDEN = {"no", "private"}
_NOT_USABLE = {"construction", "proposed", "abandoned", "razed", "raceway", "platform", "corridor"}
_MOTORWAY = {"motorway", "motorway_link"}
_NO_CYCLING = _NOT_USABLE | _MOTORWAY | {"footway", "pedestrian", "steps", "bridleway", "elevator", "via_ferrata"}
_ONEWAY = {"yes": 1, "true": 1, "1": 1, "-1": -1, "reverse": -1, "no": 0, "false": 0, "0": 0}
KPH_PER_MPH = 1.609344
MAX_KPH = 200.0


class Directions(NamedTuple):
    """Whether a way may be used in the direction in which it is drawn, and against it."""

    forward: bool
    backward: bool


_BOTH, _NEITHER = Directions(True, True), Directions(False, False)


def walkable(tags: Tags) -> bool:
    """Whether people may walk on a way; the first of the rules that applies decides."""
    if tags.get("area") == "yes":
        return False
    if tags.get("foot") in _ALLOWED:
        return True
    if tags.get("foot") in _FORBIDDEN | {"use_sidepath"}:
        return False
    if tags.get("access") in _FORBIDDEN or tags.get("motorroad") == "yes":
        return False
    return tags["highway"] not in _NOT_USABLE | _MOTORWAY


def cyclable(tags: Tags) -> Directions:
    """In which directions people may cycle on a way."""
    if tags.get("area") == "yes":
        return _NEITHER
    if tags.get("bicycle") not in _ALLOWED:
        closed = tags.get("bicycle") in _FORBIDDEN | {"use_sidepath", "dismount"} or tags.get("access") in _FORBIDDEN
        closed_to_vehicles = tags.get("vehicle") in _FORBIDDEN and "bicycle" not in tags
        if closed or closed_to_vehicles or tags.get("motorroad") == "yes" or tags["highway"] in _NO_CYCLING:
            return _NEITHER
    contraflow = any(
        tags.get(key, "").startswith("opposite") for key in ("cycleway", "cycleway:left", "cycleway:right")
    )
    if tags.get("oneway:bicycle") == "no" or contraflow:
        return _BOTH
    return _oneway(tags)


def drivable(tags: Tags, car_classes: Container[str]) -> Directions:
    """In which directions people may drive on a way.

    ``car_classes`` are the values of the highway tag that are open to cars.
    """
    if tags.get("area") == "yes" or tags["highway"] not in car_classes:
        return _NEITHER
    # The most specific key decides (OpenStreetMap wiki, Key:access).
    access = next((tags[key] for key in ("motorcar", "motor_vehicle", "vehicle", "access") if key in tags), "yes")
    return _NEITHER if access in _FORBIDDEN else _oneway(tags)


def _oneway(tags: Tags) -> Directions:
    """The directions of a way by its oneway tag; roundabouts and motorways are one-way without it."""
    implied = tags.get("junction") in ("roundabout", "circular") or tags["highway"] == "motorway"
    direction = _ONEWAY.get(tags.get("oneway", ""), 1 if implied else 0)
    return Directions(direction >= 0, direction <= 0)


def off_ground(tags: Tags) -> bool:
    """Whether a way is a bridge or a tunnel."""
    return any(tags.get(key, "no") != "no" for key in ("bridge", "tunnel"))


def maxspeed_kph(tags: Tags) -> float:
    """The legal speed in km/h; NaN where the tag is missing or is not a number."""
    number, _, unit = tags.get("maxspeed", "").partition(" ")
    try:
        speed = float(number) * (KPH_PER_MPH if unit == "mph" else 1.0)
    except ValueError:
        return float("nan")
    return speed if 0 < speed < MAX_KPH and unit in ("", "mph", "km/h") else float("nan")


class _Attributes(NamedTuple):
    """The columns of a frame of streets that tags decide."""

    highway: str
    maxspeed_kph: float
    walk: bool
    cycle_forward: bool
    cycle_backward: bool
    drive_forward: bool
    drive_backward: bool
    off_ground: bool


def _attributes(tags: Tags, car_classes: Container[str]) -> _Attributes | None:
    """The attributes of a street; None where the way is not a street or nobody may use it."""
    if "highway" not in tags:
        return None
    walk, cycle, drive = walkable(tags), cyclable(tags), drivable(tags, car_classes)
    if not (walk or any(cycle) or any(drive)):
        return None
    return _Attributes(tags["highway"], maxspeed_kph(tags), walk, *cycle, *drive, off_ground(tags))


def edges(
    ways: Ways, lonlat: Float64Array, box: Box, car_classes: Container[str]
) -> tuple[gpd.GeoDataFrame, Counter[str]]:
    """The frame of streets of all ways that anybody may use and that come into a box.

    Parameters
    ----------
    ways : their `Ways.keys` must contain `KEYS`
    lonlat : shape (nodes, 2), degrees WGS84 of each of ``ways.node_ids``; NaN where a node is not in the extract
    box : west, south, east, north
    car_classes : the values of highway that are open to cars

    Returns
    -------
    The streets, as `geo.study.streets.from_lines` makes them, and how many ways are left out, by reason.
    """
    attributes = [_attributes(tags, car_classes) for tags in ways.tag_sets]
    usable_sets = np.array([row is not None for row in attributes], dtype=bool)
    is_highway = np.array(["highway" in tags for tags in ways.tag_sets], dtype=bool)[ways.tag_set]
    usable = usable_sets[ways.tag_set]
    way = np.repeat(np.arange(len(ways.ids)), ways.node_counts)
    missing = np.isnan(lonlat[:, 0])
    left_out = Counter(
        {
            "ways closed to everybody": int((is_highway & ~usable).sum()),
            "ways cut at the extract's border": len(np.unique(way[usable[way] & missing])),
        }
    )
    lines = _lines_in_box(way, ways.node_ids, lonlat, usable[way] & ~missing, box)
    edge = _cut_at_junctions(lines)
    table = pd.DataFrame([row for row in attributes if row is not None], columns=_Attributes._fields)
    row_of_set = np.cumsum(usable_sets) - 1
    edge_way = lines.way[edge.line]
    table = table.iloc[row_of_set[ways.tag_set[edge_way]]].assign(**{streets.WAY_ID: ways.ids[edge_way]})
    return streets.from_lines(edge.geometries, edge.ends, table), +left_out


class _Lines(NamedTuple):
    """Connected pieces of ways: ``way`` of each, and the nodes of all of them, one line after the other."""

    way: Int64Array
    counts: Int64Array
    node_ids: Int64Array
    lonlat: Float64Array


def _lines_in_box(way: Int64Array, node_ids: Int64Array, lonlat: Float64Array, usable: BoolArray, box: Box) -> _Lines:
    """The connected pieces, of two nodes or more, of usable ways that have a node in the box.

    A node that is missing in the extract cuts a way in two. A node that follows itself counts once. All arrays have a
    row for each node of each way.
    """
    begins = np.ones(len(node_ids), dtype=bool)
    missing = np.isnan(lonlat[:, 0])
    begins[1:] = (way[1:] != way[:-1]) | missing[1:] | missing[:-1]
    line = np.cumsum(begins) - 1
    new_node = begins.copy()
    new_node[1:] |= node_ids[1:] != node_ids[:-1]
    kept = usable & new_node
    west, south, east, north = box
    lon, lat = lonlat.T
    inside = kept & (west <= lon) & (lon <= east) & (south <= lat) & (lat <= north)
    counts = np.bincount(line, kept).astype(np.int64)
    kept_lines = (counts > 1) & (np.bincount(line, inside) > 0)
    kept &= kept_lines[line]
    return _Lines(way[begins][kept_lines], counts[kept_lines], node_ids[kept], lonlat[kept])


class _Edges(NamedTuple):
    """Lines between junctions: the ``line`` of `_Lines` each is part of, the ids of its two end nodes, its geometry."""

    line: Int64Array
    ends: Int64Array
    geometries: GeometryArray


def _cut_at_junctions(lines: _Lines) -> _Edges:
    """Cut lines at each node that several lines share or that one line visits twice."""
    first = np.cumsum(lines.counts) - lines.counts
    _, node, visits = np.unique(lines.node_ids, return_inverse=True, return_counts=True)
    is_end = visits[node] > 1
    is_end[first] = is_end[first + lines.counts - 1] = True
    ends = np.flatnonzero(is_end)
    line = np.repeat(np.arange(len(lines.counts)), lines.counts)
    begin, end = ends[:-1], ends[1:]
    same_line = line[begin] == line[end]
    begin, end = begin[same_line], end[same_line]
    # Edges share their end nodes, so the nodes of all edges are more than those of the lines.
    counts = end - begin + 1
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    vertices = lines.lonlat[np.repeat(begin, counts) + offset]
    geometries = shapely.linestrings(vertices, indices=np.repeat(np.arange(len(begin)), counts))
    return _Edges(line[begin], np.column_stack([lines.node_ids[begin], lines.node_ids[end]]), geometries)
