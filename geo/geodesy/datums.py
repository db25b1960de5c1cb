"""Datums of Chinese maps: conversions between WGS84, CGCS2000, GCJ-02 and BD-09, all in degrees, longitude first.

Inside the program everything is WGS84. CGCS2000 differs from it by centimetres and is taken as equal. GCJ-02 (AMap,
Tencent, ``wx.getLocation``) shifts positions in China by some 500 m, BD-09 (Baidu) shifts GCJ-02 once more. No
authority publishes them; these are the formulas that are commonly used. Outside China nothing is shifted.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import shapely
from numpy.typing import ArrayLike

from geo.arrays import BoolArray, Float64Array, Geometries
from geo.choices import COORDINATE_SYSTEMS
from geo.errors import UnknownNameError

UNSHIFTED = ("wgs84", "cgcs2000")
"""The coordinate systems that are taken as WGS84."""

_Conversion: TypeAlias = Callable[[ArrayLike, ArrayLike, str], tuple[Float64Array, Float64Array]]

# The formula of GCJ-02 uses the Krasovsky ellipsoid of 1940, though its input is WGS84.
_SEMI_MAJOR_AXIS_M = 6378245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323
_CHINA = (72.004, 0.8293, 137.8347, 55.8271)
"""West, south, east and north of the rectangle in which positions are shifted."""
_BD09_ANGLE = np.pi * 3000.0 / 180.0


def to_wgs84(lon: ArrayLike, lat: ArrayLike, coordinates: str) -> tuple[Float64Array, Float64Array]:
    """Convert degrees in the system ``coordinates`` to WGS84 degrees; two arrays of the input's shape.

    GCJ-02 is inverted by fixed-point iteration to below 1e-11 degrees. Only at the sides of the rectangle in which
    positions are shifted, all of them abroad, two WGS84 positions can have the same GCJ-02 position.

    Raises
    ------
    UnknownNameError
        ``coordinates`` is not in `geo.choices.COORDINATE_SYSTEMS`.
    """
    x, y = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    _check_name(coordinates)
    if coordinates in UNSHIFTED:
        return x, y
    if coordinates == "bd09":
        x, y = _bd09_to_gcj02(x, y)
    wgs_x, wgs_y = x, y
    for _ in range(12):  # each iteration gains two digits, since the shift changes by less than 1 % over its own length
        shift_x, shift_y = _gcj02_shift(wgs_x, wgs_y)
        wgs_x, wgs_y = x - shift_x, y - shift_y
    return wgs_x, wgs_y


def from_wgs84(lon: ArrayLike, lat: ArrayLike, coordinates: str) -> tuple[Float64Array, Float64Array]:
    """Convert WGS84 degrees to degrees in the system ``coordinates``; the inverse of `to_wgs84`, with its errors."""
    x, y = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    _check_name(coordinates)
    if coordinates in UNSHIFTED:
        return x, y
    shift_x, shift_y = _gcj02_shift(x, y)
    x, y = x + shift_x, y + shift_y
    return _gcj02_to_bd09(x, y) if coordinates == "bd09" else (x, y)


def position_to_wgs84(lon: float, lat: float, coordinates: str) -> tuple[float, float]:
    """Convert one position as `to_wgs84` does; without arrays where nothing is shifted, which is quicker."""
    if coordinates in UNSHIFTED:
        return lon, lat
    x, y = to_wgs84(lon, lat, coordinates)
    return float(x), float(y)


def position_from_wgs84(lon: float, lat: float, coordinates: str) -> tuple[float, float]:
    """Convert one position as `from_wgs84` does; without arrays where nothing is shifted, which is quicker."""
    if coordinates in UNSHIFTED:
        return lon, lat
    x, y = from_wgs84(lon, lat, coordinates)
    return float(x), float(y)


def geometry_to_wgs84(geometry: Geometries, coordinates: str) -> Geometries:
    """Convert all vertices of a geometry, or of an array of geometries, from ``coordinates`` to WGS84."""
    return _convert_vertices(geometry, to_wgs84, coordinates)


def geometry_from_wgs84(geometry: Geometries, coordinates: str) -> Geometries:
    """Convert all vertices of a geometry, or of an array of geometries, from WGS84 to ``coordinates``."""
    return _convert_vertices(geometry, from_wgs84, coordinates)


def _convert_vertices(geometry: Geometries, convert: _Conversion, coordinates: str) -> Geometries:
    _check_name(coordinates)
    if coordinates in UNSHIFTED:
        return geometry
    converted: Geometries = shapely.transform(
        geometry, lambda xy: np.column_stack(convert(xy[:, 0], xy[:, 1], coordinates))
    )
    return converted


def _check_name(coordinates: str) -> None:
    if coordinates not in COORDINATE_SYSTEMS:
        raise UnknownNameError("coordinates", coordinates, COORDINATE_SYSTEMS)


def _gcj02_shift(lon: Float64Array, lat: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Degrees by which GCJ-02 lies east and north of WGS84 positions; 0 outside China."""
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
    meridian_m = _SEMI_MAJOR_AXIS_M * (1.0 - _ECCENTRICITY_SQUARED) / (w2 * np.sqrt(w2))
    parallel_m = _SEMI_MAJOR_AXIS_M / np.sqrt(w2) * np.cos(phi)
    inside = _in_china(lon, lat)
    with np.errstate(divide="ignore", invalid="ignore"):  # a division by zero at the poles, which are outside
        shift_lon, shift_lat = np.degrees(east_m / parallel_m), np.degrees(north_m / meridian_m)
    return np.where(inside, shift_lon, 0.0), np.where(inside, shift_lat, 0.0)


def _in_china(lon: Float64Array, lat: Float64Array) -> BoolArray:
    west, south, east, north = _CHINA
    return (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)


def _gcj02_to_bd09(lon: Float64Array, lat: Float64Array) -> tuple[Float64Array, Float64Array]:
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD09_ANGLE)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD09_ANGLE)
    return _keep_outside_china(lon, lat, radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006)


def _bd09_to_gcj02(lon: Float64Array, lat: Float64Array) -> tuple[Float64Array, Float64Array]:
    # This commonly used inverse is not exact: it is off by up to 1e-6 degrees.
    x, y = lon - 0.0065, lat - 0.006
    radius = np.hypot(x, y) - 0.00002 * np.sin(y * _BD09_ANGLE)
    angle = np.arctan2(y, x) - 0.000003 * np.cos(x * _BD09_ANGLE)
    return _keep_outside_china(lon, lat, radius * np.cos(angle), radius * np.sin(angle))


def _keep_outside_china(
    lon: Float64Array, lat: Float64Array, new_lon: Float64Array, new_lat: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """The new positions in China, the old ones outside."""
    inside = _in_china(lon, lat)
    return np.where(inside, new_lon, lon), np.where(inside, new_lat, lat)
