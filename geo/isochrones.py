"""Isochrones (服务圈): what lies within some minutes of a place, or of a facility.

Travel times along the streets are laid on a grid and contoured. Land beside a street counts as reached with it for
`BESIDE_M`, is walked to for as far as `OFF_STREET_M`, and is not reached farther off: so a contour follows the streets
and does not leak over a river without a bridge.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import contourpy
import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geo import kernel, straightline, traveltime
from geo.network import Network, Stretches
from geo.projection import WGS84, projection
from geo.standards import Mode
from geo.traveltime import Travel

Floats = NDArray[np.float64]

CELL_M = 25.0
BESIDE_M = 36.0  # the diagonal of a cell: every point of a reached street is inside its contour
OFF_STREET_M = 60.0
STEP_M = 12.5


@dataclass(frozen=True)
class Contour:
    """What lies within ``minutes``: a valid WGS84 (Multi)Polygon, its geodesic area, and the people there.

    People are counted by their own travel times, not by the polygon.
    """

    minutes: float
    geometry: Any
    area_km2: float
    people: float


@dataclass(frozen=True)
class Isochrones:
    """Contours, the shortest first, each inside the next; ``reason`` says why there are none.

    ``snapped`` is the WGS84 place on the street and ``connector_m`` the way to it; None where the place is a polygon or
    there are no streets.
    """

    contours: list[Contour]
    snapped: tuple[float, float] | None
    connector_m: float | None
    reason: str | None


def around(travel: Travel, place: Any, minutes: Sequence[float], mode: Mode, towards: bool = False) -> Isochrones:
    """Isochrones around a WGS84 point or polygon, all from one search.

    Parameters
    ----------
    minutes : the contours' times; repeated ones count once
    towards : people travel to the place rather than from it
    """
    levels = sorted(set(minutes))
    origin = gpd.GeoDataFrame(geometry=[place], crs="EPSG:4326")
    if travel.method == "straight-line":
        return _circles(travel, origin, levels, mode)
    network = travel.network(mode)
    access = network.access(origin)
    if not len(access.edge):
        return Isochrones([], None, None, traveltime.NO_STREET.format(metres=network.max_connector_m))
    stretches = network.stretches(access)
    limit = levels[-1] * 60.0

    junctions = traveltime.junction_seconds(network, stretches, towards, limit)
    edges = _reached_edges(network, origin, stretches, towards, limit, junctions)
    xy, edge, fraction = _samples(network, edges)
    demand = travel.demand_places(mode)
    positions = network.graph.positions(edge, fraction)
    street_seconds, _ = traveltime.reached(network, stretches, positions, towards, junctions)
    demand_seconds, _ = traveltime.reached(network, stretches, travel.demand_positions(mode), towards, junctions)
    demand_seconds = demand_seconds + demand.connector_m / network.walk_mps
    population = travel.study.demand["population"].to_numpy()
    near = street_seconds <= limit
    contours = _contours(xy[near], street_seconds[near], network.walk_mps, limit)
    found: list[Contour] = []
    for level in levels:
        shape = network.metric.inverse(_polygon(contours.filled(-1.0, level * 60.0)))
        people = population[demand_seconds <= level * 60.0 + traveltime.TOLERANCE].sum()
        found.append(_contour(level, shape, float(people)))
    point = place.geom_type == "Point"
    places = network.snap(np.array([place.x]), np.array([place.y])) if point else None
    return Isochrones(
        found,
        network.position(places, 0) if places else None,
        float(places.connector_m[0]) if places else None,
        None,
    )


def _reached_edges(
    network: Network, origin: gpd.GeoDataFrame, stretches: Stretches, towards: bool, limit: float, junctions: Any
) -> NDArray[np.int64]:
    """Edges that may be reached in part: those with an end in reach, and those of the origin's own chains."""
    # As the crow flies at the fastest speed of the mode, nobody gets farther.
    place = network.metric.forward(origin.geometry.to_numpy())[0]
    edges = network.edges_within(place, limit * network.fastest_mps)
    ends = network.graph.positions(np.tile(edges, 2), np.repeat([0.0, 1.0], len(edges)))
    seconds, _ = traveltime.reached(network, stretches, ends, towards, junctions)
    own = np.isin(network.graph.chain[edges], stretches.low.chain)
    return edges[own | (seconds.reshape(2, -1) <= limit).any(axis=0)]


def _samples(network: Network, edges: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Points along edges, at most `STEP_M` apart: where, on which edge, how far along it."""
    lines = shapely.segmentize(network.lines[edges], STEP_M)
    xy, row = shapely.get_coordinates(lines, return_index=True)
    step = np.hypot(*np.diff(xy, axis=0, prepend=xy[:1]).T)
    first = np.searchsorted(row, np.arange(len(edges)))
    step[first] = 0.0
    gone = np.cumsum(step)
    gone -= gone[first][row]
    length = gone[np.append(first[1:], len(row)) - 1][row]
    return xy, edges[row], np.minimum(gone / length, 1.0)


def _contours(xy: Floats, seconds: Floats, walk_mps: float, limit: float) -> Any:
    """Contours of a grid of seconds around the points, as far as the limits off the street."""
    margin = OFF_STREET_M + CELL_M
    west, south = xy.min(axis=0) - margin
    east, north = xy.max(axis=0) + margin
    x, y = np.arange(west, east + CELL_M, CELL_M), np.arange(south, north + CELL_M, CELL_M)
    grid = np.full((len(y), len(x)), np.inf)
    reach = (BESIDE_M / CELL_M, OFF_STREET_M / CELL_M, CELL_M / walk_mps)
    spread(grid, (xy - (west, south)) / CELL_M, seconds, *reach)
    # Contours are interpolated between corners. This far off, they keep metres apart at the edge of what is reached,
    # where all of them pass: rounding cannot make them cross.
    grid[np.isinf(grid)] = 2.0 * limit
    return contourpy.contour_generator(x, y, grid, fill_type="OuterOffset")


def _polygon(filled: Any) -> Any:
    points, offsets = filled
    shells = []
    for xy, rings in zip(points, offsets, strict=True):
        parts = [xy[a:b] for a, b in itertools.pairwise(rings)]
        shells.append(shapely.Polygon(parts[0], parts[1:]))
    return shapely.make_valid(shapely.union_all(shells))


def _contour(minutes: float, shape: Any, people: float) -> Contour:
    polygons = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    shape = shapely.set_precision(shapely.MultiPolygon(polygons), 1e-6)
    square_metres = abs(WGS84.geometry_area_perimeter(shapely.orient_polygons(shape))[0])
    return Contour(minutes, shape, round(square_metres / 1e6, 4), round(people, 1))


def _circles(travel: Travel, origin: gpd.GeoDataFrame, levels: list[float], mode: Mode) -> Isochrones:
    """Without streets: everything within the straight line that the detour leaves."""
    about, demand = travel.study.about, travel.study.demand
    metric = projection(about.projection)
    mps = straightline.metres_per_second(about, mode) / about.detour
    shape = metric.forward(origin.geometry.to_numpy())[0]
    metres, _ = straightline.nearest(origin, demand["lon"].to_numpy(), demand["lat"].to_numpy(), about.projection)
    people = demand["population"].to_numpy()
    found = []
    for level in levels:
        reach_m = level * 60.0 * mps
        circle = metric.inverse(shape.buffer(reach_m, quad_segs=32))
        found.append(_contour(level, circle, float(people[metres <= reach_m + traveltime.TOLERANCE].sum())))
    return Isochrones(found, None, None, None)


@kernel.compiled
def spread(grid: Floats, xy: Floats, seconds: Floats, free: float, reach: float, per_cell: float) -> None:
    """Lower the corners of ``grid``, shape (rows, columns), to what they take from points beside them.

    ``xy`` are the points' columns and rows, shape (points, 2); a corner up to ``free`` cells from a point takes the
    point's ``seconds``, up to ``reach`` cells ``per_cell`` seconds more for each, and farther nothing.
    """
    for point in range(len(seconds)):
        x, y = xy[point]
        for row in range(max(0, int(np.ceil(y - reach))), min(len(grid) - 1, int(y + reach)) + 1):
            for column in range(max(0, int(np.ceil(x - reach))), min(grid.shape[1] - 1, int(x + reach)) + 1):
                off = np.hypot(column - x, row - y)
                if off <= reach:
                    taken = seconds[point] + max(0.0, off - free) * per_cell
                    grid[row, column] = min(grid[row, column], taken)
