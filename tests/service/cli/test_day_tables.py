"""`fuwuquan changes`, `progress` and `hours`, and `--on`: tables for people, JSON, CSV and workbooks."""

import csv
import io
import json
from pathlib import Path

import openpyxl
import pytest
from starlette.testclient import TestClient

from support import program
from support.program import output_of

PERIOD = ("--from", "2020-12-31", "--to", "2021-12-31")


def call(folder: Path, *options: object) -> bytes:
    return output_of(program.call(*options, "--study", folder, COLUMNS="200"))


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def sheet_of(file: Path) -> list[tuple]:
    return list(openpyxl.load_workbook(file).active.iter_rows(values_only=True))


@pytest.mark.parametrize(
    ("command", "address"),
    [
        (("hours", "health-15"), "/v1/hours/health-15"),
        (("hours", "park-500", "--on", "2019-01-01"), "/v1/hours/park-500?on=2019-01-01"),
        (("progress", "--on", "2021-06-30"), "/v1/progress?on=2021-06-30"),
        (("gaps", "park-500", "--on", "2019-01-01"), "/v1/gaps/park-500?on=2019-01-01"),
        (("changes", *PERIOD), "/v1/changes?from=2020-12-31&to=2021-12-31"),
    ],
)
def test_json_equals_the_api(served_folder: Path, client: TestClient, command: tuple, address: str):
    assert json.loads(call(served_folder, *command, "--format", "json")) == client.get(address).json()


def test_coverage_of_a_day_says_so(served_folder: Path):
    text = call(served_folder, "coverage", "--on", "2020-12-31").decode()
    assert "as of 2020-12-31" in text
    assert "26 of 250 facilities (cultural hall) have no opening date" in text
    content = json.loads(call(served_folder, "coverage", "--on", "2020-12-31", "--format", "json"))
    assert content["on"] == "2020-12-31"
    rows = rows_of(call(served_folder, "coverage", "--on", "2020-12-31", "--format", "csv"))
    assert all("as of 2020-12-31" in row["notes"] for row in rows if not row["area_code"])


def test_map_of_a_day(served_folder: Path, tmp_path: Path):
    call(served_folder, "map", "hall-new", "-o", tmp_path / "map.html", "--on", "2021-05-01")
    text = (tmp_path / "map.html").read_text("utf-8")
    assert "as of 2021-05-01" in text


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("coverage", "--on", "1850-01-01"), "on = 1850-01-01: is not a day from 1900-01-01"),
        (("changes", "--from", "2021-01-02", "--to", "2021-01-01"), "from = 2021-01-02: is after to = 2021-01-01"),
        (("hours", "hall-new"), "only standards of travel_time and radius"),
        (("progress", "--on", "2021-02-30"), "does not match"),
    ],
)
def test_what_cannot_be_asked_is_one_line(served_folder: Path, command: tuple, message: str):
    result = program.call(*command, "--study", served_folder, COLUMNS="200")
    assert result.returncode != 0
    assert message in result.stderr.decode()
    assert "Traceback" not in result.stderr.decode()


def test_table_of_hours_has_a_row_for_each_hour(served_folder: Path):
    text = call(served_folder, "hours", "health-15").decode()
    (row,) = (line for line in text.splitlines() if line.strip().startswith("12:00"))
    assert row.split() == ["12:00", *["4.3%"] * 7]
    assert "最差 worst: 周一 Mo 00:00 4.3%" in text


def test_spreadsheets_of_hours_have_168_rows(served_folder: Path, client: TestClient, tmp_path: Path):
    hours = client.get("/v1/hours/health-15").json()["hours"]
    rows = rows_of(call(served_folder, "hours", "health-15", "--format", "csv"))
    assert [(row["weekday"], int(row["hour"]), float(row["share"])) for row in rows] == [
        (hour["weekday"], hour["hour"], hour["share"]) for hour in hours
    ]
    call(served_folder, "hours", "health-15", "-o", tmp_path / "hours.xlsx")
    headings, *cells = sheet_of(tmp_path / "hours.xlsx")
    assert (headings[:2], len(cells)) == (("星期", "时"), 168)


def test_table_of_changes_shows_standards_and_facilities(served_folder: Path):
    text = call(served_folder, "changes", *PERIOD).decode()
    assert "42 处开办 opened, 0 处停办 closed" in text
    (row,) = (line for line in text.splitlines() if line.strip().startswith("hall-presence"))
    assert row.split()[2:] == ["62.2%", "67.4%", "+21", "21", "0"]
    assert "另有 22 处 22 more" in text


def test_spreadsheets_of_changes(served_folder: Path, client: TestClient, tmp_path: Path):
    answer = client.get("/v1/changes?from=2020-12-31&to=2021-12-31").json()
    rows = rows_of(call(served_folder, "changes", *PERIOD, "--format", "csv"))
    whole = {row["standard"]: row for row in rows if not row["area_code"]}
    assert {name: float(row["difference"]) for name, row in whole.items()} == {
        goal["standard"]: goal["difference"]["covered"] for goal in answer["standards"]
    }
    facilities = rows_of(call(served_folder, "changes", *PERIOD, "--facilities", "--format", "csv"))
    assert {row["id"] for row in facilities} == {feature["id"] for feature in answer["features"]}
    call(served_folder, "changes", *PERIOD, "--facilities", "-o", tmp_path / "changes.xlsx")
    headings, *cells = sheet_of(tmp_path / "changes.xlsx")
    assert (headings[0], len(cells)) == ("变化", 42)
    call(served_folder, "changes", *PERIOD, "-o", tmp_path / "standards.xlsx")
    assert "期初达到" in sheet_of(tmp_path / "standards.xlsx")[0]


def test_table_and_spreadsheets_of_progress(served_folder: Path, tmp_path: Path):
    text = call(served_folder, "progress", "--on", "2021-12-31").decode()
    (row,) = (line for line in text.splitlines() if line.strip().startswith("hall-new") and "✓" in line)
    assert row.split()[2:] == ["20", "21", "✓", "0", "2021-12-22", "1.75", "—"]
    rows = rows_of(call(served_folder, "progress", "--on", "2021-12-31", "--format", "csv"))
    halls = [row for row in rows if row["standard"] == "hall-new"]
    assert [row["day"][:7] for row in halls] == [f"2021-{month:02}" for month in range(1, 13)]
    assert sum(float(row["added"]) for row in halls) == float(halls[-1]["covered"]) == 21
    call(served_folder, "progress", "-o", tmp_path / "progress.xlsx")
    headings, *cells = sheet_of(tmp_path / "progress.xlsx")
    assert ("截至" in headings, len(cells)) == (True, 6 * 13)  # twelve months and today
