"""Streets: the edges people travel on, each with who may use it in which direction.

A frame of streets is a GeoDataFrame (WGS84 LineStrings) with `COLUMNS`: one row an edge between two junctions or a
junction and a dead end, ``u`` and ``v`` being the node numbers 0 … n−1 of the line's ends.
"""

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.arrays import Int64Array
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
PACES = ("walk_pace_forward", "walk_pace_backward")
"""Optional columns: the time to walk an edge as a multiple of that on the flat; absent where all is taken as flat."""
MOST_PACE = 100.0
OFF_GROUND = "off_ground"
"""A column while a study is built: bridges and tunnels, which do not follow the ground."""


def sloped(table: pd.DataFrame) -> bool:
    """Whether slopes count where one walks on a frame of streets."""
    return PACES[0] in table


def frame(lines: NDArray[Any], ends: Int64Array, attributes: pd.DataFrame) -> gpd.GeoDataFrame:
    """A frame of streets from lines and the identities of their ends.

    Parameters
    ----------
    lines : array of LineString, WGS84, shape (n,)
    ends : shape (n, 2), any integers that name the first and last vertex of each line
    attributes : DataFrame, shape (n, …), the `COLUMNS` other than ``u``, ``v``, ``length_m``; `OFF_GROUND` is kept too

    Edges of no length are dropped, and rings split in two, so that a position along an edge is unambiguous.
    """
    lengths = geodesic_lengths(lines)
    keep = lengths > 0
    lines, ends, attributes, lengths = lines[keep], ends[keep], attributes[keep], lengths[keep]
    ring = ends[:, 0] == ends[:, 1]
    if ring.any():
        first, second = _halves(lines[ring])
        middle = ends.max() + 1 + np.arange(ring.sum())
        start = ends[ring, 0]
        lines = np.concatenate([lines[~ring], first, second])
        ends = np.concatenate([ends[~ring], np.column_stack([start, middle]), np.column_stack([middle, start])])
        attributes = pd.concat([attributes[~ring], attributes[ring], attributes[ring]])
        lengths = np.concatenate([lengths[~ring], geodesic_lengths(first), geodesic_lengths(second)])
    nodes = np.unique(ends, return_inverse=True)[1].reshape(ends.shape).astype(np.int32)
    table = attributes.reset_index(drop=True)
    table = table.assign(u=nodes[:, 0], v=nodes[:, 1], length_m=lengths)
    table["maxspeed_kph"] = table["maxspeed_kph"].astype(np.float32)
    names = [name for name in (*COLUMNS, OFF_GROUND) if name in table]
    return gpd.GeoDataFrame(table[names], geometry=lines, crs="EPSG:4326")


def _halves(rings: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    vertices = [shapely.get_coordinates(ring) for ring in rings]
    cuts = [len(xy) // 2 for xy in vertices]
    first = [shapely.LineString(xy[: cut + 1]) for xy, cut in zip(vertices, cuts, strict=True)]
    second = [shapely.LineString(xy[cut:]) for xy, cut in zip(vertices, cuts, strict=True)]
    return np.array(first, dtype=object), np.array(second, dtype=object)


def read(path: Path) -> gpd.GeoDataFrame:
    """The streets of a GeoParquet file; StudyError if it is none or contradicts itself."""
    try:
        table = gpd.read_parquet(path)
    except (OSError, ValueError, TypeError) as error:
        raise StudyError(f"{path}: cannot be read as GeoParquet: {error}") from error
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise StudyError(f"{path}: has no column {', '.join(missing)}")
    paces = [name for name in PACES if name in table]
    if len(paces) == 1:
        raise StudyError(f"{path}: has {paces[0]}, and so must have {', '.join(PACES)}")
    empty = [name for name in (*COLUMNS, *paces) if name != "maxspeed_kph" and table[name].isna().any()]
    if empty:
        raise StudyError(f"{path}: {', '.join(empty)} must not be empty")
    numbers = ("u", "v", "length_m", "maxspeed_kph", *paces)
    wrong = [name for name in numbers if not pd.api.types.is_numeric_dtype(table[name])]
    if wrong:
        raise StudyError(f"{path}: {', '.join(wrong)} must be numbers")
    if table.crs is None or table.crs.to_epsg() != 4326:
        raise StudyError(f"{path}: must be in EPSG:4326")
    if table.empty:
        raise StudyError(f"{path}: holds no street")
    if (table["u"] == table["v"]).any() or not (table["length_m"] > 0).all():
        raise StudyError(f"{path}: has edges that begin where they end, or have no length")
    legal = table["maxspeed_kph"]
    if not (legal.isna() | ((legal > 0) & (legal <= 200))).all():
        raise StudyError(f"{path}: maxspeed_kph must be above 0 and up to 200, or empty where unknown")
    if not ((table[paces] > 0) & (table[paces] <= MOST_PACE)).all(axis=None):
        raise StudyError(f"{path}: {', '.join(PACES)} must be above 0 and up to {MOST_PACE:g}")
    if table[["u", "v"]].to_numpy().min() < 0 or not (table.geometry.geom_type == "LineString").all():
        raise StudyError(f"{path}: has edges that are not lines between numbered nodes")
    return table
