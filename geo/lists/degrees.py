"""Reads points and shapes out of the cells of a list: degrees in any notation, pairs of them, WKT, GeoJSON.

The coordinate system is not decided here but in `geo.lists.locations`.
"""

import math
import re
import unicodedata
from collections.abc import Sequence
from datetime import time, timedelta

import lat_lon_parser
import numpy as np
import shapely

from geo.arrays import Float64Array, GeometryArray
from geo.geodesy.distance import geodesic_lengths
from geo.lists.remarks import Remarks
from geo.lists.sheets import Cell

MAX_BESIDE_M = 50.0
"""A point no farther from an outline than this belongs to it."""

_NUMBER = r"\d+(?:[.,]\d+)?"
_DEGREES = re.compile(
    rf"[NSEW]?\s*[+-]?(?:{_NUMBER})\s*°?(?:\s*{_NUMBER}\s*'?(?:\s*{_NUMBER}\s*\"?)?)?\s*[NSEW]?", re.IGNORECASE
)
# Replaced before NFKC normalisation, which would take some of these marks apart.
_MARKS = str.maketrans(
    {**dict.fromkeys("′’‘＇´`", "'"), **dict.fromkeys("″”“＂", '"'), **dict.fromkeys("º˚度", "°"), "分": "'", "秒": '"'}
)
_DIRECTIONS = {"东经": "E", "西经": "W", "北纬": "N", "南纬": "S", "东": "E", "西": "W", "北": "N", "南": "S"}
_WKT = re.compile(
    r"(?:SRID=4326;)?\s*+(?:(?:MULTI)?(?:POINT|LINESTRING|POLYGON)|GEOMETRYCOLLECTION)\s*+(?:ZM?|M)?\s*+(?:\(|EMPTY)",
    re.I,
)
_LETTER_OF_AXIS = {"lon": "E", "lat": "N"}
_SEPARATOR = re.compile(r"\s*[,，;；、|]\s*")
_NO_LOCATION = ("", "-", "/", "—", "无", "暂无")


def points(lon: Sequence[Cell], lat: Sequence[Cell], remarks: Remarks) -> GeometryArray:
    """Points of two columns of degrees, shape (n,); None where both cells are empty or one cannot be read."""
    (x, x_axis), (y, y_axis) = _column("longitude", lon, remarks), _column("latitude", lat, remarks)
    for row in x_axis.keys() | y_axis.keys():
        if x_axis.get(row) == "lat" or y_axis.get(row) == "lon":
            x[row], y[row] = y[row], x[row]
            remarks.notes[row].append("longitude and latitude were swapped")
    known = ~np.isnan(x) & ~np.isnan(y)
    for row in np.flatnonzero(np.isnan(x) != np.isnan(y)).tolist():
        if row not in remarks.problems:
            remarks.problems[row].append(f"{'longitude' if np.isnan(x[row]) else 'latitude'} is missing")
    result = np.full(len(x), None, dtype=object)
    result[known] = shapely.points(x[known], y[known])
    return result


def joined(
    heading: str, whole: Sequence[Cell], minutes: Sequence[Cell], seconds: Sequence[Cell], remarks: Remarks
) -> list[Cell]:
    """Degrees of columns of degrees, minutes and seconds; None where a row's cells cannot be joined, with a problem.

    A row without minutes and seconds keeps its cell of degrees.
    """
    result: list[Cell] = []
    for row, cells in enumerate(zip(whole, minutes, seconds, strict=True)):
        texts = [_without_marks(cell) for cell in cells]
        if not any(texts[1:]):
            result.append(cells[0])
            continue
        try:
            degrees, axis = parse(texts[0])
            fractions = [float(text or "0") for text in texts[1:]]
            numbers = [degrees, *fractions]
            if not all(0 <= fraction < 60 for fraction in fractions) or math.isnan(degrees):
                raise ValueError
            if any(number % 1 and texts[position + 1] for position, number in enumerate(numbers[:2])):
                raise ValueError
        except ValueError:
            listed = ", ".join(repr(str(cell)[:20]) for cell in cells)
            remarks.problems[row].append(f"{heading} = {listed}: are no degrees, minutes and seconds")
            result.append(None)
            continue
        sign = -1.0 if degrees < 0 or texts[0].startswith("-") else 1.0
        joined_degrees = sign * (abs(degrees) + fractions[0] / 60 + fractions[1] / 3600)
        result.append(f"{joined_degrees:.12f}{_LETTER_OF_AXIS[axis]}" if axis and sign > 0 else joined_degrees)
    return result


def _without_marks(cell: Cell) -> str:
    """A cell's number as text, without the marks of degrees, minutes and seconds; "" if it is empty."""
    if cell is None or not isinstance(cell, str | int | float) or isinstance(cell, bool):
        return "" if cell is None else str(cell)
    text = unicodedata.normalize("NFKC", str(cell).translate(_MARKS)).strip().rstrip("°'\" ")
    return "" if text in _NO_LOCATION else text


def unpacked(heading: str, cells: Sequence[Cell], remarks: Remarks) -> list[Cell]:
    """Cells under a heading that announces degrees, minutes and seconds, with numbers such as 1200530.5 taken apart.

    A smaller number such as 120.0530 may be decimal degrees as well, and is a problem.
    """
    result: list[Cell] = []
    for row, cell in enumerate(cells):
        try:
            number = float(cell) if isinstance(cell, str | int | float) and cell != "" else math.nan
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            result.append(cell)
            continue
        whole, rest = divmod(abs(number), 10_000)
        minutes, seconds = divmod(rest, 100)
        if whole == 0 or whole > 180 or minutes >= 60 or seconds >= 60:
            problem = "the heading says degrees, minutes and seconds, and this number does not: write 120°05′30″"
            remarks.problems[row].append(f"{heading} = {str(cell)[:60]!r}: {problem}")
            result.append(None)
            continue
        degrees = math.copysign(whole + minutes / 60 + seconds / 3600, number)
        remarks.notes[row].append(f"{heading} = {str(cell)[:60]!r} read as {degrees:.7f}°")
        result.append(degrees)
    return result


def _column(axis_name: str, cells: Sequence[Cell], remarks: Remarks) -> tuple[Float64Array, dict[int, str]]:
    """Degrees, shape (n,), NaN for an empty cell; and by row the axis (“lon” or “lat”) that a cell itself names."""
    result = np.full(len(cells), np.nan)
    axes: dict[int, str] = {}
    for row, cell in enumerate(cells):
        if cell is None or cell == "":
            continue
        if isinstance(cell, timedelta | time):  # 120:05:30 in a spreadsheet
            result[row] = _hours(cell)
            remarks.notes[row].append(f"{axis_name}: the time {cell} was read as {result[row]:.7f}°")
            continue
        try:
            if not isinstance(cell, str | float | int):
                raise ValueError
            number = float(cell)
            if isinstance(cell, bool) or not math.isfinite(number):
                raise ValueError
            result[row] = number
        except (ValueError, OverflowError):
            try:
                result[row], axis = parse(str(cell))
            except ValueError:
                remarks.problems[row].append(f"{axis_name} = {str(cell)[:60]!r}: is no number of degrees")
                continue
            if axis:
                axes[row] = axis
    return result, axes


def _hours(cell: timedelta | time) -> float:
    if isinstance(cell, timedelta):
        return cell.total_seconds() / 3600
    return cell.hour + cell.minute / 60 + (cell.second + cell.microsecond / 1e6) / 3600


def parse(words: str) -> tuple[float, str]:
    """Degrees as people write them, such as 120°02′34.1″E; and “lon”, “lat” or "" for the axis that the text names.

    NaN where the text says that there is no value. ValueError if it is no number of degrees.
    """
    plain = unicodedata.normalize("NFKC", words[:100].translate(_MARKS)).replace("''", '"').strip().upper()
    if plain in _NO_LOCATION:
        return math.nan, ""
    for word, letter in _DIRECTIONS.items():
        plain = plain.replace(word, letter)
    plain = re.sub(r"(?<=\d)[-:](?=\d)", " ", plain)
    if not _DEGREES.fullmatch(plain):
        raise ValueError("is no number of degrees")
    degrees = float(lat_lon_parser.parse(plain))
    return degrees, "lon" if re.search("[EW]", plain) else "lat" if re.search("[NS]", plain) else ""


def shapes(cells: Sequence[Cell], remarks: Remarks) -> GeometryArray:
    """Shapes of one column, shape (n,): WKT, GeoJSON, or longitude and latitude in either order.

    None where a cell is empty or cannot be read.
    """
    result = np.full(len(cells), None, dtype=object)
    rows, lon, lat = [], [], []
    for row, cell in enumerate(cells):
        words = cell.strip() if isinstance(cell, str) else ""
        if cell is None or words in _NO_LOCATION:
            if cell and not isinstance(cell, str):
                remarks.problems[row].append(f"place = {str(cell)[:60]!r}: is no place")
            continue
        if _WKT.match(words) or words.startswith("{"):
            try:
                text = words.split(";", 1)[-1] if words[:5].upper() == "SRID=" else words
                result[row] = (shapely.from_geojson if words.startswith("{") else shapely.from_wkt)(text)
            except (shapely.errors.GEOSException, ValueError, TypeError):
                remarks.problems[row].append(f"place = {words[:60]!r}: its shape cannot be read")
            continue
        pair = _pair(words)
        if pair is None:
            remarks.problems[row].append(f"place = {words[:60]!r}: is no longitude, latitude")
            continue
        rows.append(row)
        lon.append(pair[0])
        lat.append(pair[1])
    own_remarks = Remarks()
    result[rows] = points(lon, lat, own_remarks)
    remarks.add(own_remarks, dict(enumerate(rows)))
    return result


def _pair(words: str) -> tuple[str, str] | None:
    if len(words) > 200:
        return None
    parts = [part for part in _SEPARATOR.split(words.strip("()[]（）【】 ")) if part]
    if len(parts) == 1:
        parts = parts[0].split()
        if len(parts) > 2:  # degrees, minutes and seconds with spaces between
            middle = len(parts) // 2
            parts = [" ".join(parts[:middle]), " ".join(parts[middle:])]
    return (parts[0], parts[1]) if len(parts) == 2 else None


def has_coordinates(cells: Sequence[Cell]) -> bool:
    """Whether any cell of a column that may hold words, such as “location”, gives coordinates.

    True if no cell is filled.
    """
    texts = [cell for cell in cells if isinstance(cell, str) and cell.strip()][:200]
    return not texts or any(shape is not None for shape in shapes(texts, Remarks()))


def check_agreement(outlines: GeometryArray, points: GeometryArray, remarks: Remarks) -> None:
    """Report rows whose outline and point lie more than `MAX_BESIDE_M` apart, even if the point's axes are swapped."""
    rows = np.flatnonzero(shapely.is_geometry(outlines) & shapely.is_geometry(points))
    distances_m = np.full(len(rows), np.inf)
    valid = shapely.make_valid(outlines[rows])
    for candidates in (points[rows], shapely.transform(points[rows], lambda xy: xy[:, ::-1])):
        lines = shapely.shortest_line(valid, candidates)
        known = np.flatnonzero(shapely.is_geometry(lines))
        distances_m[known] = np.fmin(distances_m[known], geodesic_lengths(lines[known]))
    for row, metres in zip(rows.tolist(), distances_m.tolist(), strict=True):
        if MAX_BESIDE_M < metres < math.inf:
            problem = f"its longitude and latitude lie {metres:,.0f} m from its outline: correct one, or empty it"
            remarks.problems[row].append(problem)
