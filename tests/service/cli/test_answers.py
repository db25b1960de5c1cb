"""The commands that answer: the same answers as the API's, on standard output alone."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from support import program, town
from support.program import output_of


def test_coverage_as_json_is_the_apis_answer(served_folder: Path, client: TestClient):
    process = program.call("coverage", "--study", served_folder, "--format", "json")
    assert json.loads(output_of(process))["standards"] == client.get("/v1/coverage").json()["standards"]
    assert "Not for decisions" in process.stderr.decode()


def test_coverage_of_one_standard_as_json_is_the_apis_answer(served_folder: Path, client: TestClient):
    process = program.call("coverage", "--study", served_folder, "--format", "json", "--standard", "park-500")
    (coverage,) = json.loads(output_of(process))["standards"]
    assert coverage.items() <= client.get("/v1/coverage/park-500").json().items()


def test_nearest_as_json_is_the_apis_answer(served_folder: Path, client: TestClient):
    query = {
        "lon": "120.0345",
        "lat": "28.8951",
        "category": "clinic",
        "mode": "cycle",
        "limit": "3",
        "coordinates": "gcj02",
    }
    options = [part for name, value in query.items() for part in (f"--{name}", value)]
    process = program.call("nearest", *options, "--format", "json", FUWUQUAN_STUDY=str(served_folder))
    answer = json.loads(output_of(process))
    assert answer == client.get("/v1/nearest", params=query).json()
    assert len(answer["features"]) == 3


def test_isochrones_are_the_apis_answer(served_folder: Path, client: TestClient):
    query = {"lon": "120.0345", "lat": "28.8951", "minutes": "5,10", "mode": "cycle"}
    options = [part for name, value in query.items() for part in (f"--{name}", value)]
    answer = json.loads(output_of(program.call("isochrones", *options, "--study", served_folder)))
    assert answer.items() <= client.get("/v1/isochrones", params=query).json().items()
    assert [feature["properties"]["minutes"] for feature in answer["features"]] == [5, 10]


def test_map_writes_one_file_that_loads_no_other(town_folder: Path, tmp_path: Path):
    file = tmp_path / "gaps.html"
    assert output_of(program.call("map", "health-20", "-o", file, "--study", town_folder)) == b""
    page = file.read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "农村20分钟医疗卫生服务圈" in page
    assert 'src="' not in page


def test_straight_line_times_are_called_so(sample_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(sample_folder, tmp_path / "straight")
    (folder / "streets.parquet").unlink()
    process = program.call("coverage", "--study", folder, "--standard", "health-15")
    assert "straight line × 1.3" in output_of(process).decode()
    assert "straight-line" in process.stderr.decode()


@pytest.mark.parametrize("command", [["coverage", "--format", "json", "-o"], ["import", "--coordinates", "wgs84"]])
def test_a_note_is_one_line_however_long_its_path(town_folder: Path, tmp_path: Path, command: list[str]):
    file = tmp_path / ("long-" * 40 + "name.geojson")
    file.write_bytes((town_folder / "facilities.geojson").read_bytes())
    process = program.call(*command, file, "--study", town_folder)
    output_of(process)
    assert process.stderr.decode().count("\n") == 2  # the first line is the study's notice
    assert file.name in process.stderr.decode()


def test_a_closed_pipe_is_no_error(town_folder: Path):
    command = f"'{program.FUWUQUAN}' coverage --format csv --study '{town_folder}' | head -c 3"
    process = subprocess.run(
        ["bash", "-c", command],
        env=program.environment(),
        capture_output=True,
        timeout=program.LIMIT_SECONDS,
        check=False,
    )
    assert process.stdout == b"\xef\xbb\xbf"
    assert b"Traceback" not in process.stderr
    assert b"Exception" not in process.stderr


def test_characters_that_the_terminal_lacks_are_replaced(town_folder: Path) -> None:
    process = program.run("coverage", "--study", town_folder, PYTHONIOENCODING="latin-1")
    assert b"health-20" in output_of(process)


def test_build_makes_a_study_that_coverage_answers(liechtenstein_extract: Path, tmp_path: Path):
    folder = tmp_path / "liechtenstein"
    options = ("--osm", liechtenstein_extract, "--area", "Liechtenstein")
    summary = output_of(program.call("build", folder, *options, COLUMNS="120")).decode()
    assert "37,269" in summary  # people
    assert "kindergarten 幼儿园" in summary
    assert "hall-new: no opening date is known" in summary
    answer = json.loads(output_of(program.call("coverage", "--study", folder, "--format", "json")))
    expected = ["health-15", "health-20", "park-500", "kindergarten-town", "kindergarten-300"]
    assert [coverage["standard"] for coverage in answer["standards"]] == expected
    assert all(len(coverage["areas"]) == 11 and coverage["sample"] is False for coverage in answer["standards"])


def test_the_small_town_is_answered_without_its_notice_on_standard_output(town_folder: Path):
    process = program.call("coverage", "--study", town_folder)
    assert town.NAMES[0] in process.stderr.decode()
    assert town.NAMES[0] not in output_of(process).decode()
