"""Offices' own lists in a build: the same files, encodings, headings and coordinates as an import reads."""

import re
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio
import pytest
import shapely

from geo.errors import TableError
from geo.geodesy import datums
from geo.geodesy.projection import projection
from geo.lists.table_locations import StatedSystem
from geo.sources import own_lists
from geo.sources.summary import Summary
from support.list_files import WITHIN, A, B, book, table

AREA_HEADINGS = ["区划代码", "名称", "级别", "上级代码", "城乡", "常住人口", "经度", "纬度"]


def facilities_of(path: Path, coordinates: str | None = None) -> tuple[gpd.GeoDataFrame, list[str]]:
    summary = Summary()
    frame = own_lists.read_facilities(path, WITHIN, None, StatedSystem(coordinates), summary)
    return frame, [f"{line.subject}: {line.remark}" for line in summary.lines]


def areas_of(path: Path, coordinates: str | None = None) -> gpd.GeoDataFrame:
    return own_lists.read_areas(path, StatedSystem(coordinates), Summary())


def test_a_workbook_with_a_title_and_a_sum_is_read(tmp_path: Path) -> None:
    path = tmp_path / "诊所.xlsx"
    book(["永康市诊所名单"], ["机构类别", "机构名称", "经度", "纬度", "床位"], ["村卫生室", "甲", *A, "3张"],
         ["合计", None, None, None, 3])(path)  # fmt: skip
    frame, lines = facilities_of(path, "wgs84")
    assert frame.index.tolist() == ["诊所-3"]
    row = frame.iloc[0]
    assert (row["category"], row["subtype"], row["name"], row["capacity"]) == ("clinic", "village_clinic", "甲", 3)
    assert row["provenance"] == "file"
    assert lines == [
        "left out 未采用: rows of 诊所.xlsx: row 4 is a sum: '合计'",
        "note 注: 诊所.xlsx row 3: capacity '3张' read as 3",
    ]


def test_a_text_in_gb18030_with_stated_coordinates_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    x, y = datums.from_wgs84(*A, "gcj02")
    table(["诊所", "甲", float(x), float(y)], head=["类别", "名称", "高德经度", "高德纬度"], encoding="gb18030")(path)
    frame, lines = facilities_of(path)
    assert shapely.distance(frame.geometry.iloc[0], shapely.Point(A)) < 1e-5
    assert lines == ["note 注: a.csv: its text was read as GB18030"]
    with pytest.raises(TableError, match="states that its coordinates are gcj02, and not bd09"):
        facilities_of(path, "bd09")


def test_rows_of_two_sheets_have_different_ids(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    head = ["类别", "名称", "经度", "纬度"]
    book(head, ["诊所", "甲", *A], 乡镇=[head, ["诊所", "乙", *B]])(path)
    frame, _ = facilities_of(path, "wgs84")
    assert frame.index.tolist() == ["a-名单-2", "a-乡镇-2"]


def test_all_unusable_rows_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    table(["1", "诊所", "甲", "北"], ["2", "宠物店", *A], ["3", "", *A], ["4", "诊所", "", ""], ["", "诊所", *A],
          head=["编号", "类别", "经度", "纬度"])(path)  # fmt: skip
    with pytest.raises(TableError) as caught:
        facilities_of(path, "wgs84")
    problems = "\n".join(caught.value.problems)
    for said in (
        "row 2: longitude",
        "row 3: category = '宠物店'",
        "row 4: category is missing",
        "row 5: has no geometry",
    ):
        assert said in problems
    assert "row 6" not in problems
    assert str(path) in str(caught.value)


def test_a_list_with_a_heading_only_is_a_list_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    table(head=["类别", "经度", "纬度"])(path)
    frame, lines = facilities_of(path)
    assert (len(frame), lines) == (0, [])


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_areas_are_read_from_tables_with_chinese_headings(tmp_path: Path, ending: str) -> None:
    rows = [
        ["330784100", "古山镇", "镇", "", "", "60,000", *A],
        [330784100201.0, "一村", "行政村", "330784100", "乡村", 900, *B],
    ]
    path = tmp_path / f"areas.{ending}"
    (table(*rows, head=AREA_HEADINGS, encoding="gb18030") if ending == "csv" else book(AREA_HEADINGS, *rows))(path)
    frame = areas_of(path)
    assert frame["name"].tolist() == ["古山镇", "一村"]
    assert frame["level"].tolist() == ["town", "village"]
    assert frame["urban"].tolist() == [None, False]
    assert frame["population"].tolist() == [60_000, 900]
    if ending == "xlsx":
        assert frame.index.tolist() == ["330784100", "330784100201"]
        assert frame["parent"].tolist() == [None, "330784100"]
    assert shapely.distance(frame.geometry.iloc[0], shapely.Point(A)) < 1e-9


def test_areas_are_read_from_a_layer_in_a_projection(tmp_path: Path) -> None:
    square = shapely.box(120.0, 28.9, 120.1, 29.0)
    frame = gpd.GeoDataFrame({"代码": ["1"], "名称": ["甲"], "级别": ["镇"]}, geometry=[square], crs="EPSG:4326")
    path = tmp_path / "areas.gpkg"
    pyogrio.write_dataframe(frame.to_crs("EPSG:4549"), path)
    found = areas_of(path)
    assert found.index.tolist() == ["1"]
    assert shapely.hausdorff_distance(found.geometry.iloc[0], square) < 1e-4


@pytest.mark.parametrize(
    ("head", "row", "said"),
    [
        (["名称", "经度", "纬度"], ["甲", *A], "no column code"),
        (["代码", "级别", "经度", "纬度"], ["1", "省", *A], "row 2: level = '省'"),
        (["代码", "级别", "经度", "纬度"], ["1", "镇", "东", 28.9], "row 2: longitude = '东'"),
        (["代码", "级别", "人口", "经度", "纬度"], ["1", "镇", "很多", *A], "row 2: population = '很多'"),
        (["代码", "级别", "经度", "纬度"], ["", "镇", *A], "row 2: code is missing"),
    ],
)  # fmt: skip
def test_areas_that_cannot_be_used_are_refused(tmp_path: Path, head: list[str], row: list[Any], said: str) -> None:
    path = tmp_path / "areas.csv"
    table(row, head=head)(path)
    with pytest.raises(TableError) as caught:
        areas_of(path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(path))


BOX = shapely.box(9.47, 47.05, 9.64, 47.27)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ((0, 0), "its place is 0, 0, which stands for an unknown place"),
        ((47.14, 9.52), "5,0.. km outside the extract; with longitude and latitude swapped it would lie inside"),
        ((10.5, 47.14), "65 km outside the extract"),
        ((10, 47), "whole degrees"),
    ],
)
def test_a_facility_far_from_the_extract_is_left_out_and_named(
    at: tuple[float, float], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "h.csv"
    table(["甲", "clinic", *at], ["乙", "clinic", 9.52, 47.14], ["丙", "clinic", 9.7, 47.14],
          head=["name", "category", "lon", "lat"])(path)  # fmt: skip
    summary = Summary()
    frame = own_lists.read_facilities(path, None, BOX, StatedSystem(), summary)
    assert frame["name"].tolist() == ["乙", "丙"]
    (line,) = (line for line in summary.lines if line.subject.startswith("left out"))
    assert re.search(f"h.csv row 2 .甲.: .*{said}", line.remark), line.remark


def test_a_facility_far_from_the_area_is_left_out_and_one_with_swapped_axes_is_said(tmp_path: Path) -> None:
    path = tmp_path / "h.csv"
    table(["甲", "clinic", 121.5, 28.9], ["乙", "clinic", A[1], A[0]], ["丙", "clinic", *B],
          head=["name", "category", "lon", "lat"])(path)  # fmt: skip
    frame, lines = facilities_of(path, "wgs84")
    assert frame["name"].tolist() == ["乙", "丙"]
    assert any("h.csv row 2 (甲): lies 1" in line for line in lines)
    assert "note 注: h.csv row 3: longitude and latitude were swapped" in lines


def test_areas_in_metres_are_read_with_their_crs(tmp_path: Path) -> None:
    path = tmp_path / "areas.csv"
    x, y = projection("EPSG:4549").to_metres(*A)
    table(["1", "甲", "镇", y, x], head=["代码", "名称", "级别", "X坐标", "Y坐标"])(path)
    frame = own_lists.read_areas(path, StatedSystem(crs="EPSG:4549"), Summary())
    assert shapely.distance(frame.geometry.iloc[0], shapely.Point(A)) < 1e-7
