"""Positions in unusual columns: degrees, minutes and seconds, a system for each row, metres of a projection."""

from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo.errors import FieldError, UnknownNameError
from geo.geodesy import datums
from geo.lists import degrees, stated_systems
from geo.lists.reader import ListOptions
from geo.lists.remarks import Remarks
from support.examples import examples
from support.list_files import WITHIN, A, B, book, collection, feature, moved, read, refusal, table

AT = (120 + 5 / 60 + 30 / 3600, 28 + 53 / 60 + 20 / 3600)
SPLIT = [120, 5, 30, 28, 53, 20]
HEAD = ["名称", "类别"]


def place(row: Any) -> tuple[float, float]:
    assert row.geometry is not None, row.problems
    return row.geometry.x, row.geometry.y


# --- degrees, minutes and seconds --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        ["经度", "", "", "纬度", "", ""],
        ["经度度", "经度分", "经度秒", "纬度度", "纬度分", "纬度秒"],
        ["经度(度)", "经度(分)", "经度(秒)", "纬度（度）", "纬度（分）", "纬度（秒）"],
        ["东经", "", "", "北纬", "", ""],
        ["东经度", "东经分", "东经秒", "北纬度", "北纬分", "北纬秒"],
        ["经度", "分", "秒", "纬度", "分", "秒"],
        ["lon_deg", "lon_min", "lon_sec", "lat_deg", "lat_min", "lat_sec"],
    ],
)
@pytest.mark.parametrize(
    "cells", [SPLIT, ["120°", "5′", "30″", "28°", "53′", "20″"], ["120", "05", "30.0", "28", "53", "20"]]
)
def test_degrees_in_columns_are_joined(head: list[str], cells: list[Any], tmp_path: Path) -> None:
    (row,) = read(tmp_path / "a.csv", table(["甲", "诊所", *cells], head=[*HEAD, *head]), coordinates="wgs84").rows
    assert place(row) == pytest.approx(AT, abs=1e-9)
    assert "extra" not in row.values


@pytest.mark.parametrize("second", [["度", "分", "秒"] * 2, ["(度)", "(分)", "(秒)"] * 2])
def test_units_may_stand_below_the_headings(second: list[str], tmp_path: Path) -> None:
    first = [*HEAD, "经度", "", "", "纬度", "", ""]
    rows = [["", "", *second], ["甲", "诊所", *SPLIT]]
    (row,) = read(tmp_path / "a.csv", table(*rows, head=first), coordinates="wgs84").rows
    assert place(row) == pytest.approx(AT, abs=1e-9)
    merged = ["C1:E1", "F1:H1", "A1:A2", "B1:B2"]
    (row,) = read(tmp_path / "a.xlsx", book(first, *rows, merged=merged), coordinates="wgs84").rows
    assert place(row) == pytest.approx(AT, abs=1e-9)


def test_one_merged_heading_stands_over_degrees_minutes_and_seconds(tmp_path: Path) -> None:
    head = [*HEAD, "经度", "", "", "纬度", "", ""]
    make = book(head, ["甲", "诊所", *SPLIT], merged=["C1:E1", "F1:H1"])
    facility_list = read(tmp_path / "a.xlsx", make, coordinates="wgs84")
    assert place(facility_list.rows[0]) == pytest.approx(AT, abs=1e-9)
    assert any("column D and column E" in note and "minutes and seconds" in note for note in facility_list.notes)


@pytest.mark.parametrize(
    "cells",
    [[120, 61, 30, 28, 53, 20], [120, 5, 75, 28, 53, 20], [120.5, 5, 30, 28, 53, 20], [120, "五", 30, 28, 53, 20],
     ["", 5, 30, 28, 53, 20], [120, 5.5, 30, 28, 53, 20], [120, -5, 30, 28, 53, 20]],
)  # fmt: skip
def test_what_is_no_degrees_minutes_and_seconds_is_a_problem(cells: list[Any], tmp_path: Path) -> None:
    head = [*HEAD, "经度度", "经度分", "经度秒", "纬度度", "纬度分", "纬度秒"]
    (row,) = read(tmp_path / "a.csv", table(["甲", "诊所", *cells], head=head), coordinates="wgs84").rows
    assert row.geometry is None
    assert "are no degrees, minutes and seconds" in row.problems[0]


def test_whole_degrees_are_doubted(tmp_path: Path) -> None:
    make = table(["甲", "诊所", 120, 28], ["乙", "诊所", *A], head=[*HEAD, "经度", "纬度"])
    first, second = read(tmp_path / "a.csv", make, within=None).rows
    assert ("whole degrees" in first.doubts[0], second.doubts) == (True, ())


@pytest.mark.parametrize(
    ("cell", "expected"), [("1200530", AT[0]), ("1200530.00", AT[0]), ("120.0530", None), ("120°05′30″", AT[0])]
)
def test_a_heading_that_announces_degrees_minutes_and_seconds(
    cell: str, expected: float | None, tmp_path: Path
) -> None:
    make = table(["甲", "诊所", cell, "28°53′20″"], head=[*HEAD, "经度(度分秒)", "纬度(度分秒)"])
    (row,) = read(tmp_path / "a.csv", make, coordinates="wgs84").rows
    if expected is None:
        assert "write 120°05′30″" in row.problems[0]
    else:
        assert place(row)[0] == pytest.approx(expected, abs=1e-9)


def test_a_time_in_a_workbook_is_degrees_and_a_date_is_not(tmp_path: Path) -> None:
    lon, lat = (timedelta(hours=degree) for degree in AT)
    facility_list = read(
        tmp_path / "a.xlsx",
        book([*HEAD, "经度", "纬度"], ["甲", "诊所", lon, lat], ["乙", "诊所", date(2021, 1, 1), A[1]]),
    )
    first, second = facility_list.rows
    assert place(first) == pytest.approx(AT, abs=1e-5)
    assert "was read as 120.09" in first.notes[0]
    assert "is no number of degrees" in second.problems[0]


def test_degrees_and_decimal_minutes_are_joined(tmp_path: Path) -> None:
    make = table(["甲", "诊所", 120, 5.5, 28, 53.25], head=[*HEAD, "经度", "", "纬度", ""])
    assert place(read(tmp_path / "a.csv", make, coordinates="wgs84").rows[0]) == pytest.approx(
        (120 + 5.5 / 60, 28 + 53.25 / 60)
    )


@given(st.integers(-179, 179), st.integers(0, 59), st.floats(0, 59.9))
def test_joined_degrees_are_the_sum_of_their_parts(whole: int, minutes: int, seconds: float) -> None:
    remarks = Remarks()
    (joined,) = degrees.joined("经度", [str(whole)], [str(minutes)], [f"{seconds:.4f}"], remarks)
    assert not remarks.problems
    fraction = minutes / 60 + round(seconds, 4) / 3600
    assert float(str(joined)) == pytest.approx(whole - fraction if whole < 0 else whole + fraction, abs=1e-9)


# --- a coordinate system for each row ----------------------------------------------------------------------------

SYSTEMS = {
    "gcj02": ["GCJ02", "GCJ-02", "gcj_02", "火星坐标", "火星坐标系", "高德", "高德地图", "腾讯", "国测局坐标",
              "高德(GCJ-02)"],
    "bd09": ["BD09", "BD-09", "bd09ll", "百度", "百度坐标系", "百度经纬度", "ＢＤ０９"],
    "wgs84": ["WGS84", "WGS-84", "WGS 1984", "GPS", "EPSG:4326", "4326", "84坐标系", "GCS_WGS_1984",
              "urn:ogc:def:crs:EPSG::4326"],
    "cgcs2000": ["CGCS2000", "国家2000", "2000国家大地坐标系", "2000", "大地2000", "EPSG:4490", "天地图", "CGCS 2000"],
    "EPSG:4549": ["EPSG:4549", "4549", "CGCS2000 CM120", "CGCS2000_3_Degree_GK_CM_120E", "国家2000 中央子午线120"],
    "EPSG:4528": ["CGCS2000 40带", "CGCS2000_3_Degree_GK_Zone_40", "EPSG:4528"],
}  # fmt: skip


@pytest.mark.parametrize(("words", "system"), [(words, system) for system, names in SYSTEMS.items() for words in names])
def test_names_of_coordinate_systems_are_recognised(words: str, system: str) -> None:
    assert stated_systems.parse(words) == system


@pytest.mark.parametrize(
    "words", ["北京54", "西安80", "1954", "谷歌", "未知", "高德/百度", "EPSG:999999", "xyz", "地方坐标系"]
)
def test_other_names_of_coordinate_systems_are_refused(words: str) -> None:
    with pytest.raises((ValueError, UnknownNameError)):
        stated_systems.parse(words)


@pytest.mark.parametrize("heading", ["坐标系", "坐标系统", "datum", "CRS", "坐标类型"])
def test_a_column_states_the_system_of_each_row(heading: str, tmp_path: Path) -> None:
    rows = [
        [system, "诊所", SYSTEMS[system][0], *datums.from_wgs84(*A, system)]
        for system in ("gcj02", "bd09", "wgs84", "cgcs2000")
    ]
    make = table(*rows, head=[*HEAD, heading, "经度", "纬度"])
    facility_list = read(tmp_path / "a.csv", make)
    for row in facility_list.rows:
        assert place(row) == pytest.approx(A, abs=2e-6)
        assert "extra" not in row.values  # else an export in WGS84 would state another system
    assert any(f"the column {heading} states" in note for note in facility_list.notes)
    assert facility_list.coordinates_stated


def test_a_row_whose_system_is_unknown_is_unusable_and_an_empty_cell_takes_the_default(tmp_path: Path) -> None:
    gcj02 = datums.from_wgs84(*A, "gcj02")
    make = table(
        ["甲", "诊所", "北京54", *A], ["乙", "诊所", "", *gcj02],
        ["丙", "诊所", "WGS84", *B], ["丁", "诊所", "—", *gcj02],
        head=[*HEAD, "坐标系", "经度", "纬度"],
    )  # fmt: skip
    first, second, third, fourth = read(tmp_path / "a.csv", make, coordinates="gcj02").rows
    assert "坐标系 = '北京54': names no coordinate system" in first.problems[0]
    assert [place(row) for row in (second, third, fourth)] == [pytest.approx(at, abs=2e-6) for at in (A, B, A)]


def test_a_contradiction_with_the_user_is_said(tmp_path: Path) -> None:
    make = table(["甲", "诊所", "BD09", *datums.from_wgs84(*A, "bd09")], head=[*HEAD, "坐标系", "经度", "纬度"])
    facility_list = read(tmp_path / "a.csv", make, coordinates="gcj02")
    assert place(facility_list.rows[0]) == pytest.approx(A, abs=2e-6)
    assert any("1 of 1 rows state another system than gcj02 as you say" in note for note in facility_list.notes)


def test_the_system_that_a_file_of_features_states_goes_before_a_property(tmp_path: Path) -> None:
    marked = {"坐标系": "GCJ02"}
    stated = read(tmp_path / "a.geojson", collection(feature(**marked), coordinates="wgs84"))
    assert place(stated.rows[0]) == A
    assert any("坐标系 of 1 features contradicts wgs84" in note for note in stated.notes)
    unstated = read(tmp_path / "b.geojson", collection(feature(moved(A, "gcj02"), **marked)))
    assert place(unstated.rows[0]) == pytest.approx(A, abs=2e-6)


# --- metres of a projection --------------------------------------------------------------------------------------


@cache
def transformer(code: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs("EPSG:4326", code, always_xy=True)


def in_metres(at: tuple[float, float], code: str) -> tuple[float, float]:
    x, y = transformer(code).transform(*at)
    return float(x), float(y)


@pytest.mark.parametrize(
    ("code", "prefix"),
    [("EPSG:4549", 0), ("4549", 40), ("EPSG:4528", 40), ("EPSG:4528", 0), ("EPSG:4510", 0), ("EPSG:32651", 0)],
)
@pytest.mark.parametrize(
    "head", [["x", "y"], ["Y坐标", "X坐标"], ["东坐标", "北坐标"], ["横坐标", "纵坐标"], ["easting", "northing"]]
)
def test_positions_in_metres_are_reprojected(code: str, prefix: int, head: list[str], tmp_path: Path) -> None:
    easting, northing = in_metres(A, f"EPSG:{code.removeprefix('EPSG:')}")
    easting = easting % 1e6 + prefix * 1e6
    make = table(["甲", "诊所", easting, northing], head=[*HEAD, *head])
    facility_list = read(tmp_path / "a.csv", make, crs=code)
    assert place(facility_list.rows[0]) == pytest.approx(A, abs=1e-7)
    notes = " ".join(facility_list.notes)
    assert ("x is the northing" in notes) == (head[0] == "Y坐标")
    assert ("zone's number" in notes) == (bool(prefix) != (code == "EPSG:4528"))


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.floats(118.6, 121.4), st.floats(24.5, 53.0), st.booleans(), st.booleans())
def test_any_position_of_a_zone_comes_back(
    tmp_path: Path, lon: float, lat: float, swapped: bool, prefixed: bool
) -> None:
    x, y = in_metres((lon, lat), "EPSG:4549")
    x += 40e6 * prefixed
    make = table(["甲", "诊所", *((y, x) if swapped else (x, y))], head=[*HEAD, "x", "y"])
    (row,) = read(tmp_path / "a.csv", make, crs="EPSG:4549", within=None).rows
    assert place(row) == pytest.approx((lon, lat), abs=1e-7)


def test_the_datum_of_metres_is_no_contradiction(tmp_path: Path) -> None:
    metres = in_metres(A, "EPSG:4549")
    make = table(
        ["甲", "诊所", "CGCS2000", *metres],
        ["乙", "诊所", "GCJ02", *moved(A, "gcj02")],
        head=[*HEAD, "坐标系", "x", "y"],
    )
    facility_list = read(tmp_path / "a.csv", make, crs="EPSG:4549")
    assert [place(row) for row in facility_list.rows] == [pytest.approx(A, abs=2e-6)] * 2
    assert any("1 of 2 rows state another system than EPSG:4549 as you say" in note for note in facility_list.notes)


def test_positions_of_another_zone_and_degrees_are_problems(tmp_path: Path) -> None:
    x, y = in_metres(A, "EPSG:4549")
    make = table(["甲", "诊所", x + 39e6, y], ["乙", "诊所", *A], ["丙", "诊所", x, y], head=[*HEAD, "x", "y"])
    first, second, third = read(tmp_path / "a.csv", make, crs="EPSG:4549").rows
    assert "zone 39" in first.problems[0]
    assert "these are degrees" in second.problems[0]
    assert place(third) == pytest.approx(A, abs=1e-7)


def test_metres_without_a_crs_name_the_option(tmp_path: Path) -> None:
    (row,) = read(tmp_path / "a.csv", table(["甲", "诊所", *in_metres(A, "EPSG:4549")], head=[*HEAD, "x", "y"])).rows
    assert "--crs EPSG:4549" in row.problems[0]


def test_a_crs_that_contradicts_is_refused(tmp_path: Path) -> None:
    make = table(["甲", "诊所", *in_metres(A, "EPSG:4549")], head=[*HEAD, "高德经度", "高德纬度"])
    assert "and not EPSG:4549 as you say" in refusal(tmp_path / "a.csv", make, crs="EPSG:4549")
    with pytest.raises(FieldError, match="contradict"):
        ListOptions(coordinates="gcj02", crs="EPSG:4549").check()
    for code in ("EPSG:1", "mars", "EPSG:5773"):
        with pytest.raises(UnknownNameError):
            ListOptions(crs=code).check()


def test_outlines_in_metres_are_reprojected(tmp_path: Path) -> None:
    x, y = in_metres(A, "EPSG:4549")
    square = shapely.box(x, y, x + 100, y + 100)
    (row,) = read(tmp_path / "a.csv", table(["甲", "公园", square.wkt], head=[*HEAD, "wkt"]), crs="EPSG:4549").rows
    assert row.geometry is not None
    assert (row.geometry.geom_type, row.geometry.within(WITHIN)) == ("Polygon", True)
    assert np.allclose(row.geometry.bounds[:2], A, atol=1e-5)
