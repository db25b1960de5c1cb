"""Coordinate systems that Chinese maps speak: WGS84, CGCS2000, GCJ-02 and BD-09.

Inside the program everything is WGS84 longitude, latitude. CGCS2000 differs from it by centimetres and is taken as
equal. GCJ-02 (AMap, Tencent, ``wx.getLocation``) shifts China by some 500 m, BD-09 (Baidu) shifts GCJ-02 once more.
Both are the publicly known formulas; outside China nothing is shifted.
"""

from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike

from geo.arrays import Float64Array
from geo.choices import COORDINATE_SYSTEMS
from geo.errors import UnknownNameError

UNSHIFTED = ("wgs84", "cgcs2000")

# Krasovsky 1940, on which the GCJ-02 formula computes, though its input is WGS84.
_AXIS_M = 6378245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323
_CHINA = (72.004, 0.8293, 137.8347, 55.8271)  # the rectangle within which the formula shifts
_BD_TURN = np.pi * 3000.0 / 180.0


def to_wgs84(lon: ArrayLike, lat: ArrayLike, coordinates: str) -> tuple[Float64Array, Float64Array]:
    """Degrees in ``coordinates`` as WGS84 degrees; two arrays of the input's shape.

    GCJ-02 is undone by fixed-point iteration to below 1e-11 degrees; at the sides of the rectangle within which maps
    are shifted, all of them abroad, one cannot say which is meant.

    Raises
    ------
    UnknownNameError
        ``coordinates`` is none of `COORDINATE_SYSTEMS`.
    """
    x, y = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    _check(coordinates)
    if coordinates in UNSHIFTED:
        return x, y
    if coordinates == "bd09":
        x, y = _bd09_to_gcj02(x, y)
    wgs_x, wgs_y = x, y
    for _ in range(12):  # the shift changes by < 1 % over its own length: two digits a round
        shift_x, shift_y = _gcj02_shift(wgs_x, wgs_y)
        wgs_x, wgs_y = x - shift_x, y - shift_y
    return wgs_x, wgs_y


def from_wgs84(lon: ArrayLike, lat: ArrayLike, coordinates: str) -> tuple[Float64Array, Float64Array]:
    """WGS84 degrees as degrees in ``coordinates``; the inverse of `to_wgs84`, with its errors."""
    x, y = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    _check(coordinates)
    if coordinates in UNSHIFTED:
        return x, y
    shift_x, shift_y = _gcj02_shift(x, y)
    x, y = x + shift_x, y + shift_y
    return _gcj02_to_bd09(x, y) if coordinates == "bd09" else (x, y)


def place_to_wgs84(lon: float, lat: float, coordinates: str) -> tuple[float, float]:
    """One place's `to_wgs84`, sooner."""
    if coordinates in UNSHIFTED:
        return lon, lat
    x, y = to_wgs84(lon, lat, coordinates)
    return float(x), float(y)


def place_from_wgs84(lon: float, lat: float, coordinates: str) -> tuple[float, float]:
    """One place's `from_wgs84`, sooner."""
    if coordinates in UNSHIFTED:
        return lon, lat
    x, y = from_wgs84(lon, lat, coordinates)
    return float(x), float(y)


def geometry_to_wgs84(geometry: Any, coordinates: str) -> Any:
    """A shapely geometry, or an array of them, moved from ``coordinates`` to WGS84, vertex by vertex."""
    return _move(geometry, to_wgs84, coordinates)


def geometry_from_wgs84(geometry: Any, coordinates: str) -> Any:
    """A shapely geometry, or an array of them, moved from WGS84 to ``coordinates``, vertex by vertex."""
    return _move(geometry, from_wgs84, coordinates)


def _move(geometry: Any, convert: Any, coordinates: str) -> Any:
    _check(coordinates)
    if coordinates in UNSHIFTED:
        return geometry
    return shapely.transform(geometry, lambda xy: np.column_stack(convert(xy[:, 0], xy[:, 1], coordinates)))


def _check(coordinates: str) -> None:
    if coordinates not in COORDINATE_SYSTEMS:
        raise UnknownNameError("coordinates", coordinates, COORDINATE_SYSTEMS)


def _gcj02_shift(lon: Float64Array, lat: Float64Array) -> tuple[Float64Array, Float64Array]:
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    ripple = (20.0 * np.sin(6.0 * np.pi * x) + 20.0 * np.sin(2.0 * np.pi * x)) * 2.0 / 3.0
    north_m = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + ripple
    north_m += (20.0 * np.sin(np.pi * y) + 40.0 * np.sin(np.pi / 3.0 * y)) * 2.0 / 3.0
    north_m += (160.0 * np.sin(np.pi / 12.0 * y) + 320.0 * np.sin(np.pi / 30.0 * y)) * 2.0 / 3.0
    east_m = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + ripple
    east_m += (20.0 * np.sin(np.pi * x) + 40.0 * np.sin(np.pi / 3.0 * x)) * 2.0 / 3.0
    east_m += (150.0 * np.sin(np.pi / 12.0 * x) + 300.0 * np.sin(np.pi / 30.0 * x)) * 2.0 / 3.0

    phi = np.radians(lat)
    w2 = 1.0 - _ECCENTRICITY_SQUARED * np.sin(phi) ** 2
    meridian_m = _AXIS_M * (1.0 - _ECCENTRICITY_SQUARED) / (w2 * np.sqrt(w2))
    parallel_m = _AXIS_M / np.sqrt(w2) * np.cos(phi)
    west, south, east, north = _CHINA
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    with np.errstate(divide="ignore", invalid="ignore"):  # at the poles, which are outside
        shift_lon, shift_lat = np.degrees(east_m / parallel_m), np.degrees(north_m / meridian_m)
    return np.where(inside, shift_lon, 0.0), np.where(inside, shift_lat, 0.0)


def _gcj02_to_bd09(lon: Float64Array, lat: Float64Array) -> tuple[Float64Array, Float64Array]:
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_TURN)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_TURN)
    return _where_shifted(lon, lat, radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006)


def _bd09_to_gcj02(lon: Float64Array, lat: Float64Array) -> tuple[Float64Array, Float64Array]:
    # Not the exact inverse (1e-6 degrees off), but the published one that everybody uses.
    x, y = lon - 0.0065, lat - 0.006
    radius = np.hypot(x, y) - 0.00002 * np.sin(y * _BD_TURN)
    angle = np.arctan2(y, x) - 0.000003 * np.cos(x * _BD_TURN)
    return _where_shifted(lon, lat, radius * np.cos(angle), radius * np.sin(angle))


def _where_shifted(
    lon: Float64Array, lat: Float64Array, new_lon: Float64Array, new_lat: Float64Array
) -> tuple[Float64Array, Float64Array]:
    west, south, east, north = _CHINA
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    return np.where(inside, new_lon, lon), np.where(inside, new_lat, lat)
