"""What an import changes in the register, and what it reports."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from geo.choices import COORDINATE_SYSTEMS
from geo.errors import FuwuquanError
from geo.lists import writer
from geo.lists.reader import ListOptions
from geo.sources import facility_lists
from geo.study import study
from service.register import imports
from service.register.import_report import ImportReport
from service.register.imports import ImportOptions
from service.register.register import Register
from support import hostile, town
from support.lists import HEADINGS, import_list, import_row, snapshot, write_csv

OpenRegister = Callable[[Path, str], Register]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def sample_register(
    request: pytest.FixtureRequest, sample: study.Study, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Register]:
    """The sample's register on each kind of database; the tests of hostile files import into it one after another."""
    sqlite_url = f"sqlite:///{tmp_path_factory.mktemp('hostile')}/register.sqlite"
    url = sqlite_url if request.param == "sqlite" else request.getfixturevalue("postgresql").database()
    register = Register(sample, url)
    yield register
    register.database.close()


# Files that exceed a limit never reach the register, and test_import_speed.py imports the longest list.
IMPORTABLE = [file.name for file in hostile.FILES if not file.needs_limits and file.row_count <= 10_000]


@pytest.mark.parametrize("name", IMPORTABLE)
def test_a_hostile_file_is_imported_whole_or_not_at_all(name: str, sample_register: Register, tmp_path: Path):
    register = sample_register
    (file,) = (file for file in hostile.FILES if file.name == name)
    path, before = hostile.make(tmp_path, name), snapshot(register)

    def import_file(**options: Any) -> ImportReport:
        facility_list = facility_lists.read(path, ListOptions(within=register.study.territory, **file.options))
        (report,) = imports.apply_lists(register, [facility_list], "test", ImportOptions(**options))
        return report

    try:
        report = import_file(dry_run=True)
    except FuwuquanError as error:
        assert file.error, error
        assert error.args[0].startswith(str(path))
        assert snapshot(register) == before
        return
    assert snapshot(register) == before
    assert not report.applied
    report = import_file()
    assert report.applied == (report.counts["unusable"] == 0)
    if not report.applied:
        assert snapshot(register) == before
        import_file(leave_out=True)
    after, repeated = snapshot(register), import_file(leave_out=True)
    assert (repeated.counts["added"], repeated.counts["changed"]) == (0, 0), repeated.notable_rows()
    assert snapshot(register) == after


def test_a_dry_run_does_not_wait_for_a_writer(register: Register, tmp_path: Path):
    path = write_csv(tmp_path, ("丁诊所", "诊所", *town.place(5, 5)))
    with register.transaction("somebody"):
        assert import_list(register, path, dry_run=True).counts["added"] == 1


# --- exported files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", writer.FORMATS)
@pytest.mark.parametrize("coordinates", COORDINATE_SYSTEMS)
def test_an_exported_file_changes_nothing_when_it_is_imported(
    file_format: str, coordinates: str, register: Register, tmp_path: Path
):
    before = snapshot(register)
    path = tmp_path / f"out.{file_format}"
    path.write_bytes(writer.write(register.facilities(), file_format, coordinates).content)
    report = import_list(register, path, coordinates=None)
    assert report.counts == {"added": 0, "changed": 0, "unchanged": 9, "left out": 0, "unusable": 0}
    assert snapshot(register) == before


def test_an_exported_file_fills_another_register_alike(register: Register, tmp_path: Path, open_register: OpenRegister):
    path = tmp_path / "out.gpkg"
    path.write_bytes(writer.write(register.facilities(), "gpkg", "bd09").content)
    empty = town.make(tmp_path / "empty")
    (empty / "facilities.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    other = open_register(empty, f"sqlite:///{tmp_path / 'other.sqlite'}")
    assert import_list(other, path, coordinates=None).counts["added"] == 9
    first, second = (writer.write(each.facilities(), "csv").content.decode() for each in (register, other))
    assert first == second


def test_the_extract_that_a_study_was_built_from_changes_nothing_when_it_is_imported(
    liechtenstein: study.Study, liechtenstein_extract: Path, tmp_path: Path, open_register: OpenRegister
):
    folder = shutil.copytree(liechtenstein.folder, tmp_path / "study")
    register = open_register(folder, f"sqlite:///{tmp_path / 'register.sqlite'}")
    facility_list = facility_lists.read(liechtenstein_extract, ListOptions(within=register.study.territory))
    (report,) = imports.apply_lists(register, [facility_list], "test")
    assert report.counts["unchanged"] > 40
    assert [(row.id, row.fields) for row in report.rows if row.outcome == "changed"] == []


# --- fields ------------------------------------------------------------------------------------------------------


def test_an_empty_cell_keeps_a_value_and_a_null_clears_it(register: Register, tmp_path: Path):
    phone = register.get("c1").frame["phone"].iloc[0]
    assert phone
    import_row(register, tmp_path, "c1", "", "新地址", headings=("编号", "电话", "地址"))
    facility = register.get("c1").frame.iloc[0]
    assert (facility["phone"], facility["address"], facility["name"]) == (phone, "新地址", "甲")
    path = tmp_path / "null.geojson"
    feature = {"type": "Feature", "id": "c1", "geometry": None, "properties": {"phone": None}}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    (row,) = import_list(register, path).rows
    assert row.fields == {"phone": [phone, None]}


def test_the_source_of_a_new_facility_is_the_file_that_it_came_from(register: Register, tmp_path: Path):
    x, y = town.place(3, 3)
    row = import_row(register, tmp_path, "甲诊所", "诊所", x, y)
    path = write_csv(tmp_path, ("甲诊所", "诊所", x, y, "123"), headings=(*HEADINGS, "电话"), name="other.csv")
    (again,) = import_list(register, path).rows
    assert (again.outcome, again.id) == ("changed", row.id)
    assert register.get(row.id).frame["source"].iloc[0] == "名单.csv"


def test_verified_is_set_for_every_facility_of_the_list(register: Register, tmp_path: Path):
    path = write_csv(tmp_path, ("c1", "x"), ("c2", "x"), headings=("编号", "地址"))
    import_list(register, path, verified=date(2026, 3, 1))
    frame = register.facilities()
    assert [str(day) for day in frame.loc[["c1", "c2", "c3"], "verified"]] == ["2026-03-01", "2026-03-01", "None"]
    assert frame["verified_by"]["c1"] == "王工"
    assert import_list(register, path, verified=date(2026, 3, 1)).counts["unchanged"] == 2


def test_an_earlier_verification_does_not_replace_a_later_one(register: Register, tmp_path: Path):
    path = write_csv(tmp_path, ("c1", "x"), headings=("编号", "地址"))
    import_list(register, path, verified=date(2026, 5, 1))
    assert import_list(register, path, verified=date(2020, 1, 1)).counts["unchanged"] == 1
    assert str(register.get("c1").frame["verified"].iloc[0]) == "2026-05-01"


def test_an_area_code_that_a_list_states_is_kept(register: Register, tmp_path: Path):
    headings = ("编号", "经度", "纬度", "区划代码")
    path = write_csv(tmp_path, ("c1", *town.place(2, 4.1), "T1S"), headings=headings)  # 55 m into T1N
    (row,) = import_list(register, path).rows
    assert set(row.fields) == {"geometry"}
    assert "T1S, 55 m from its position, which lies in " in row.why[-1]
    assert import_list(register, path).counts["unchanged"] == 1
    moved = import_row(register, tmp_path, "c1", *town.place(12, 2), headings=headings[:3])
    assert moved.fields["area_code"] == ["T1S", "T2S"]


def test_the_history_names_the_editor_and_the_file(register: Register, tmp_path: Path):
    import_row(register, tmp_path, "c1", "x", headings=("编号", "地址"))
    change = register.history("c1")[-1]
    assert (change.who, change.action, change.source) == ("王工", "import", "名单.csv")
    assert change.fields == {"address": [None, "x"]}


# --- geometry ----------------------------------------------------------------------------------------------------


def test_a_row_without_a_place_keeps_the_facilitys_place(register: Register, tmp_path: Path):
    row = import_row(register, tmp_path, "c1", "x", headings=("编号", "地址"))
    assert set(row.fields) == {"address"}


def test_a_point_in_or_beside_a_parks_outline_does_not_replace_it(register: Register, tmp_path: Path):
    outline = register.facilities().geometry["p1"]
    inside, east = outline.representative_point(), outline.bounds[2]
    headings = ("编号", "经度", "纬度")
    assert import_row(register, tmp_path, "p1", inside.x, inside.y, headings=headings).outcome == "unchanged"
    beside = import_row(register, tmp_path, "p1", east + 0.0002, inside.y, headings=headings)
    assert (beside.outcome, "kept" in beside.why[-1]) == ("unchanged", True)
    away = import_row(register, tmp_path, "p1", east + 0.002, inside.y, headings=headings)
    assert (away.outcome, "replaces" in away.why[-1]) == ("changed", True)


def test_a_place_that_no_street_reaches_gets_a_remark(register: Register, tmp_path: Path):
    far = import_row(register, tmp_path, "东诊所", "诊所", *town.place(14, 4))
    assert far.why == ("no street within 1,000 m: nobody reaches it in the travel times",)
    assert import_row(register, tmp_path, "中诊所", "诊所", *town.place(8.5, 4)).why == ()
