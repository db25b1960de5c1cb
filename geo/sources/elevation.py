"""Elevation: what slopes do to walking, from a raster of the ground's heights.

On a slope s (rise over run, uphill positive) walking takes exp(3.5 |s + 0.05|) / exp(0.175) times what it takes on the
flat. That is the hiking function of Tobler (1993), "Three presentations on geographical analysis and modeling", NCGIA
Technical Report 93-1, scaled so that the flat is 1: fastest down a gentle slope, slower up and steeply down.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import cg

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.errors import InputError
from geo.geodesy.distance import geodesic_distance
from geo.geodesy.projection import projection
from geo.sources import raster
from geo.study.streets import OFF_GROUND

# Why these bounds: docs/decisions.md.
SHORTEST_PIECE_M = 10.0
STEEPEST = 0.6
LOWEST_M, HIGHEST_M = -500.0, 9000.0  # the Dead Sea's shore and Everest lie within; voids of −9999 or −32768 do not
CELLS_AT_ONCE = 2**22
CLOSE = 1e-12
_METRES = {None, "", "m", "metre", "metres", "meter", "meters"}


@dataclass(frozen=True)
class Slopes:
    """What slopes do to walking each edge, arrays of shape (edges,).

    ``forward`` and ``backward`` are the time from ``u`` to ``v`` and back as a multiple of that on the flat, 1 where
    heights are not ``known``. Over the edges whose heights are: ``mean``, the slope (rise or fall over run) by length,
    the ``steepest`` piece of any, and how many edges have pieces ``held`` at `STEEPEST`.
    """

    forward: Float64Array
    backward: Float64Array
    known: BoolArray
    mean: float
    steepest: float
    held: int


def pace(slope: Float64Array) -> Float64Array:
    """The time that walking on slopes takes, as a multiple of that on the flat."""
    return np.asarray(np.exp(3.5 * np.abs(slope + 0.05) - 3.5 * 0.05))


def along(streets: gpd.GeoDataFrame, path: Path, crs: str) -> Slopes:
    """The slopes along a frame of streets that has `streets.OFF_GROUND`, by the heights in metres of a raster.

    An edge is cut into equal pieces not shorter than a cell, nor than `SHORTEST_PIECE_M`; it is one piece if it is
    shorter than two. Each has the slope between its ends, at most `STEEPEST`. Heights are bilinear between the centres
    of cells. Bridges and tunnels run straight between the nodes where they leave the ground. An edge with any height
    outside the raster or in a void is not known. ``crs`` is a metric projection.

    Raises
    ------
    InputError
        The file cannot be read as a raster, does not say its coordinate reference system, is not in metres, or has no
        height on any street.
    """
    lines = projection(crs).forward(streets.geometry.to_numpy())
    length_m = streets["length_m"].to_numpy()
    off_ground = streets[OFF_GROUND].to_numpy(dtype=bool)
    with raster.opened(path) as dataset:
        if dataset.units[0] not in _METRES:
            raise InputError(f"{path}: its heights are in {dataset.units[0]}; convert them to metres")
        try:
            to_raster = Transformer.from_crs(crs, CRS.from_wkt(dataset.crs.to_wkt()), always_xy=True)
        except ProjError as error:
            raise InputError(f"{path}: its coordinate reference system cannot be used: {error}") from error
        piece_m = max(_cell_m(dataset, to_raster, lines), SHORTEST_PIECE_M)
        pieces = np.where(off_ground, 1, np.maximum(1, length_m // piece_m)).astype(np.int64)
        last = np.cumsum(pieces + 1) - 1
        first = last - pieces
        edge = np.repeat(np.arange(len(lines)), pieces + 1)
        fraction = (np.arange(len(edge)) - first[edge]) / pieces[edge]
        points = shapely.line_interpolate_point(lines[edge], fraction, normalized=True)
        height = _heights(dataset, *to_raster.transform(shapely.get_x(points), shapely.get_y(points)))
    ends = streets[["u", "v"]].to_numpy()
    at = np.empty(ends.max() + 1)
    at[ends[:, 0]], at[ends[:, 1]] = height[first], height[last]
    at = _carried(at, ends[off_ground], length_m[off_ground], np.unique(ends[~off_ground]))
    height[first[off_ground]], height[last[off_ground]] = at[ends[off_ground]].T

    piece = edge[1:] == edge[:-1]
    of = edge[1:][piece]
    steep = np.diff(height)[piece] * (pieces / length_m)[of]
    slope = np.clip(steep, -STEEPEST, STEEPEST)
    known = np.bincount(of, np.isnan(steep)) == 0
    if not known[~off_ground].any():  # a bridge that meets no ground is level, whatever the raster
        raise InputError(f"{path}: has no height on any street; give a raster that covers the area")
    forward, backward = (np.where(known, np.bincount(of, pace(way)) / pieces, 1.0) for way in (slope, -slope))
    mean = np.bincount(of, np.abs(slope)) / pieces
    return Slopes(
        forward,
        backward,
        known,
        mean=float(np.average(mean[known], weights=length_m[known])),
        steepest=float(np.abs(slope[known[of]]).max()),
        held=len(np.unique(of[known[of] & (np.abs(steep) > STEEPEST)])),
    )


def _cell_m(dataset: Any, to_raster: Transformer, lines: NDArray[Any]) -> float:
    """Metres of the longer side of a cell, amid the lines."""
    middle = shapely.get_coordinates(shapely.box(*shapely.total_bounds(lines)).centroid)[0]
    x, y = to_raster.transform(*middle)
    grid = dataset.transform
    x, y = np.array([x, x + grid.a, x + grid.b]), np.array([y, y + grid.d, y + grid.e])
    if not np.isfinite([x, y]).all():
        return SHORTEST_PIECE_M  # the projection does not reach here, so neither does the raster
    lon, lat = Transformer.from_crs(to_raster.target_crs, "EPSG:4326", always_xy=True).transform(x, y)
    return float(geodesic_distance(lon[[0, 0]], lat[[0, 0]], lon[1:], lat[1:]).max())


def _heights(dataset: Any, x: Float64Array, y: Float64Array) -> Float64Array:
    """Metres at places in the raster's coordinates, bilinear; NaN outside and where a cell has none, shape (n,)."""
    grid, height = ~dataset.transform, np.full(len(x), np.nan)
    column, row = grid.a * x + grid.b * y + grid.c, grid.d * x + grid.e * y + grid.f
    inside = np.flatnonzero((column >= 0) & (column <= dataset.width) & (row >= 0) & (row <= dataset.height))
    if not len(inside):
        return height
    # From the border to the centre of its cells the height is that of the centre.
    column = np.clip(column[inside] - 0.5, 0, dataset.width - 1)
    row = np.clip(row[inside] - 0.5, 0, dataset.height - 1)
    left = np.minimum(column.astype(np.int64), max(dataset.width - 2, 0))
    top = np.minimum(row.astype(np.int64), max(dataset.height - 2, 0))
    for some, west, north, cells in _strips(dataset, left, top):
        c, r = left[some] - west, top[some] - north
        right, below = np.minimum(c + 1, cells.shape[1] - 1), np.minimum(r + 1, cells.shape[0] - 1)
        across, down = column[some] - left[some], row[some] - top[some]
        corners = (
            (cells[r, c], (1 - across) * (1 - down)),
            (cells[r, right], across * (1 - down)),
            (cells[below, c], (1 - across) * down),
            (cells[below, right], across * down),
        )
        # A void that weighs nothing does no harm.
        height[inside[some]] = sum(np.where(weight > 0, cell * weight, 0.0) for cell, weight in corners)
    return height


def _strips(dataset: Any, left: Int64Array, top: Int64Array) -> Iterator[tuple[Int64Array, int, int, Float64Array]]:
    """The raster as far as places need it, some rows at a time, so that memory is bounded.

    Gives the places in a strip, the column and row of its first cell, and its heights in metres, NaN unknown.
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
        read = dataset.read(1, window=window, masked=True).astype(np.float64).filled(np.nan)
        read = read * dataset.scales[0] + dataset.offsets[0]
        read[~((read >= LOWEST_M) & (read <= HIGHEST_M))] = np.nan
        yield order[begin:end], west, north, read


def _carried(height: Float64Array, ends: Int64Array, length_m: Float64Array, grounded: Int64Array) -> Float64Array:
    """Heights of nodes, those that only bridges and tunnels meet at put in line with where these leave the ground.

    ``height`` has shape (nodes,), ``ends`` and ``length_m`` are those of the bridges and tunnels, ``grounded`` the
    nodes that any other street meets. A bridge may be several edges and may branch: the slopes at each free node add up
    to nothing (its heights are harmonic), so that they are linear along a chain. What meets no ground is level.
    Solved by conjugate gradients.
    """
    free = np.setdiff1d(ends, grounded)
    if not len(free):
        return height
    height = height.copy()
    height[free] = 0.0
    usable = ~np.isnan(height[ends]).any(axis=1)
    u, v = ends[usable].T
    weight = 1.0 / length_m[usable]
    both = (np.tile(weight, 2), (np.concatenate([u, v]), np.concatenate([v, u])))
    links = csr_array(both, shape=(len(height), len(height)))[free]
    here = links[:, free]
    pull = links @ np.where(np.isnan(height), 0.0, height)
    balance = diags_array(np.maximum(links.sum(axis=1), np.finfo(float).tiny)) - here
    height[free], _ = cg(balance, pull, rtol=0.0, atol=CLOSE * max(pull.max(initial=0.0), 1.0), maxiter=10 * len(free))
    return height
