"""Areas: the administrative units that results are summed over.

A frame of areas is a GeoDataFrame (WGS84 polygons or points) with the columns `COLUMNS`, indexed by ``code``.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.arrays import ObjectArray
from geo.errors import TableError
from geo.geodesy import datums
from geo.geodesy.projection import projection
from geo.study import facilities
from geo.study.facilities import csv_rows, geojson_features, geojson_geometry

COLUMNS = ("name", "level", "parent", "urban", "population")
LEVELS = {
    "town": ("街道/镇", "towns"),
    "village": ("行政村", "villages"),
    "community": ("社区", "communities"),
}

_LEVEL_WORDS = {
    "town": {"town", "street", "township", "街道", "镇", "乡", "乡镇", "街道/镇", "镇街"},
    "village": {"village", "村", "行政村", "村委会"},
    "community": {"community", "社区", "居委会", "居民区"},
}
_URBAN_WORDS: dict[object, bool | None] = {
    **dict.fromkeys(("true", "1", "urban", "城镇", "城市", "是", "yes"), True),
    **dict.fromkeys(("false", "0", "rural", "乡村", "农村", "否", "no"), False),
    **dict.fromkeys(("", "none", "null", "nan"), None),
}


def frame(rows: list[tuple[str, Mapping[str, Any], Any]], file: object) -> gpd.GeoDataFrame:
    """Checked areas from (where, properties, WGS84 geometry); TableError names every unusable row."""
    problems: list[str] = []
    records: list[dict[str, Any]] = []
    for where, row, geometry in rows:
        level_word = str(row.get("level", "")).strip().lower()
        level = next((name for name, words in _LEVEL_WORDS.items() if level_word in words), None)
        urban_word = str(row.get("urban", "")).strip().lower()
        code = str(row.get("code") or "").strip()
        if not code:
            problems.append(f"{where}: code is missing")
        if level is None:
            problems.append(f"{where}: level = {level_word!r} is none of {', '.join(LEVELS)}")
            continue
        if urban_word not in _URBAN_WORDS:
            problems.append(f"{where}: urban = {urban_word!r} is neither true nor false")
        people = str(row.get("population", "")).strip()
        try:
            population = None if people in ("", "None", "nan") else float(people)
            if population is not None and not 0 <= population < 1e10:
                raise ValueError
        except ValueError:
            problems.append(f"{where}: population = {people!r} is no number of people")
            continue
        try:
            place = facilities.checked_place(geometry)
            if place.geom_type not in ("Polygon", "MultiPolygon", "Point"):
                raise ValueError("needs a polygon or a point")
        except ValueError as error:
            problems.append(f"{where}: {error}" + ("" if geometry is not None else "; needs a polygon or a point"))
            continue
        records.append(
            {
                "code": code,
                "name": str(facilities.clean(str(row.get("name") or "")) or code),
                "level": level,
                "parent": str(row.get("parent") or "").strip() or None,
                "urban": _URBAN_WORDS.get(urban_word),
                "population": population,
                "geometry": place,
            }
        )
    count = Counter(record["code"] for record in records)
    towns = {record["code"] for record in records if record["level"] == "town"}
    problems += [f"code {code!r} stands there twice" for code, times in count.items() if times > 1]
    for record in records if towns else ():
        if record["level"] != "town" and record["parent"] not in towns:
            problems.append(f"{record['code']}: parent {record['parent']!r} is not the code of a town")
    if problems:
        raise TableError(file, problems)
    table = pd.DataFrame(records, columns=["code", *COLUMNS, "geometry"], dtype=object)
    return gpd.GeoDataFrame(table, geometry="geometry", crs="EPSG:4326").set_index("code")


def read(path: Path, coordinates: str = "wgs84") -> gpd.GeoDataFrame:
    """Areas of a GeoJSON file, or of a CSV with ``code, name, level, lon, lat`` (points).

    Raises
    ------
    TableError
        The file cannot be read, or any row is wrong.
    """
    rows: list[tuple[str, Mapping[str, Any], Any]] = []
    if path.suffix.lower() == ".csv":
        for where, row in csv_rows(path, required=("code", "name", "level", "lon", "lat")):
            try:
                place = shapely.Point(float(row.get("lon", "")), float(row.get("lat", "")))
            except ValueError:
                place = None
            rows.append((where, row, place))
    else:
        for where, feature in geojson_features(path):
            rows.append((where, feature.get("properties") or {}, geojson_geometry(feature)))
    return frame([(where, row, datums.geometry_to_wgs84(shape, coordinates)) for where, row, shape in rows], path)


def locate(areas: gpd.GeoDataFrame, lon: NDArray[Any], lat: NDArray[Any], crs: str) -> ObjectArray:
    """Code of the smallest unit that each WGS84 place is in, shape (n,); None outside all.

    Polygons contain their border; of several the smallest counts. A place in a town whose villages are points belongs
    to the nearest of these. Where nothing is drawn, the nearest point counts for all.
    """
    metric = projection(crs)
    points, shapes = metric.points(lon, lat), metric.forward(areas.geometry.to_numpy())
    drawn, own = shapely.get_dimensions(shapes) == 2, areas.index.to_numpy()
    found = np.full(len(points), -1)
    largest_first = np.flatnonzero(drawn)[np.argsort(-shapely.area(shapes[drawn]), kind="stable")]
    place, unit = shapely.STRtree(shapes[largest_first]).query(points, predicate="intersects")
    order = np.argsort(unit, kind="stable")
    found[place[order]] = largest_first[unit[order]]

    leaf = ~areas.index.isin(areas["parent"].dropna())
    towns = areas["parent"].to_numpy()
    codes = np.full(len(points), None, dtype=object)
    codes[found >= 0] = own[found[found >= 0]]
    marked = leaf & ~drawn
    for home in dict.fromkeys(towns[marked]) if drawn.any() else [None]:
        # The town's own part that no village is drawn in; or, where no town is known, what nothing is drawn in.
        here = np.flatnonzero(codes == home) if home else np.flatnonzero(found < 0)
        units = np.flatnonzero(marked & (towns == home) if drawn.any() else marked)
        if len(here) and len(units):
            place, unit = shapely.STRtree(shapes[units]).query_nearest(points[here], all_matches=False)
            codes[here[place]] = own[units[unit]]
    return codes


def to_geojson(areas: gpd.GeoDataFrame) -> dict[str, Any]:
    """A FeatureCollection as `read` takes it, seven decimals of a degree (a centimetre)."""
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
