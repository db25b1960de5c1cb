"""Which demand points each candidate reaches within a limit, and how long (or far) they travel.

By travel time, one bounded search starts at each demand point or at each candidate, whichever are fewer; by radius,
pairs of points are compared in the plane, and those near the limit by geodesics. A candidate is reached as a facility
is that lies there (`geo.traveltime.network`), so that the times are those of the coverage.
"""

import numpy as np
import shapely
from scipy import sparse

from geo.arrays import GeometryArray, Int64Array
from geo.choices import Mode
from geo.geodesy.distance import TOLERANCE_M, geodesic_distance
from geo.geodesy.projection import projection
from geo.traveltime import catchments, straight_line
from geo.traveltime.stretches import EdgeStretches
from geo.traveltime.travel import TOLERANCE_S, Travel

ROUNDING_S = 5e-4
"""How far the seconds of a pair may exceed the limit and still count as within it, since they have 32 bits here.

A pair that really is beyond the limit makes the bound a little too high, never too low; the coverage counts exactly.
"""
_PLANE_ERROR = 0.03
"""More than distances in a study's projection differ from geodesic ones: `geo.study.study` allows 0.02."""


def by_time(
    travel: Travel, mode: Mode, shapes: GeometryArray, rows: Int64Array, limit: float
) -> tuple[sparse.csc_array, Int64Array]:
    """Seconds from demand points to candidates, as far as they are within ``limit`` seconds (≤).

    Parameters
    ----------
    shapes : WGS84 shapes of the candidates, shape (candidates,)
    rows : the demand points, as rows of the study's demand, shape (people,)

    Returns
    -------
    A sparse array people × candidates whose missing entries are out of reach, and the candidates that no street reaches
    """
    if travel.method == "straight-line":
        factor = travel.study.settings.detour / straight_line.speed_mps(travel.study.settings, mode)
        metres = by_radius(travel, shapes, rows, (limit + TOLERANCE_S) / factor)
        return sparse.csc_array((metres.data * factor, metres.indices, metres.indptr), metres.shape), np.empty(0, int)
    network, points = travel.network(mode), travel.demand_points(mode)
    stretches = network.edge_stretches(shapes)
    unreached = np.setdiff1d(np.arange(len(shapes)), stretches.facility)
    edge, fraction, connector_m = points.edge[rows], points.fraction[rows], points.connector_m[rows]
    on_street = np.flatnonzero(edge >= 0)
    most = limit + TOLERANCE_S + ROUNDING_S
    if len(np.unique(stretches.facility)) == len(stretches.facility) and len(on_street) <= len(stretches.facility):
        # Each candidate is reached at one position: search from the people.
        people = EdgeStretches(
            np.arange(len(on_street)),
            edge[on_street],
            fraction[on_street],
            fraction[on_street],
            connector_m[on_street],
        )
        sites = network.graph.positions(stretches.edge, stretches.start_fraction)
        table = catchments.within(
            network.graph, network.chain_stretches(people), len(on_street), sites, most, towards=False
        )
        person: Int64Array = on_street[np.repeat(np.arange(len(on_street)), np.diff(table.indptr))]
        site = stretches.facility[table.point]
        seconds = table.seconds + stretches.connector_m[table.point] / network.walk_mps
    else:
        positions = travel.demand_positions(mode)[rows]
        table = catchments.within(network.graph, network.chain_stretches(stretches), len(shapes), positions, most)
        site = np.repeat(np.arange(len(shapes)), np.diff(table.indptr))
        person = table.point.astype(np.int64)
        seconds = table.seconds + connector_m[person] / network.walk_mps
    inside = seconds <= most
    matrix = sparse.coo_array((seconds[inside], (person[inside], site[inside])), (len(rows), len(shapes)))
    return sparse.csc_array(matrix), unreached


def by_radius(
    travel: Travel, shapes: GeometryArray, rows: Int64Array, limit: float, exact: bool = False
) -> sparse.csc_array:
    """Metres in a straight line from demand points to candidates, as far as they are within ``limit`` metres (≤).

    Parameters and result are those of `by_time`, without candidates out of reach. Distances near the limit are
    geodesic; the others are those of the study's projection, unless ``exact``.
    """
    study, most = travel.study, limit + TOLERANCE_M
    metric = projection(study.settings.projection)
    lon, lat = (study.demand[name].to_numpy()[rows] for name in ("lon", "lat"))
    people, sites = metric.points(lon, lat), metric.forward(shapes)
    site, person = shapely.STRtree(people).query(sites, predicate="dwithin", distance=most * (1 + _PLANE_ERROR))
    metres = np.asarray(shapely.distance(people[person], sites[site]))
    unsure = np.ones(len(metres), dtype=bool) if exact else metres >= most * (1 - _PLANE_ERROR)
    is_point = (shapely.get_type_id(shapes) == shapely.GeometryType.POINT)[site]
    pairs = np.flatnonzero(unsure & is_point)
    site_lonlat = shapely.get_coordinates(shapes[site[pairs]])
    metres[pairs] = geodesic_distance(lon[person[pairs]], lat[person[pairs]], site_lonlat[:, 0], site_lonlat[:, 1])
    pairs = np.flatnonzero(unsure & ~is_point)
    metres[pairs] = metric.geodesic_distances(people[person[pairs]], sites[site[pairs]])
    inside = metres <= most
    matrix = sparse.coo_array((metres[inside], (person[inside], site[inside])), (len(rows), len(shapes)))
    return sparse.csc_array(matrix)
