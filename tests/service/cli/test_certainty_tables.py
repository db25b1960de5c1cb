"""`fuwuquan distribution` and `fuwuquan sensitivity`: a table for people, JSON, CSV and a workbook."""

import csv
import io
import json
from pathlib import Path

import openpyxl
import pytest
from starlette.testclient import TestClient

from support import program
from support.program import output_of

COMMANDS = pytest.mark.parametrize("command", ["distribution", "sensitivity"])


def call(command: str, folder: Path, *options: object, standard: str = "health-15") -> bytes:
    return output_of(program.call(command, standard, "--study", folder, *options, COLUMNS="200"))


@COMMANDS
def test_json_equals_the_api(command: str, client: TestClient, served_folder: Path):
    answer = client.get(f"/v1/{command}/health-15").json()
    assert json.loads(call(command, served_folder, "--format", "json")) == answer


def test_table_shows_each_group_the_areas_and_the_limit(client: TestClient, served_folder: Path):
    text = call("distribution", served_folder).decode()
    answer = client.get("/v1/distribution/health-15").json()
    for part in (*answer["groups"], *answer["areas"]):
        assert part["name"] in text
        assert f"{part['people']:,.0f}" in text
    (row,) = [line.split() for line in text.splitlines() if line.split()[:1] == ["15"]]
    assert row[1] == f"{answer['covered']:,.0f}"


def test_table_shows_each_variant_and_doubt(client: TestClient, served_folder: Path):
    text = call("sensitivity", served_folder).decode()
    answer = client.get("/v1/sensitivity/health-15").json()
    for row in (*answer["variants"], *answer["doubts"]):
        assert f"{row['name']} {row['name_en']}" in text
    assert "walking, usual speed ←" in text
    assert f"{answer['strict']['lowest']['share']:.1%}" in text


@COMMANDS
@pytest.mark.parametrize("standard", ["health-15", "park-500", "hall-new", "hall-presence"])
def test_csv_and_workbook_have_the_same_rows(command: str, standard: str, served_folder: Path, tmp_path: Path):
    content = call(command, served_folder, "--format", "csv", standard=standard).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(content, newline="")))
    call(command, served_folder, "-o", tmp_path / "a.xlsx", standard=standard)
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    headings, *cells = sheet.iter_rows(values_only=True)
    assert len(set(headings)) == len(rows[0]) == len(headings)
    assert len(cells) == len(rows) - 1
    for row, cell_row in zip(rows[1:], cells, strict=True):
        numbers = [str(cell) for cell in cell_row if isinstance(cell, float)]
        assert set(numbers) <= set(row) | {text.removesuffix(".0") for text in row} | {f"{text}.0" for text in row}


def test_csv_has_the_curve_of_each_group_and_area(client: TestClient, served_folder: Path):
    rows = list(csv.DictReader(io.StringIO(call("distribution", served_folder, "--format", "csv").decode("utf-8-sig"))))
    answer = client.get("/v1/distribution/health-15").json()
    expected = [(group["group"], "", group["within"][15]) for group in answer["groups"]]
    expected += [("standard", area["code"], area["within"][15]) for area in answer["areas"]]
    assert [(row["group"], row["area_code"], float(row["within_15_minutes"])) for row in rows] == expected


def test_csv_has_the_range_of_each_doubt(client: TestClient, served_folder: Path):
    rows = list(csv.DictReader(io.StringIO(call("sensitivity", served_folder, "--format", "csv").decode("utf-8-sig"))))
    answer = client.get("/v1/sensitivity/health-15").json()
    by_id = {row["id"]: row for row in rows}
    assert by_id["headline"]["lowest"] == by_id["walk-usual"]["highest"] == str(answer["share"])
    assert {row["id"] for row in rows} >= {doubt["id"] for doubt in answer["doubts"]} | {"together", "strict"}
    capacity = next(doubt for doubt in answer["doubts"] if doubt["id"] == "capacity")
    assert float(by_id["capacity"]["lowest"]) == capacity["lowest"]["share"] < answer["share"]


@COMMANDS
def test_unknown_standard_is_one_line(command: str, served_folder: Path):
    result = program.call(command, "health-99", "--study", served_folder)
    assert result.returncode == 1
    assert "unknown standard 'health-99'" in result.stderr.decode()
