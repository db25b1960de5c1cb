"""A small study whose numbers are easy to compute: two towns of two villages each on a grid.

Streets cover the western half only. People live all over the grid, so that those in the east are out of reach on foot.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from importlib import resources
from itertools import cycle, product
from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely
from pyproj import Geod

WEST, SOUTH, STEP = 120.0, 28.88, 0.005
"""The south-western corner of the grid and the side of its cells, in degrees."""
TOWNS = {"T1": (0, 8), "T2": (8, 16)}
"""The first and last column of each town."""
VILLAGES = {"T1S": ("T1", 0, 4), "T1N": ("T1", 4, 8), "T2S": ("T2", 0, 4), "T2N": ("T2", 4, 8)}
"""The town of each village, and its first and last row."""
STREET_COLUMNS, ROWS = 9, 9
"""How many crossings the streets have from west to east and from south to north."""
NAMES = ("甲", "乙", "丙", "丁", "戊", "己")
STUDY = """\
id = "town"
name = {name}
name_en = {name}
sample = true
notice = {notice}
notice_en = {notice}
data_date = 2021-12-31
attribution = {attribution}
projection = "EPSG:4549"
"""


def make(
    folder: Path,
    names: Sequence[str] = NAMES,
    streets: bool = True,
    point_areas: bool = False,
    standards: str | None = None,
) -> Path:
    """Write the study into ``folder`` and return it.

    Parameters
    ----------
    names : names of areas and facilities, used in turn
    streets : whether there is a street network
    point_areas : whether areas are points instead of polygons
    standards : the text of `standards.toml`; default the shipped one
    """
    folder.mkdir(parents=True)
    endless_names = cycle(names)
    _write(folder / "areas.geojson", [_area(code, next(endless_names), point_areas) for code in (*TOWNS, *VILLAGES)])
    _write(folder / "facilities.geojson", list(_facilities(endless_names)))
    _write_demand(folder / "demand.csv")
    if streets:
        _write_streets(folder / "streets.parquet")
    quoted = json.dumps(names[0], ensure_ascii=False)
    (folder / "study.toml").write_text(STUDY.format(name=quoted, notice=quoted, attribution=quoted), "utf-8")
    text = standards or resources.files("geo.study").joinpath("standards.toml").read_text("utf-8")
    (folder / "standards.toml").write_text(text, "utf-8")
    return folder


def place(column: float, row: float) -> tuple[float, float]:
    """Longitude and latitude of a position on the grid."""
    return round(WEST + column * STEP, 6), round(SOUTH + row * STEP, 6)


def _write(path: Path, features: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), "utf-8")


def _area(code: str, name: str, as_point: bool) -> dict[str, Any]:
    parent, south, north = VILLAGES.get(code, (None, 0, 8))
    west, east = TOWNS[parent or code]
    shape = shapely.box(*place(west, south), *place(east, north))
    return {
        "type": "Feature",
        "properties": {
            "code": code,
            "name": name,
            "level": "village" if parent else "town",
            "parent": parent,
            "urban": (parent or code) == "T1",
        },
        "geometry": shapely.geometry.mapping(shape.centroid if as_point else shape),
    }


def _facilities(names: Iterator[str]) -> Iterator[dict[str, Any]]:
    rows = [
        ("c1", "clinic", "community_health_centre", 1, 1, "T1S", "2015-01-01", None),
        ("c2", "clinic", "village_clinic", 7, 7, "T1N", None, None),
        ("c3", "clinic", "hospital", 2, 2, "T1S", "2010-01-01", "2020-01-01"),
        ("k1", "kindergarten", "public", 3, 2, "T1S", "2021-06-30", None),
        ("k2", "kindergarten", "private", 6, 3, "T1S", "2019-01-01", None),
        ("h1", "cultural_hall", None, 5, 5, "T1N", "2021-01-01", None),
        ("h2", "cultural_hall", None, 2, 6, "T1N", "2021-12-31", None),
        ("p1", "park", "pocket", 4, 4, "T1N", "2021-03-01", None),
        ("p2", "park", "community", 1, 6, "T1N", "2012-03-01", None),
    ]
    for facility_id, category, subtype, column, row, area_code, opened, closed in rows:
        shape = shapely.Point(place(column, row))
        yield {
            "type": "Feature",
            "id": facility_id,
            "properties": {
                "category": category,
                "subtype": subtype,
                "name": next(names),
                "area_code": area_code,
                "opened": opened,
                "closed": closed,
                "phone": "0579-0000000",
                "provenance": "schematic",
            },
            "geometry": shapely.geometry.mapping(shape.buffer(0.001, 2) if facility_id == "p1" else shape),
        }


def _write_demand(path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["lon", "lat", "population", "children_3_6", "elders_65", "area_code", "urban"])
        for column, row in product(range(16), range(8)):
            town = "T1" if column < 8 else "T2"
            code = f"{town}{'S' if row < 4 else 'N'}"
            lon, lat = place(column + 0.3, row + 0.1)
            rows.writerow([lon, lat, 100 + column * 8 + row, 5, 12, code, int(town == "T1")])


def _write_streets(path: Path) -> None:
    nodes = list(product(range(STREET_COLUMNS), range(ROWS)))
    number = {node: index for index, node in enumerate(nodes)}
    edges = [
        (node, neighbour)
        for node in nodes
        for neighbour in ((node[0] + 1, node[1]), (node[0], node[1] + 1))
        if neighbour in number
    ]
    lines = [shapely.LineString([place(*start), place(*end)]) for start, end in edges]
    geod = Geod(ellps="WGS84")
    frame = gpd.GeoDataFrame(
        {
            "u": [number[start] for start, _ in edges],
            "v": [number[end] for _, end in edges],
            "length_m": [geod.geometry_length(line) for line in lines],
            "highway": ["primary" if start[1] == end[1] == 4 else "residential" for start, end in edges],
            "maxspeed_kph": [float("nan")] * len(edges),
        },
        geometry=lines,
        crs="EPSG:4326",
    ).astype({"u": "int32", "v": "int32", "maxspeed_kph": "float32"})
    for column in ("walk", "cycle_forward", "cycle_backward", "drive_forward", "drive_backward"):
        frame[column] = True
    frame.to_parquet(path)
