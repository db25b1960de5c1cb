"""Files with every defect: each is reported as it should be, and nothing but a FuwuquanError is ever raised."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo import limited_process
from geo.errors import ExtractError, TableError
from geo.lists.reader import ListOptions
from geo.sources import facility_lists
from geo.study import facilities
from support import binary_workbooks, hostile, list_files, opendocument
from support.examples import examples
from support.list_files import (
    WITHIN,
    A,
    B,
    HostileFile,
    book,
    clinic,
    collection,
    feature,
)


@pytest.mark.parametrize("file", hostile.FILES, ids=lambda file: file.name)
def test_a_hostile_file_is_reported(file: HostileFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / file.name
    file.make(path)
    monkeypatch.setattr(limited_process, "MAX_BYTES", 1 << 29)  # a lower limit is exceeded sooner
    read_file = facility_lists.read if file.needs_limits else facility_lists.read_in_this_process
    if file.error is not None:
        with pytest.raises(TableError) as caught:
            read_file(path, ListOptions(within=WITHIN, **file.options))
        assert re.search(file.error, str(caught.value)), str(caught.value)
        assert str(caught.value).startswith(str(path))
        return
    facility_list = read_file(path, ListOptions(within=WITHIN, **file.options))
    rows = {row.where: row for row in facility_list.rows}
    assert len(facility_list.rows) == file.row_count
    assert len(rows) == file.row_count
    wrong = {where: "\n".join(row.problems + row.doubts) for where, row in rows.items() if row.problems or row.doubts}
    assert wrong.keys() == file.problems.keys(), wrong
    for where, pattern in file.problems.items():
        assert re.search(pattern, wrong[where]), wrong[where]
    for where, pattern in file.row_notes.items():
        assert re.search(pattern, "\n".join(rows[where].notes)), rows[where].notes
    for pattern in file.notes:
        assert re.search(pattern, "\n".join(facility_list.notes)), facility_list.notes
    left_out = dict(facility_list.left_out)
    assert left_out.keys() == file.left_out.keys(), left_out
    assert all(re.search(pattern, left_out[where]) for where, pattern in file.left_out.items()), left_out
    for where, fields in file.values.items():
        assert {name: rows[where].values.get(name) for name in fields} == fields
    for where, (lon, lat) in file.locations.items():
        place = rows[where].geometry
        assert place is not None
        middle = place.centroid
        assert (middle.x, middle.y) == pytest.approx((lon, lat), abs=2e-5)
    assert facility_list.coordinates == file.coordinates
    assert all(row.geometry is None or row.geometry.is_valid for row in facility_list.rows)


def test_hostile_files_have_different_names() -> None:
    assert len(hostile.FILES) >= 24
    assert len({file.name for file in hostile.FILES}) == len(hostile.FILES)
    assert len(list_files.GCJ_BORDER) == len(list_files.WGS_BORDER) == 12


CELLS = st.one_of(
    st.text(max_size=20),
    st.sampled_from([
        "编号", "类别", "名称", "经度", "纬度", "坐标", "开业时间", "床位", "诊所", "120.04", "28.89", "120°2′", "合计",
        "", "2021年6月", "1e400", "-0", "POINT(1", "{}", "120.04,28.89", "=1", "'", "\"", "经度(GCJ-02)",
        "其他", "1_0",
    ]),
    st.floats().map(str),
)  # fmt: skip


@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(st.lists(CELLS, max_size=7), max_size=8), st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-16", "gb18030"]), st.booleans(), st.booleans(),
)  # fmt: skip
def test_any_text_table_is_read_or_refused(
    tmp_path: Path, rows: list[list[str]], delimiter: str, encoding: str, headed: bool, area: bool
) -> None:
    path = tmp_path / "any.csv"
    head = [["编号", "类别", "名称", "经度", "纬度", "开业时间", "床位"]] if headed else []
    text = "\n".join(delimiter.join(row) for row in head + rows)
    path.write_bytes(text.encode(encoding, "replace"))
    try:
        facility_list = facility_lists.read_in_this_process(path, ListOptions(within=WITHIN if area else None))
    except TableError:
        return
    for row in facility_list.rows:
        assert row.geometry is None or (row.geometry.is_valid and not row.geometry.is_empty)
        assert row.values.keys() <= set(facilities.FIELDS)
        assert row.values.get("opened") is None or isinstance(row.values["opened"], date)


@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.binary(max_size=300),
    st.sampled_from(
        [
            b"",
            b"PK\x03\x04",
            b"SQLite format 3\0",
            b"\0\0\x27\x0a",
            b'{"type":',
            b"fgb\x03fgb\x01",
            b"PAR1",
            b"<kml>",
            b"\x1e{",
        ]
    ),
)
def test_any_bytes_are_refused(tmp_path: Path, content: bytes, start: bytes) -> None:
    path = tmp_path / "any.xlsx"
    path.write_bytes(start + content)
    with pytest.raises((TableError, ExtractError), match=re.escape(str(path))):
        facility_lists.read_in_this_process(path)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.xlsx", book(list_files.HEAD, clinic(1, A))),
        ("a.zip", list_files.zipped(list_files.layer("ESRI Shapefile", "EPSG:4326", "GBK"))),
        ("a.geojson", collection(feature(), feature(B, "f2"))),
        ("a.gpkg", list_files.layer("GPKG", "EPSG:4326")),
        ("a.kmz", list_files.layer("LIBKML", "EPSG:4326")),
        ("a.parquet", lambda path: gpd.GeoDataFrame({"类别": ["公园"]}, geometry=[shapely.Point(A)]).to_parquet(path)),
        ("a.xlsb", lambda path: binary_workbooks.write(path, {"s": [list_files.HEAD, clinic(1, A)]})),
        ("a.ods", lambda path: opendocument.write(path, [list_files.HEAD, clinic(1, A)])),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # GDAL says much of a broken file
def test_damaged_files_are_read_or_refused(tmp_path: Path, name: str, make: Any) -> None:
    path = tmp_path / name
    make(path)
    whole = path.read_bytes()
    refused = 0
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            facility_lists.read_in_this_process(path, ListOptions(within=WITHIN))
        except TableError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused
