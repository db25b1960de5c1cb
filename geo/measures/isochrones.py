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

from geo.arrays import Float64Array, Int64Array
from geo.choices import Mode
from geo.compiled import compiled
from geo.geodesy.distance import TOLERANCE_M, geodesic_area
from geo.geodesy.projection import projection
from geo.traveltime import nearest, straight_line
from geo.traveltime import travel as traveltime
from geo.traveltime.network import ChainStretches, Network
from geo.traveltime.travel import Travel

CELL_M = 20.0
BESIDE_M = 29.0  # the diagonal of a cell: every point of a reached street is inside its contour
OFF_STREET_M = 50.0
STEP_M = 10.0


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
    if travel.method == "straight-line":
        return _circles(travel, place, levels, mode)
    network = travel.network(mode)
    access = network.edge_stretches(np.array([place]))
    if not len(access.edge):
        return Isochrones([], None, None, traveltime.NO_STREET.format(metres=network.max_connector_m))
    stretches = network.chain_stretches(access)
    limit = levels[-1] * 60.0

    junctions = nearest.junction_seconds(network, stretches, towards, limit + traveltime.TOLERANCE_S)
    xy, edge, fraction = _samples(network, _reached_edges(network, stretches, junctions[0]))
    at = network.graph.positions(edge, fraction)
    street_seconds, _ = nearest.position_seconds(network, stretches, at, towards, junctions)
    demand, at = travel.demand_points(mode), travel.demand_positions(mode)
    demand_seconds = nearest.position_seconds(network, stretches, at, towards, junctions)[0]
    demand_seconds += demand.connector_m / network.walk_mps
    population = travel.study.demand["population"].to_numpy()
    near = street_seconds <= limit
    contours = _contours(xy[near], street_seconds[near], network.walk_mps, limit) if near.any() else None
    found: list[Contour] = []
    for level in levels:
        # Who takes longer than that to the street gets nowhere on it.
        shape = _polygon(contours.filled(-1.0, level * 60.0)) if contours else shapely.MultiPolygon()
        shape = network.metric.inverse(shape)
        people = population[demand_seconds <= level * 60.0 + traveltime.TOLERANCE_S].sum()
        found.append(_contour(level, shape, float(people)))
    if place.geom_type != "Point":
        return Isochrones(found, None, None, None)
    return Isochrones(
        found, network.position(access.edge[0], access.start_fraction[0]), float(access.connector_m[0]), None
    )


def _reached_edges(network: Network, stretches: ChainStretches, junction_seconds: Float64Array) -> Int64Array:
    """Edges that may be reached in part: those of chains with an end in reach, and of the origin's own chains."""
    graph = network.graph
    reached = np.isfinite(junction_seconds[graph.start]) | np.isfinite(junction_seconds[graph.end])
    reached[stretches.low.chain] = True
    return np.flatnonzero(reached[graph.chain])


def _samples(network: Network, edges: Int64Array) -> tuple[Float64Array, Int64Array, Float64Array]:
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


def _contours(xy: Float64Array, seconds: Float64Array, walk_mps: float, limit: float) -> Any:
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
    return shapely.MultiPolygon(shells)


def _contour(minutes: float, shape: Any, people: float) -> Contour:
    rounded = shapely.transform(shape, lambda xy: xy.round(6))
    if not rounded.is_valid:
        polygons = [part for part in shapely.get_parts(shapely.make_valid(shape)) if part.geom_type == "Polygon"]
        rounded = shapely.set_precision(shapely.MultiPolygon(polygons), 1e-6)
    shape = rounded if rounded.geom_type == "MultiPolygon" else shapely.MultiPolygon([rounded])
    return Contour(minutes, shape, round(geodesic_area(shape) / 1e6, 4), round(people, 1))


def _circles(travel: Travel, place: Any, levels: list[float], mode: Mode) -> Isochrones:
    """Without streets: everything within the straight line that the detour leaves."""
    about, demand = travel.study.settings, travel.study.demand
    metric = projection(about.projection)
    mps = straight_line.speed_mps(about, mode) / about.detour
    shape, origin = metric.forward(place), gpd.GeoDataFrame(geometry=[place], crs="EPSG:4326")
    metres, _ = straight_line.nearest(origin, demand["lon"].to_numpy(), demand["lat"].to_numpy(), about.projection)
    people = demand["population"].to_numpy()
    found = []
    for level in levels:
        reach_m = level * 60.0 * mps
        circle = metric.inverse(shape.buffer(reach_m, quad_segs=32))
        found.append(_contour(level, circle, float(people[metres <= reach_m + TOLERANCE_M].sum())))
    return Isochrones(found, None, None, None)


@compiled
def spread(
    grid: Float64Array, xy: Float64Array, seconds: Float64Array, free: float, reach: float, per_cell: float
) -> None:
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
