"""Distances, lengths and areas on the WGS84 ellipsoid.

Positions are WGS84 longitude and latitude in degrees; results are in metres and square metres.

- ``geodesic_…`` functions are exact: geodesics after Karney (2013, doi:10.1007/s00190-012-0578-z), by PROJ.
- The others take the ellipsoid as flat around one latitude. They serve where the nearest points of two shapes must be
  found first, or where so many pairs are compared that geodesics would take too long. Their docstrings state the error.
"""

import itertools
from typing import overload

import numpy as np
import shapely
from numpy.typing import ArrayLike
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from geo.arrays import Float64Array, GeometryArray
from geo.parallel import CORES, map_in_threads

TOLERANCE_M = 1e-6
"""How far, in metres, a distance may exceed its limit through rounding and still be within it."""

_ELLIPSOID = Geod(ellps="WGS84")
_PARALLEL_SEGMENTS = 5_000
"""From so many segments on, measuring them on several cores is quicker."""


@overload
def geodesic_distance(lon: float, lat: float, other_lon: float, other_lat: float) -> float: ...
@overload
def geodesic_distance(
    lon: Float64Array, lat: Float64Array, other_lon: Float64Array, other_lat: Float64Array
) -> Float64Array: ...
def geodesic_distance(
    lon: float | Float64Array,
    lat: float | Float64Array,
    other_lon: float | Float64Array,
    other_lat: float | Float64Array,
) -> float | Float64Array:
    """Geodesic metres between positions: a number for four numbers, an array for four arrays of one shape."""
    metres: float | Float64Array = _ELLIPSOID.inv(lon, lat, other_lon, other_lat)[2]
    return metres


def geodesic_lengths(lines: GeometryArray) -> Float64Array:
    """Geodesic metres of each line, shape (n,)."""
    xy, line = shapely.get_coordinates(lines, return_index=True)
    same_line = line[1:] == line[:-1]
    start, end = xy[:-1][same_line], xy[1:][same_line]

    def segment_lengths(rows: slice) -> Float64Array:
        metres: Float64Array = geodesic_distance(start[rows, 0], start[rows, 1], end[rows, 0], end[rows, 1])
        return metres

    cuts = np.linspace(0, len(start), (CORES if len(start) >= _PARALLEL_SEGMENTS else 1) + 1).astype(int)
    metres = np.concatenate(map_in_threads(segment_lengths, [slice(*cut) for cut in itertools.pairwise(cuts)]))
    return np.bincount(line[1:][same_line], weights=metres, minlength=len(lines)).astype(np.float64)


def geodesic_area(shape: BaseGeometry) -> float:
    """Geodesic square metres of a Polygon or MultiPolygon."""
    total = 0.0
    for polygon in shapely.get_parts(shape):
        rings = [shapely.get_coordinates(ring) for ring in shapely.get_rings(polygon)]
        outer, *holes = (abs(_ELLIPSOID.polygon_area_perimeter(*ring.T)[0]) for ring in rings)
        total += outer - sum(holes)
    return total


def metres_per_degree(lat: ArrayLike) -> tuple[Float64Array, Float64Array]:
    """Metres of a degree of longitude, and of a degree of latitude, at latitudes; two arrays of the input's shape.

    The ellipsoid's radii of curvature along the parallel and along the meridian (Snyder 1987, equations 4-19 and 4-21).
    """
    sine, cosine = np.sin(np.radians(lat)), np.cos(np.radians(lat))
    w2 = 1.0 - _ELLIPSOID.es * sine**2
    east = _ELLIPSOID.a * cosine / np.sqrt(w2)
    north = _ELLIPSOID.a * (1.0 - _ELLIPSOID.es) / (w2 * np.sqrt(w2))
    return np.radians(east), np.radians(north)


def flat_distance(lon_difference: ArrayLike, lat_difference: ArrayLike, lat: ArrayLike) -> Float64Array:
    """Metres spanned by differences of longitude and latitude (degrees) beside latitudes; arrays that broadcast.

    Error: below 0.1 % up to 10 km, if ``lat`` is the latitude of either end and at most 60° north or south.
    """
    east, north = metres_per_degree(lat)
    return np.hypot(np.asarray(lon_difference) * east, np.asarray(lat_difference) * north)


def separation(a: BaseGeometry, b: BaseGeometry) -> float:
    """Metres between the nearest points of two shapes; 0 where they touch.

    Exact between two points. Other shapes: error below 0.1 % up to 100 km, if they extend over at most 10 km and lie at
    most 60° north or south.
    """
    if a.geom_type == b.geom_type == "Point":
        metres: float = geodesic_distance(a.x, a.y, b.x, b.y)
        return metres
    scale = _metres_per_degree_between(a, b)
    return float(shapely.distance(_flat(a, scale), _flat(b, scale)))


def hausdorff_distance(a: BaseGeometry, b: BaseGeometry) -> float:
    """Metres from the vertex of two shapes that is farthest from the other shape, to that shape.

    Exact between two points. Other shapes: error below 0.1 % up to 100 km, if they extend over at most 10 km and lie at
    most 60° north or south.
    """
    if a.geom_type == b.geom_type == "Point":
        return separation(a, b)
    scale = _metres_per_degree_between(a, b)
    return float(shapely.hausdorff_distance(_flat(a, scale), _flat(b, scale)))


def distances_outside(polygon: BaseGeometry, shapes: GeometryArray) -> Float64Array:
    """Metres from the edge of a polygon to each of ``shapes``, shape (n,); 0 where they touch the polygon.

    Error: below 0.5 % up to 20 km from a polygon that is at most 60 km across and at most 60° north or south; farther
    off, the metres only say that a shape is far away.
    """
    scale = np.array(metres_per_degree(polygon.centroid.y))
    corners, ring = shapely.get_coordinates(shapely.get_parts(polygon.boundary), return_index=True)
    same_ring = ring[1:] == ring[:-1]
    # A tree of all edges finds the nearest one quickly for many shapes.
    edges = shapely.linestrings(np.stack([corners[:-1][same_ring], corners[1:][same_ring]], axis=1) * scale)
    shapely.prepare(polygon)
    metres = np.zeros(len(shapes))
    outside = np.flatnonzero(~shapely.intersects(polygon, shapes))
    flat_shapes = shapely.transform(shapes[outside], lambda xy: xy * scale)
    (row, _), distance = shapely.STRtree(edges).query_nearest(flat_shapes, return_distance=True, all_matches=False)
    metres[outside[row]] = distance
    return metres


def _metres_per_degree_between(a: BaseGeometry, b: BaseGeometry) -> Float64Array:
    return np.array(metres_per_degree((a.centroid.y + b.centroid.y) / 2))


def _flat(shape: BaseGeometry, scale: Float64Array) -> BaseGeometry:
    flat: BaseGeometry = shapely.transform(shape, lambda xy: xy * scale)
    return flat
