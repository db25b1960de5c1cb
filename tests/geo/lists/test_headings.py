"""Headings of lists: which field and coordinate system a column is, and what the user may say of it."""

from pathlib import Path

import pytest
import shapely

from geo.lists import headings
from geo.study import facilities
from support import list_files
from support.list_files import A, B, clinic, read, refusal, table


@pytest.mark.parametrize("name", [name for names in headings.FACILITY_COLUMNS.headings.values() for name in names])
def test_every_listed_heading_is_recognised_in_any_spelling(name: str) -> None:
    field = next(field for field, names in headings.FACILITY_COLUMNS.headings.items() if name in names)
    variants = (name, f" {name.upper()} ", f"*{name}:", *([] if "(" in name else [f"{name}(必填)", f"{name}【单位】"]))
    assert {headings.FACILITY_COLUMNS.recognise(one)[0] for one in variants} == {field}


def test_every_field_of_a_facility_has_a_heading() -> None:
    assert set(headings.FACILITY_COLUMNS.fields) == {
        *facilities.FIELDS, *headings.LOCATION_FIELDS, headings.DATUM, headings.STATUS,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("heading", "field", "system"),
    [
        ("经度(GCJ-02)", "lon", "gcj02"), ("高德经度", "lon", "gcj02"), ("百度纬度", "lat", "bd09"),
        ("火星坐标", "place", "gcj02"), ("lng_bd09", "lon", "bd09"), ("gcj02_lon", "lon", "gcj02"),
        ("WGS84经度", "lon", "wgs84"), ("国测局坐标", "place", "gcj02"), ("经度（CGCS2000）", "lon", "cgcs2000"),
        ("纬度 (°)", "lat", None), ("经　度", "lon", None), ("Ｘ", "lon", None),
        ("百度", None, None), ("高德评分", None, None),
    ],
)  # fmt: skip
def test_a_heading_states_its_coordinate_system(heading: str, field: str | None, system: str | None) -> None:
    assert headings.FACILITY_COLUMNS.recognise(heading) == (field, system)


def test_the_mapping_of_the_user_goes_before_the_headings(tmp_path: Path) -> None:
    make = table(["1", "甲", "x", *A], head=["编码", "叫法", "名称", "经度", "纬度"])
    facility_list = read(tmp_path / "a.csv", make, columns={"叫法": "name"}, category="clinic")
    assert facility_list.rows[0].values == {"id": "1", "name": "甲", "category": "clinic", "extra": {"名称": "x"}}
    assert facility_list.columns == {"编码": "id", "叫法": "name", "名称": "extra", "经度": "lon", "纬度": "lat"}
    assert "no column '叫'" in refusal(tmp_path / "b.csv", make, columns={"叫": "name"})
    assert "no field 'nom'" in refusal(tmp_path / "c.csv", make, columns={"叫法": "nom"})


def test_a_mapping_can_name_all_columns(tmp_path: Path) -> None:
    make = table(["甲", *A], head=["叫法", "横", "竖"])
    columns = {"叫法": "name", "横": "lon", "竖": "lat"}
    (row,) = read(tmp_path / "a.csv", make, columns=columns, category="park").rows
    assert (row.values, row.geometry) == ({"name": "甲", "category": "park"}, shapely.Point(A))


def test_of_two_columns_of_a_field_the_one_with_its_first_heading_is_used(tmp_path: Path) -> None:
    make = table(["1", "诊所", "甲", "乙", *A], head=["编号", "类别", "名称", "机构名称", "经度", "纬度"])
    (row,) = read(tmp_path / "a.csv", make).rows
    assert (row.values["name"], row.values["extra"]) == ("甲", {"机构名称": "乙"})


def test_repeated_headings_are_numbered_so_that_a_mapping_can_name_them(tmp_path: Path) -> None:
    make = table([*clinic(1, A, "甲"), "乙"], head=[*list_files.HEAD, "名称"])
    (row,) = read(tmp_path / "a.csv", make, columns={"名称 (2)": "extra"}).rows
    assert (row.values["name"], row.values["extra"]) == ("甲", {"名称 (2)": "乙"})


def test_a_column_location_that_holds_words_is_a_further_property(tmp_path: Path) -> None:
    make = table(["1", "诊所", "江南街道"], head=["编号", "类别", "location"])
    (row,) = read(tmp_path / "a.csv", make).rows
    assert (row.geometry, row.problems, row.values["extra"]) == (None, (), {"location": "江南街道"})
    make = table(["1", "诊所", "江南街道"], head=["编号", "类别", "坐标"])
    (row,) = read(tmp_path / "a.csv", make).rows
    assert row.problems == ("place = '江南街道': is no longitude, latitude",)


def test_a_heading_that_is_repeated_on_each_page_is_left_out(tmp_path: Path) -> None:
    head = ["编号", "类别", "lon_wgs84", "纬度"]
    make = table(["1", "诊所", *A], head, ["2", "诊所", *B], head, ["3", "诊所", *B], head=head)
    facility_list = read(tmp_path / "a.csv", make)
    assert [row.where for row in facility_list.rows] == ["row 2", "row 4", "row 6"]
    assert facility_list.left_out == [("row 3", "repeats the heading"), ("row 5", "repeats the heading")]
    assert not any(row.problems for row in facility_list.rows)


def test_a_repeated_heading_of_two_rows_is_left_out(tmp_path: Path) -> None:
    two = [["编号", "类别", "坐标", ""], ["", "", "经度", "纬度"]]
    make = table(two[1], ["1", "诊所", *A], *two, ["2", "诊所", *B], head=two[0])
    facility_list = read(tmp_path / "a.csv", make)
    assert [row.geometry for row in facility_list.rows] == [shapely.Point(A), shapely.Point(B)]
    assert [where for where, _ in facility_list.left_out] == ["row 4", "row 5"]


def test_columns_without_a_heading_are_ignored(tmp_path: Path) -> None:
    make = table([*clinic(1, A), "", "看", ""], head=[*list_files.HEAD, "", "", ""])
    (row,) = read(tmp_path / "a.csv", make).rows
    assert row.values == {"id": "c1", "category": "clinic", "name": "第1卫生室"}
