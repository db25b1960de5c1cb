"""`fuwuquan distribution` and `fuwuquan sensitivity`: a table for people, JSON, CSV and a workbook."""

import csv
import io
import json
from pathlib import Path

import openpyxl
import pytest
from starlette.testclient import TestClient

from service.cli import certainty_tables
from support import program
from support.program import output_of

COMMANDS = pytest.mark.parametrize("command", ["distribution", "sensitivity"])


def call(command: str, folder: Path, *options: object) -> bytes:
    return output_of(program.call(command, "health-15", "--study", folder, *options, COLUMNS="200"))


def written(client: TestClient, command: str, kind: str, standard: str = "health-15") -> bytes:
    """What a command writes as ``kind``: table, csv or xlsx."""
    answers = client.app.state.answers  # type: ignore[attr-defined]
    result = getattr(answers, command)(answers.states.current(), standard)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        content: bytes = getattr(certainty_tables, f"{command}_{kind}")(*result, *([True] if kind == "table" else []))
    return content


@COMMANDS
def test_json_equals_the_api(command: str, client: TestClient, served_folder: Path):
    answer = client.get(f"/v1/{command}/health-15").json()
    assert json.loads(call(command, served_folder, "--format", "json")) == answer


@COMMANDS
def test_file_has_the_format_of_its_ending(command: str, client: TestClient, served_folder: Path, tmp_path: Path):
    call(command, served_folder, "-o", tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == written(client, command, "csv")


def test_table_shows_each_group_the_areas_and_the_limit(client: TestClient):
    text = written(client, "distribution", "table").decode()
    answer = client.get("/v1/distribution/health-15").json()
    for part in (*answer["groups"], *answer["areas"]):
        assert part["name"] in text
        assert f"{part['people']:,.0f}" in text
    (row,) = [line.split() for line in text.splitlines() if line.split()[:1] == ["15"]]
    assert row[1] == f"{answer['covered']:,.0f}"


def test_table_shows_each_variant_and_doubt(client: TestClient):
    text = written(client, "sensitivity", "table").decode()
    answer = client.get("/v1/sensitivity/health-15").json()
    for row in (*answer["variants"], *answer["doubts"]):
        assert f"{row['name']} {row['name_en']}" in text
    assert "walking, usual speed ←" in text
    assert f"{answer['strict']['lowest']['share']:.1%}" in text


@COMMANDS
@pytest.mark.parametrize("standard", ["health-15", "park-500", "hall-new", "hall-presence"])
def test_csv_and_workbook_have_the_same_rows(command: str, standard: str, client: TestClient):
    content = written(client, command, "csv", standard).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(content, newline="")))
    sheet = openpyxl.load_workbook(io.BytesIO(written(client, command, "xlsx", standard))).active
    headings, *cells = sheet.iter_rows(values_only=True)
    assert len(set(headings)) == len(rows[0]) == len(headings)
    assert len(cells) == len(rows) - 1
    for row, cell_row in zip(rows[1:], cells, strict=True):
        numbers = [float(cell) for cell in cell_row if isinstance(cell, int | float) and not isinstance(cell, bool)]
        assert numbers == [float(text) for text in row if text.replace(".", "", 1).isdigit() and len(text) < 12]


def test_csv_has_the_curve_of_each_group_and_area(client: TestClient):
    rows = list(csv.DictReader(io.StringIO(written(client, "distribution", "csv").decode("utf-8-sig"))))
    answer = client.get("/v1/distribution/health-15").json()
    expected = [(group["group"], "", group["within"][15]) for group in answer["groups"]]
    expected += [("standard", area["code"], area["within"][15]) for area in answer["areas"]]
    assert [(row["group"], row["area_code"], float(row["within_15_minutes"])) for row in rows] == expected


def test_csv_has_the_range_of_each_doubt(client: TestClient):
    rows = list(csv.DictReader(io.StringIO(written(client, "sensitivity", "csv").decode("utf-8-sig"))))
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
