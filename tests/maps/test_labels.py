"""The words for a standard's limit and result, and where tables, pages and maps show them."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from starlette.testclient import TestClient

from maps import labels
from service.answers.engine import Answers
from service.api.app import create_app
from service.settings import Settings
from support import program, town
from support.program import output_of


def test_each_measure_has_words_for_its_limit_and_an_unknown_measure_is_refused(tmp_path: Path) -> None:
    answers = Answers(Settings(study=town.make(tmp_path / "town")))
    by_measure = {coverage.measure: coverage for coverage in answers.all_coverage()}
    assert set(by_measure) == {"travel_time", "radius", "presence", "opened"}
    assert len({labels.limit(coverage) for coverage in by_measure.values()}) == 4
    assert labels.limit(by_measure["presence"]) == "有或无 has one or not"
    with pytest.raises(ValueError, match="'catchment'"):
        labels.limit(replace(by_measure["presence"], measure="catchment"))


@pytest.mark.parametrize(
    ("share", "target", "text"),
    [
        (None, None, "—"),
        (0.5, None, "50.0%"),
        (0.9, 0.9, "90.0%"),
        (0.89996, None, "90.0%"),
        (0.89996, 0.9, "89.996%"),
        (0.8994, 0.9, "89.9%"),
        (0.8999999, 0.9, "89.99999%"),
        (0.99999, 1.0, "99.999%"),
        (0.9000001, 0.9, "90.0%"),
    ],
)
def test_share_that_misses_its_target_does_not_look_like_it(
    share: float | None, target: float | None, text: str
) -> None:
    assert labels.percent(share, target) == text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small town without its kindergartens, and without the numbers of children and of urban people."""
    folder = town.make(tmp_path_factory.mktemp("unknown") / "town")
    facilities = json.loads((folder / "facilities.geojson").read_text("utf-8"))
    facilities["features"] = [one for one in facilities["features"] if one["properties"]["category"] != "kindergarten"]
    (folder / "facilities.geojson").write_text(json.dumps(facilities), "utf-8")
    people = pd.read_csv(folder / "demand.csv", dtype=str).drop(columns=["children_3_6", "urban"])
    people.to_csv(folder / "demand.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(study=folder))) as client:
        yield client


def test_table_says_what_is_not_known_and_who_counts(folder: Path) -> None:
    table = output_of(program.call("coverage", "--study", folder, COLUMNS="200")).decode()
    rows = {line.split()[0]: line for line in table.splitlines() if line.startswith(" ") and line.strip()}
    assert re.search(r"— / [\d,]+ 人 \(全部人口 all people\) +不详 not known +— *$", rows["kindergarten-300"])
    assert re.search(r"— / 2 个镇街 +不详 not known +≥ 100% *$", rows["kindergarten-town"])
    assert re.search(r"— / 0 处 +不详 not known +4 *$", rows["kindergarten-new"])
    assert re.search(r"\d / [\d,]+ 人 \(全部人口 all people\) +\d+\.\d%", rows["health-15"])
    assert "all people" not in rows["park-500"]


def test_page_says_what_is_not_known_and_who_counts(client: TestClient) -> None:
    goals = {goal.split('"')[0]: goal for goal in client.get("/").text.split('href="/maps/')[1:]}
    for name in ("kindergarten-300", "kindergarten-town", "kindergarten-new"):
        assert '<span class="fwq-number">不详 not known</span>' in goals[name]
        assert "<meter" not in goals[name]
    for name in ("health-15", "kindergarten-300"):
        assert "people <b>(全部人口 all people)</b>" in goals[name]
    assert "all people" not in goals["park-500"]


def test_map_says_what_is_not_known_and_who_counts(client: TestClient) -> None:
    page = client.get("/maps/kindergarten-300").text
    assert '<p class="fwq-figure">不详 not known' in page
    assert "people <b>(全部人口 all people)</b>" in page
    assert "超出标准的人口" not in page
    assert "缺口 gaps" not in page
    assert page.count('\\u4e0d\\u8be6 not known"') == 2  # the tooltips of both towns, as JSON
    assert "not known" not in client.get("/maps/park-500").text


def test_features_say_what_is_not_known_and_who_counts(client: TestClient) -> None:
    address = "/v1/collections/coverage-kindergarten-300/items"
    for feature in client.get(address).json()["features"]:
        properties = feature["properties"]
        assert (properties["share"], properties["known"], properties["people_counted"]) == (None, False, "all")
    assert "\\u4e59 \\u4e0d\\u8be6 not known" in client.get(address, headers={"Accept": "text/html"}).text
    gaps = client.get("/v1/gaps/kindergarten-300").json()
    assert (gaps["features"], gaps["known"]) == ([], False)
    assert any("import a list of them" in note for note in gaps["notes"])


def test_spreadsheet_says_what_is_not_known_and_who_counts(folder: Path) -> None:
    text = output_of(program.call("coverage", "--study", folder, "--format", "csv")).decode("utf-8-sig")
    for row in csv.DictReader(io.StringIO(text)):
        if row["standard"] == "kindergarten-300":
            figures = [row[name] for name in ("known", "share", "meets_target", "people_group", "people_counted")]
            assert figures == ["False", "", "", "children_3_6", "all"]
            assert row["people"] == row["total"] == row["residents"]
