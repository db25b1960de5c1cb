"""GeoJSON files like the study's own: a changed one is reported, and imported on request."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from service.register.import_report import ImportReport
from service.register.register import Register
from support import program, town
from support.database import read_tables
from support.lists import import_list, rewrite_geojson

Change = Callable[[list[dict]], object]


def rename_first(features: list[dict]) -> None:
    features[0]["properties"]["name"] = "新名"


@pytest.fixture
def import_changed(register: Register) -> Callable[..., ImportReport]:
    """Imports a changed copy of the study's facilities."""
    folder = register.study.folder

    def import_copy(change: Change, **options: bool) -> ImportReport:
        return import_list(
            register, rewrite_geojson(folder / "facilities.geojson", change, folder / "own.geojson"), **options
        )

    return import_copy


def ids(report: ImportReport, outcome: str) -> list[str | None]:
    return [row.id for row in report.rows if row.outcome == outcome]


def test_the_warning_about_a_changed_file_names_the_command_that_imports_it(
    town_folder: Path, database_url: str, register: Register
):
    path = rewrite_geojson(town_folder / "facilities.geojson", rename_first)
    warning = register.warning
    assert warning is not None
    assert str(path) in warning
    command = warning.rpartition(": ")[2].split()
    assert command[:2] == ["fuwuquan", "import"]
    assert register.facilities().loc["c1", "name"] == "甲"

    process = program.call(*command[1:], FUWUQUAN_DATABASE_URL=database_url)
    assert process.returncode == 0, process.stderr.decode()
    assert "1 changed" in process.stderr.decode()
    assert "name: 甲 → 新名" in process.stdout.decode()
    assert register.warning is None
    assert register.facilities().loc["c1", "name"] == "新名"


def test_importing_another_file_keeps_the_warning(
    town_folder: Path, register: Register, import_changed: Callable[..., ImportReport]
):
    rewrite_geojson(town_folder / "facilities.geojson", lambda features: features.pop())
    import_changed(rename_first)
    assert register.warning is not None


def test_the_report_lists_changes_and_the_register_keeps_what_the_file_lacks(
    register: Register, import_changed: Callable[..., ImportReport]
):
    def change(features: list[dict]) -> None:
        rename_first(features)
        features.append(json.loads(json.dumps(features[1])) | {"id": "new"})
        del features[2]

    report = import_changed(change)
    assert (ids(report, "added"), ids(report, "changed"), report.missing) == (["new"], ["c1"], 1)
    assert len(ids(report, "unchanged")) == 7
    frame = register.facilities()
    assert "c3" in frame.index
    assert frame.loc["new", "name"] == frame.loc["c2", "name"]


def test_a_second_import_changes_nothing(
    register: Register, database_url: str, import_changed: Callable[..., ImportReport]
):
    import_changed(rename_first)
    before, revision = read_tables(database_url), register.revision
    report = import_changed(rename_first)
    assert len(ids(report, "unchanged")) == len(report.rows) == 9
    assert (read_tables(database_url), register.revision) == (before, revision)


@pytest.mark.parametrize("field", ["geometry", "wheelchair", "capacity", "opened", "closed"])
def test_every_field_that_differs_is_a_change(field: str, import_changed: Callable[..., ImportReport]):
    def change(features: list[dict]) -> None:
        if field == "geometry":
            features[0]["geometry"]["coordinates"][0] += 1.2e-5  # more than a metre
        else:
            features[0]["properties"][field] = 5 if field == "capacity" else "2021-02-03"

    report = import_changed(change, dry_run=True)
    assert ids(report, "changed") == ["c1"]
    assert [set(row.fields) for row in report.rows if row.id == "c1"] == [{"extra" if field == "wheelchair" else field}]


def test_a_facility_that_moved_by_less_than_a_metre_is_unchanged(
    register: Register, database_url: str, import_changed: Callable[..., ImportReport]
):
    def change(features: list[dict]) -> None:
        for feature in features:
            text = json.dumps(feature["geometry"]["coordinates"])
            shifted = re.sub(r"120\.\d+", lambda number: str(float(number[0]) + 0.8e-5), text)
            feature["geometry"]["coordinates"] = json.loads(shifted)

    before = read_tables(database_url)
    assert len(ids(import_changed(change), "unchanged")) == 9
    assert read_tables(database_url) == before


def test_a_dry_run_changes_nothing(town_folder: Path, register: Register, database_url: str):
    before = read_tables(database_url)
    path = rewrite_geojson(town_folder / "facilities.geojson", rename_first)
    process = program.call("import", path, "--study", town_folder, "--dry-run", FUWUQUAN_DATABASE_URL=database_url)
    assert process.returncode == 0
    assert "1 would be changed" in process.stderr.decode()
    assert read_tables(database_url) == before
    assert register.warning is not None


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"category": "bakery"}, "bakery"),
        ({"opened": "yesterday"}, "yesterday"),
        ({"capacity": -1}, "capacity"),
        ({"name": "长" * 301}, "name"),
    ],
)
def test_one_bad_row_keeps_the_whole_file_out(
    town_folder: Path, register: Register, database_url: str, properties: dict, reason: str
):
    def change(features: list[dict]) -> None:
        rename_first(features)
        features[-1]["properties"] |= properties

    before = read_tables(database_url)
    path = rewrite_geojson(town_folder / "facilities.geojson", change, town_folder / "own.geojson")
    process = program.call("import", path, "--study", town_folder, FUWUQUAN_DATABASE_URL=database_url)
    assert process.returncode == 1
    assert "nothing was imported, because 1 row of own.geojson is unusable" in process.stderr.decode()
    row = process.stdout.decode().splitlines()[3]
    assert ("feature 9" in row, "unusable" in row, reason in row) == (True, True, True)
    assert read_tables(database_url) == before


def test_a_csv_in_gcj02_is_stored_in_wgs84(town_folder: Path, register: Register, database_url: str):
    lon, lat = town.place(4, 4)
    path = town_folder / "own.csv"
    path.write_text(f"id,category,name,lon,lat\nx1,clinic,诊所,{lon},{lat}\n", "utf-8-sig")
    options = ("--study", town_folder, "--coordinates", "gcj02")
    process = program.call("import", path, *options, FUWUQUAN_DATABASE_URL=database_url)
    assert "1 added" in " ".join(process.stderr.decode().split())
    point = register.facilities().geometry["x1"]
    # GCJ-02 lies about 454 m east and 318 m south of WGS84 here.
    assert point.x == pytest.approx(lon - 454 / 97_600, abs=2e-4)
    assert point.y == pytest.approx(lat + 318 / 110_840, abs=2e-4)
