"""Which facility of the register a row of a list stands for, and which rows are rejected because that is unclear."""

from pathlib import Path

import pytest

from geo.errors import TableError
from geo.geodesy import datums
from geo.lists import writer
from service.register.register import Register
from support import town
from support.lists import HEADINGS, ID_HEADINGS, import_list, import_row, snapshot, write_csv


def test_rows_without_ids_are_matched_when_the_list_comes_again(register: Register, tmp_path: Path):
    x, y = town.place(3, 3)
    path = write_csv(tmp_path, ("甲诊所", "诊所", x, y), ("甲诊所", "诊所", x + 0.004, y), ("", "公园", x, y))
    first = import_list(register, path)
    assert first.counts["added"] == 3
    before = snapshot(register)
    second = import_list(register, path)
    assert second.counts["unchanged"] == 3
    assert [row.id for row in second.rows] == [row.id for row in first.rows]
    assert snapshot(register) == before


def test_a_row_is_matched_by_a_name_with_other_spaces_near_its_place(register: Register, tmp_path: Path):
    x, y = town.place(3, 3)
    first = import_row(register, tmp_path, "甲诊所", "诊所", x, y)
    headings = (*HEADINGS, "电话")
    second = import_row(register, tmp_path, " 甲 诊所", "诊所", x + 0.001, y, "123", headings=headings)
    assert (second.outcome, second.id) == ("changed", first.id)
    assert set(second.fields) == {"name", "phone", "geometry"}


def test_a_row_far_from_the_facility_of_its_name_is_a_new_facility(register: Register, tmp_path: Path):
    row = import_row(register, tmp_path, "甲", "诊所", *town.place(8, 8))  # c1 has this name
    assert row.outcome == "added"
    assert row.id != "c1"


def test_a_row_without_a_place_is_matched_by_its_name_if_only_one_facility_has_it(register: Register, tmp_path: Path):
    headings = ("名称", "类别", "电话")
    path = write_csv(tmp_path, ("甲", "诊所", "0579-1"), ("谁", "诊所", "2"), headings=headings)
    report = import_list(register, path, leave_out=True)
    assert [row.outcome for row in report.rows] == ["changed", "unusable"]
    assert register.get("c1").frame["phone"].iloc[0] == "0579-1"
    assert "gives no location" in report.rows[1].why[-1]
    import_row(register, tmp_path, "甲", "诊所", *town.place(8, 8))
    row = import_row(register, tmp_path, "甲", "诊所", "3", headings=headings)
    assert (row.outcome, "give its id" in row.why[-1]) == ("unusable", True)


def test_of_several_rows_with_a_name_the_nearest_is_matched(register: Register, tmp_path: Path):
    x, y = town.place(3, 3)
    name = "口袋公园"
    known = import_row(register, tmp_path, name, "公园", x, y)
    path = write_csv(tmp_path, (name, "公园", x + 0.003, y), (name, "公园", x + 2e-5, y))
    report = import_list(register, path)
    assert [row.outcome for row in report.rows] == ["added", "changed"]
    assert report.rows[1].id == known.id
    assert import_list(register, path).counts["unchanged"] == 2


def test_nameless_rows_are_matched_within_a_metre(register: Register, tmp_path: Path):
    x, y = town.place(3, 3)
    for shift in range(8):
        row = import_row(register, tmp_path, "公园", x + shift * 1e-6, y, headings=("类别", "经度", "纬度"))
        assert row.outcome == ("unchanged" if shift else "added")


def test_a_row_with_the_id_of_a_different_facility_is_rejected(register: Register, tmp_path: Path):
    path = write_csv(tmp_path, ("c1", "甲公园", "公园", *town.place(1, 1)), headings=ID_HEADINGS)
    report = import_list(register, path)
    assert not report.applied
    assert "give --source NAME (HTTP: source=NAME)" in report.rows[0].why[-1]
    far = import_row(register, tmp_path, "c1", "完全另一家医院", "诊所", *town.place(7, 7), headings=ID_HEADINGS)
    assert "km from here" in far.why[-1]
    moved = import_row(register, tmp_path, "c1", "甲", "诊所", *town.place(7, 7), headings=ID_HEADINGS)
    assert moved.outcome == "changed"


def test_similar_names_of_two_villages_do_not_make_one_facility(register: Register, tmp_path: Path):
    import_row(register, tmp_path, "1", "上村卫生室", "诊所", *town.place(1, 1), headings=ID_HEADINGS)
    row = import_row(register, tmp_path, "1", "下村卫生室", "诊所", *town.place(7, 7), headings=ID_HEADINGS)
    assert (row.outcome, "km from here" in row.why[-1]) == ("unusable", True)


def test_a_row_with_an_unknown_id_is_rejected_where_a_facility_has_its_name(register: Register, tmp_path: Path):
    x, y = register.get("c1").frame.geometry.iloc[0].coords[0]
    row = import_row(register, tmp_path, "1001", "甲", "诊所", x, y, headings=ID_HEADINGS)
    assert (row.outcome, "as c1" in row.why[-1]) == ("unusable", True)


def test_equal_rows_are_imported_once_and_rows_that_differ_are_rejected(register: Register, tmp_path: Path):
    place = town.place(3, 3)
    report = import_list(register, write_csv(tmp_path, ("丁诊所", "诊所", *place), ("丁诊所", "诊所", *place)))
    assert [row.outcome for row in report.rows] == ["added", "left out"]
    assert "row 2 again" in report.rows[1].why[-1]
    rows = [("戊诊所", "诊所", *place, "1"), ("戊诊所", "诊所", *place, "2")]
    report = import_list(register, write_csv(tmp_path, *rows, headings=(*HEADINGS, "电话")))
    assert [row.outcome for row in report.rows] == ["added", "unusable"]


def test_equal_rows_of_a_known_facility_change_it_once(register: Register, tmp_path: Path):
    x, y = register.get("c1").frame.geometry.iloc[0].coords[0]
    report = import_list(register, write_csv(tmp_path, ("甲", "诊所", x, y), ("甲", "诊所", x, y)))
    assert [(row.outcome, row.id) for row in report.rows] == [("unchanged", "c1"), ("left out", None)]
    rows = [("甲", "诊所", x, y, "1"), ("甲", "诊所", x, y, "2")]
    report = import_list(register, write_csv(tmp_path, *rows, headings=(*HEADINGS, "电话")))
    assert [row.outcome for row in report.rows] == ["changed", "unusable"]


def test_new_facilities_of_one_name_near_each_other_get_a_remark(register: Register, tmp_path: Path):
    x, y = town.place(3, 3)
    report = import_list(register, write_csv(tmp_path, ("己诊所", "诊所", x, y), ("己诊所", "诊所", x + 1e-4, y)))
    assert "row 2 has this name too, 10 m away" in report.rows[1].why[-1]


def test_removed_and_merged_facilities_are_left_out(register: Register, tmp_path: Path):
    path = tmp_path / "all.csv"
    path.write_bytes(writer.write(register.facilities(), "csv").content)
    register.merge("c1", None, "c2", None, "me")
    register.remove("c3", None, "me")
    before = snapshot(register)
    report = import_list(register, path)
    reasons = {row.id: row.why[-1] for row in report.rows if row.outcome == "left out"}
    assert reasons.keys() == {"c2", "c3"}
    assert "merged into c1" in reasons["c2"]
    assert "was removed" in reasons["c3"]
    assert (report.counts["added"], report.counts["changed"]) == (0, 0)
    assert snapshot(register) == before


def test_a_row_is_matched_to_a_present_facility_before_a_removed_one(register: Register, tmp_path: Path):
    x, y = town.place(3, 3)
    lons = (x, x + 0.001, x + 0.002)
    report = import_list(register, write_csv(tmp_path, *(("戊诊所", "诊所", lon, y) for lon in lons)))
    removed, present, duplicate = (row.id for row in report.rows)
    register.remove(removed, None, "me")
    register.merge(present, None, duplicate, None, "me")
    for lon in lons:
        row = import_row(register, tmp_path, "戊诊所", "诊所", lon, y, f"{lon}", headings=(*HEADINGS, "电话"))
        assert (row.id, row.outcome, row.fields["phone"][1]) == (present, "changed", f"{lon}")
    row = import_row(register, tmp_path, "戊诊所", "诊所", "9", headings=("名称", "类别", "电话"))
    assert row.id == present
    register.remove(present, None, "me")
    assert import_row(register, tmp_path, "戊诊所", "诊所", x, y).outcome == "left out"


def test_a_list_whose_facilities_fit_another_coordinate_system_is_refused(register: Register, tmp_path: Path):
    frame = register.facilities()
    ids = ["c1", "c2", "c3", "k1"]
    shifted = (datums.position_from_wgs84(*frame.geometry[id_].coords[0], "gcj02") for id_ in ids)
    rows = [(frame["name"][id_], frame["category"][id_], *place) for id_, place in zip(ids, shifted, strict=True)]
    path = write_csv(tmp_path, *rows)
    before = snapshot(register)
    with pytest.raises(TableError, match=r"give --coordinates gcj02 \(HTTP: .*\), or wgs84"):
        import_list(register, path, coordinates=None)
    assert snapshot(register) == before
    notes = import_list(register, path, dry_run=True).notes
    assert any("in gcj02 they would lie 0 m from there" in note for note in notes)
    assert import_list(register, path, coordinates="gcj02").counts["unchanged"] == 4


def test_a_single_row_that_fits_another_coordinate_system_is_rejected(register: Register, tmp_path: Path):
    frame = register.facilities()
    places = [frame.geometry[id_].coords[0] for id_ in ("c1", "c2", "c3")]
    places[2] = datums.position_from_wgs84(*places[2], "gcj02")
    path = write_csv(tmp_path, *((name, "诊所", *place) for name, place in zip("甲乙丙", places, strict=True)))
    report = import_list(register, path, coordinates=None)
    assert [row.outcome for row in report.rows] == ["unchanged", "unchanged", "unusable"]
    assert "as c3, just where this row would be in gcj02" in report.rows[2].why[-1]
    stated = import_list(register, path, coordinates="wgs84")
    assert stated.rows[2].outcome == "added"
