"""OpenStreetMap's tags of highways: who may use a way in which direction, and how ways become a frame of streets."""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.arrays import Float64Array, Int64Array
from geo.study.streets import COLUMNS, OFF_GROUND, frame

Tags: TypeAlias = Mapping[str, str]
RULED = (
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
"""The keys that the rules below read. Ways alike in these are judged once."""

_OPEN = {"yes", "designated", "permissive", "destination", "official"}
_SHUT = {"no", "private"}
_NO_STREET = {"construction", "proposed", "abandoned", "razed", "raceway", "platform", "corridor"}
_MOTORWAY = {"motorway", "motorway_link"}
_NO_CYCLING = _NO_STREET | _MOTORWAY | {"footway", "pedestrian", "steps", "bridleway", "elevator", "via_ferrata"}
_ONEWAY = {"yes": 1, "true": 1, "1": 1, "-1": -1, "reverse": -1, "no": 0, "false": 0, "0": 0}


def walkable(tags: Tags) -> bool:
    """Whether one may walk on a way with ``tags``, by the ordered rule of the README's definitions."""
    if tags.get("area") == "yes":
        return False
    if tags.get("foot") in _OPEN:
        return True
    if tags.get("foot") in _SHUT | {"use_sidepath"} or tags.get("access") in _SHUT or tags.get("motorroad") == "yes":
        return False
    return tags["highway"] not in _NO_STREET | _MOTORWAY


def cyclable(tags: Tags) -> tuple[bool, bool]:
    """Whether one may cycle along a way's direction, and against it."""
    if tags.get("area") == "yes":
        return False, False
    if tags.get("bicycle") not in _OPEN:
        shut = tags.get("bicycle") in _SHUT | {"use_sidepath", "dismount"} or tags.get("access") in _SHUT
        vehicle = tags.get("vehicle") in _SHUT and "bicycle" not in tags
        if shut or vehicle or tags.get("motorroad") == "yes" or tags["highway"] in _NO_CYCLING:
            return False, False
    contraflow = any(
        str(tags.get(key, "")).startswith("opposite") for key in ("cycleway", "cycleway:left", "cycleway:right")
    )
    if tags.get("oneway:bicycle") == "no" or contraflow:
        return True, True
    return _directions(tags)


def drivable(tags: Tags, classes: Container[str]) -> tuple[bool, bool]:
    """Whether one may drive along a way's direction, and against it; ``classes`` are the highways open to cars."""
    if tags.get("area") == "yes" or tags["highway"] not in classes:
        return False, False
    # The most specific key decides (OpenStreetMap wiki, Key:access).
    access = next((tags[k] for k in ("motorcar", "motor_vehicle", "vehicle", "access") if k in tags), "yes")
    return (False, False) if access in _SHUT else _directions(tags)


def off_ground(tags: Tags) -> bool:
    """Whether a way is a bridge or a tunnel."""
    return any(tags.get(key, "no") != "no" for key in ("bridge", "tunnel"))


def _directions(tags: Tags) -> tuple[bool, bool]:
    implied = tags.get("junction") in ("roundabout", "circular") or tags["highway"] == "motorway"
    way = _ONEWAY.get(tags.get("oneway", ""), 1 if implied else 0)
    return way >= 0, way <= 0


def maxspeed_kph(tags: Tags) -> float:
    """The legal speed in km/h; NaN where the tag is missing or is no number."""
    number, _, unit = tags.get("maxspeed", "").partition(" ")
    try:
        speed = float(number) * (1.609344 if unit == "mph" else 1.0)
    except ValueError:
        return float("nan")
    return speed if 0 < speed < 200 and unit in ("", "mph", "km/h") else float("nan")


def edges(
    kinds: Sequence[Tags],
    kind: Int64Array,
    lengths: Int64Array,
    refs: Int64Array,
    lonlat: Float64Array,
    box: tuple[float, float, float, float],
    classes: Container[str],
) -> tuple[gpd.GeoDataFrame, Counter[str]]:
    """The frame of streets of all ways that anybody may use and that come into a box; what is left out, by reason.

    Parameters
    ----------
    kinds : the tags that occur on ways, of which those of `RULED` matter; one without a highway is no street
    kind : shape (ways,), which of ``kinds`` each way has
    lengths : shape (ways,), how many nodes each has
    refs : shape (nodes,), the numbers of the nodes of all ways, one way after the other
    lonlat : shape (nodes, 2), degrees WGS84; NaN where a node is not in the extract
    box : west, south, east, north
    classes : the highways open to cars
    """
    attributes = [_attributes(tags, classes) if "highway" in tags else None for tags in kinds]
    usable = np.array([found is not None for found in attributes], dtype=bool)
    closed = np.array(["highway" in tags for tags in kinds], dtype=bool)[kind] & ~usable[kind]
    row, usable = (np.cumsum(usable) - 1)[kind], usable[kind]
    way = np.repeat(np.arange(len(kind)), lengths)
    known, wanted = ~np.isnan(lonlat[:, 0]), usable[way]
    left_out = Counter({"ways closed to everybody": int(closed.sum())})
    left_out["ways cut at the extract's border"] = len(np.unique(way[wanted & ~known]))

    # Nodes beyond the extract's border part a way in several runs; a node twice in a row is one.
    begins = np.ones(len(refs), dtype=bool)
    begins[1:] = (way[1:] != way[:-1]) | ~known[1:] | ~known[:-1]
    run = np.cumsum(begins) - 1
    once = begins.copy()
    once[1:] |= refs[1:] != refs[:-1]
    kept = wanted & known & once
    west, south, east, north = box
    lon, lat = lonlat.T
    inside = kept & (west <= lon) & (lon <= east) & (south <= lat) & (lat <= north)
    count = np.bincount(run, kept).astype(np.int64)
    taken = (count > 1) & (np.bincount(run, inside) > 0)
    kept &= taken[run]
    refs, xy, row = refs[kept], lonlat[kept], row[way[begins]][taken]

    lengths = count[taken]
    first = np.cumsum(lengths) - lengths
    last = first + lengths - 1
    # A junction is a node that ways meet at or end at, or that one way visits twice.
    _, inverse, counts = np.unique(refs, return_inverse=True, return_counts=True)
    cut = counts[inverse] > 1
    cut[first] = cut[last] = True
    at = np.flatnonzero(cut)
    way = np.repeat(np.arange(len(lengths)), lengths)
    begin, end = at[:-1], at[1:]
    same = way[begin] == way[end]
    begin, end = begin[same], end[same]
    spans = end - begin + 1
    edge = np.repeat(np.arange(len(begin)), spans)
    vertex = np.arange(spans.sum()) - np.repeat(np.cumsum(spans) - spans, spans) + np.repeat(begin, spans)
    lines = shapely.linestrings(xy[vertex], indices=edge)
    names = [name for name in (*COLUMNS, OFF_GROUND) if name not in ("u", "v", "length_m")]
    table = pd.DataFrame([found for found in attributes if found], columns=names).iloc[row[way[begin]]]
    return frame(lines, np.column_stack([refs[begin], refs[end]]), table), +left_out


def _attributes(tags: Tags, classes: Container[str]) -> tuple[Any, ...] | None:
    """The `COLUMNS` and `OFF_GROUND` that ``tags`` decide; None where nobody may use the way."""
    walk, cycle, drive = walkable(tags), cyclable(tags), drivable(tags, classes)
    if not (walk or any(cycle) or any(drive)):
        return None
    return tags["highway"], maxspeed_kph(tags), walk, *cycle, *drive, off_ground(tags)
