"""Makes lists of facilities as files: text tables, workbooks, GeoJSON, GeoPackages and shapefiles in Yongkang.

A maker is a function that writes a file to the path it is given.
"""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pyogrio
import pytest
import shapely

from geo.errors import TableError
from geo.geodesy import datums
from geo.lists import reader
from geo.lists.reader import FacilityList, ListOptions
from geo.sources import facility_lists
from geo.study import areas

AREAS = areas.read(Path(__file__).resolve().parents[2] / "data" / "areas.geojson")
WITHIN = shapely.union_all(AREAS.geometry[AREAS.geometry.geom_type != "Point"].to_numpy())
"""Yongkang, in which the facilities of these files should lie."""
HEAD = ["编号", "类别", "名称", "经度", "纬度"]
A = (120.0422, 28.8931)
B = (120.0513, 28.9002)
C = (120.0388, 28.8874)
SQUARE = "POLYGON((120.04 28.89,120.041 28.89,120.041 28.891,120.04 28.891,120.04 28.89))"


@dataclass(frozen=True)
class HostileFile:
    """A file and what a reader must report of it; expected texts are regular expressions.

    Attributes
    ----------
    make
        Writes the file.
    error
        The TableError with which the whole file is refused; None if it is read. The following hold if it is read.
    row_count
        The number of rows.
    problems
        The problems and doubts of rows; no other row has any.
    row_notes, notes, left_out
        Notes on rows and on the file, and the rows that are no facilities.
    values, locations
        Fields and WGS84 locations of some rows.
    coordinates
        The coordinate system that it is read in.
    options
        The options with which it is read.
    needs_limits
        Whether reading it takes all memory, so that it can only be read in a process with limits.
    """

    name: str
    make: Callable[[Path], object]
    error: str | None = None
    row_count: int = 0
    problems: Mapping[str, str] = field(default_factory=dict)
    row_notes: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    locations: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    coordinates: str = "wgs84"
    options: Mapping[str, Any] = field(default_factory=dict)
    needs_limits: bool = False


Rows = Sequence[Sequence[Any]]


def clinic(number: int, at: tuple[float, float], name: str = "") -> list[Any]:
    """A row under `HEAD`."""
    return [f"c{number}", "诊所", name or f"第{number}卫生室", *at]


def table(*rows: Sequence[Any], head: Sequence[str] = HEAD, encoding: str = "utf-8", delimiter: str = ",") -> Any:
    """A text table."""

    def make(path: Path) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=delimiter).writerows([head, *rows])
        path.write_bytes(text.getvalue().encode(encoding))

    return make


def raw(content: bytes) -> Any:
    """A file with these bytes."""
    return lambda path: path.write_bytes(content)


def book(*rows: Sequence[Any], merged: Sequence[str] = (), title: str = "名单", **more: Rows) -> Any:
    """A workbook of one sheet, and of ``more`` by name."""

    def make(path: Path) -> None:
        made = openpyxl.Workbook()
        made.remove(made.active)
        for name, content in {title: rows, **more}.items():
            sheet = made.create_sheet(name)
            for row in content:
                sheet.append(list(row))
        for cells in merged:
            made[title].merge_cells(cells)
        made.save(path)

    return make


def collection(*features: Mapping[str, Any], **members: Any) -> Any:
    """A GeoJSON FeatureCollection with further ``members``."""
    content = {"type": "FeatureCollection", **members, "features": list(features)}
    return lambda path: path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")


def feature(at: Any = A, id: Any = "f1", **properties: Any) -> dict[str, Any]:
    """A GeoJSON feature of a clinic at a point or with a geometry."""
    geometry = {"type": "Point", "coordinates": list(at)} if isinstance(at, tuple) else at
    return {"type": "Feature", "id": id, "geometry": geometry, "properties": {"category": "clinic"} | properties}


def cut(make: Callable[[Path], object], share: float) -> Any:
    """The beginning of what ``make`` makes."""

    def cutting(path: Path) -> None:
        make(path)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])

    return cutting


def as_other(make: Callable[[Path], object], ending: str) -> Any:
    """What ``make`` makes under ``ending``, renamed."""

    def renaming(path: Path) -> None:
        other = path.with_name(f"made{ending}")
        make(other)
        other.rename(path)

    return renaming


def layer(driver: str, crs: str, encoding: str | None = None, polygon: bool = False) -> Any:
    """A layer of one facility, its place given in degrees and written in ``crs``."""

    def make(path: Path) -> None:
        place = shapely.from_wkt(SQUARE) if polygon else shapely.Point(A)
        frame = gpd.GeoDataFrame(
            {"编号": ["p1"], "类别": ["公园"], "名称": ["江滨公园"], "opened": [date(2021, 6, 30).isoformat()]},
            geometry=[place],
            crs="EPSG:4326",
        )
        pyogrio.write_dataframe(frame.to_crs(crs), path, driver=driver, **({"encoding": encoding} if encoding else {}))

    return make


def zipped(make: Callable[[Path], object], without: Sequence[str] = (), stem: str = "公园") -> Any:
    """A shapefile in a zip, some of its files left out."""

    def zipping(path: Path) -> None:
        folder = path.with_suffix("")
        folder.mkdir()
        make(folder / f"{stem}.shp")
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.iterdir():
                if file.suffix not in without:
                    archive.write(file, f"数据/{file.name}")
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()

    return zipping


def at_the_border(count: int, system: str) -> list[tuple[float, float]]:
    """Places in Yongkang in ``system`` that lie outside when they are taken as WGS84, and likewise the other way."""
    border = shapely.line_interpolate_point(WITHIN.exterior, np.linspace(0, 1, 4000), normalized=True)
    x, y = shapely.get_coordinates(border).T
    around = [(x + dx, y + dy) for dx in (-0.001, 0.001) for dy in (-0.001, 0.001)]
    x, y = (np.stack(axis, axis=1) for axis in zip(*around, strict=True))  # shape (4000, 4)
    shifted = np.stack(datums.from_wgs84(x, y, system))
    misread = datums.to_wgs84(x, y, "gcj02") if system == "wgs84" else shifted
    chosen = shapely.contains_xy(WITHIN, x, y) & ~shapely.contains_xy(WITHIN, *misread)
    rows = np.flatnonzero(chosen.any(axis=1))
    places = shifted[:, rows, chosen.argmax(axis=1)[rows]].T.round(7).tolist()
    return [(lon, lat) for lon, lat in places[:: max(1, len(places) // count)][:count]]


def moved(at: tuple[float, float], system: str) -> tuple[float, float]:
    """A WGS84 position in another coordinate system."""
    x, y = datums.from_wgs84(*at, system)
    return float(x), float(y)


TWO_LEVELS = [
    ["永康市医疗机构名单", *[None] * 5],
    ["编号", "类别", "名称", "坐标", None, "电话"],
    [None, None, None, "经度", "纬度", None],
    ["c1", "诊所", "甲", *A, 87123456.0],
]
GCJ_BORDER = at_the_border(12, "gcj02")
WGS_BORDER = at_the_border(12, "wgs84")
INSIDE = [(A[0] + number * 1e-4, A[1]) for number in range(28)]


def read(path: Path, make: Any, **options: Any) -> FacilityList:
    """Make a file and read it in this process."""
    make(path)
    advance = options.pop("advance", reader.ignore_progress)
    return facility_lists.read_in_this_process(path, ListOptions(**{"within": WITHIN} | options), advance)


def refusal(path: Path, make: Any, **options: Any) -> str:
    """Make a file that is refused; the message."""
    with pytest.raises(TableError) as caught:
        read(path, make, **options)
    return str(caught.value)
