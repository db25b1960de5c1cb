"""Files that hurt: lists as they should not be, made into a folder, each with what must be reported of it.

Whatever imports files must say of each what stands here, and nothing may raise anything but a `FuwuquanError`.
"""

import csv
import io
import json
import sqlite3
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pyogrio
import shapely

from geo.geodesy import datums
from geo.study import areas

AREAS = areas.read(Path(__file__).resolve().parents[2] / "data" / "areas.geojson")
WITHIN = shapely.union_all(AREAS.geometry[AREAS.geometry.geom_type != "Point"].to_numpy())
"""Yongkang, in which all places of these files should lie."""

HEAD = ["编号", "类别", "名称", "经度", "纬度"]
A = (120.0422, 28.8931)
B = (120.0513, 28.9002)
C = (120.0388, 28.8874)
SQUARE = "POLYGON((120.04 28.89,120.041 28.89,120.041 28.891,120.04 28.891,120.04 28.89))"


@dataclass(frozen=True)
class Hostile:
    """One file, how it is made, the ``options`` it is read with, and what must come of it; texts are patterns.

    ``refused``: what the TableError says, None where the file is read. Else ``rows`` is how many rows there are, of
    which those named in ``problems`` cannot be taken and no others. ``values`` and ``places`` need not name all.
    ``needs_limits``: whether reading it here would take all memory.
    """

    name: str
    make: Callable[[Path], object]
    refused: str | None = None
    rows: int = 0
    problems: Mapping[str, str] = field(default_factory=dict)
    row_notes: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    places: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    coordinates: str = "wgs84"
    options: Mapping[str, Any] = field(default_factory=dict)
    needs_limits: bool = False


Rows = Sequence[Sequence[Any]]


def clinic(number: int, at: tuple[float, float], name: str = "") -> list[Any]:
    return [f"c{number}", "诊所", name or f"第{number}卫生室", *at]


def table(*rows: Sequence[Any], head: Sequence[str] = HEAD, encoding: str = "utf-8", delimiter: str = ",") -> Any:
    def make(path: Path) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=delimiter).writerows([head, *rows])
        path.write_bytes(text.getvalue().encode(encoding))

    return make


def raw(content: bytes) -> Any:
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
    content = {"type": "FeatureCollection", **members, "features": list(features)}
    return lambda path: path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")


def feature(at: Any = A, id: Any = "f1", **properties: Any) -> dict[str, Any]:
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


def with_member(path: Path, name: str, blocks: Iterable[bytes]) -> None:
    """A workbook of one clinic in which one member of the zip is replaced."""
    book(HEAD, clinic(1, A))(path)
    with zipfile.ZipFile(path) as archive:
        members = {other: archive.read(other) for other in archive.namelist() if other != name}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for other, content in members.items():
            archive.writestr(other, content)
        with archive.open(name, "w", force_zip64=True) as member:
            for block in blocks:
                member.write(block)


def bomb(path: Path) -> None:
    """A workbook whose sheet unpacks to 2.7 GB."""
    with_member(path, "xl/worksheets/sheet1.xml", (b" " * (1 << 22) for _ in range(640)))


def lying_bomb(path: Path) -> None:
    """A workbook whose shared texts unpack to 670 MB, although the zip says ten bytes."""
    with_member(path, "xl/sharedStrings.xml", (b" " * (1 << 22) for _ in range(160)))
    content = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        begin = content.rindex(mark, 0, content.rindex(b"xl/sharedStrings.xml") if at == 24 else None)
        content[begin + at : begin + at + 4] = struct.pack("<I", 10)
    path.write_bytes(content)


def shared_bomb(path: Path) -> None:
    """A workbook whose cells all show one text of a megabyte."""
    sheet = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(1, 5001))
    sheet = f"<worksheet><sheetData>{sheet}</sheetData></worksheet>"
    with_member(path, "xl/worksheets/sheet1.xml", [sheet.encode()])
    content = f"<sst><si><t>{'x' * 1_000_000}</t></si></sst>"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | {"xl/sharedStrings.xml": content}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)


def slow_to_search(path: Path) -> None:
    """A workbook whose cells are mostly blanks, to keep a pattern busy."""
    blanks = " " * 200_000
    with_member(path, "xl/worksheets/sheet1.xml", [f"<c>{blanks}<f>{blanks}<c {blanks}<v>{blanks}".encode()])


def far_cell(path: Path) -> None:
    """A workbook with a cell in the last row and column, for which a reader would allot 17 billion cells."""
    made = openpyxl.Workbook()
    made.active.append(HEAD)
    made.active.append(clinic(1, A))
    made.active["XFD1048576"] = "x"
    made.save(path)


def formulas(path: Path) -> None:
    """Formulas with the value that Excel computed, and without."""
    book(HEAD, clinic(1, A), ["c2", "诊所", "乙", "=D2", B[1]])(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = members["xl/worksheets/sheet1.xml"]
    old = f'<c r="D2" t="n"><v>{A[0]}</v></c>'.encode()
    assert old in sheet
    members["xl/worksheets/sheet1.xml"] = sheet.replace(old, f'<c r="D2"><f>100+20.0422</f><v>{A[0]}</v></c>'.encode())
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


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


def lonely(path: Path) -> None:
    """A .shp without the files that belong to it."""
    layer("ESRI Shapefile", "EPSG:4326")(path)
    for ending in (".shx", ".dbf", ".prj", ".cpg"):
        path.with_suffix(ending).unlink()


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
    border = WITHIN.exterior
    found: list[tuple[float, float]] = []
    for share in np.linspace(0, 1, 4000):
        point = border.interpolate(share, normalized=True)
        for x, y in ((point.x + dx, point.y + dy) for dx in (-0.001, 0.001) for dy in (-0.001, 0.001)):
            given = [float(one) for one in datums.from_wgs84(x, y, system)]
            taken = datums.to_wgs84(x, y, "gcj02") if system == "wgs84" else given
            if WITHIN.contains(shapely.Point(x, y)) and not WITHIN.contains(shapely.Point(*taken)):
                found.append((round(given[0], 7), round(given[1], 7)))
                break
    return found[:: max(1, len(found) // count)][:count]


def moved(at: tuple[float, float], system: str) -> tuple[float, float]:
    x, y = datums.from_wgs84(*at, system)
    return float(x), float(y)


def with_view(path: Path) -> None:
    """A GeoPackage with a layer that is computed without end."""
    layer("GPKG", "EPSG:4326")(path)
    with closing(sqlite3.connect(path)) as made, made:
        made.execute(
            "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
            "SELECT i AS fid, NULL AS geom FROM n WHERE i < 0"
        )
        made.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) "
            "VALUES ('endless', 'features', 'endless', 4326)"
        )
        made.execute("INSERT INTO gpkg_geometry_columns VALUES ('endless', 'geom', 'POINT', 4326, 0, 0)")


def virtual(path: Path) -> None:
    """A GeoPackage whose layer is a virtual table."""
    layer("GPKG", "EPSG:4326")(path)
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("CREATE VIRTUAL TABLE odd USING rtree(id, a, b)")
        made.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES ('odd', 'attributes', 'odd')"
        )


def in_metres(path: Path) -> None:
    frame = gpd.GeoDataFrame({"类别": ["公园"]}, geometry=[shapely.Point(39526000, 3197000)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pyogrio.write_dataframe(frame, path, driver="GPKG")


def many(path: Path) -> None:
    table(*(clinic(number, (A[0] + number % 100 * 1e-5, A[1])) for number in range(100_000)))(path)


TWO_LEVELS = [
    ["永康市医疗机构名单", *[None] * 5],
    ["编号", "类别", "名称", "坐标", None, "电话"],
    [None, None, None, "经度", "纬度", None],
    ["c1", "诊所", "甲", *A, 87123456.0],
]
GCJ_BORDER = at_the_border(12, "gcj02")
WGS_BORDER = at_the_border(12, "wgs84")
INSIDE = [(A[0] + number * 1e-4, A[1]) for number in range(28)]

FILES: list[Hostile] = [
    Hostile(
        "gbk.csv",
        table(clinic(1, A, "永康市卫生室"), encoding="gbk"),
        rows=1,
        notes=["GB18030"],
        values={"row 2": {"id": "c1", "category": "clinic", "name": "永康市卫生室"}},
        places={"row 2": A},
    ),
    Hostile(
        "rare.csv",
        table(clinic(1, A, "𠮷㐂㑇诊所"), encoding="gb18030"),
        rows=1,
        values={"row 2": {"name": "𠮷㐂㑇诊所"}},
    ),
    Hostile("bom.csv", table(clinic(1, A), encoding="utf-8-sig"), rows=1, values={"row 2": {"id": "c1"}}),
    Hostile("utf16.csv", table(clinic(1, A), encoding="utf-16", delimiter="\t"), rows=1, notes=["UTF-16"]),
    Hostile(
        "neither.csv", lambda path: path.write_bytes("编号,类别\n甲".encode() + b"\xff\xff\xff,\x80"), "line 2.*neither"
    ),
    Hostile(
        "semicolons.csv",
        table(["c1", "诊所", "甲;乙", "120,0422", "28,8931"], delimiter=";"),
        rows=1,
        places={"row 2": A},
    ),
    Hostile(
        "open_quote.csv",
        raw('编号,类别,名称,经度,纬度\nc1,诊所,"甲,120.04,28.89\nc2,诊所,乙,120.04,28.89\n'.encode()),
        "quotation mark",
    ),
    Hostile(
        "title.xlsx",
        book(["永康市诊所名单"], ["截至2021年底"], HEAD, clinic(1, A), merged=["A1:E1"]),
        rows=1,
        values={"row 4": {"name": "第1卫生室"}},
    ),
    Hostile(
        "two_levels.xlsx",
        book(*TWO_LEVELS, merged=["A1:F1", "A2:A3", "B2:B3", "C2:C3", "D2:E2", "F2:F3"]),
        rows=1,
        values={"row 4": {"id": "c1", "phone": "87123456"}},
        places={"row 4": A},
    ),
    Hostile(
        "two_levels.csv",
        table(*([cell or "" for cell in row] for row in TWO_LEVELS[1:]), head=["名单"]),
        rows=1,
        places={"row 4": A},
    ),
    Hostile(
        "merged.xlsx",
        book(
            [*HEAD, "地址"], [*clinic(1, A), "东城街道"], [*clinic(2, B), None], [*clinic(3, C), None], merged=["F2:F4"]
        ),
        rows=3,
        values={f"row {row}": {"address": "东城街道"} for row in (2, 3, 4)},
    ),
    Hostile(
        "swapped.csv",
        table(clinic(1, (A[1], A[0])), clinic(2, B)),
        rows=2,
        row_notes={"row 2": "swapped"},
        places={"row 2": A, "row 3": B},
    ),
    Hostile(
        "gcj02.csv",
        table(*(clinic(n, at) for n, at in enumerate([*(moved(at, "gcj02") for at in INSIDE), *GCJ_BORDER]))),
        r"12 of 40 places lie outside the area as wgs84, none as gcj02.*: say coordinates gcj02 \(or wgs84\)",
    ),
    Hostile(
        "mixed_datums.csv",
        table(*(clinic(n, at) for n, at in enumerate([*WGS_BORDER, *GCJ_BORDER]))),
        r"mixed: row 2.* only fit the area as wgs84, row 14.* only as gcj02",
    ),
    Hostile(
        "bd09_heading.csv",
        table(clinic(1, moved(A, "bd09")), head=["编号", "类别", "名称", "百度经度", "百度纬度"]),
        rows=1,
        places={"row 2": A},
        coordinates="bd09",
    ),
    Hostile(
        "contradiction.csv",
        table(clinic(1, A), head=["编号", "类别", "名称", "经度(GCJ-02)", "纬度(GCJ-02)"]),
        "states that its coordinates are gcj02, and not bd09",
        options={"coordinates": "bd09"},
    ),
    Hostile(
        "formulas.xlsx",
        formulas,
        rows=2,
        problems={"row 3": "cell D3 holds a formula without its value"},
        places={"row 2": A},
    ),
    Hostile("many.csv", many, rows=100_000),
    Hostile("bomb.xlsx", bomb, "takes more than 2 GB", needs_limits=True),
    Hostile("lying_bomb.xlsx", lying_bomb, "no heading|truncated|takes more than 2 GB", needs_limits=True),
    Hostile("shared_bomb.xlsx", shared_bomb, "takes more than 2 GB", needs_limits=True),
    Hostile("slow_to_search.xlsx", slow_to_search, "truncated or no workbook|is empty"),
    Hostile(
        "slow_place.csv",
        table(
            ["c1", "诊所", "POINT" + " " * 400_000],
            ["c2", "诊所", "1" + " " * 400_000 + "2"],
            head=["编号", "类别", "坐标"],
        ),
        rows=2,
        problems={"row 2": "no longitude", "row 3": "no longitude"},
    ),
    Hostile("far_cell.xlsx", far_cell, "takes more than 2 GB", needs_limits=True),
    Hostile("wide.csv", raw(b"a,b\n" + b"," * 100_000), "no heading is known"),
    Hostile(
        "commas.csv",
        raw(("编号,类别,名称,经度,纬度" + "," * 40_000 + "\n" + "c1,诊所,甲,120.0422,28.8931\n" * 4_000).encode()),
        rows=4_000,
        problems={f"row {row}": "stands already" for row in range(3, 4_002)},
    ),
    Hostile(
        "commas_between.csv",
        raw(("编号,类别,经度,纬度" + "," * 40_000 + "名称\n" + "c1,诊所,120.0422,28.8931\n" * 4_000).encode()),
        "40,004 columns|columns in 4,000 rows",
    ),
    Hostile("all_commas.csv", raw(("编号,类别\n" + ("," * 100_000 + "\n") * 310).encode()), "30,000,000 cells"),
    Hostile(
        "own_properties.geojson",
        collection(*(feature(id=number, **{f"p{number}": 1}) for number in range(7_000))),
        "7,001 different properties in 7,000 features",
    ),
    Hostile("view.gpkg", with_view, "views or virtual tables .endless"),
    Hostile("virtual.gpkg", virtual, "views or virtual tables .odd"),
    Hostile("metres.gpkg", in_metres, "no CRS, and its places are in metres"),
    Hostile("text.xlsx", table(clinic(1, A)), rows=1, notes=["is called .xlsx but is a text table"]),
    Hostile("book.csv", as_other(book(HEAD, clinic(1, A)), ".xlsx"), rows=1, notes=["is called .csv but is an Excel"]),
    Hostile("page.xls", raw("<html><table><tr><td>名称</td></tr></table></html>".encode()), "web page"),
    Hostile("picture.csv", raw(b"\x89PNG\r\n\x1a\n" + bytes(100)), "picture"),
    Hostile("empty_sheet.xlsx", book(), "is empty"),
    Hostile("empty.csv", raw(b""), "is empty"),
    Hostile("blank.csv", raw(b"\n\n \n"), "is empty"),
    Hostile("heading_only.csv", table(), "no rows under it: 编号"),
    Hostile(
        "unknown_headings.csv", table([1, 2, 3], head=["甲", "乙", "丙"]), "found: 甲, 乙, 丙; .*say column 机构名=name"
    ),
    Hostile(
        "two_sheets.xlsx",
        book(HEAD, clinic(1, A), 说明=[["填表说明"]], 乡镇=[HEAD, clinic(2, B)]),
        rows=2,
        notes=["sheet 说明 is passed over", "sheets taken: 名单, 乡镇"],
        values={"乡镇 row 2": {"id": "c2"}},
    ),
    Hostile(
        "duplicate_ids.csv",
        table(clinic(1, A), clinic(1, B)),
        rows=2,
        problems={"row 3": "id 'c1' stands already in row 2"},
    ),
    Hostile(
        "duplicate_headings.csv",
        table([*clinic(1, A), "乙"], head=[*HEAD, "名称"]),
        r"'名称' and '名称 \(2\)' both are name",
    ),
    Hostile(
        "alike_headings.csv",
        table([*clinic(1, A), "乙"], head=[*HEAD[:2], "机构名称", *HEAD[3:], "单位名称"]),
        "'机构名称' and '单位名称' both are name: say column 单位名称=extra",
    ),
    Hostile(
        "names.csv",
        table(clinic(1, A, "<script>alert(1)</script>"), clinic(2, B, "=HYPERLINK(1)"), clinic(3, C, "'=1+1")),
        rows=3,
        values={
            "row 2": {"name": "<script>alert(1)</script>"},
            "row 3": {"name": "=HYPERLINK(1)"},
            "row 4": {"name": "=1+1"},
        },
    ),
    Hostile(
        "degrees.csv",
        table(
            clinic(1, ("120°02′34.1″E", "28°53′30″N")),
            clinic(2, ("120度2分34.1秒", "北纬28度53分30秒")),
            clinic(3, ("E120 2 34.1", "N28 53 30")),
            clinic(4, ("１２０．０４２８", "２８．８９１６６")),
            clinic(5, ("N28 53 30", "E120 02 34.1")),
            clinic(6, ("120.0428°", "28.89167°")),
            clinic(7, ("东经120", "甲")),
        ),
        rows=7,
        row_notes={"row 6": "swapped"},
        problems={"row 8": "latitude = '甲': is no number of degrees"},
        places={f"row {row}": (120.0428, 28.89167) for row in range(2, 8)},
    ),
    Hostile(
        "both_in_one.csv",
        table(
            ["c1", "诊所", "120.0422,28.8931"],
            ["c2", "诊所", "28.8931，120.0422"],
            ["c3", "诊所", "甲"],
            ["c4", "诊所", "N28°53′35.16″ E120°2′31.92″"],
            head=["编号", "类别", "经纬度"],
        ),
        rows=4,
        row_notes={"row 3": "swapped"},
        problems={"row 4": "is no longitude, latitude"},
        places={"row 2": A, "row 3": A, "row 5": A},
    ),
    Hostile(
        "metres.csv",
        table(clinic(1, (39526000, 3197000)), clinic(2, (526000.5, 3197000.2)), clinic(3, (0, 0))),
        rows=3,
        problems={"row 2": "39526000, 3197000 is in metres", "row 3": "is in metres", "row 4": "0, 0 is nowhere"},
    ),
    Hostile("cut.xlsx", cut(book(HEAD, clinic(1, A)), 0.6), "truncated or broken"),
    Hostile("cut.geojson", cut(collection(feature()), 0.7), "truncated"),
    Hostile("cut.gpkg", cut(layer("GPKG", "EPSG:4326"), 0.02), "truncated, or no GeoPackage"),
    Hostile("deep.geojson", raw(b'{"a":' * 100_000), "truncated"),
    Hostile(
        "not_numbers.csv",
        table(clinic(1, ("nan", 28.9)), clinic(2, ("inf", 28.9)), clinic(3, (120.04, ""))),
        rows=3,
        problems={"row 2": "longitude = 'nan'", "row 3": "longitude = 'inf'", "row 4": "latitude is missing"},
    ),
    Hostile(
        "not_numbers.geojson",
        raw(
            b'{"type":"FeatureCollection","features":[{"type":"Feature","id":1,"properties":{"category":"clinic"},'
            b'"geometry":{"type":"Point","coordinates":[NaN,Infinity]}}]}'
        ),
        rows=1,
        problems={"feature 1": "no numbers"},
    ),
    Hostile(
        "endless_numbers.geojson",
        raw(
            b'{"type":"FeatureCollection","features":[{"type":"Feature","id":1,"geometry":null,"properties":'
            b'{"category":"clinic","opened":1e999,"capacity":1e999,"name":["x"],"x":1,"lon":2,"wkt":"POINT("}}]}'
        ),
        rows=1,
        problems={"feature 1": "(?s)opened = 'inf'.*capacity = 'inf'|name = "},
    ),
    Hostile(
        "geometries.geojson",
        collection(
            feature({"type": "Circle"}, "a"),
            feature({"type": "Point", "coordinates": []}, "b"),
            feature(None, "c"),
            feature({"type": "Polygon", "coordinates": [[[120, 28]]]}, "d"),
            feature(A, "e", category=["x"]),
        ),
        rows=5,
        problems={
            "feature 1": "cannot be read",
            "feature 2": "cannot be read",
            "feature 4": "cannot be read",
            "feature 5": "category = ",
        },
    ),
    Hostile(
        "far_away.csv",
        table(clinic(1, A), clinic(2, (121.47, 31.23)), clinic(3, (WITHIN.bounds[2] + 0.02, A[1]))),
        rows=3,
        problems={"row 3": r"lies 2\d\d km outside the area"},
        row_notes={"row 4": r"lies \d+\.\d km outside"},
    ),
    Hostile(
        "categories.csv",
        table(["1", "宠物店", "甲", *A], ["2", "村卫生室", "乙", *B], ["3", "Clinic", "丙", *C], ["4", "", "丁", *C]),
        rows=4,
        problems={"row 2": "category = '宠物店': is no category; known: 公园 park, 诊所 clinic"},
        values={"row 3": {"category": "clinic", "subtype": "village_clinic"}, "row 4": {"category": "clinic"}},
    ),
    Hostile(
        "kinds.csv",
        table(
            ["1", "综合医院", "甲", *A], ["2", "村卫生室", "乙", *B], head=["序", "机构类别", "园名", "经度", "纬度"]
        ),
        rows=2,
        problems={"row 2": "subtype = '综合医院': is no category nor subtype; known: 公园 park.*村卫生室"},
        values={"row 3": {"name": "乙"}},
    ),
    Hostile(
        "other_kinds.csv",
        table(["甲", "诊所", ""], ["乙", "幼儿园", ""], ["丙", "", "民办"], head=["名称", "类别", "子类"]),
        rows=3,
        problems={"row 3": "is kindergarten, and not clinic as you say", "row 4": "is kindergarten, and not clinic"},
        options={"category": "clinic"},
    ),
    Hostile(
        "nameless.csv",
        table(["1", "诊所", "甲", *A], head=["编号", "类别", "叫法", "经度", "纬度"]),
        rows=1,
        notes=["no column of names; not recognised: 叫法; "],
    ),
    Hostile(
        "half_stated.xlsx",
        book([*HEAD[:3], "高德经度", "高德纬度"], clinic(1, A), 乡镇=[HEAD, clinic(2, B)]),
        r"nothing \(乡镇\), gcj02 \(名单\); say coordinates gcj02 if all of them are",
    ),
    Hostile(
        "big5.csv",
        table(["1"], head=["編號", "類別", "名稱", "經度"], encoding="big5"),
        "no heading is known.*read as GB18030",
    ),
    Hostile("no_category.csv", table(["甲", *A], head=["名称", "经度", "纬度"]), "say category park"),
    Hostile(
        "sums.xlsx",
        book(
            HEAD,
            clinic(1, A),
            [None] * 5,
            ["小计", None, 1, None, None],
            clinic(2, B),
            ["合计", None, 2, None, None],
            ["注：数据来自卫健局"],
        ),
        rows=2,
        left_out={"row 3": "blank", "row 4": "is a sum: '小计'", "row 6": "is a sum: '合计'", "row 7": "only one cell"},
    ),
    Hostile(
        "days.xlsx",
        book(
            ["编号", "类别", "开业时间", "床位"],
            ["1", "诊所", datetime(2021, 6, 30), "12张"],
            ["2", "诊所", "2021年6月30日", "60 个学位"],
            ["3", "诊所", "2021-6-30", 12.0],
            ["4", "诊所", "2021/06/30", "1,200"],
            ["5", "诊所", "2021.6.30", "无"],
            ["6", "诊所", "20210630", None],
            ["7", "诊所", 44377, None],
            ["8", "诊所", "2021年6月", None],
            ["9", "诊所", 2021, None],
            ["10", "诊所", "明年", None],
            ["11", "诊所", "2021-02-30", None],
            ["12", "诊所", "44377", "约60"],
            ["13", "诊所", 20210630, -5],
        ),
        rows=13,
        values={
            **{f"row {row}": {"opened": date(2021, 6, 30)} for row in (2, 3, 4, 5, 6, 7, 8, 14)},
            "row 9": {"opened": date(2021, 6, 1)},
            "row 10": {"opened": date(2021, 1, 1)},
        },
        problems={
            "row 11": "opened = '明年': is no day",
            "row 12": "is no day",
            "row 13": "(?s)opened = '44377'.*capacity = '约60'",
            "row 14": "capacity = '-5'",
        },
        row_notes={
            "row 2": "capacity '12张' taken as 12",
            "row 3": "taken as 60",
            "row 9": "first day of that month",
            "row 10": "first day of that year",
        },
    ),
    Hostile(
        "numbers.xlsx",
        book(
            [*HEAD, "电话"],
            [330784001000.0, "诊所", "甲", *A, 87123456.0],
            [1.2345678901234568e17, "诊所", "乙", *B, None],
        ),
        rows=2,
        values={"row 2": {"id": "330784001000", "phone": "87123456"}},
        problems={"row 3": "has lost the last ones"},
    ),
    Hostile(
        "gbk.zip",
        zipped(layer("ESRI Shapefile", "EPSG:4326", "GBK"), without=[".cpg"]),
        rows=1,
        notes=["read as GB18030"],
        values={"feature 1": {"name": "江滨公园", "category": "park", "opened": date(2021, 6, 30)}},
        places={"feature 1": A},
    ),
    Hostile(
        "no_prj.zip",
        zipped(layer("ESRI Shapefile", "EPSG:4326"), without=[".prj"]),
        rows=1,
        notes=["no CRS"],
        places={"feature 1": A},
    ),
    Hostile("lonely.shp", lonely, "zip them"),
    Hostile("no_layer.zip", lambda path: zipfile.ZipFile(path, "w").close(), "neither a workbook nor a shapefile"),
    Hostile("cgcs2000.gpkg", layer("GPKG", "EPSG:4490"), rows=1, places={"feature 1": A}, coordinates="cgcs2000"),
    Hostile(
        "projected.gpkg",
        layer("GPKG", "EPSG:4549", polygon=True),
        rows=1,
        notes=["reprojected from CGCS2000"],
        coordinates="cgcs2000",
        values={"feature 1": {"category": "park"}},
    ),
    Hostile("utm.gpkg", layer("GPKG", "EPSG:32651"), rows=1, notes=["reprojected"], places={"feature 1": A}),
    Hostile("renamed.csv", as_other(layer("GPKG", "EPSG:4326"), ".gpkg"), rows=1, notes=["but is a GeoPackage"]),
    Hostile("long.csv", table(clinic(1, A, "长" * 40_000)), rows=1),
    Hostile("endless.csv", table(clinic(1, A, "x" * 1_100_000)), "field larger than"),
    Hostile("nul.csv", table(clinic(1, A, "甲\0乙\x07")), rows=1, values={"row 2": {"name": "甲 乙"}}),
    Hostile(
        "outline.csv",
        table(
            ["p1", "公园", SQUARE, "", ""],
            ["p2", "公园", "POLYGON((1 2", "", ""],
            ["p3", "公园", "", *A],
            head=["编号", "类别", "边界 WKT", "经度", "纬度"],
        ),
        rows=3,
        problems={"row 3": "cannot be read"},
        places={"row 4": A},
    ),
    Hostile(
        "ragged.csv",
        raw("编号,类别,经度,纬度\nc1,诊所,120.04,28.89,多\n".encode()),
        "row 2 has more cells than the heading",
    ),
    Hostile(
        "unknown_system.geojson", collection(feature(), coordinates="gcj-99"), "states the coordinates 'gcj-99'; known"
    ),
    Hostile("no_collection.geojson", raw(b"[1, 2]"), "is not a GeoJSON FeatureCollection"),
    Hostile(
        "projected.geojson", collection(feature((39526000.0, 3197000.0))), rows=1, problems={"feature 1": "in metres"}
    ),
]


def make(folder: Path, *names: str) -> dict[str, Path]:
    """Makes the files, or those of ``names``, into ``folder``; where they are, by name."""
    made = {}
    for one in FILES:
        if not names or one.name in names:
            made[one.name] = folder / one.name
            one.make(made[one.name])
    return made
