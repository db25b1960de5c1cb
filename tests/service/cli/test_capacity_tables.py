"""`fuwuquan capacity`: a table for people, JSON, CSV and a workbook."""

import csv
import io
import json
from pathlib import Path

import openpyxl
import pytest
from starlette.testclient import TestClient

from service.answers.engine import Answers
from service.cli.capacity_tables import CapacityTable, table_by
from support import program
from support.program import output_of

STANDARD = "kindergarten-300"


@pytest.fixture(scope="module")
def answer(client: TestClient) -> dict:
    content: dict = client.get(f"/v1/capacity/{STANDARD}?coordinates=gcj02").json()
    return content


def table(client: TestClient, by: str, coordinates: str = "wgs84") -> CapacityTable:
    """The rows of areas, facilities or places, as the command writes them."""
    answers: Answers = client.app.state.answers  # type: ignore[attr-defined]
    result = answers.capacity(answers.states.current(), STANDARD)[1]
    return table_by(by, answers.study, result, coordinates)


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_json_equals_the_api(answer: dict, served_folder: Path):
    options = ("--format", "json", "--coordinates", "gcj02")
    assert json.loads(output_of(program.call("capacity", STANDARD, "--study", served_folder, *options))) == answer


def test_table_shows_totals_areas_and_the_heaviest_loads(answer: dict, served_folder: Path):
    text = output_of(program.call("capacity", STANDARD, "--study", served_folder, COLUMNS="200")).decode()
    for name in ("served", "full", "out_of_reach"):
        assert f"{answer[name]:,.0f}" in text
    assert "权重 weights 1, 0.68, 0.22; 分区至 zones up to 100, 200, 300 米 m" in text
    for area in answer["areas"]:
        assert area["name"] in text
    heaviest = [feature["properties"]["name"] for feature in answer["facilities"]["features"]]
    assert all(name in text for name in heaviest[:10])
    assert heaviest[-1] not in text


def test_csv_has_areas_facilities_or_places(answer: dict, client: TestClient):
    areas = rows_of(table(client, "area").as_csv())
    assert [(row["code"], float(row["served"])) for row in areas] == [
        (area["code"], area["served"]) for area in answer["areas"]
    ]
    facilities = rows_of(table(client, "facility").as_csv())
    assert [row["id"] for row in facilities] == [feature["id"] for feature in answer["facilities"]["features"]]
    places = rows_of(table(client, "place", "gcj02").as_csv())
    assert sum(float(row["full"]) for row in places) == pytest.approx(answer["full"])
    in_wgs84 = rows_of(table(client, "place").as_csv())
    assert 0.004 < float(places[0]["lon"]) - float(in_wgs84[0]["lon"]) < 0.006


def test_workbook_adds_up_to_all_people(answer: dict, client: TestClient):
    book = openpyxl.load_workbook(io.BytesIO(table(client, "area").as_xlsx()))
    headings, *rows = book.active.iter_rows(values_only=True)
    groups = [headings.index(name) for name in ("有位", "可达但已满", "容量不详", "不可达")]
    assert sum(row[column] for row in rows for column in groups) == answer["total"]


def test_standard_without_a_limit_is_one_line(served_folder: Path):
    result = program.call("capacity", "hall-new", "--study", served_folder)
    assert result.returncode == 1
    assert result.stderr.decode().splitlines()[-1].startswith("fuwuquan: unknown standard with a limit of time or dist")
