"""`fuwuquan gaps`: a table for people, JSON, CSV and a workbook."""

import csv
import io
import json
import re
from pathlib import Path

import openpyxl
import pytest
from starlette.testclient import TestClient

from support import program
from support.program import output_of

STANDARD = "health-15"


@pytest.fixture(scope="module")
def answer(served_folder: Path) -> dict:
    content: dict = json.loads(output_of(program.call("gaps", STANDARD, "--study", served_folder, "--format", "json")))
    return content


def test_json_equals_the_api(answer: dict, client: TestClient):
    assert answer == client.get(f"/v1/gaps/{STANDARD}").json()


def test_table_shows_the_worst_twenty(answer: dict, served_folder: Path):
    text = output_of(program.call("gaps", STANDARD, "--study", served_folder, COLUMNS="200")).decode()
    assert f"20 / {answer['gaps']} 处缺口 gaps" in text
    names = [feature["properties"]["name"] for feature in answer["features"][:20]]
    rows = re.findall(r"(?m)^ *(\d+) +(\S+)", text)
    assert [name for rank, name in rows if rank.isdigit()][-20:] == names


def test_csv_has_every_gap(answer: dict, served_folder: Path):
    content = output_of(program.call("gaps", STANDARD, "--study", served_folder, "--format", "csv"))
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    gaps = [feature["properties"] for feature in answer["features"]]
    assert [(row["rank"], float(row["people"]), row["nearest_id"]) for row in rows] == [
        (str(gap["rank"]), gap["people"], gap["nearest"]["id"]) for gap in gaps
    ]


def test_workbook_adds_up_to_the_people_outside(answer: dict, served_folder: Path, tmp_path: Path):
    output_of(program.call("gaps", STANDARD, "--study", served_folder, "--output", tmp_path / "gaps.xlsx"))
    headings, *rows = openpyxl.load_workbook(tmp_path / "gaps.xlsx").active.iter_rows(values_only=True)
    assert "平均超出（分钟）" in headings
    people = sum(row[headings.index("人数")] for row in rows)
    assert people == pytest.approx(answer["total"] - answer["covered"], abs=0.5)


def test_geojson_file_is_json(served_folder: Path, tmp_path: Path):
    output_of(program.call("gaps", STANDARD, "--study", served_folder, "--limit", "1", "-o", tmp_path / "a.geojson"))
    assert len(json.loads((tmp_path / "a.geojson").read_bytes())["features"]) == 1


def test_unknown_standard_is_one_line(served_folder: Path):
    result = program.call("gaps", "health-99", "--study", served_folder)
    assert result.returncode == 1
    assert "unknown standard 'health-99'" in result.stderr.decode()


@pytest.mark.parametrize("command", ["gaps", "value", "fragility"])
def test_a_standard_of_openings_is_said_to_have_no_places(served_folder: Path, command: str):
    lines = output_of(program.call(command, "hall-new", "--study", served_folder, COLUMNS="200")).decode().splitlines()
    assert len(lines) == 1
    assert "新开数目的标准" in lines[0]
