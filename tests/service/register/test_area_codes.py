"""Area codes of lists are compared with the areas of the study and with positions."""

from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from geo.study import area_codes
from service.register.register import Register
from support import town
from support.lists import HEADINGS, import_list, import_row, write_csv

WITH_CODE = (*HEADINGS, "区划代码")


@pytest.mark.parametrize(
    ("code", "row", "settled", "words"),
    [
        ("7007", 6, "T1N", "area code 7007 is not one of the study's: its position counts, which lies in "),
        ("T2S", 6, "T1N", "its position counts; correct one of them"),
        ("T1S", 6, "T1N", "1.1 km from its position"),
        ("T1S", 4.1, "T1S", "the code was kept"),
        ("T1", 6, "T1N", None),  # the town of the village
        ("t1n", 6, "T1N", None),
    ],
)
def test_a_code_is_compared_with_the_position(
    code: str, row: float, settled: str, words: str | None, register: Register, tmp_path: Path
):
    path = write_csv(tmp_path, ("新礼堂", "文化礼堂", *town.place(2, row), code), headings=WITH_CODE)
    (outcome,) = import_list(register, path).rows
    assert outcome.outcome == "added"
    assert register.get(str(outcome.id)).frame["area_code"].iloc[0] == settled
    assert any(words in why for why in outcome.why) if words else outcome.why == ()
    assert import_list(register, path).counts["unchanged"] == 1


@pytest.mark.parametrize("code", ["330784001", "330784001000", " 330784001"])
def test_codes_of_the_statistical_system_are_known_in_each_length(code: str):
    units = gpd.GeoDataFrame(
        {"name": ["东城", "甲村"], "parent": [None, "330784001000"]},
        index=["330784001000", "330784001201"],
        geometry=[shapely.box(120, 28, 120.2, 28.2), shapely.box(120, 28, 120.1, 28.1)],
        crs="EPSG:4326",
    )
    in_town, in_village = shapely.points([(120.15, 28.15), (120.05, 28.05)])
    settled = area_codes.settle(units, "EPSG:4549", [code, code], [in_town, in_village])
    assert settled == [("330784001000", None), ("330784001201", None)]


@pytest.mark.parametrize(
    ("code", "is_reported"),
    [("330784", False), ("330784000000", False), ("330700", False), ("330000", False), ("330783", True), ("3", True)],
)
def test_the_code_of_a_unit_around_the_whole_study_gets_no_remark(code: str, is_reported: bool):
    units = gpd.GeoDataFrame(
        {"name": ["东城", "西城"], "parent": [None, None]},
        index=["330784001000", "330784002000"],
        geometry=[shapely.box(120, 28, 120.1, 28.2), shapely.box(120.1, 28, 120.2, 28.2)],
        crs="EPSG:4326",
    )
    (settled,) = area_codes.settle(units, "EPSG:4549", [code], shapely.points([(120.15, 28.15)]))
    assert (settled.code, settled.remark is not None) == ("330784002000", is_reported)


def test_the_code_of_a_village_that_is_a_point_is_kept_within_its_town():
    units = gpd.GeoDataFrame(
        {"name": ["东城", "甲村", "乙村"], "parent": [None, "T", "T"]},
        index=["T", "V1", "V2"],
        geometry=[shapely.box(120, 28, 120.2, 28.2), shapely.Point(120.05, 28.05), shapely.Point(120.15, 28.15)],
        crs="EPSG:4326",
    )
    (near, far) = area_codes.settle(units, "EPSG:4549", ["V1", "V1"], shapely.points([(120.15, 28.14), (120.3, 28.1)]))
    assert near == ("V1", None)
    assert far.code == "V1"
    assert "lies in no area of the study: the code was kept" in str(far.remark)


def test_a_row_outside_every_area_keeps_no_unknown_code(register: Register, tmp_path: Path):
    row = import_row(register, tmp_path, "新礼堂", "文化礼堂", *town.place(-2, 4), "7007", headings=WITH_CODE)
    assert register.get(str(row.id)).frame["area_code"].iloc[0] is None
    assert "lies in no area" in row.why[-1]
