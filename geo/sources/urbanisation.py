"""Urban and rural by the Degree of Urbanisation: people are added up in cells of 1 km², and cells are joined.

The method is that of level 1 in the manual by the European Union, FAO, UN-Habitat, OECD and the World Bank (Applying
the Degree of Urbanisation, 2021), which the UN Statistical Commission endorsed in 2020:

* Cells with at least 1,500 people that touch each other at a side are an urban centre if they have at least 50,000
  people together. A cell of which at least five of the eight neighbours belong to one centre is added to it, again and
  again until none is left; then enclosed gaps of less than 15 km² are filled.
* Cells with at least 300 people that touch each other at a side or a corner are an urban cluster if they have at least
  5,000 people together.
* All other cells are rural.

Cells are those of the world grid in the Mollweide projection, which has equal areas, that the Global Human Settlement
Layer uses: the class of a cell does not depend on the study around it, and can be compared with published maps. People
are divided by the whole cell, water included, since the study does not know what is land.
"""

from dataclasses import dataclass

import numpy as np
from pyproj import Transformer
from scipy import ndimage

from geo.arrays import BoolArray, Float64Array, Int8Array, Int64Array

CELL_M = 1000.0
GRID_CRS = "ESRI:54009"
DENSE, CENTRE_PEOPLE = 1500.0, 50_000.0
MODERATE, CLUSTER_PEOPLE = 300.0, 5_000.0
MAJORITY = 5
GAP_CELLS = 15
RURAL, CLUSTER, CENTRE = 0, 1, 2
"""The classes of cells."""
MOST_CELLS = 10_000_000
"""The largest grid that is computed, in cells: as large as all of China."""
_TOLERANCE = 1e-9
"""How far people may be below a threshold, relative to it, and still reach it: sums of fractions are not exact."""
_CORNERS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class Urbanisation:
    """The class of each point, shape (points,), and how many cells have each class, from `RURAL` to `CENTRE`."""

    classes: Int8Array
    cells: tuple[int, int, int]


def of_points(lonlat: Float64Array, people: Float64Array, points: int) -> Urbanisation | None:
    """The class of the cell that each of the first ``points`` lies in; None if the grid would be too large.

    Parameters
    ----------
    lonlat : WGS84 degrees, shape (all points, 2): first those that are wanted, then those beyond the border
    people : shape (all points,)

    Returns
    -------
    The classes of the first ``points``; cells are counted where these have people.
    """
    to_grid = Transformer.from_crs("EPSG:4326", GRID_CRS, always_xy=True)
    xy = np.column_stack(to_grid.transform(lonlat[:, 0], lonlat[:, 1]))
    cell = np.floor(xy / CELL_M).astype(np.int64)
    if not len(cell):
        return Urbanisation(np.zeros(0, dtype=np.int8), (0, 0, 0))
    cell -= cell.min(axis=0)
    shape = tuple(int(size) for size in cell.max(axis=0) + 1)
    if shape[0] * shape[1] > MOST_CELLS:
        return None
    number = cell[:, 0] * shape[1] + cell[:, 1]
    in_cells: Float64Array = np.bincount(number, people, minlength=shape[0] * shape[1]).astype(float)
    classes = classify(in_cells.reshape(shape)).ravel()
    own, own_people = number[:points], people[:points]
    counts = np.bincount(classes[np.unique(own[own_people > 0])], minlength=3)
    return Urbanisation(classes[own], (int(counts[RURAL]), int(counts[CLUSTER]), int(counts[CENTRE])))


def classify(people: Float64Array) -> Int8Array:
    """The class of each cell of a grid; ``people`` of the cells, of 1 km² each, has two dimensions."""
    centre = _filled(_smoothed(_joined(people, DENSE, CENTRE_PEOPLE)))
    cluster = _joined(people, MODERATE, CLUSTER_PEOPLE, _CORNERS) > 0
    return np.where(centre > 0, CENTRE, np.where(cluster, CLUSTER, RURAL)).astype(np.int8)


def _joined(people: Float64Array, density: float, least_people: float, touching: BoolArray | None = None) -> Int64Array:
    """The number, from 1, of the group of touching dense cells that each cell belongs to; 0 if to none.

    Groups with fewer than ``least_people`` are none. Cells touch at their sides, or as the 3 × 3 cells of ``touching``.
    """
    group, count = ndimage.label(people >= density * (1 - _TOLERANCE), touching)
    total = np.bincount(group.ravel(), people.ravel(), minlength=count + 1)
    is_large = total >= least_people * (1 - _TOLERANCE)
    is_large[0] = False
    joined: Int64Array = np.where(is_large[group], group, 0).astype(np.int64)
    return joined


def _smoothed(centre: Int64Array) -> Int64Array:
    """The centres, with the cells most of whose neighbours belong to one of them, until there are no more."""
    centre = np.pad(centre, 1)
    around = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy]
    while True:
        x, y = np.nonzero((centre == 0) & ndimage.binary_dilation(centre > 0, _CORNERS))
        inside = (x > 0) & (y > 0) & (x < centre.shape[0] - 1) & (y < centre.shape[1] - 1)
        x, y = x[inside], y[inside]
        neighbours = np.sort([centre[x + dx, y + dy] for dx, dy in around], axis=0)
        # Of eight sorted numbers the fifth is the one that five of them are, if there is such a number.
        most = neighbours[4] if len(neighbours) else neighbours
        is_added = (most > 0) & ((neighbours == most).sum(axis=0) >= MAJORITY)
        if not is_added.any():
            return centre[1:-1, 1:-1]
        centre[x[is_added], y[is_added]] = most[is_added]


def _filled(centre: Int64Array) -> Int64Array:
    """The centres, with the gaps of fewer than `GAP_CELLS` cells that one of them encloses."""
    padded = np.pad(centre, 1)
    gap, count = ndimage.label(padded == 0, _CORNERS)
    for number, box in enumerate(ndimage.find_objects(gap, count), start=1):
        if number == gap[0, 0] or (gap[box] == number).sum() >= GAP_CELLS:
            continue
        wider = tuple(slice(side.start - 1, side.stop + 1) for side in box)
        cells = gap[wider] == number
        ring = np.unique(padded[wider][ndimage.binary_dilation(cells, _CORNERS) & ~cells])
        if len(ring) == 1:
            padded[wider][cells] = ring[0]
    return padded[1:-1, 1:-1]
