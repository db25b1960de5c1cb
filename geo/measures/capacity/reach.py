"""Which places where people are lie within the limit of a standard from each facility."""

from collections.abc import Callable
from typing import TypeAlias

import geopandas as gpd
import numpy as np
import shapely

from geo.arrays import Float64Array, Int64Array
from geo.errors import FieldError
from geo.geodesy.distance import TOLERANCE_M, geodesic_distance
from geo.geodesy.projection import projection
from geo.measures.capacity.pairs import Pairs
from geo.study.standards import Radius, TravelTime
from geo.traveltime import catchments, straight_line
from geo.traveltime.travel import TOLERANCE_S, Travel

BATCH = 64
"""How many facilities are searched before the pairs are counted."""
PAIRS_PER_OUTLINE = 8
"""As how many pairs one counts where a straight line leads to an outline, which takes so much longer."""
_PLANE_TOLERANCE = 1.01
"""How much longer a distance may be in a study's projection than on the ellipsoid."""

_Rows: TypeAlias = tuple[Int64Array, Int64Array, Float64Array]
"""Points, facilities (numbered in their batch) and costs of pairs."""


def of_standard(
    travel: Travel, standard: TravelTime | Radius, facilities: gpd.GeoDataFrame, rows: Int64Array, most: int | None
) -> Pairs:
    """Pairs of places and ``facilities`` within the limit, with the minutes or metres between them.

    Only pairs within the limit are ever held: 16 bytes each.

    Parameters
    ----------
    rows : shape (points,), the rows of the study's demand that count; `Pairs.point` is a position in them
    most : how many pairs are allowed, each counted `PAIRS_PER_OUTLINE` times where any of the facilities has an outline
        and the way is a straight line; None: any number

    Raises
    ------
    FieldError
        There are more pairs.
    """
    if isinstance(standard, Radius):
        search = _metres_search(travel, rows, standard.radii)
    elif travel.method == "straight-line":
        search = _straight_search(travel, rows, standard)
    else:
        search = _street_search(travel, rows, standard)
    is_straight = isinstance(standard, Radius) or travel.method == "straight-line"
    pairs_each = PAIRS_PER_OUTLINE if is_straight and (facilities.geom_type != "Point").any() else 1
    columns: list[_Rows] = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    count = 0
    for start in range(0, len(facilities), BATCH):
        point, facility, cost = search(facilities.iloc[start : start + BATCH])
        columns.append((point, facility + start, cost))
        count += len(point) * pairs_each
        if most is not None and count > most:
            reason = (
                f"standard {standard.id!r}: more than {most:,} pairs of a place and a facility lie within its limit of "
                f"{_limit(standard)}: too many for one answer; a shorter limit has fewer"
            )
            raise FieldError([("standard", reason)])
    point, facility, cost = (np.concatenate(batches) for batches in zip(*columns, strict=True))
    return Pairs(point.astype(np.int32), facility.astype(np.int32), cost, (len(rows), len(facilities)))


def _limit(standard: TravelTime | Radius) -> str:
    return f"{standard.metres:g} m" if isinstance(standard, Radius) else f"{standard.minutes:g} minutes"


def _street_search(travel: Travel, rows: Int64Array, standard: TravelTime) -> Callable[[gpd.GeoDataFrame], _Rows]:
    """A search along streets towards facilities; it gives minutes."""
    network, points = travel.network(standard.mode), travel.demand_points(standard.mode)
    snapped = np.flatnonzero(points.edge[rows] >= 0)
    positions = travel.demand_positions(standard.mode)[rows[snapped]]
    connector_s = points.connector_m[rows[snapped]] / network.walk_mps
    limit_s = standard.minutes * 60.0 + TOLERANCE_S

    def search(facilities: gpd.GeoDataFrame) -> _Rows:
        stretches = network.chain_stretches(network.edge_stretches(facilities.geometry.to_numpy()))
        reached = catchments.within(network.graph, stretches, len(facilities), positions, limit_s)
        facility = np.repeat(np.arange(len(facilities)), np.diff(reached.indptr))
        seconds = reached.seconds + connector_s[reached.point]
        within = seconds <= limit_s
        return snapped[reached.point[within]], facility[within], seconds[within] / 60.0

    return search


def _metres_search(
    travel: Travel, rows: Int64Array, limits: Callable[[gpd.GeoDataFrame], Float64Array]
) -> Callable[[gpd.GeoDataFrame], _Rows]:
    """A search in a straight line within the ``limits`` of facilities; it and they give geodesic metres."""
    demand, metric = travel.study.demand.iloc[rows], projection(travel.study.settings.projection)
    lon, lat = demand["lon"].to_numpy(), demand["lat"].to_numpy()
    points = metric.points(lon, lat)
    tree = shapely.STRtree(points)

    def search(facilities: gpd.GeoDataFrame) -> _Rows:
        shapes = facilities.geometry.to_numpy()
        plane_shapes, limit_m = metric.forward(shapes), limits(facilities) + TOLERANCE_M
        facility, point = tree.query(plane_shapes, predicate="dwithin", distance=limit_m * _PLANE_TOLERANCE)
        metres = np.empty(len(point))
        # Between two points no nearest points need be sought in the plane, which takes ten times as long.
        of_points = shapely.get_type_id(shapes)[facility] == shapely.GeometryType.POINT
        to = shapes[facility[of_points]]
        from_lon, from_lat = lon[point[of_points]], lat[point[of_points]]
        metres[of_points] = geodesic_distance(from_lon, from_lat, shapely.get_x(to), shapely.get_y(to))
        metres[~of_points] = metric.geodesic_distances(points[point[~of_points]], plane_shapes[facility[~of_points]])
        within = metres <= limit_m[facility]
        return point[within], facility[within], metres[within]

    return search


def _straight_search(travel: Travel, rows: Int64Array, standard: TravelTime) -> Callable[[gpd.GeoDataFrame], _Rows]:
    """A search in a straight line where there are no streets; it gives minutes."""
    settings = travel.study.settings
    minutes_a_metre = settings.detour / straight_line.speed_mps(settings, standard.mode) / 60.0
    limit_m = (standard.minutes + TOLERANCE_S / 60.0) / minutes_a_metre
    search_metres = _metres_search(travel, rows, lambda facilities: np.full(len(facilities), limit_m))

    def search(facilities: gpd.GeoDataFrame) -> _Rows:
        point, facility, metres = search_metres(facilities)
        return point, facility, metres * minutes_a_metre

    return search
