"""Moves positions of a reference system, such as metres of a Gauss-Krüger zone, to WGS84 degrees.

Surveys differ in two ways that the numbers themselves reveal: Chinese ones call the northing x and the easting y, and
an easting may begin with the number of its zone (40,526,000 for 526,000 in zone 40).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyproj
import shapely
from numpy.typing import ArrayLike
from shapely.geometry.base import BaseGeometry

from geo.arrays import BoolArray, Float64Array, GeometryArray, Int64Array
from geo.geodesy.projection import projection
from geo.lists.remarks import Remarks

_MILLION = 1e6
_MARGIN_DEGREES = 3.0
"""Surveys use a zone a little beyond its borders."""
_OLD_DATUM = re.compile("Beijing|Xian|Xi'an|Krassowsky", re.IGNORECASE)


@dataclass
class _Converted:
    lon: Float64Array
    lat: Float64Array
    fits: BoolArray


def to_degrees(
    shapes: GeometryArray, rows: Int64Array, code: str, within: BaseGeometry | None, remarks: Remarks
) -> list[str]:
    """Move some rows of ``shapes``, in place, from a reference system to WGS84 degrees; notes on the whole.

    A shape that lies nowhere near where the system is used becomes None, with a problem.
    """
    crs = _crs(code)
    bounds = shapely.bounds(shapes[rows])
    x, y = (bounds[:, 0] + bounds[:, 2]) / 2, (bounds[:, 1] + bounds[:, 3]) / 2
    straight, swapped = _convert(crs, x, y), _convert(crs, y, x)
    fits_better = swapped.fits & ~straight.fits
    if within is not None:
        near = shapely.box(*within.bounds).buffer(0.5)
        is_near = [shapely.intersects_xy(near, result.lon, result.lat) for result in (straight, swapped)]
        fits_better |= swapped.fits & is_near[1] & ~is_near[0]
    easting, northing = np.where(fits_better, y, x), np.where(fits_better, x, y)
    shift = _zone_shift(crs, easting)
    misfits = np.isfinite(easting) & ~np.where(fits_better, swapped.fits, straight.fits)
    for position in np.flatnonzero(misfits).tolist():
        row = int(rows[position])
        remarks.problems[row].append(_misfit(crs, code, easting[position], northing[position]))
        shapes[row] = None
    fitting = np.isfinite(easting) & ~misfits
    is_point = fitting & (shapely.get_type_id(shapes[rows]) == 0)
    shapes[rows[is_point]] = shapely.points(easting[is_point] - shift[is_point], northing[is_point])
    for position in np.flatnonzero(fitting & ~is_point).tolist():
        columns = [1, 0] if fits_better[position] else [0, 1]
        offset = np.array([shift[position], 0.0])
        shape = shapes[rows[position]]
        shapes[rows[position]] = shapely.transform(shape, lambda xy, c=columns, o=offset: xy[:, c] - o)
    usable = rows[fitting]
    shapes[usable] = projection(crs.to_wkt()).inverse(shapes[usable])
    notes = [f"{len(usable):,} places reprojected from {code} {crs.name}"] if len(usable) else []
    if count := int(fits_better[fitting].sum()):
        notes.append(f"{code}: x is the northing and y the easting in {count:,} of {len(rows):,} rows, as in surveys")
    if count := int(np.count_nonzero(shift[fitting])):
        notes.append(f"{code}: the zone's number before the easting was heeded in {count:,} of {len(rows):,} rows")
    if len(usable) and _OLD_DATUM.search((crs.geodetic_crs or crs).name):
        notes.append(f"{code}: its datum lies up to 100 m from WGS84, by an amount that PROJ knows only roughly")
    return notes


@lru_cache(maxsize=16)
def _crs(code: str) -> pyproj.CRS:
    return pyproj.CRS.from_user_input(code)


def _convert(crs: pyproj.CRS, easting: ArrayLike, northing: ArrayLike) -> _Converted:
    """The positions in degrees, and whether each lies about where the system is used."""
    x, y = np.asarray(easting, dtype=float), np.asarray(northing, dtype=float)
    lon, lat = _degrees(crs, x - _zone_shift(crs, x), y)
    area = crs.area_of_use
    west, south, east, north = (area.west, area.south, area.east, area.north) if area else (-180, -90, 180, 90)
    if west > east:  # across the antimeridian
        west, east = -180, 180
    margin = _MARGIN_DEGREES if crs.is_projected else 0.0
    with np.errstate(invalid="ignore"):
        fits = (lon >= west - margin) & (lon <= east + margin) & (lat >= south - margin) & (lat <= north + margin)
    return _Converted(lon, lat, np.asarray(fits & np.isfinite(lon) & np.isfinite(lat), dtype=bool))


def _degrees(crs: pyproj.CRS, easting: Float64Array, northing: Float64Array) -> tuple[Float64Array, Float64Array]:
    positions = shapely.points(easting, northing)
    degrees = shapely.get_coordinates(projection(crs.to_wkt()).inverse(positions))
    return degrees[:, 0], degrees[:, 1]


def _zone_shift(crs: pyproj.CRS, easting: Float64Array) -> Float64Array:
    """How many metres the zone's number adds to each easting, or lacks, beside what the system expects."""
    parameters = _transverse_mercator(crs)
    if parameters is None:
        return np.zeros(len(easting))
    meridian, false_easting = parameters
    with np.errstate(invalid="ignore"):
        zone = np.floor(easting / _MILLION)
        plausible = (easting - zone * _MILLION >= 1e5) & (easting - zone * _MILLION < 9e5)
    expected = np.floor(false_easting / _MILLION)
    own_zones = {meridian / 3, (meridian + 3) / 6} if meridian > 0 else set()
    shift = np.zeros(len(easting))
    if expected == 0:
        known = plausible & np.isin(zone, [number for number in own_zones if number == int(number)])
        shift[known] = zone[known] * _MILLION
    else:
        shift[plausible & (zone == 0)] = -expected * _MILLION
    return shift


def _transverse_mercator(crs: pyproj.CRS) -> tuple[float, float] | None:
    """The central meridian in degrees and the false easting in metres; None for other projections."""
    operation = crs.coordinate_operation
    if operation is None or "Transverse Mercator" not in operation.method_name:
        return None
    values = {parameter.name: float(parameter.value) for parameter in operation.params}
    return values.get("Longitude of natural origin", 0.0), values.get("False easting", 0.0)


def _misfit(crs: pyproj.CRS, code: str, easting: float, northing: float) -> str:
    problem = f"place {easting:.10g}, {northing:.10g} lies outside where {code} {crs.name} is used"
    if max(abs(easting), abs(northing)) <= 180 and crs.is_projected:
        return f"{problem}: these are degrees, which need no CRS"
    zones = {int(value // _MILLION) for value in (easting, northing) if 13e6 <= value < 46e6}
    if zones and (parameters := _transverse_mercator(crs)):
        return f"{problem}: its number begins with zone {zones.pop()}, and {code} has the meridian {parameters[0]:g}°"
    return f"{problem}: correct it, or give another CRS"
