"""Isochrones (服务圈): polygons of what lies within some minutes of a place or of a facility.

Travel times along the streets are written to a grid, and the grid is contoured. A point up to `BESIDE_M` from a street
is reached when the street is. Farther off people walk straight, up to `OFF_STREET_M`; what lies beyond is not reached.
So a contour follows the streets and does not spread over a river without a bridge.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import contourpy
import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo.arrays import Float64Array, Int64Array
from geo.choices import Mode
from geo.compiled import compiled
from geo.geodesy.distance import TOLERANCE_M, geodesic_area
from geo.geodesy.projection import projection
from geo.traveltime import nearest, reasons, straight_line
from geo.traveltime import travel as traveltime
from geo.traveltime.network import Network
from geo.traveltime.stretches import ChainStretches
from geo.traveltime.travel import Travel

CELL_M = 20.0
BESIDE_M = 29.0  # the diagonal of a cell: every point of a reached street is inside its contour
OFF_STREET_M = 50.0
STEP_M = 10.0
TILE_CORNERS = 2048
"""How many corners a grid may have on each side: one that covers more is made a tile at a time, 32 MB each."""


@dataclass(frozen=True)
class Contour:
    """What lies within ``minutes``: a valid WGS84 MultiPolygon, its geodesic area, and the people who live there.

    People are counted by their own travel times, not by whether the polygon contains them.
    """

    minutes: float
    geometry: shapely.MultiPolygon
    area_km2: float
    people: float


@dataclass(frozen=True)
class Isochrones:
    """Contours around one place.

    Attributes
    ----------
    contours : the shortest time first, each contour inside the next
    snapped : (longitude, latitude) of the nearest point on a street; None for a polygon or without streets
    connector_m : metres from the place to that point; None likewise
    reason : why there are no contours; None if there are
    """

    contours: list[Contour]
    snapped: tuple[float, float] | None
    connector_m: float | None
    reason: str | None


def around(
    travel: Travel, place: BaseGeometry, minutes: Sequence[float], mode: Mode, towards: bool = False
) -> Isochrones:
    """Return the isochrones around a WGS84 point or polygon, all from one search of the network.

    Parameters
    ----------
    minutes : the times of the contours; repeated times count once
    towards : True if people travel to the place, False if they travel from it
    """
    levels = sorted(set(minutes))
    if travel.method == "straight-line":
        return _circles(travel, place, levels, mode)
    network = travel.network(mode)
    access = network.edge_stretches(np.array([place]))
    if not len(access.edge):
        return Isochrones([], None, None, reasons.NO_STREET.format(metres=network.max_connector_m))
    stretches = network.chain_stretches(access)
    limit = levels[-1] * 60.0

    junction_times = nearest.junction_seconds(network, stretches, towards, limit + traveltime.TOLERANCE_S)
    samples = _sample_edges(network, _reached_edges(network, stretches, junction_times.seconds, towards))
    positions = network.graph.positions(samples.edge, samples.fraction)
    street_seconds, _ = nearest.position_seconds(network, stretches, positions, towards, junction_times)
    demand, positions = travel.demand_points(mode), travel.demand_positions(mode)
    demand_seconds, _ = nearest.position_seconds(network, stretches, positions, towards, junction_times)
    demand_seconds += demand.connector_m / network.walk_mps
    population = travel.study.demand["population"].to_numpy()
    # Where the way to the nearest street takes longer than the limit, no street is reached and there is no grid.
    reached = street_seconds <= limit
    polygons = _polygons(samples.xy[reached], street_seconds[reached], network.walk_mps, [60.0 * m for m in levels])
    contours: list[Contour] = []
    for level, polygon in zip(levels, polygons, strict=True):
        people = population[demand_seconds <= level * 60.0 + traveltime.TOLERANCE_S].sum()
        contours.append(_contour(level, network.metric.inverse(polygon), float(people)))
    if place.geom_type != "Point":
        return Isochrones(contours, None, None, None)
    snapped = network.location(access.edge[0], access.start_fraction[0])
    return Isochrones(contours, snapped, float(access.connector_m[0]), None)


def _reached_edges(
    network: Network, stretches: ChainStretches, junction_seconds: Float64Array, towards: bool
) -> Int64Array:
    """Return the edges that may be reached in part.

    These are the edges of chains with an end that is reached, and of the chains where the search starts.
    """
    graph = network.graph
    nodes = graph.origins if towards else graph.destinations
    reached = np.isfinite(junction_seconds[nodes.start]) | np.isfinite(junction_seconds[nodes.end])
    reached[stretches.low.chain] = True
    return np.flatnonzero(reached[graph.edges.chain])


class _Samples(NamedTuple):
    """Points on edges: projected coordinates, shape (n, 2); the number of the edge and the fraction along it, (n,)."""

    xy: Float64Array
    edge: Int64Array
    fraction: Float64Array


def _sample_edges(network: Network, edges: Int64Array) -> _Samples:
    """Return points along ``edges``, at most `STEP_M` apart; edges without length have none."""
    edges = edges[shapely.length(network.lines[edges]) > 0]
    lines = shapely.segmentize(network.lines[edges], STEP_M)
    xy, row = shapely.get_coordinates(lines, return_index=True)
    step = np.hypot(*np.diff(xy, axis=0, prepend=xy[:1]).T)
    first = np.searchsorted(row, np.arange(len(edges)))
    step[first] = 0.0
    metres = np.cumsum(step)
    metres -= metres[first][row]
    length = metres[np.append(first[1:], len(row)) - 1][row]
    return _Samples(xy, edges[row], np.minimum(metres / length, 1.0))


def _polygons(
    xy: Float64Array, seconds: Float64Array, walk_mps: float, levels: list[float]
) -> list[shapely.MultiPolygon]:
    """What is reached within each of ``levels`` (seconds, rising), in projected coordinates.

    ``xy``, shape (n, 2), are points on streets, and ``seconds`` the times to reach them.
    """
    if not len(xy):
        return [shapely.MultiPolygon() for _ in levels]
    margin = OFF_STREET_M + CELL_M
    west, south = xy.min(axis=0) - margin
    east, north = xy.max(axis=0) + margin
    x, y = np.arange(west, east + CELL_M, CELL_M), np.arange(south, north + CELL_M, CELL_M)
    parts: list[list[shapely.Polygon]] = [[] for _ in levels]
    # Tiles share the corners at their sides, so that the contours of both meet there exactly.
    for first_row in range(0, len(y) - 1, TILE_CORNERS - 1):
        for first_column in range(0, len(x) - 1, TILE_CORNERS - 1):
            tile_x = x[first_column : first_column + TILE_CORNERS]
            tile_y = y[first_row : first_row + TILE_CORNERS]
            lowest, highest = np.array([tile_x[0], tile_y[0]]) - margin, np.array([tile_x[-1], tile_y[-1]]) + margin
            near = ((lowest <= xy) & (xy <= highest)).all(axis=1)
            if near.any():
                cells = (xy[near] - (west, south)) / CELL_M - (first_column, first_row)
                _add_tile(parts, tile_x, tile_y, cells, seconds[near], walk_mps, levels)
    one_tile = max(len(x), len(y)) <= TILE_CORNERS
    shapes = [shapely.MultiPolygon(polygons) if one_tile else shapely.union_all(polygons) for polygons in parts]
    return [shape if shape.geom_type == "MultiPolygon" else shapely.MultiPolygon([shape]) for shape in shapes]


def _add_tile(
    parts: list[list[shapely.Polygon]],
    x: Float64Array,
    y: Float64Array,
    cells: Float64Array,
    seconds: Float64Array,
    walk_mps: float,
    levels: list[float],
) -> None:
    """Contour the times on the corners ``x``, ``y`` of one tile, and add the polygons to ``parts``, by level."""
    grid = np.full((len(y), len(x)), np.inf)
    free, most = BESIDE_M / CELL_M, OFF_STREET_M / CELL_M
    spread_seconds(grid, cells, seconds, free, most, seconds_per_cell=CELL_M / walk_mps)
    # Contours are interpolated between corners. Twice the limit outside keeps the contours of different times metres
    # apart at the edge of what is reached, so that rounding cannot make them cross.
    grid[np.isinf(grid)] = 2.0 * levels[-1]
    generator = contourpy.contour_generator(x, y, grid, fill_type="OuterOffset")
    for polygons, level in zip(parts, levels, strict=True):
        # With "OuterOffset" the answer has, for each polygon, the vertices of all its rings and where each ring begins.
        vertices, offsets = cast(tuple[list[Float64Array], list[Int64Array]], generator.filled(-1.0, level))
        for ring_xy, ring_offsets in zip(vertices, offsets, strict=True):
            shell, *holes = (ring_xy[begin:end] for begin, end in itertools.pairwise(ring_offsets))
            polygons.append(shapely.Polygon(shell, holes))


def _contour(minutes: float, polygon: BaseGeometry, people: float) -> Contour:
    """Round a WGS84 polygon to six decimals (0.1 m), keep it valid, and compute its area."""
    rounded = shapely.transform(polygon, lambda xy: xy.round(6))
    if not rounded.is_valid:
        polygons = [part for part in shapely.get_parts(shapely.make_valid(polygon)) if part.geom_type == "Polygon"]
        rounded = shapely.set_precision(shapely.MultiPolygon(polygons), 1e-6)
    geometry = rounded if rounded.geom_type == "MultiPolygon" else shapely.MultiPolygon([rounded])
    return Contour(minutes, geometry, round(geodesic_area(geometry) / 1e6, 4), round(people, 1))


def _circles(travel: Travel, place: BaseGeometry, levels: list[float], mode: Mode) -> Isochrones:
    """Return buffers around the place, for a study without streets: the distance is the speed × time ÷ detour."""
    settings, demand = travel.study.settings, travel.study.demand
    metric = projection(settings.projection)
    mps = straight_line.speed_mps(settings, mode) / settings.detour
    shape, origin = metric.forward(place), gpd.GeoDataFrame(geometry=[place], crs="EPSG:4326")
    lon, lat = demand["lon"].to_numpy(), demand["lat"].to_numpy()
    metres, _ = straight_line.nearest(origin, lon, lat, settings.projection)
    population = demand["population"].to_numpy()
    contours = []
    for level in levels:
        radius_m = level * 60.0 * mps
        circle = metric.inverse(shape.buffer(radius_m, quad_segs=32))
        contours.append(_contour(level, circle, float(population[metres <= radius_m + TOLERANCE_M].sum())))
    return Isochrones(contours, None, None, None)


@compiled
def spread_seconds(
    grid: Float64Array,
    xy: Float64Array,
    seconds: Float64Array,
    free_cells: float,
    max_cells: float,
    seconds_per_cell: float,
) -> None:
    """Lower the values of ``grid`` to the time at which each corner is reached from a point near it.

    Parameters
    ----------
    grid : seconds at each corner, shape (rows, columns); changed in place
    xy : column and row of each point, in cells, shape (points, 2)
    seconds : the time to reach each point, shape (points,)
    free_cells : a corner up to this distance from a point takes the point's time
    max_cells : a corner farther than this from a point is not reached from it
    seconds_per_cell : the time for each cell of distance between the two
    """
    for point in range(len(seconds)):
        x, y = xy[point]
        for row in range(max(0, int(np.ceil(y - max_cells))), min(len(grid) - 1, int(y + max_cells)) + 1):
            first, last = max(0, int(np.ceil(x - max_cells))), min(grid.shape[1] - 1, int(x + max_cells))
            for column in range(first, last + 1):
                cells = np.hypot(column - x, row - y)
                if cells <= max_cells:
                    reached = seconds[point] + max(0.0, cells - free_cells) * seconds_per_cell
                    grid[row, column] = min(grid[row, column], reached)
