"""`fuwuquan sites`: a table for people, JSON, GeoJSON, CSV and a workbook; questions that cannot be answered."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner

from geo.errors import FuwuquanError
from service.cli.main import app
from service.cli.site_tables import HEADINGS

PLACE = {"lon": 120.0475, "lat": 28.889}


@pytest.fixture(scope="module", autouse=True)
def wide_terminal() -> Any:
    """Tables are as wide as their rows need."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        yield


def run(folder: Path, output: Path, *arguments: str) -> bytes:
    """What the command writes to a file."""
    options = ["sites", *arguments, "--study", str(folder), "--output", str(output), "--seconds", "1"]
    result = CliRunner().invoke(app, options)
    if result.exception:
        raise result.exception
    return output.read_bytes()


def test_formats_agree(made_town: Path, tmp_path: Path):
    question = ("health-15", "--count", "2")
    answer = json.loads(run(made_town, tmp_path / "a.json", *question))
    assert answer["proven"]
    features = answer["sites"]["features"]
    assert json.loads(run(made_town, tmp_path / "a.geojson", *question)) == answer["sites"]
    text = run(made_town, tmp_path / "a.csv", *question).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [[float(row["lon"]), float(row["lat"])] for row in rows] == [
        feature["geometry"]["coordinates"] for feature in features
    ]
    assert [float(row["newly_inside"]) for row in rows] == [
        feature["properties"]["newly_inside"] for feature in features
    ]
    assert [float(row["bound"]) for row in rows] == [point["bound"] for point in answer["curve"]]
    sheet = openpyxl.load_workbook(io.BytesIO(run(made_town, tmp_path / "a.xlsx", *question))).active
    assert sheet is not None
    cells = list(sheet.iter_rows(values_only=True))
    assert list(cells[0]) == list(HEADINGS.values())
    assert [cell[9] for cell in cells[1:]] == [float(row["newly_inside"]) for row in rows]
    table = run(made_town, tmp_path / "a.txt", *question).decode()
    assert "已证明最优 proven" in table
    assert f"{features[0]['properties']['newly_inside']:,.0f}" in table


def test_question_in_a_file_with_another_objective(made_town: Path, tmp_path: Path):
    file = tmp_path / "question.json"
    file.write_text(json.dumps({"standard": "health-15", "count": 1, "fixed": [PLACE]}), "utf-8")
    answer = json.loads(run(made_town, tmp_path / "a.json", "--request", str(file), "--objective", "least_time"))
    assert (answer["objective"], answer["value_unit"]) == ("least_time", "mean minutes")
    assert answer["sites"]["features"][0]["properties"]["is_fixed"]
    assert answer["value"] < answer["value_before"]


@pytest.mark.parametrize(
    ("content", "arguments", "words"),
    [
        (None, ("health-15",), "needs a count of sites, such as 5, or a budget"),
        (None, ("health-15", "--count", "2", "--objective", "best"), "objective: Input should be 'most_people'"),
        (None, ("--count", "2"), "name a standard"),
        (None, ("nothing", "--count", "2"), "unknown standard 'nothing'"),
        (None, ("hall-new", "--count", "2"), "counts openings"),
        ("[1]", (), "is no JSON object"),
        ("{", (), "is not JSON"),
        ('{"standard": "health-15", "count": 1, "colour": 3}', (), "colour: Extra inputs"),
    ],
)
def test_what_cannot_work_is_said(
    made_town: Path, tmp_path: Path, content: str | None, arguments: tuple[str, ...], words: str
):
    if content is not None:
        (tmp_path / "question.json").write_text(content, "utf-8")
        arguments = (*arguments, "--request", str(tmp_path / "question.json"))
    with pytest.raises(FuwuquanError) as error:
        run(made_town, tmp_path / "a.json", *arguments)
    assert words in str(error.value)
