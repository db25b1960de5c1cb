"""Words of offices: what means that a value is unknown, and what is a category or subtype."""

from pathlib import Path

import pytest

from geo.lists import reader
from geo.lists.placeholders import is_placeholder
from support.lists import write_csv

HEADINGS = (
    "编号",
    "名称",
    "类别",
    "经度",
    "纬度",
    "电话",
    "地址",
    "床位",
    "开放时间",
    "建成时间",
    "区划代码",
    "备注栏",
)
PLACE = ("120.05", "28.9")


@pytest.mark.parametrize(
    "cell",
    [
        "无",
        "/",
        "—",
        "-",
        "－－",
        "暂无",
        "（无）",
        "N/A",
        "null",
        "None",
        "待定",
        "不详",
        "未知",
        "?",
        "——",
        "\\",
        "未填写",
        "TBD",
    ],
)
def test_a_placeholder_is_no_value(cell: str, tmp_path: Path):
    path = write_csv(tmp_path, ("T1", cell, "诊所", *PLACE, *[cell] * 6), headings=HEADINGS)
    (row,) = reader.read(path).rows
    assert row.values == {"id": "T1", "category": "clinic"}
    assert row.problems == ()


@pytest.mark.parametrize(
    ("heading", "cell"),
    [
        ("电话", "0"),
        ("电话", "0000-00000000"),
        ("建成时间", "0000-00-00"),
        ("建成时间", "1900-01-00"),
        ("建成时间", "0"),
    ],
)
def test_zeros_are_no_telephone_number_and_no_day(heading: str, cell: str, tmp_path: Path):
    path = write_csv(tmp_path, ("甲", "诊所", *PLACE, cell), headings=("名称", "类别", "经度", "纬度", heading))
    (row,) = reader.read(path).rows
    assert (row.values, row.problems) == ({"name": "甲", "category": "clinic"}, ())


@pytest.mark.parametrize("text", ["甲", "无名公园", "1", "0", "A/B", "无锡路", "No. 1", "3-5", "N"])
def test_a_value_is_no_placeholder(text: str):
    assert not is_placeholder(text)


@pytest.mark.parametrize(
    ("word", "category", "subtype"),
    [
        ("卫生院", "clinic", "township_health_centre"),
        ("中心卫生院", "clinic", "township_health_centre"),
        ("卫生室", "clinic", "village_clinic"),
        ("社区卫生服务站", "clinic", "community_health_station"),
        ("综合医院", "clinic", "hospital"),
        ("门诊部", "clinic", None),
        ("公办幼儿园", "kindergarten", "public"),
        ("民办幼儿园", "kindergarten", "private"),
        ("农村文化礼堂", "cultural_hall", None),
        ("口袋公园", "park", "pocket"),
        ("街心公园", "park", "pocket"),
    ],
)
@pytest.mark.parametrize("heading", ["类别", "机构类别"])
def test_words_of_offices_are_categories_and_subtypes(
    word: str, category: str, subtype: str | None, heading: str, tmp_path: Path
):
    path = write_csv(tmp_path, ("甲", word, *PLACE), headings=("名称", heading, "经度", "纬度"))
    (row,) = reader.read(path).rows
    assert row.values["category"] == category
    assert row.values.get("subtype") == subtype


def test_an_unknown_subtype_gets_a_remark(tmp_path: Path):
    rows = (("甲", "诊所", "面包房"), ("乙", "卫生院", "面包房"), ("丙", "卫生院", "卫生室"), ("丁", "公园", "卫生室"))
    path = write_csv(tmp_path, *((*row, *PLACE) for row in rows), headings=("名称", "类别", "子类", "经度", "纬度"))
    unknown, by_category, contradictory, of_another = reader.read(path).rows
    assert "subtype '面包房' is not one of clinic" in unknown.notes[0]
    assert (by_category.values["subtype"], "面包房" in by_category.notes[0]) == ("township_health_centre", True)
    assert (contradictory.values["subtype"], "which was kept" in contradictory.notes[0]) == ("village_clinic", True)
    assert "subtype '卫生室' is not one of park" in of_another.notes[0]
