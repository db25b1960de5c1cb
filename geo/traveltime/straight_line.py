"""Distances in a straight line, and the speed at which travel times are made of them where no streets are known."""

import geopandas as gpd
import numpy as np
import shapely

from geo.arrays import Float64Array, Int64Array
from geo.choices import Mode
from geo.geodesy.projection import projection
from geo.study.settings import StudySettings
from geo.traveltime.snapping import SEARCH_FACTOR

_POINTS_AT_ONCE = 50_000
"""Points that are compared with the facilities around them at once, so that memory suffices."""


def nearest(
    facilities: gpd.GeoDataFrame, lon: Float64Array, lat: Float64Array, crs: str
) -> tuple[Float64Array, Int64Array]:
    """Geodesic metres from each WGS84 point to the nearest facility's point or polygon, and that facility's row.

    Two arrays of shape (points,); infinity and −1 where there is no facility.
    """
    metric = projection(crs)
    metres, facility = np.full(len(lon), np.inf), np.full(len(lon), -1)
    if len(facilities) and len(lon):
        points, shapes = metric.points(lon, lat), metric.forward(facilities.geometry.to_numpy())
        rows, nearest_shapes = shapely.STRtree(shapes).query_nearest(points, all_matches=False)
        metres[rows] = metric.geodesic_distances(points[rows], shapes[nearest_shapes])
        facility[rows] = nearest_shapes
    return metres, facility


def second_nearest(
    facilities: gpd.GeoDataFrame,
    radii: Float64Array,
    lon: Float64Array,
    lat: Float64Array,
    nearest: Int64Array,
    farthest: Float64Array,
    crs: str,
) -> tuple[Float64Array, Int64Array]:
    """Geodesic metres from each WGS84 point to the facility whose circle is nearest, except its ``nearest``.

    Parameters
    ----------
    radii : of the circles around the facilities in metres, shape (facilities,)
    nearest, farthest : the facility of each point that does not count, and how far to look, shape (points,)

    Returns
    -------
    Metres and the facility's row, shape (points,); infinity and −1 where there is none within ``farthest`` metres. Some
    a little farther are among them.
    """
    metric = projection(crs)
    points, shapes = metric.points(lon, lat), metric.forward(facilities.geometry.to_numpy())
    metres, second = np.full(len(points), np.inf), np.full(len(points), -1)
    tree = shapely.STRtree(shapes)
    for rows in np.array_split(np.arange(len(points)), len(points) // _POINTS_AT_ONCE + 1):
        row, facility = tree.query(points[rows], predicate="dwithin", distance=farthest[rows] * SEARCH_FACTOR)
        is_other = facility != nearest[rows[row]]
        row, facility = rows[row[is_other]], facility[is_other]
        order = np.lexsort((shapely.distance(points[row], shapes[facility]) - radii[facility], row))
        first = order[np.unique(row[order], return_index=True)[1]]
        second[row[first]] = facility[first]
        metres[row[first]] = metric.geodesic_distances(points[row[first]], shapes[facility[first]])
    return metres, second


def metres_to_each(facilities: gpd.GeoDataFrame, lon: float, lat: float, crs: str) -> Float64Array:
    """Geodesic metres from one WGS84 point to every facility's point or polygon, shape (facilities,)."""
    metric = projection(crs)
    shapes = metric.forward(facilities.geometry.to_numpy())
    return metric.geodesic_distances(metric.points(lon, lat), shapes)


def speed_mps(settings: StudySettings, mode: Mode) -> float:
    """Metres travelled in a second where streets are unknown; a car takes the speed of streets without a class."""
    kph = settings.speeds.kph(mode) or settings.speeds.drive_other_kph * settings.speeds.drive_factor
    return kph / 3.6
