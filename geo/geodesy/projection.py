"""The metric projection of a study: WGS84 degrees to plane metres and back.

Nearest points and overlaps are found in the plane. Lengths are geodesic (`geo.geodesy.distance`), since a projection's
metres are slightly too long or too short.
"""

from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
import shapely
from numpy.typing import ArrayLike
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from geo.arrays import Float64Array, Geometries, GeometryArray
from geo.errors import InputError
from geo.geodesy.distance import geodesic_lengths

_Direction: TypeAlias = Literal["FORWARD", "INVERSE"]


class Projection:
    """Converts between WGS84 degrees and the plane metres of ``crs``, which is anything that pyproj understands."""

    def __init__(self, crs: str) -> None:
        self._transformer = Transformer.from_crs("EPSG:4326", crs, always_xy=True)

    def points(self, lon: ArrayLike, lat: ArrayLike) -> GeometryArray:
        """Projected points at WGS84 degrees, shape (n,)."""
        x, y = self._transformer.transform(np.asarray(lon, dtype=float), np.asarray(lat, dtype=float))
        points: GeometryArray = np.atleast_1d(shapely.points(x, y))
        return points

    def to_metres(self, lon: float, lat: float) -> tuple[float, float]:
        """Project one position; ten times as quick as an array of one."""
        x, y = self._transformer.transform(lon, lat)
        return x, y

    def to_degrees(self, x: float, y: float) -> tuple[float, float]:
        """WGS84 longitude and latitude of one projected position."""
        lon, lat = self._transformer.transform(x, y, direction="INVERSE")
        return lon, lat

    def forward(self, geometries: Geometries) -> Geometries:
        """WGS84 geometries in projected metres."""
        return self._transform(geometries, "FORWARD")

    def inverse(self, geometries: Geometries) -> Geometries:
        """Projected geometries in WGS84 degrees."""
        return self._transform(geometries, "INVERSE")

    def geodesic_distances(self, a: GeometryArray, b: GeometryArray) -> Float64Array:
        """Geodesic metres between the nearest points of projected geometries, pair by pair, shape (n,).

        The nearest points are found in the plane, so that only the choice of the points has the projection's error.
        """
        return geodesic_lengths(self.inverse(shapely.shortest_line(a, b)))

    def _transform(self, geometries: Geometries, direction: _Direction) -> Geometries:
        def convert(xy: Float64Array) -> Float64Array:
            return np.column_stack(self._transformer.transform(xy[:, 0], xy[:, 1], direction=direction))

        transformed: Geometries = shapely.transform(geometries, convert)
        return transformed


@lru_cache(maxsize=16)
def projection(crs: str) -> Projection:
    """The `Projection` of ``crs``; cached, since making one takes milliseconds."""
    return Projection(crs)


def utm(shape: BaseGeometry) -> str:
    """The EPSG code of the UTM zone in which the middle of a WGS84 shape's bounding box lies.

    Raises
    ------
    InputError
        The middle lies beyond 80° south or 84° north, where there are no zones; or the shape extends over more than
        180° of longitude, as one on both sides of the 180th meridian does.
    """
    west, south, east, north = shape.bounds
    if east - west > 180:
        raise InputError(
            f"the place extends from {west:.4f}° to {east:.4f}° of longitude: one on both sides of the 180th meridian "
            "cannot be a study; choose an area on one side of it (--area)"
        )
    lon, lat = (west + east) / 2, (south + north) / 2
    if not (-180 <= lon <= 180 and -80 <= lat <= 84):
        raise InputError(f"no UTM zone lies at {lon:.4f}, {lat:.4f}")
    # Computed here, since a search in PROJ's database takes a tenth of a second.
    zone = min(int((lon + 180) // 6) + 1, 60)
    return f"EPSG:{(32600 if lat >= 0 else 32700) + zone}"
