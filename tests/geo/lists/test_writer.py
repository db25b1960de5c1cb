"""Exports, read back by other libraries: every field, every location, and no formula."""

import csv
import io
import json
import sqlite3
import tempfile
import time
import tomllib
import zipfile
from datetime import date, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from geo.choices import COORDINATE_SYSTEMS
from geo.errors import UnknownNameError
from geo.geodesy import datums
from geo.lists import spreadsheets, writer
from geo.study import categories, facilities
from geo.study.study import Study
from support import breaking_names
from support.examples import examples

_NAMES = tomllib.loads(resources.files("geo.lists").joinpath("columns.toml").read_text("utf-8"))
HEADS = {field: _NAMES[field][0] for field in facilities.FIELDS}
WRITTEN = {"wgs84": "WGS84", "gcj02": "GCJ-02", "bd09": "BD-09", "cgcs2000": "CGCS2000"}
Record = dict[str, Any]


def geojson(content: bytes, coordinates: str) -> list[Record]:
    collection = json.loads(content)
    assert (collection["type"], collection["coordinate_system"]) == ("FeatureCollection", coordinates)
    shapes = [shapely.from_geojson(json.dumps(one["geometry"])) for one in collection["features"]]
    rows = [{"id": one["id"], "extra": {}, **one["properties"]} for one in collection["features"]]
    return [{**row, "geometry": shape} for row, shape in zip(rows, shapes, strict=True)]


def comma(content: bytes, coordinates: str) -> list[Record]:
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    return [_of_table({head: cell or None for head, cell in row.items()}, coordinates) for row in rows]


def workbook(content: bytes, coordinates: str) -> list[Record]:
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert sheet.freeze_panes == "A2"
    heads = [cell.value for cell in sheet[1]]
    records = []
    for row in sheet.iter_rows(min_row=2):
        values = dict(zip(heads, (_unescaped(cell.value) for cell in row), strict=True))
        records.append(_of_table(values, coordinates))
    return records


def _unescaped(value: Any) -> Any:  # as Excel reads it, and openpyxl does not
    if isinstance(value, datetime):
        return value.date()
    return value.replace("_x005F_", "_") if isinstance(value, str) else value


def _of_table(row: Record, coordinates: str) -> Record:
    assert row.keys() == {
        *HEADS.values(), *(f"{axis}({WRITTEN[coordinates]})" for axis in ("经度", "纬度")), "边界WKT"
    }  # fmt: skip
    record: Record = {
        field: spreadsheets.plain_cell(cell, in_text_file=True) if isinstance(cell := row[head], str) else cell
        for field, head in HEADS.items()
    }
    lon, lat = (float(row[f"{axis}({WRITTEN[coordinates]})"]) for axis in ("经度", "纬度"))
    (kind,) = [one for one in categories.BUILT_IN if one.label == record["category"]]
    record["category"] = kind.id
    record["subtype"] = {zh: key for key, (zh, _) in kind.subtypes.items()}.get(record["subtype"], record["subtype"])
    record["extra"] = json.loads(record["extra"] or "{}")
    outline = row["边界WKT"]
    record["geometry"] = shapely.from_wkt(outline) if outline else shapely.Point(lon, lat)
    assert shapely.intersects_xy(record["geometry"], lon, lat)
    return record


def geopackage(content: bytes, coordinates: str) -> list[Record]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "facilities.gpkg"
        path.write_bytes(content)
        assert pyogrio.list_layers(path)[:, 0].tolist() == [f"facilities_{coordinates}"]
        frame = pyogrio.read_dataframe(path).astype(object)
    assert set(frame.columns) == {*facilities.FIELDS, "geometry"}
    records: list[Record] = [
        {field: None if not hasattr(value, "geom_type") and pd.isna(value) else value for field, value in row.items()}
        for row in frame.to_dict("records")
    ]
    for record in records:
        record["extra"] = json.loads(record["extra"] or "{}")
        for day in facilities.DATE_FIELDS:
            if record[day] is not None:
                record[day] = record[day].date()
    return records


READERS = {"geojson": geojson, "csv": comma, "xlsx": workbook, "gpkg": geopackage}


def read(content: bytes, kind: str, coordinates: str) -> Any:
    """The frame that an export holds, in WGS84."""
    records = READERS[kind](content, coordinates)
    rows = [(str(r["id"]), r, datums.geometry_to_wgs84(r.pop("geometry"), coordinates)) for r in records]
    return facilities.from_rows(rows, kind)


def apart_m(ones: Any, others: Any) -> float:
    """The farthest that any corner of one shape is from the same corner of the other."""
    a, b = (shapely.get_coordinates(shapes.geometry.to_numpy()) for shapes in (ones, others))
    return float(np.max(Geod(ellps="WGS84").inv(*a.T, *b.T)[2], initial=0))


def assert_same(read_back: Any, frame: Any) -> None:
    fields = [field for field in facilities.FIELDS if field != "id"]
    pd.testing.assert_frame_equal(pd.DataFrame(read_back[fields]), pd.DataFrame(frame[fields]))
    assert apart_m(read_back, frame) < 0.001


# --- round trips -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coordinates", COORDINATE_SYSTEMS)
@pytest.mark.parametrize("kind", writer.FORMATS)
def test_a_file_holds_every_field_and_shape(kind: str, coordinates: str) -> None:
    frame = breaking_names.frame()
    export = writer.write(frame, kind, coordinates)
    assert export.notes == ()
    read_back = read(export.content, kind, coordinates)
    assert_same(read_back, frame)
    assert writer.write(read_back, "geojson", coordinates) == writer.write(frame, "geojson", coordinates)
    if kind != "gpkg":  # which holds the time
        assert writer.write(read_back, kind, coordinates) == export


def test_equal_rows_give_an_equal_workbook() -> None:
    first = writer.write(breaking_names.frame(), "xlsx", "wgs84").content
    time.sleep(1.1)  # a zip archive and a workbook's properties have seconds
    assert writer.write(breaking_names.frame(), "xlsx", "wgs84").content == first


def test_a_text_that_looks_like_rich_text_stays_text() -> None:
    content = spreadsheets.as_xlsx("表", ["名称"], [["<r><t>甲</t></r>"]])
    assert openpyxl.load_workbook(io.BytesIO(content)).active["A2"].value == "<r><t>甲</t></r> "


@pytest.mark.parametrize("kind", writer.FORMATS)
def test_the_sample_is_written_and_read_again(kind: str, sample: Study) -> None:
    assert_same(read(writer.write(sample.facilities, kind, "bd09").content, kind, "bd09"), sample.facilities)


TEXTS = st.none() | st.text(max_size=20) | st.text(st.sampled_from("=+-@'\"_x0041_#N/A ,\n"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda more: st.lists(more, max_size=3) | st.dictionaries(st.text(max_size=5), more, max_size=3),
    max_leaves=8,
)
FACILITIES = st.fixed_dictionaries(
    {
        "category": st.sampled_from(list(categories.BUILT_IN.ids)),
        "subtype": st.sampled_from([None, "pocket", "hospital", "别的"]),
        "extra": st.dictionaries(st.text(max_size=6), JSON, max_size=3),
        "capacity": st.none() | st.integers(0, 2**31 - 1),
        "verified": st.none() | st.dates(date(1800, 1, 1), date(2026, 1, 1)),
        **dict.fromkeys(("name", "area_code", "address", "phone", "opening_hours", "source", "verified_by"), TEXTS),
    }
)
PLACES = st.tuples(st.floats(73.5, 134.5), st.floats(18.5, 53.5)) | st.tuples(st.floats(-180, 180), st.floats(-85, 85))


@settings(max_examples=examples(60))
@given(
    st.lists(st.tuples(FACILITIES, PLACES), max_size=4),
    st.sampled_from(writer.FORMATS),
    st.sampled_from(COORDINATE_SYSTEMS),
)
def test_any_register_is_written_and_read_again(rows: list[Any], kind: str, coordinates: str) -> None:
    frame = facilities.from_rows(
        [(str(n), {"id": f"f{n}", **known}, shapely.Point(place)) for n, (known, place) in enumerate(rows)], "register"
    )
    read_back = read(writer.write(frame, kind, coordinates).content, kind, coordinates)
    assert_same(read_back, frame)
    assert writer.write(read_back, "csv", coordinates) == writer.write(frame, "csv", coordinates)


@settings(max_examples=examples(100))
@given(
    st.lists(st.tuples(st.floats(73.5, 134.5), st.floats(18.5, 53.5)), min_size=1), st.sampled_from(COORDINATE_SYSTEMS)
)
def test_locations_do_not_drift_when_written_repeatedly(places: list[tuple[float, float]], coordinates: str) -> None:
    """Written, read and written again as often as one likes, also where BD-09's public inverse is 0.1 m off."""
    frame = facilities.from_rows(
        [(str(n), {"id": str(n), "category": "clinic"}, shapely.Point(one)) for n, one in enumerate(places)], "x"
    )
    first = writer.write(frame, "geojson", coordinates)
    again = read(first.content, "geojson", coordinates)
    assert apart_m(again, frame) < 0.0002
    assert writer.write(again, "geojson", coordinates) == first
    published = datums.geometry_from_wgs84(frame.geometry.to_numpy(), coordinates)
    written = [one["geometry"]["coordinates"] for one in json.loads(first.content)["features"]]
    assert np.abs(shapely.get_coordinates(published) - written).max() < 2e-6


@pytest.mark.parametrize("kind", writer.FORMATS)
def test_an_empty_register_is_written(kind: str) -> None:
    nothing = facilities.from_rows([], "nothing")
    assert len(read(writer.write(nothing, kind, "gcj02").content, kind, "gcj02")) == 0


@pytest.mark.parametrize("rows", [0, 1])
def test_unknown_formats_and_systems_are_refused(rows: int) -> None:
    frame = breaking_names.frame().iloc[:rows]
    with pytest.raises(UnknownNameError, match="gpkg"):
        writer.write(frame, "shp")
    for kind in writer.FORMATS:
        with pytest.raises(UnknownNameError, match="bd09"):
            writer.write(frame, kind, "baidu")


# --- each kind ---------------------------------------------------------------------------------------------------


def test_geojson_is_read_as_a_study_file(tmp_path: Path) -> None:
    path = tmp_path / "facilities.geojson"
    path.write_bytes(writer.write(breaking_names.frame(), "geojson").content)
    assert_same(facilities.read(path), breaking_names.frame())


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_no_cell_is_a_formula(kind: str) -> None:
    content = writer.write(breaking_names.frame(), kind).content
    if kind == "csv":
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    else:
        sheet = openpyxl.load_workbook(io.BytesIO(content)).active
        assert {cell.data_type for row in sheet for cell in row} <= {"s", "n", "d"}
        rows = [[cell.value for cell in row] for row in sheet]
    texts = [cell for row in rows for cell in row if isinstance(cell, str)]
    odd = [text for text in texts if text[:1] in "=+-@＝" and text and not _is_number(text)]
    assert odd == []
    assert "'=1+1" in texts
    assert "'@SUM(A1)" in texts


def _is_number(text: str) -> bool:
    try:
        return np.isfinite(float(text)) and text[1:2].isdigit()
    except ValueError:
        return False


def test_csv_keeps_leading_zeros() -> None:
    content = writer.write(breaking_names.frame(), "csv").content
    table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, encoding="utf-8-sig").set_index("编号")
    assert table.loc["0003", "名称"] == "'@SUM(A1)"
    assert table.loc["'=full", ["区划代码", "电话", "容量", "开业时间", "类别", "子类"]].tolist() == [
        "0330784001", "0579-87112345", "999999999", "1850-01-01", "诊所", "村卫生室",
    ]  # fmt: skip
    assert table.loc["007", "子类"] == "湿地"
    assert list(table)[-4:] == ["经度(WGS84)", "纬度(WGS84)", "其他", "边界WKT"]


def test_xlsx_has_dates_numbers_and_text() -> None:
    content = writer.write(breaking_names.frame(), "xlsx").content
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert sheet.title == "设施"
    heads = [cell.value for cell in sheet[1]]
    rows = {row[0].value: dict(zip(heads, row, strict=True)) for row in sheet.iter_rows(min_row=2)}
    full, named = rows["'=full"], rows["0008"]
    assert (full["核实日期"].value, full["核实日期"].number_format) == (datetime(2026, 2, 28), "yyyy-mm-dd")
    assert full["开业时间"].value == "1850-01-01"  # xlsx has no days before 1900
    assert (full["容量"].value, full["经度(WGS84)"].value) == (999_999_999, 120.123456789)
    for head in ("编号", "区划代码", "电话"):
        assert (full[head].data_type, full[head].number_format) == ("s", "@")
        assert sheet.column_dimensions[full[head].column_letter].number_format == "@"
    assert (named["名称"].value, named["名称"].data_type) == ("#N/A", "s")
    widths = [sheet.column_dimensions[cell.column_letter].width for cell in sheet[1]]
    # A workbook adds the padding of a cell, five pixels, to the width in characters.
    assert all(8 <= width < 41 for width in widths)
    assert widths[heads.index("名称")] >= 40
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        assert parts.testzip() is None


def _ring(corners: int) -> shapely.Polygon:
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return shapely.Polygon(np.column_stack([120 + 0.01 * np.cos(turn), 28.9 + 0.01 * np.sin(turn)]))


def test_a_text_too_long_for_xlsx_is_left_out_with_a_note() -> None:
    long = {"text": "长🏥" * 2800}  # 11,200 characters of UTF-16, and 8 bytes a pair
    control = {"text": "\u3000" * 6000}  # six characters each, escaped
    frame = facilities.from_rows(
        [
            ("a", {"id": "lake", "category": "park", "name": "湖"}, _ring(2000)),
            ("b", {"id": "pond", "category": "park", "extra": long}, _ring(1000)),
            ("c", {"id": "odd", "category": "clinic", "extra": control}, shapely.Point(120, 28.9)),
        ],
        "x",
    )
    export = writer.write(frame, "xlsx", "gcj02")
    assert [note.split()[0] for note in export.notes] == ["lake", "odd"]
    assert "边界WKT" in export.notes[0] and "32,767" in export.notes[0]
    assert "其他" in export.notes[1]
    read_back = read(export.content, "xlsx", "gcj02")
    assert read_back.geometry.geom_type.tolist() == ["Point", "Polygon", "Point"]
    assert read_back.geometry["lake"].within(frame.geometry["lake"])
    assert read_back["extra"].tolist() == [{}, long, {}]
    sheet = openpyxl.load_workbook(io.BytesIO(export.content)).active
    assert (
        max(len(str(cell.value).encode("utf-16-le")) // 2 for row in sheet for cell in row)
        <= spreadsheets.MAX_CELL_LENGTH
    )
    for kind in ("csv", "geojson", "gpkg"):
        assert writer.write(frame, kind, "gcj02").notes == ()
        assert_same(read(writer.write(frame, kind, "gcj02").content, kind, "gcj02"), frame)


@pytest.mark.parametrize(
    ("coordinates", "srs"), [("wgs84", 4326), ("cgcs2000", 4490), ("gcj02", 0), ("bd09", 0)]
)  # fmt: skip
def test_a_geopackage_states_its_coordinate_system(tmp_path: Path, coordinates: str, srs: int) -> None:
    """0 is GeoPackage's own number for degrees that no CRS is known of."""
    path = tmp_path / "facilities.gpkg"
    path.write_bytes(writer.write(breaking_names.frame(), "gpkg", coordinates).content)
    with sqlite3.connect(path) as book:
        (row,) = book.execute("SELECT table_name, data_type, srs_id, description FROM gpkg_contents").fetchall()
        columns = dict(book.execute(f"SELECT name, type FROM pragma_table_info('facilities_{coordinates}')").fetchall())
    book.close()
    assert row[:3] == (f"facilities_{coordinates}", "features", srs)
    assert WRITTEN[coordinates] in row[3]
    assert ("no CRS" in row[3]) == (srs == 0)
    assert {columns[day] for day in facilities.DATE_FIELDS} == {"DATE"}
    assert columns["phone"] == "TEXT"


def test_columns_without_values_are_written() -> None:
    frame = facilities.from_rows([("a", {"id": "a", "category": "clinic"}, shapely.Point(120, 28.9))], "x")
    for kind in writer.FORMATS:
        assert_same(read(writer.write(frame, kind).content, kind, "wgs84"), frame)


def test_any_table_is_written_as_csv_and_xlsx() -> None:
    heads, rows = (
        ["编号", "=值"],
        [["007", float("nan")], [None, True], [date(2021, 6, 30), 1.5], ["=1", np.float64(2)]],
    )
    text = spreadsheets.as_csv(heads, rows).decode("utf-8-sig")
    assert text == "编号,'=值\n007,\n,True\n2021-06-30,1.5\n'=1,2.0\n"
    content = spreadsheets.as_xlsx("表", heads, rows, text_columns=["编号"])
    assert content == spreadsheets.as_xlsx("表", heads, rows, text_columns=["编号"])
    sheet = openpyxl.load_workbook(io.BytesIO(content))["表"]
    values = [[cell.value for cell in row] for row in sheet]
    assert values == [["编号", "'=值"], ["007", None], [None, True], [datetime(2021, 6, 30), 1.5], ["'=1", 2.0]]
    nothing = openpyxl.load_workbook(io.BytesIO(spreadsheets.as_xlsx("表", heads, []))).active
    assert [[cell.value for cell in row] for row in nothing] == [["编号", "'=值"]]
