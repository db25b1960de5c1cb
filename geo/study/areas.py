"""Areas: the administrative units that results are summed over. This module reads, checks and writes them.

A frame of areas is a GeoDataFrame in WGS84, indexed by ``code``, with the columns `COLUMNS` and ``geometry`` (Polygons,
MultiPolygons or Points).
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from geo.arrays import BoolArray, Float64Array, Int64Array, ObjectArray
from geo.errors import TableError
from geo.geodesy.projection import projection
from geo.study import facilities, texts
from geo.study.files import Properties, Row, geojson_features, parse_geometry

COLUMNS = ("name", "level", "parent", "urban", "population")
LEVELS = {
    "town": ("街道/镇", "towns"),
    "village": ("行政村", "villages"),
    "community": ("社区", "communities"),
}
"""The levels of areas, the largest first: the Chinese label, and the unit in which a result counts such areas."""

_LEVEL_WORDS = {
    "town": {"town", "street", "township", "街道", "镇", "乡", "乡镇", "街道/镇", "镇街"},
    "village": {"village", "村", "行政村", "村委会"},
    "community": {"community", "社区", "居委会", "居民区"},
}
_URBAN_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "1", "urban", "城镇", "城市", "是", "yes"), True),
    **dict.fromkeys(("false", "0", "rural", "乡村", "农村", "否", "no"), False),
    **dict.fromkeys(("", "none", "null", "nan"), None),
}


class _Record(TypedDict):
    code: str
    name: str
    level: str
    parent: str | None
    urban: bool | None
    population: float | None
    geometry: BaseGeometry


def from_rows(rows: Sequence[Row], file: object) -> gpd.GeoDataFrame:
    """Check rows and return them as a frame of areas; ``file`` is named in messages.

    Raises
    ------
    TableError
        A row is wrong, two rows have the same code, or a parent does not exist. The message names every such row.
    """
    problems: list[str] = []
    records: list[_Record] = []
    for where, properties, geometry in rows:
        record = _validate(where, properties, geometry, problems)
        if record is not None:
            records.append(record)
    count = Counter(record["code"] for record in records)
    towns = {record["code"] for record in records if record["level"] == "town"}
    problems += [f"code {code!r} is used more than once" for code, times in count.items() if times > 1]
    for record in records if towns else ():
        if record["level"] != "town" and record["parent"] not in towns:
            problems.append(f"{record['code']}: parent {record['parent']!r} is not the code of a town")
    if problems:
        raise TableError(file, problems)
    table = pd.DataFrame(records, columns=["code", *COLUMNS, "geometry"], dtype=object)
    return gpd.GeoDataFrame(table, geometry="geometry", crs="EPSG:4326").set_index("code")


def _validate(where: str, properties: Properties, geometry: BaseGeometry | None, problems: list[str]) -> _Record | None:
    """Return the checked record of one row, or None if it cannot be made; append what is wrong to ``problems``."""
    level_word = str(properties.get("level", "")).strip().lower()
    level = next((name for name, words in _LEVEL_WORDS.items() if level_word in words), None)
    urban_word = str(properties.get("urban", "")).strip().lower()
    code = str(properties.get("code") or "").strip()
    if not code:
        problems.append(f"{where}: code is missing")
    if level is None:
        problems.append(f"{where}: level = {level_word!r} is not one of {', '.join(LEVELS)}")
        return None
    if urban_word not in _URBAN_WORDS:
        problems.append(f"{where}: urban = {urban_word!r} is neither true nor false")
    people = str(properties.get("population", "")).strip()
    try:
        population = None if people in ("", "None", "nan") else float(people)
        if population is not None and not 0 <= population < 1e10:
            raise ValueError
    except ValueError:
        problems.append(f"{where}: population = {people!r} is not a number of people")
        return None
    try:
        valid_geometry = facilities.validate_geometry(geometry)
        if valid_geometry.geom_type not in ("Polygon", "MultiPolygon", "Point"):
            raise ValueError("needs a polygon or a point")
    except ValueError as error:
        problems.append(f"{where}: {error}" + ("" if geometry is not None else "; needs a polygon or a point"))
        return None
    return {
        "code": code,
        "name": str(texts.clean(str(properties.get("name") or "")) or code),
        "level": level,
        "parent": str(properties.get("parent") or "").strip() or None,
        "urban": _URBAN_WORDS.get(urban_word),
        "population": population,
        "geometry": valid_geometry,
    }


def read(path: Path) -> gpd.GeoDataFrame:
    """Read the GeoJSON file of a study's areas.

    Raises
    ------
    TableError
        The file cannot be read, or a feature is wrong.
    """
    rows = [
        (where, feature.get("properties") or {}, parse_geometry(feature)) for where, feature in geojson_features(path)
    ]
    return from_rows(rows, path)


def locate(areas: gpd.GeoDataFrame, lon: Float64Array, lat: Float64Array, crs: str) -> ObjectArray:
    """Return the code of the smallest area that each WGS84 point lies in, as `AreaLocator.locate` does.

    Parameters
    ----------
    areas : a frame of areas
    lon, lat : degrees, shape (n,)
    crs : the metric projection in which distances are compared
    """
    return AreaLocator(areas, crs).locate(lon, lat)


class AreaLocator:
    """Finds the smallest area that a point lies in; prepared once for any number of points.

    A polygon contains its border; of several polygons the smallest counts. Villages may be given as points: then a
    point in a town, outside all polygons of villages, belongs to the nearest village point of that town. If no area
    is a polygon, each point belongs to the nearest area.

    Parameters
    ----------
    areas : a frame of areas
    crs : the metric projection in which distances are compared
    """

    def __init__(self, areas: gpd.GeoDataFrame, crs: str) -> None:
        self._metric, self._codes = projection(crs), areas.index.to_numpy()
        self._shapes = shapes = self._metric.forward(areas.geometry.to_numpy())
        is_polygon = shapely.get_dimensions(shapes) == 2
        # Later assignments win, so the smallest polygon comes last.
        self._largest_first = np.flatnonzero(is_polygon)[np.argsort(-shapely.area(shapes[is_polygon]), kind="stable")]
        self._polygons = shapely.STRtree(shapes[self._largest_first])
        has_no_units = ~areas.index.isin(areas["parent"].dropna())
        is_point_unit = has_no_units & ~is_polygon
        self._units_by_town = _rows_by_value(areas["parent"].to_numpy(), is_point_unit)
        if not is_polygon.any():
            self._units_by_town = {None: np.flatnonzero(is_point_unit)}

    def locate(self, lon: Float64Array, lat: Float64Array) -> ObjectArray:
        """The code of the smallest area of each WGS84 point, shape (n,); None for a point outside all areas."""
        points, codes = self._metric.points(lon, lat), self._codes
        containing = np.full(len(points), -1)
        point, polygon = self._polygons.query(points, predicate="intersects")
        order = np.argsort(polygon, kind="stable")
        containing[point[order]] = self._largest_first[polygon[order]]
        result = np.full(len(points), None, dtype=object)
        result[containing >= 0] = codes[containing[containing >= 0]]
        if not self._units_by_town:
            return result
        # Points in a town that no village polygon contains; without a town, points that no polygon contains.
        points_by_town = _rows_by_value(result, containing >= 0)
        points_by_town[None] = np.flatnonzero(containing < 0)
        for town, units in self._units_by_town.items():
            unassigned = points_by_town.get(town, ())
            if len(unassigned):
                point, unit = shapely.STRtree(self._shapes[units]).query_nearest(points[unassigned], all_matches=False)
                result[unassigned[point]] = codes[units[unit]]
        return result


def _rows_by_value(values: ObjectArray, chosen: BoolArray) -> dict[str | None, Int64Array]:
    """The rows of each value, among the chosen rows."""
    rows = np.flatnonzero(chosen)
    groups = pd.Series(rows).groupby(values[rows], sort=False, dropna=False)
    return {None if pd.isna(value) else value: group.to_numpy() for value, group in groups}


def to_geojson(areas: gpd.GeoDataFrame) -> dict[str, object]:
    """Return a frame of areas as a FeatureCollection that `read` reads again, with seven decimals (a centimetre)."""
    shapes = shapely.transform(areas.geometry.to_numpy(), lambda xy: xy.round(7))
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"code": code, **{name: row[name] for name in COLUMNS}},
                "geometry": shapely.geometry.mapping(shape),
            }
            for (code, row), shape in zip(areas.iterrows(), shapes, strict=True)
        ],
    }
