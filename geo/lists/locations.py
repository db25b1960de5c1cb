"""Where the rows of a list lie: degrees in any writing, swapped or not, in which coordinate system, in the area or not.

Which system a list is in is never guessed. Where it makes a difference to what lies in the area, the user is asked.
"""

import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import lat_lon_parser
import numpy as np
import shapely
from numpy.typing import NDArray

from geo.arrays import BoolArray, Float64Array, GeometryArray
from geo.errors import TableError
from geo.geodesy import datums
from geo.geodesy.distance import distances_outside, geodesic_distance, geodesic_lengths

Remarks = dict[int, list[str]]
"""What is to be said of row n."""

SHIFTED = ("wgs84", "gcj02", "bd09")
"""The systems that differ: CGCS2000 is WGS84 here."""
MAX_KM_OUTSIDE = 15.0
MAX_BESIDE_M = 50.0  # a point as far from an outline is that outline's
_NEAR_DEGREES = 0.03  # more than any system shifts
_MIXED = 5  # of so many that fit one system only, one that fits another only is no accident of the border

_NUMBER = r"\d+(?:[.,]\d+)?"
_DEGREES = re.compile(
    rf"[NSEW]?\s*[+-]?(?:{_NUMBER})\s*°?(?:\s*{_NUMBER}\s*'?(?:\s*{_NUMBER}\s*\"?)?)?\s*[NSEW]?", re.IGNORECASE
)
# Before NFKC, which takes the marks apart; the words after it.
_MARKS = str.maketrans(
    {**dict.fromkeys("′’‘＇´`", "'"), **dict.fromkeys("″”“＂", '"'), **dict.fromkeys("º˚度", "°"), "分": "'", "秒": '"'}
)
_WORDS = {"东经": "E", "西经": "W", "北纬": "N", "南纬": "S", "东": "E", "西": "W", "北": "N", "南": "S"}
_WKT = re.compile(
    r"(?:SRID=4326;)?\s*+(?:(?:MULTI)?(?:POINT|LINESTRING|POLYGON)|GEOMETRYCOLLECTION)\s*+(?:ZM?|M)?\s*+(?:\(|EMPTY)",
    re.I,
)
_BETWEEN = re.compile(r"\s*[,，;；、|]\s*")


# --- degrees out of cells ----------------------------------------------------------------------------------------


def points(lon: Sequence[Any], lat: Sequence[Any], problems: Remarks, notes: Remarks) -> GeometryArray:
    """Points of two columns of degrees, shape (n,), None where both cells are empty or one cannot be read."""
    (x, x_axis), (y, y_axis) = _column("longitude", lon, problems), _column("latitude", lat, problems)
    for row in x_axis.keys() | y_axis.keys():
        if x_axis.get(row) == "lat" or y_axis.get(row) == "lon":
            x[row], y[row] = y[row], x[row]
            notes.setdefault(row, []).append("longitude and latitude were swapped")
    known = ~np.isnan(x) & ~np.isnan(y)
    for row in np.flatnonzero(np.isnan(x) != np.isnan(y)).tolist():
        if row not in problems:
            problems.setdefault(row, []).append(f"{'longitude' if np.isnan(x[row]) else 'latitude'} is missing")
    shapes = np.full(len(x), None, dtype=object)
    shapes[known] = shapely.points(x[known], y[known])
    return shapes


def _column(what: str, cells: Sequence[Any], problems: Remarks) -> tuple[Float64Array, dict[int, str]]:
    """Degrees, NaN for none; and the axis that a cell names, by row."""
    found = np.full(len(cells), np.nan)
    axes: dict[int, str] = {}
    for row, cell in enumerate(cells):
        if cell is None or cell == "" or not isinstance(cell, str | float | int):
            continue
        try:
            number = float(cell)
            if isinstance(cell, bool) or not math.isfinite(number):
                raise ValueError
            found[row] = number
        except (ValueError, OverflowError):
            try:
                found[row], axis = degrees(str(cell))
            except ValueError:
                problems.setdefault(row, []).append(f"{what} = {str(cell)[:60]!r}: is no number of degrees")
                continue
            if axis:
                axes[row] = axis
    return found, axes


def degrees(words: str) -> tuple[float, str]:
    """Degrees as people write them, such as 120°02′34.1″E; and “lon” or “lat” where the text says which, NaN for none.

    ValueError if they are no degrees.
    """
    plain = unicodedata.normalize("NFKC", words[:100].translate(_MARKS)).replace("''", '"').strip().upper()
    if plain in ("", "-", "/", "—", "无", "暂无"):
        return math.nan, ""
    for word, letter in _WORDS.items():
        plain = plain.replace(word, letter)
    plain = re.sub(r"(?<=\d)[-:](?=\d)", " ", plain)
    if not _DEGREES.fullmatch(plain):
        raise ValueError("is no number of degrees")
    found = float(lat_lon_parser.parse(plain))
    return found, "lon" if re.search("[EW]", plain) else "lat" if re.search("[NS]", plain) else ""


def shapes(cells: Sequence[Any], problems: Remarks, notes: Remarks) -> GeometryArray:
    """Shapes of one column: WKT, GeoJSON, or longitude and latitude in either order; None where a cell is empty."""
    result = np.full(len(cells), None, dtype=object)
    rows, lon, lat = [], [], []
    for row, cell in enumerate(cells):
        words = cell.strip() if isinstance(cell, str) else ""
        if cell is None or words in ("", "-", "/", "无", "暂无"):
            if cell and not isinstance(cell, str):
                problems.setdefault(row, []).append(f"place = {str(cell)[:60]!r}: is no place")
            continue
        if _WKT.match(words) or words.startswith("{"):
            try:
                written = words.split(";", 1)[-1] if words[:5].upper() == "SRID=" else words
                result[row] = (shapely.from_geojson if words.startswith("{") else shapely.from_wkt)(written)
            except (shapely.errors.GEOSException, ValueError, TypeError):
                problems.setdefault(row, []).append(f"place = {words[:60]!r}: its shape cannot be read")
            continue
        pair = _pair(words)
        if pair is None:
            problems.setdefault(row, []).append(f"place = {words[:60]!r}: is no longitude, latitude")
            continue
        rows.append(row)
        lon.append(pair[0])
        lat.append(pair[1])
    own_problems: Remarks = {}
    own_notes: Remarks = {}
    result[rows] = points(lon, lat, own_problems, own_notes)
    for all_of, own in ((problems, own_problems), (notes, own_notes)):
        for at, texts in own.items():
            all_of.setdefault(rows[at], []).extend(texts)
    return result


def _pair(words: str) -> tuple[str, str] | None:
    if len(words) > 200:
        return None
    parts = [part for part in _BETWEEN.split(words.strip("()[]（）【】 ")) if part]
    if len(parts) == 1:
        parts = parts[0].split()
        if len(parts) > 2:  # degrees, minutes and seconds with spaces between
            middle = len(parts) // 2
            parts = [" ".join(parts[:middle]), " ".join(parts[middle:])]
    return (parts[0], parts[1]) if len(parts) == 2 else None


def any_place(cells: Sequence[Any]) -> bool:
    """Whether any cell of a column that may be something else, such as a location, gives a place."""
    texts = [cell for cell in cells if isinstance(cell, str) and cell.strip()][:200]
    problems: Remarks = {}
    return not texts or any(shape is not None for shape in shapes(texts, problems, {}))


def agreed(outlines: GeometryArray, points: GeometryArray, problems: Remarks) -> None:
    """Says of rows that have both an outline and a point where these contradict each other."""
    rows = np.flatnonzero(shapely.is_geometry(outlines) & shapely.is_geometry(points))
    apart = np.full(len(rows), np.inf)
    mended = shapely.make_valid(outlines[rows])
    for given in (points[rows], shapely.transform(points[rows], lambda xy: xy[:, ::-1])):  # swapped, as it may be
        lines = shapely.shortest_line(mended, given)
        known = np.flatnonzero(shapely.is_geometry(lines))
        apart[known] = np.fmin(apart[known], geodesic_lengths(lines[known]))
    for row, metres in zip(rows.tolist(), apart.tolist(), strict=True):
        if MAX_BESIDE_M < metres < math.inf:
            why = f"its longitude and latitude lie {metres:,.0f} m from its outline: correct one, or empty it"
            problems.setdefault(row, []).append(why)


# --- where shapes lie --------------------------------------------------------------------------------------------


def settle(
    found: GeometryArray,
    wheres: Sequence[str],
    stated: str | None,
    within: Any,
    file: object,
    problems: Remarks,
    doubts: Remarks,
    notes: Remarks,
) -> tuple[GeometryArray, str, list[str]]:
    """Shapes as given, moved to WGS84, and valid; the system they were taken in; what is to be said of all of them.

    ``within`` is the WGS84 polygon that they should lie in, if it is known. What speaks against a place that can be
    read goes to ``doubts``.

    Raises
    ------
    TableError
        Nobody has stated the system, and it makes a difference which it is.
    """
    if within is not None and (within.is_empty or shapely.get_dimensions(within) < 2):
        within = None
    high = shapely.has_z(found)
    found[high] = shapely.force_2d(found[high])
    _check(found, within, problems, doubts, notes)
    rows = np.array(
        [row for row in np.flatnonzero(~shapely.is_missing(found)).tolist() if row not in doubts], dtype=int
    )
    if not len(rows):
        return found, stated or "wgs84", []
    x, y = _middles(found[rows])
    said: list[str] = []
    inside = {}
    if within is not None:
        inside = {system: _inside(datums.geometry_from_wgs84(within, system), x, y) for system in SHIFTED}
        said = _choose(inside, [wheres[row] for row in rows.tolist()], stated, file)
    system = stated or "wgs84"
    if stated is None:
        said.append(_unstated(x, y))
    moved = datums.geometry_to_wgs84(found[rows], system)
    odd = ~shapely.is_valid(moved)
    moved[odd] = shapely.make_valid(moved[odd])
    found[rows] = moved
    if within is not None:
        _beyond(within, found, rows, inside, shift(system), doubts, notes)
    return found, system, said


def shift(system: str) -> str:
    """The one of `SHIFTED` that a system is as good as."""
    return "wgs84" if system == "cgcs2000" else system


def _inside(area: Any, x: Float64Array, y: Float64Array) -> BoolArray:
    shapely.prepare(area)
    return np.asarray(shapely.intersects_xy(area, x, y), dtype=bool)


def _middles(found: GeometryArray) -> tuple[Float64Array, Float64Array]:
    west, south, east, north = shapely.bounds(found).T
    return (west + east) / 2, (south + north) / 2


def _check(found: GeometryArray, within: Any, problems: Remarks, doubts: Remarks, notes: Remarks) -> None:
    """Swaps what is swapped, in place; what is no place becomes None, with a problem; nowhere is doubted."""
    given = ~shapely.is_missing(found)
    bounds = shapely.bounds(found)
    finite = np.isfinite(bounds).all(axis=1)
    drawn = np.flatnonzero(shapely.get_type_id(found) > 0)  # whose inner vertices may be no numbers
    finite[drawn] &= np.isfinite(shapely.length(found[drawn]))
    west, south, east, north = np.where(finite[:, None], bounds, np.nan).T
    with np.errstate(invalid="ignore"):
        possible = (west >= -180) & (east <= 180) & (south >= -90) & (north <= 90)
        turned = (south >= -180) & (north <= 180) & (west >= -90) & (east <= 90)
        nowhere = (west == 0) & (east == 0) & (south == 0) & (north == 0)
        metres = np.maximum(np.maximum(abs(west), abs(east)), np.maximum(abs(south), abs(north))) > 1000
        swapped = given & ~possible & turned
        if within is not None:
            near = within.buffer(_NEAR_DEGREES)
            x, y = (west + east) / 2, (south + north) / 2
            swapped = given & turned & ~nowhere & ~(possible & _inside(near, x, y)) & _inside(near, y, x)
    for row in np.flatnonzero(given & nowhere).tolist():
        doubts.setdefault(row, []).append("place 0, 0 is nowhere: longitude and latitude are not known")
    for row in np.flatnonzero(given & ~possible & ~swapped).tolist():
        pair = f"{west[row]:.10g}, {south[row]:.10g}"
        if not finite[row]:
            why = "its place is empty or has coordinates that are no numbers"
        elif metres[row]:
            why = f"place {pair} is in metres of a projection: give degrees, or a GeoPackage or shapefile with its CRS"
        else:
            why = f"place {pair} is not a longitude and latitude in degrees"
            why += ", nor in the area when swapped" if turned[row] else ""
        problems.setdefault(row, []).append(why)
        found[row] = None
    which = np.flatnonzero(swapped)
    if len(which):
        found[which] = shapely.transform(found[which], lambda xy: xy[:, ::-1])
        for row in which.tolist():
            notes.setdefault(row, []).append("longitude and latitude were swapped")


def _choose(inside: dict[str, BoolArray], wheres: Sequence[str], stated: str | None, file: object) -> list[str]:
    """What is to be said of the system taken; TableError where it must be asked for."""
    taken = shift(stated or "wgs84")
    count = {system: int(found.sum()) for system, found in inside.items()}
    total = len(wheres)
    better = [system for system in SHIFTED if count[system] > count[taken]]
    better.sort(key=lambda system: -count[system])
    fits = ", ".join(f"{total - count[system] or 'none'} as {system}" for system in better)
    outside = f"{total - count[taken]} of {total} places lie outside the area as {stated or taken}"
    if stated:
        return [f"{outside}, which is what was stated; {fits}: was that meant?"] if better else []
    best = max(SHIFTED, key=lambda system: count[system])
    telling = np.any(list(inside.values()), axis=0) & ~np.all(list(inside.values()), axis=0)
    unfit = int((telling & ~inside[best]).sum())
    one_fits = unfit * _MIXED < int(telling.sum()) - unfit
    for system in () if one_fits else sorted(SHIFTED, key=lambda system: -count[system]):
        ours = np.flatnonzero(inside[taken] & ~inside[system])
        theirs = np.flatnonzero(inside[system] & ~inside[taken])
        if len(ours) and len(theirs) and min(len(ours), len(theirs)) * _MIXED >= max(len(ours), len(theirs)):
            raise TableError(
                file,
                [
                    f"coordinates of several systems seem mixed: {_listed(ours, wheres)} only fit the area as {taken}, "
                    f"{_listed(theirs, wheres)} only as {system}: split it, or say coordinates {best} if it is one"
                ],
            )
    if better:
        raise TableError(file, [f"{outside}, {fits}: say coordinates {better[0]} (or {taken})"])
    return []


def _listed(which: NDArray[Any], wheres: Sequence[str]) -> str:
    more = f" and {len(which) - 5} more" if len(which) > 5 else ""
    return ", ".join(wheres[row] for row in which[:5].tolist()) + more


def _unstated(x: Float64Array, y: Float64Array) -> str:
    some = slice(None, None, len(x) // 1000 + 1)
    apart = {}
    for system in SHIFTED[1:]:
        other_x, other_y = datums.to_wgs84(x[some], y[some], system)
        apart[system] = float(np.median(geodesic_distance(x[some], y[some], other_x, other_y)))
    far = ", ".join(f"as {system} the places would lie {metres:,.0f} m elsewhere" for system, metres in apart.items())
    return f"coordinates are not stated: taken as wgs84; {far} (median)"


def _beyond(
    within: Any,
    found: GeometryArray,
    rows: NDArray[Any],
    inside: dict[str, BoolArray],
    taken: str,
    doubts: Remarks,
    notes: Remarks,
) -> None:
    outside = np.flatnonzero(~inside[taken])
    if not len(outside):
        return
    km = distances_outside(within, found[rows[outside]]) / 1000
    for one, distance in enumerate(km.tolist()):
        other = [system for system in SHIFTED if inside[system][outside[one]]]
        hint = f"; as {' or '.join(other)} it would lie inside" if other else ""
        row = int(rows[outside[one]])
        if distance > MAX_KM_OUTSIDE:
            doubts.setdefault(row, []).append(f"lies {distance:,.0f} km outside the area{hint}")
        else:
            notes.setdefault(row, []).append(f"lies {distance:.1f} km outside the area{hint}")
