"""Streets: the edges people travel on, each with who may use it in which direction. This module checks and reads them.

A frame of streets is a GeoDataFrame in WGS84 with the columns `COLUMNS` and a LineString per row. One row is an edge
between two junctions, or between a junction and a dead end; ``u`` and ``v`` are the node numbers 0 … n−1 of the first
and the last vertex of its line. docs/study.md describes the columns.
"""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.arrays import GeometryArray, Int64Array
from geo.choices import Mode
from geo.errors import StudyError
from geo.geodesy.distance import geodesic_lengths

COLUMNS = (
    "u",
    "v",
    "length_m",
    "highway",
    "maxspeed_kph",
    "walk",
    "cycle_forward",
    "cycle_backward",
    "drive_forward",
    "drive_backward",
)
PACE_COLUMNS = ("walk_pace_forward", "walk_pace_backward")
"""Optional columns: the time to walk an edge as a multiple of the time on flat ground. Without them all is flat."""
MAX_PACE = 100.0
MAX_KPH = 200.0
BACKWARD_KPH, WALK_ONEWAY, FERRY_KPH = "maxspeed_backward_kph", "walk_oneway", "ferry_kph"
"""Optional columns, see docs/study.md: without them speeds are alike in both directions, and nothing is a ferry."""
ATTRACTS: dict[Mode, str] = {"walk": "walk_attracts", "cycle": "cycle_attracts", "drive": "drive_attracts"}
"""Optional columns by mode, all or none: whether trips may begin and end on an edge. Without them they may on all."""
STOPS_COLUMNS = ("stops_u", "stops_v")
"""Optional columns, both or none: whom a barrier at ``u`` and at ``v`` stops, the sum of `STOPS`; 0: nobody."""
STOPS: dict[Mode, int] = {"walk": 1, "cycle": 2, "drive": 4}
OPTIONAL_COLUMNS = (BACKWARD_KPH, WALK_ONEWAY, FERRY_KPH, *ATTRACTS.values(), *STOPS_COLUMNS)
OFF_GROUND = "off_ground"
"""A column that exists only while a study is built: whether the edge is a bridge or a tunnel, off the terrain."""
WAY_ID, U_ID, V_ID = "way_id", "u_id", "v_id"
"""Columns that exist only while a study is built: OpenStreetMap's ids of the edge's way and of its end nodes.

Turn restrictions name ways and nodes by them.
"""
BUILD_COLUMNS = (OFF_GROUND, WAY_ID, U_ID, V_ID)


def has_slopes(streets: pd.DataFrame) -> bool:
    """Whether a frame of streets has the columns that make walking times depend on slopes."""
    return PACE_COLUMNS[0] in streets


def has_ferries(streets: pd.DataFrame | None, mode: Mode) -> bool:
    """Whether some edge that is open to ``mode`` is a ferry; None has no edges."""
    if streets is None or FERRY_KPH not in streets:
        return False
    is_open = streets["walk"] if mode == "walk" else streets[f"{mode}_forward"] | streets[f"{mode}_backward"]
    return bool((is_open & streets[FERRY_KPH].notna()).any())


def from_lines(lines: GeometryArray, ends: Int64Array, attributes: pd.DataFrame) -> gpd.GeoDataFrame:
    """Make a frame of streets from lines and the identities of their ends.

    Rings, which begin where they end, are split in two, so that a fraction of an edge's length names one position;
    rings without length are dropped. Other edges without length are kept: they join the streets at both of their ends.

    Parameters
    ----------
    lines : LineStrings in WGS84, shape (n,)
    ends : any integers that identify the first and the last vertex of each line, shape (n, 2)
    attributes : DataFrame with n rows and the `COLUMNS` other than ``u``, ``v`` and ``length_m``; `OPTIONAL_COLUMNS`
        and a column `OFF_GROUND` are kept too, and so is `WAY_ID`, with the identities of the ends as `U_ID` and `V_ID`
    """
    lengths = geodesic_lengths(lines)
    is_ring = ends[:, 0] == ends[:, 1]
    whole, ring = np.flatnonzero(~is_ring), np.flatnonzero(is_ring & (lengths > 0))
    rows = whole
    if len(ring):
        first, second = _halves(lines[ring])
        start, middle = ends[ring, 0], ends.max() + 1 + np.arange(len(ring))
        lines = np.concatenate([lines[whole], first, second])
        ends = np.concatenate([ends[whole], np.column_stack([start, middle]), np.column_stack([middle, start])])
        lengths = np.concatenate([lengths[whole], geodesic_lengths(first), geodesic_lengths(second)])
        rows = np.concatenate([whole, ring, ring])
    elif len(whole) < len(lines):
        lines, ends, lengths = lines[whole], ends[whole], lengths[whole]
    nodes = np.unique(ends, return_inverse=True)[1].reshape(ends.shape).astype(np.int32)
    made = {"u": nodes[:, 0], "v": nodes[:, 1], "length_m": lengths}
    if WAY_ID in attributes:
        made |= {U_ID: ends[:, 0], V_ID: ends[:, 1]}
    types = {"maxspeed_kph": np.float32, BACKWARD_KPH: np.float32, WALK_ONEWAY: np.int8}
    columns = {
        name: made[name] if name in made else np.asarray(attributes[name], types.get(name))[rows]
        for name in (*COLUMNS, *OPTIONAL_COLUMNS, *BUILD_COLUMNS)
        if name in made or name in attributes
    }
    return gpd.GeoDataFrame(columns, geometry=lines, crs="EPSG:4326")


def _halves(rings: GeometryArray) -> tuple[GeometryArray, GeometryArray]:
    """Cut each ring at its middle vertex."""
    vertices = [shapely.get_coordinates(ring) for ring in rings]
    cuts = [len(xy) // 2 for xy in vertices]
    first = [shapely.LineString(xy[: cut + 1]) for xy, cut in zip(vertices, cuts, strict=True)]
    second = [shapely.LineString(xy[cut:]) for xy, cut in zip(vertices, cuts, strict=True)]
    return np.array(first, dtype=object), np.array(second, dtype=object)


def read(path: Path) -> gpd.GeoDataFrame:
    """Read the streets of a GeoParquet file and check them.

    Raises
    ------
    StudyError
        The file cannot be read, lacks a column, or has values that contradict docs/study.md.
    """
    try:
        streets = gpd.read_parquet(path)
    except (OSError, ValueError, TypeError) as error:
        raise StudyError(f"{path}: cannot be read as GeoParquet: {error}") from error
    problem = _column_problem(streets) or _value_problem(streets)
    if problem:
        raise StudyError(f"{path}: {problem}")
    return streets


def _column_problem(streets: gpd.GeoDataFrame) -> str | None:
    """Return what is wrong with the columns of a table, their types or empty cells; None if nothing is."""
    missing = [name for name in COLUMNS if name not in streets]
    if missing:
        return f"has no column {', '.join(missing)}"
    for group in (PACE_COLUMNS, tuple(ATTRACTS.values()), STOPS_COLUMNS):
        present = [name for name in group if name in streets]
        if present and len(present) < len(group):
            return f"has {', '.join(present)}, and so must have {', '.join(group)}"
    optional = [name for name in (*PACE_COLUMNS, *OPTIONAL_COLUMNS) if name in streets]
    may_be_empty = ("maxspeed_kph", BACKWARD_KPH, FERRY_KPH)
    empty = [name for name in (*COLUMNS, *optional) if name not in may_be_empty and streets[name].isna().any()]
    if empty:
        return f"{', '.join(empty)} must not be empty"
    numbers = ("u", "v", "length_m", "maxspeed_kph", *optional)
    wrong = [name for name in numbers if not pd.api.types.is_numeric_dtype(streets[name])]
    return f"{', '.join(wrong)} must be numbers" if wrong else None


def _value_problem(streets: gpd.GeoDataFrame) -> str | None:
    """Return what is wrong with the values of a table whose columns are right; None if nothing is."""
    if streets.crs is None or streets.crs.to_epsg() != 4326:
        return "must be in EPSG:4326"
    if streets.empty:
        return "has no streets"
    if (streets["u"] == streets["v"]).any() or not (streets["length_m"] >= 0).all():
        return "has edges that begin where they end, or whose length is below 0"
    if not streets["length_m"].any():
        return "has no street with a length"
    for name in ("maxspeed_kph", BACKWARD_KPH, FERRY_KPH):
        if name in streets and not (streets[name].isna() | ((streets[name] > 0) & (streets[name] <= MAX_KPH))).all():
            return f"{name} must be above 0 and up to {MAX_KPH:g}, or empty where unknown"
    for name, least, most in ((WALK_ONEWAY, -1, 1), *((name, 0, sum(STOPS.values())) for name in STOPS_COLUMNS)):
        if name in streets and not streets[name].isin(range(least, most + 1)).all():
            return f"{name} must be a whole number from {least} to {most}"
    for name in ATTRACTS.values():
        if name in streets and not streets[name].isin([False, True]).all():
            return f"{name} must be true or false"
    paces = [name for name in PACE_COLUMNS if name in streets]
    if not ((streets[paces] > 0) & (streets[paces] <= MAX_PACE)).all(axis=None):
        return f"{', '.join(PACE_COLUMNS)} must be above 0 and up to {MAX_PACE:g}"
    if streets[["u", "v"]].to_numpy().min() < 0 or not (streets.geometry.geom_type == "LineString").all():
        return "has edges that are not lines between numbered nodes"
    return None
