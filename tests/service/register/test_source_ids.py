"""Ids are a source's own: two offices may both number their facilities from 1."""

from pathlib import Path

import pytest

from geo.lists import names
from geo.study.categories import BUILT_IN
from service.register.register import Register
from support import town
from support.lists import ID_HEADINGS, import_list, import_row, write_csv

EAST = (("1", "东城甲诊所", "诊所", *town.place(1, 1)), ("2", "东城乙诊所", "诊所", *town.place(2, 1)))
WEST = (("1", "西城丙诊所", "诊所", *town.place(1.9, 1)), ("2", "西城丁诊所", "诊所", *town.place(2.2, 1)))


@pytest.fixture
def east(tmp_path: Path) -> Path:
    return write_csv(tmp_path, *EAST, headings=ID_HEADINGS, name="east.csv")


@pytest.fixture
def west(tmp_path: Path) -> Path:
    return write_csv(tmp_path, *WEST, headings=ID_HEADINGS, name="west.csv")


def test_a_known_id_with_another_name_and_place_is_asked_about(register: Register, east: Path, west: Path):
    import_list(register, east)
    report = import_list(register, west)
    assert (report.applied, report.counts["unusable"]) == (False, 2)
    assert "id 1 is 东城甲诊所, clinic, in the register, 4" in report.rows[0].why[0]
    assert list(register.facilities().loc[["1", "2"], "name"]) == ["东城甲诊所", "东城乙诊所"]


def test_a_source_keeps_its_ids_apart_from_others(register: Register, east: Path, west: Path):
    import_list(register, east)
    assert import_list(register, west, source="西城").counts["added"] == 2
    facilities = register.facilities()
    assert list(facilities.loc[["1", "西城-1"], "name"]) == ["东城甲诊所", "西城丙诊所"]
    assert facilities["source"]["西城-1"] == "西城"
    assert import_list(register, west, source="西城").counts["unchanged"] == 2
    assert import_list(register, east).counts["unchanged"] == 2


def test_a_facility_that_was_renamed_and_moved_is_taken_with_update(register: Register, east: Path, west: Path):
    import_list(register, east)
    assert import_list(register, west, update=True).counts["changed"] == 2
    assert register.facilities()["name"]["1"] == "西城丙诊所"


@pytest.mark.parametrize(
    ("name", "column", "outcome"),
    [
        ("东城甲诊所", 6, "changed"),  # moved
        ("东城甲诊所一部", 6, "changed"),  # a longer form of the name, moved
        ("东城新诊所", 1, "changed"),  # renamed
        ("东城新诊所", 1.05, "changed"),  # renamed, and measured again 25 m away
        ("东城新诊所", 1.2, "unusable"),
        ("诊所", 6, "unusable"),  # a word that all clinics have
        ("东城甲诊所（分院）", 6, "unusable"),  # a branch is another facility
        ("东城甲诊所分中心", 6, "unusable"),
        ("东城甲诊所【东院区】", 6, "unusable"),
        ("东城甲诊所(分部)", 1, "changed"),
        ("东城甲（诊所）", 6, "changed"),
    ],
)
def test_a_facility_that_was_renamed_or_moved_but_not_both_is_the_same(
    name: str, column: float, outcome: str, register: Register, east: Path, tmp_path: Path
):
    import_list(register, east)
    row = import_row(register, tmp_path, "1", name, "诊所", *town.place(column, 1), headings=ID_HEADINGS)
    assert row.outcome == outcome
    assert ("moves by 2.4 km" in row.why) == (outcome == "changed" and column == 6)


def test_branches_that_differ_only_in_brackets_are_two_facilities(register: Register, tmp_path: Path):
    def outcome(name: str, column: float) -> str:
        cells = ("1", name, "诊所", *town.place(column, 1))
        return import_row(register, tmp_path, *cells, headings=ID_HEADINGS).outcome

    assert outcome("县医院（东院区）", 1) == "added"
    assert outcome("县医院（西院区）", 6) == "unusable"
    assert outcome("县医院", 6) == "unusable"
    assert outcome("县医院东院区", 6) == "changed"


@pytest.mark.parametrize(
    ("name", "address", "outcome"),
    [
        ("西城丙诊所", "西城大道9号", "unusable"),
        ("西城丙诊所", "", "unusable"),
        ("西城丙诊所", "胜利街1号", "changed"),  # a new name at the same address
        ("东城甲诊所", "西城大道9号", "changed"),
        ("东城乙诊所", "", "unusable"),
        ("东城甲诊所（分院）", "", "unusable"),
        ("东城甲诊所（原卫生室）", "", "changed"),
        ("东城甲门诊所", "", "changed"),
    ],
)
def test_a_known_id_without_a_position_needs_a_like_name(
    name: str, address: str, outcome: str, register: Register, tmp_path: Path
):
    import_row(
        register, tmp_path, "1", "东城甲诊所", "诊所", *town.place(1, 1), "胜利街1号", headings=(*ID_HEADINGS, "地址")
    )
    row = import_row(
        register, tmp_path, "1", name, "诊所", address, "123456", headings=("编号", "名称", "类别", "地址", "电话")
    )
    assert row.outcome == outcome
    assert ("no position that confirms" in " ".join(row.why)) == (outcome == "unusable")


def test_a_new_id_that_is_known_with_other_zeros_gets_a_remark(register: Register, east: Path, tmp_path: Path):
    import_list(register, east)
    row = import_row(register, tmp_path, "001", "北城戊诊所", "诊所", *town.place(5, 1), headings=ID_HEADINGS)
    assert (row.outcome, row.why) == ("added", ("its id differs only in zeros at its beginning from 1",))


def test_villages_of_long_like_names_are_not_taken_for_a_correction():
    category, units = BUILT_IN["clinic"], names.units_of(["城关镇", "向阳村", "朝阳村"])
    long = "龙溪县城关镇{}村卫生室"
    assert not names.is_correction(long.format("向阳"), long.format("朝阳"), category, units)
    assert names.is_correction(long.format("向阳"), "城关镇向阳村卫生室（新）", category, units)


def test_nameless_facilities_of_one_id_far_apart_are_asked_about(register: Register, tmp_path: Path):
    headings = ("编号", "类别", "经度", "纬度")
    import_row(register, tmp_path, "9", "公园", *town.place(1, 1), headings=headings)
    assert import_row(register, tmp_path, "9", "公园", *town.place(6, 1), headings=headings).outcome == "unusable"


def test_a_name_that_the_register_has_elsewhere_gets_a_remark(register: Register, east: Path, tmp_path: Path):
    import_list(register, east)
    row = import_row(register, tmp_path, "31", "东城甲诊所", "诊所", *town.place(5, 1), headings=ID_HEADINGS)
    assert (row.outcome, row.why) == (
        "added",
        ("the register has this name as 1, 2.0 km away: another branch, or has it moved? Then give its id",),
    )
