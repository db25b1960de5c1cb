"""Slopes: how much slower people walk uphill and downhill, from a raster of the ground's heights.

On a slope s (rise over run, uphill positive) walking takes exp(3.5 |s + 0.05|) / exp(0.175) times as long as on the
flat. That is the hiking function of Tobler (1993), "Three presentations on geographical analysis and modeling", NCGIA
Technical Report 93-1, scaled so that the flat is 1: people are fastest down a gentle slope, and slower uphill and
steeply downhill.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import cg

from geo.arrays import BoolArray, Float64Array, GeometryArray, Int64Array
from geo.errors import InputError
from geo.geodesy.distance import geodesic_distance
from geo.geodesy.projection import projection
from geo.sources import raster
from geo.study.streets import OFF_GROUND

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

# docs/decisions.md gives the reasons for these bounds.
SHORTEST_PIECE_M = 10.0
SHORTEST_BRIDGE_M = 1e-4
"""A bridge that is shorter, or has no length, levels its ends as one of this length does."""
STEEPEST = 0.6
LOWEST_M, HIGHEST_M = -500.0, 9000.0
"""Heights beyond are voids: rasters mark them with −9999 or −32768. The Dead Sea and Everest lie between."""
CELLS_AT_ONCE = 2**22
"""How many cells of a raster are in memory at a time, so that a large raster fits."""
SOLVER_TOLERANCE = 1e-12
_METRE_UNITS = {None, "", "m", "metre", "metres", "meter", "meters"}


@dataclass(frozen=True)
class Slopes:
    """What slopes do to walking.

    Attributes
    ----------
    forward, backward : shape (edges,), the time to walk each edge from ``u`` to ``v`` and back, as a multiple of the
        time on the flat; 1 where heights are unknown
    heights_known : shape (edges,), whether the heights along each edge are known
    mean : slope (rise or fall over run) averaged over the length of all edges with known heights
    steepest : the largest slope of any piece of such an edge
    clipped : how many such edges have pieces steeper than `STEEPEST`, which count as that steep
    """

    forward: Float64Array
    backward: Float64Array
    heights_known: BoolArray
    mean: float
    steepest: float
    clipped: int


def pace(slope: Float64Array) -> Float64Array:
    """The time that walking on slopes takes, as a multiple of that on the flat."""
    return np.asarray(np.exp(3.5 * np.abs(slope + 0.05) - 3.5 * 0.05))


def slopes_along(streets: gpd.GeoDataFrame, path: Path, crs: str) -> Slopes:
    """The slopes along streets by a raster of heights in metres.

    An edge is cut into pieces of equal length, as short as a raster cell but not shorter than `SHORTEST_PIECE_M`. The
    slope of a piece is that between its ends. Heights between the centres of cells are interpolated bilinearly. Bridges
    and tunnels do not follow the ground: they run straight between the nodes where they meet it. If any height along an
    edge is missing, that edge's slopes are unknown.

    Parameters
    ----------
    streets : a frame of streets with the column `OFF_GROUND`
    path : the raster
    crs : a metric projection

    Raises
    ------
    InputError
        The file cannot be read as a raster, does not state its coordinate reference system, is not in metres, or has no
        height on any street.
    """
    lines = projection(crs).forward(streets.geometry.to_numpy())
    length_m = streets["length_m"].to_numpy()
    off_ground = streets[OFF_GROUND].to_numpy(dtype=bool)
    with raster.opened(path) as dataset:
        to_raster = _transformer_to(dataset, path, crs)
        piece_m = max(_cell_size_m(dataset, to_raster, lines), SHORTEST_PIECE_M)
        piece_counts = np.where(off_ground, 1, np.maximum(1, length_m // piece_m)).astype(np.int64)
        # The points that bound an edge's pieces are one more than the pieces.
        last = np.cumsum(piece_counts + 1) - 1
        first = last - piece_counts
        edge = np.repeat(np.arange(len(lines)), piece_counts + 1)
        fraction = (np.arange(len(edge)) - first[edge]) / piece_counts[edge]
        points = shapely.line_interpolate_point(lines[edge], fraction, normalized=True)
        height_m = _heights_m(dataset, *to_raster.transform(shapely.get_x(points), shapely.get_y(points)))
    ends = streets[["u", "v"]].to_numpy()
    node_height_m = np.empty(ends.max() + 1)
    node_height_m[ends[:, 0]], node_height_m[ends[:, 1]] = height_m[first], height_m[last]
    on_ground = np.unique(ends[~off_ground])
    node_height_m = _level_bridges(node_height_m, ends[off_ground], length_m[off_ground], on_ground)
    height_m[first[off_ground]], height_m[last[off_ground]] = node_height_m[ends[off_ground]].T

    same_edge = edge[1:] == edge[:-1]
    edge = edge[1:][same_edge]
    pieces_per_metre = np.divide(piece_counts, length_m, out=np.zeros(len(length_m)), where=length_m > 0)
    slope = np.diff(height_m)[same_edge] * pieces_per_metre[edge]
    heights_known = np.bincount(edge, np.isnan(slope)) == 0
    # Bridges that meet no ground are level, whatever the raster.
    if not heights_known[~off_ground & (length_m > 0)].any():
        raise InputError(f"{path}: has no height on any street; give a raster that covers the area")
    clipped = np.clip(slope, -STEEPEST, STEEPEST)
    mean = np.bincount(edge, np.abs(clipped)) / piece_counts
    return Slopes(
        forward=np.where(heights_known, np.bincount(edge, pace(clipped)) / piece_counts, 1.0),
        backward=np.where(heights_known, np.bincount(edge, pace(-clipped)) / piece_counts, 1.0),
        heights_known=heights_known,
        mean=float(np.average(mean[heights_known], weights=length_m[heights_known])),
        steepest=float(np.abs(clipped[heights_known[edge]]).max()),
        clipped=len(np.unique(edge[heights_known[edge] & (np.abs(slope) > STEEPEST)])),
    )


def _transformer_to(dataset: "DatasetReader", path: Path, crs: str) -> Transformer:
    """The transformation from the study's projection to the raster's coordinates."""
    if dataset.units[0] not in _METRE_UNITS:
        raise InputError(f"{path}: its heights are in {dataset.units[0]}; convert them to metres")
    try:
        return Transformer.from_crs(crs, CRS.from_wkt(dataset.crs.to_wkt()), always_xy=True)
    except ProjError as error:
        raise InputError(f"{path}: its coordinate reference system cannot be used: {error}") from error


def _cell_size_m(dataset: "DatasetReader", to_raster: Transformer, lines: GeometryArray) -> float:
    """The longer side of a raster cell in the middle of the lines, in metres."""
    middle = shapely.get_coordinates(shapely.box(*shapely.total_bounds(lines)).centroid)[0]
    x, y = to_raster.transform(*middle)
    grid = dataset.transform
    x, y = np.array([x, x + grid.a, x + grid.b]), np.array([y, y + grid.d, y + grid.e])
    if not np.isfinite([x, y]).all():
        return SHORTEST_PIECE_M  # the raster's projection does not reach here, so neither does the raster
    lon, lat = Transformer.from_crs(to_raster.target_crs, "EPSG:4326", always_xy=True).transform(x, y)
    return float(geodesic_distance(lon[[0, 0]], lat[[0, 0]], lon[1:], lat[1:]).max())


def _heights_m(dataset: "DatasetReader", x: Float64Array, y: Float64Array) -> Float64Array:
    """Heights in metres at points in the raster's coordinates, shape (points,); NaN outside the raster and in voids."""
    to_cell, height_m = ~dataset.transform, np.full(len(x), np.nan)
    column = to_cell.a * x + to_cell.b * y + to_cell.c
    row = to_cell.d * x + to_cell.e * y + to_cell.f
    inside = np.flatnonzero((column >= 0) & (column <= dataset.width) & (row >= 0) & (row <= dataset.height))
    if not len(inside):
        return height_m
    # Heights belong to the centres of cells; between the outermost centres and the border they do not change.
    column = np.clip(column[inside] - 0.5, 0, dataset.width - 1)
    row = np.clip(row[inside] - 0.5, 0, dataset.height - 1)
    left = np.minimum(column.astype(np.int64), max(dataset.width - 2, 0))
    top = np.minimum(row.astype(np.int64), max(dataset.height - 2, 0))
    for points, first_column, first_row, cells in _strips(dataset, left, top):
        c, r = left[points] - first_column, top[points] - first_row
        right, below = np.minimum(c + 1, cells.shape[1] - 1), np.minimum(r + 1, cells.shape[0] - 1)
        across, down = column[points] - left[points], row[points] - top[points]
        corners = (
            (cells[r, c], (1 - across) * (1 - down)),
            (cells[r, right], across * (1 - down)),
            (cells[below, c], (1 - across) * down),
            (cells[below, right], across * down),
        )
        # A void does not matter where its weight is 0.
        height_m[inside[points]] = sum(np.where(weight > 0, cell * weight, 0.0) for cell, weight in corners)
    return height_m


class _Strip(NamedTuple):
    """Some rows of a raster: which ``points`` need them, the position of the first cell, heights in metres."""

    points: Int64Array
    first_column: int
    first_row: int
    cells: Float64Array


def _strips(dataset: "DatasetReader", left: Int64Array, top: Int64Array) -> Iterator[_Strip]:
    """The part of a raster that points need, `CELLS_AT_ONCE` cells at a time; NaN where a height is unknown.

    ``left`` and ``top``, shape (points,), are the column and row of the cell up and left of each point.
    """
    from rasterio.windows import Window

    order = np.argsort(top, kind="stable")
    sorted_top = top[order]
    west, width = int(left.min()), int(left.max() - left.min()) + 2
    rows = max(1, CELLS_AT_ONCE // width)
    for north in range(int(sorted_top[0]), int(sorted_top[-1]) + 1, rows):
        begin, end = np.searchsorted(sorted_top, [north, north + rows])
        if begin == end:
            continue
        window = Window(west, north, min(width, dataset.width - west), min(rows + 1, dataset.height - north))
        cells = dataset.read(1, window=window, masked=True).astype(np.float64).filled(np.nan)
        cells = cells * dataset.scales[0] + dataset.offsets[0]
        cells[~((cells >= LOWEST_M) & (cells <= HIGHEST_M))] = np.nan
        yield _Strip(order[begin:end], west, north, cells)


def _level_bridges(
    height_m: Float64Array, ends: Int64Array, length_m: Float64Array, on_ground: Int64Array
) -> Float64Array:
    """Heights of nodes where those that only bridges and tunnels meet lie on straight lines between the others.

    A bridge may be several edges, and may branch. The slopes at each of its free nodes add up to zero (its heights are
    a discrete harmonic function), so that heights are linear along a chain of edges. A bridge that meets no ground is
    level. The equations are solved by conjugate gradients.

    Parameters
    ----------
    height_m : shape (nodes,)
    ends, length_m : shapes (n, 2) and (n,), of the edges that are bridges or tunnels
    on_ground : the nodes that any other edge meets
    """
    free = np.setdiff1d(ends, on_ground)
    if not len(free):
        return height_m
    height_m = height_m.copy()
    height_m[free] = 0.0
    usable = ~np.isnan(height_m[ends]).any(axis=1)
    u, v = ends[usable].T
    weight = 1.0 / np.maximum(length_m[usable], SHORTEST_BRIDGE_M)
    both_ways = (np.tile(weight, 2), (np.concatenate([u, v]), np.concatenate([v, u])))
    weights = csr_array(both_ways, shape=(len(height_m), len(height_m)))[free]
    # Laplacian of the free nodes × their heights = weighted heights of their neighbours on the ground.
    from_ground = weights @ np.where(np.isnan(height_m), 0.0, height_m)
    laplacian = diags_array(np.maximum(weights.sum(axis=1), np.finfo(float).tiny)) - weights[:, free]
    tolerance = SOLVER_TOLERANCE * max(from_ground.max(initial=0.0), 1.0)
    height_m[free], _ = cg(laplacian, from_ground, rtol=0.0, atol=tolerance, maxiter=10 * len(free))
    return height_m
