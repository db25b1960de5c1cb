"""Groups points that lie near each other: single linkage, prepared once for changing choices of the points.

The plane is cut into square cells so small that all points of a cell are near each other. Two cells belong together
if a chosen point of one is near a chosen point of the other; the groups are the connected parts of that graph of cells.
When the choice of the points changes, only the cells whose own choice has changed are compared with their neighbours
again. The result equals that of comparing all pairs of points.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo.arrays import BoolArray, Float64Array, Int8Array, Int64Array, ObjectArray
from geo.compiled import compiled
from geo.geodesy.distance import TOLERANCE_M, geodesic_distance
from geo.geodesy.projection import Projection

_SCALE = 0.02
"""How far the projection's metres may be off, relatively; `geo.study.study` refuses projections that are worse."""
_FAR, _NEAR, _UNDECIDED = 0, 1, 2
"""Whether two cells have points near each other; undecided, if that takes exact distances."""


class _Points(NamedTuple):
    """Points by cell, for the compiled loops: ``start`` has where the points of each cell begin in ``x`` and ``y``."""

    x: Float64Array
    y: Float64Array
    start: Int64Array
    chosen: BoolArray


@dataclass(frozen=True)
class Groups:
    """The groups of some chosen points.

    Attributes
    ----------
    chosen : shape (points,)
    of_point : shape (points,), the number of the group of each chosen point, from 0; −1 for the others
    count : how many groups there are
    nearness : shape (pairs of cells,), whether they have chosen points that are near each other
    """

    chosen: BoolArray
    of_point: Int64Array
    count: int
    nearness: Int8Array


class PointGrouping:
    """Points that may be grouped by nearness, together only with points that have the same code.

    Parameters
    ----------
    lon, lat : degrees WGS84, shape (points,)
    codes : the area of each point, None outside all areas, shape (points,)
    gap_m : how far apart, in geodesic metres, two points may be and still belong together, directly or through others
    metric : the study's projection
    """

    def __init__(
        self, lon: Float64Array, lat: Float64Array, codes: ObjectArray, gap_m: float, metric: Projection
    ) -> None:
        self._gap_m = gap_m
        area = pd.factorize(codes, use_na_sentinel=False)[0]
        xy = shapely.get_coordinates(metric.points(lon, lat))
        # The diagonal of a cell is at most gap_m, also where the projection shortens it.
        side = gap_m * (1.0 - _SCALE) / np.sqrt(2.0) * (1.0 - 1e-9)
        corner = np.floor(xy / side).astype(np.int64)
        corner -= corner.min(axis=0, initial=0) - 3
        # A number for each area and cell, so that neighbours in the same area differ by a fixed step.
        height = int(corner[:, 1].max(initial=0)) + 4
        size = (int(corner[:, 0].max(initial=0)) + 4) * height
        key = area * size + corner[:, 0] * height + corner[:, 1]
        self._order = np.argsort(key, kind="stable").astype(np.int64)
        keys, self._start = np.unique(key[self._order], return_index=True)
        self._start = np.append(self._start, len(key)).astype(np.int64)
        self._cell = np.empty(len(key), dtype=np.int64)
        self._cell[self._order] = np.repeat(np.arange(len(keys)), np.diff(self._start))
        self._x, self._y = np.ascontiguousarray(xy[self._order].T)
        self._lon, self._lat = lon[self._order], lat[self._order]
        self._pairs = _neighbours(keys, height)

    def __len__(self) -> int:
        return len(self._order)

    @property
    def nbytes(self) -> int:
        """The bytes that the prepared points take."""
        return 6 * self._order.nbytes + self._pairs.nbytes

    def groups(self, chosen: BoolArray, before: Groups | None = None) -> Groups:
        """Group the ``chosen`` points, shape (points,); ``before`` are the groups of another choice of these points."""
        points = _Points(self._x, self._y, self._start, chosen[self._order])
        changed = np.ones(len(self._start) - 1, dtype=bool)
        nearness = np.zeros(len(self._pairs), dtype=np.int8)
        if before is not None:
            changed[:] = False
            changed[self._cell[chosen != before.chosen]] = True
            nearness[:] = before.nearness
        band = self._gap_m / (1.0 + _SCALE), self._gap_m / (1.0 - _SCALE) + TOLERANCE_M
        _compare_cells(points, self._pairs, changed, band, nearness)
        self._decide(points, np.flatnonzero(nearness == _UNDECIDED), band[1], nearness)
        a, b = self._pairs[nearness == _NEAR].T
        graph = coo_array((np.ones(len(a)), (a, b)), shape=(len(changed),) * 2)
        of_cell = connected_components(graph, directed=False)[1]
        of_point = np.full(len(chosen), -1, dtype=np.int64)
        used, of_point[chosen] = np.unique(of_cell[self._cell[chosen]], return_inverse=True)
        return Groups(chosen, of_point, len(used), nearness)

    def _decide(self, points: _Points, pairs: Int64Array, most_m: float, nearness: Int8Array) -> None:
        """Compare the geodesic distances of points that the projection cannot decide upon."""
        for pair in pairs:
            a, b = (
                np.flatnonzero(points.chosen[self._start[cell] : self._start[cell + 1]]) + self._start[cell]
                for cell in self._pairs[pair]
            )
            near = np.hypot(*(np.subtract.outer(axis[a], axis[b]) for axis in (self._x, self._y))) <= most_m
            i, j = a[np.nonzero(near)[0]], b[np.nonzero(near)[1]]
            metres = geodesic_distance(self._lon[i], self._lat[i], self._lon[j], self._lat[j])
            nearness[pair] = _NEAR if (metres <= self._gap_m + TOLERANCE_M).any() else _FAR


def _neighbours(keys: Int64Array, height: int) -> Int64Array:
    """Pairs of cells, shape (pairs, 2), that may have points near each other; ``keys`` are sorted."""
    # A cell is 0.69 times as wide as points may be apart: two columns or rows farther they may be near, three not.
    steps = [(0, 1), (0, 2), *((right, up) for right in (1, 2) for up in range(-2, 3))]
    pairs = []
    for right, up in steps:
        wanted = keys + right * height + up
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        here = np.flatnonzero(keys[at] == wanted) if len(keys) else np.array([], dtype=np.int64)
        pairs.append(np.column_stack([here, at[here]]))
    return np.concatenate(pairs).astype(np.int64)


@compiled
def _compare_cells(
    points: _Points, pairs: Int64Array, changed: BoolArray, band: tuple[float, float], nearness: Int8Array
) -> None:
    """Write the ``nearness`` of pairs of cells of which one is ``changed``.

    Projected points at most ``band[0]`` apart are near each other, those more than ``band[1]`` apart are not.
    """
    x, y, start, chosen = points
    sure, most = band[0] * band[0], band[1] * band[1]
    for pair in range(len(pairs)):
        a, b = pairs[pair]
        if not (changed[a] or changed[b]):
            continue
        # Only points of one cell that are near the bounding box of the other are compared.
        west, south, east, north = np.inf, np.inf, -np.inf, -np.inf
        for j in range(start[b], start[b + 1]):
            if chosen[j]:
                west, south, east, north = min(west, x[j]), min(south, y[j]), max(east, x[j]), max(north, y[j])
        least = np.inf
        for i in range(start[a], start[a + 1]):
            if not chosen[i]:
                continue
            outside_x, outside_y = max(west - x[i], x[i] - east, 0.0), max(south - y[i], y[i] - north, 0.0)
            if outside_x * outside_x + outside_y * outside_y > most:
                continue
            for j in range(start[b], start[b + 1]):
                if chosen[j]:
                    least = min(least, (x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2)
            if least <= sure:
                break
        nearness[pair] = _NEAR if least <= sure else _UNDECIDED if least <= most else _FAR
