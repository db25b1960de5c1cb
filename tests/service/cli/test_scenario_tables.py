"""`fuwuquan scenario`: a table for people, JSON, CSV and a workbook; files that cannot be used."""

import csv
import io
import json
from pathlib import Path

import openpyxl
import pytest
from starlette.testclient import TestClient

from support import program
from support.program import output_of

DOCUMENT = {"changes": [{"action": "add", "category": "kindergarten", "lon": 120.0475, "lat": 28.889}]}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenario") / "new.json"
    path.write_text(json.dumps(DOCUMENT), "utf-8")
    return path


@pytest.fixture(scope="module")
def answer(client: TestClient) -> dict:
    content: dict = client.post("/v1/scenarios", json=DOCUMENT).json()
    return content


def call(file: Path, folder: Path, *options: object) -> bytes:
    return output_of(program.call("scenario", file, "--study", folder, *options, COLUMNS="200"))


def test_json_equals_the_api(answer: dict, file: Path, served_folder: Path):
    assert json.loads(call(file, served_folder, "--format", "json")) == answer


def test_table_shows_each_goal_and_where_people_gain(answer: dict, file: Path, served_folder: Path):
    text = call(file, served_folder).decode()
    for goal in answer["standards"]:
        assert goal["standard"] in text
    radius = answer["standards"][2]
    assert f"尚有 {radius['gaps']['gaps']} 处缺口 gaps remain" in text
    for place in radius["places"]:
        assert place["name"] in text


def test_csv_has_each_goal_and_area(answer: dict, file: Path, served_folder: Path):
    content = call(file, served_folder, "--format", "csv").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    expected = [(goal["standard"], "", goal["gained"]) for goal in answer["standards"]]
    expected += [
        (goal["standard"], area["code"], area["gained"]) for goal in answer["standards"] for area in goal["areas"]
    ]
    assert sorted((row["standard"], row["area_code"], float(row["gained"])) for row in rows) == sorted(expected)
    whole = next(row for row in rows if row["standard"] == "kindergarten-300" and not row["area_code"])
    radius = answer["standards"][2]
    assert float(whole["covered_after"]) == radius["after"]["covered"]
    assert float(whole["share_difference"]) == radius["difference"]["share"]


def test_workbook_has_the_same_rows(file: Path, served_folder: Path, tmp_path: Path):
    call(file, served_folder, "-o", tmp_path / "out.xlsx")
    content = call(file, served_folder, "--format", "csv").decode("utf-8-sig")
    rows = list(openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0].values)
    assert rows[0][:4] == ("标准代码", "标准", "计数单位", "区域代码")
    assert len(rows) == len(list(csv.reader(io.StringIO(content, newline=""))))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "the document"),
        ("{}", "changes: Field required"),
        ('{"changes": [{"action": "open"}]}', "changes.0.action"),
        ('{"changes": [{"action": "close", "id": "x"}]}', "there is no facility with the id 'x'"),
    ],
)
def test_file_that_cannot_be_used(content: str, words: str, tmp_path: Path, served_folder: Path):
    path = tmp_path / "scenario.json"
    path.write_text(content, "utf-8")
    process = program.call("scenario", path, "--study", served_folder)
    assert process.returncode != 0
    assert words in process.stderr.decode()
    assert "Traceback" not in process.stderr.decode()


def test_missing_file(tmp_path: Path, served_folder: Path):
    process = program.call("scenario", tmp_path / "none.json", "--study", served_folder)
    assert "none.json: cannot be read" in process.stderr.decode()
