"""Residential land in the table, the spreadsheets, the API, scenarios and the gap map."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from python_calamine import CalamineWorkbook
from rich.console import Console
from starlette.testclient import TestClient

from service.answers.engine import Answers
from service.api.app import create_app
from service.cli import coverage_tables
from service.settings import Settings
from support import town

SOURCE = "<script>alert(1)</script>.gpkg"
SQUARES = {"T1S": (1.0, 1.0), "T1N": (1.0, 5.0), "T2S": (12.0, 1.0)}
"""Where on the town's grid land begins, by village; each square has half a cell a side."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small town with land in three of its four villages, and a standard with radii by size; nothing changes it."""
    folder = town.make(tmp_path_factory.mktemp("land") / "town")
    corners = [(*town.place(*at), *town.place(at[0] + 0.5, at[1] + 0.5)) for at in SQUARES.values()]
    frame = gpd.GeoDataFrame(geometry=[shapely.box(*each) for each in corners], crs="EPSG:4326")
    frame.assign(area_code=list(SQUARES), source=SOURCE).to_parquet(folder / "land.parquet")
    text = (folder / "standards.toml").read_text("utf-8")
    block = next(block for block in text.split("[[standard]]") if 'id = "park-500"' in block)
    rule = "radius_by_area = [{ least_m2 = 5000, metres = 500 }, { least_m2 = 400, metres = 300 }]"
    by_size = block.replace('"park-500"', '"park-by-size"').replace("metres = 500\n", f"metres = 250\n{rule}\n")
    (folder / "standards.toml").write_text(f"{text}\n[[standard]]{by_size}", "utf-8")
    return folder


@pytest.fixture(scope="module")
def answers(folder: Path) -> Answers:
    return Answers(Settings(study=folder))


@pytest.fixture(scope="module")
def api(folder: Path, answers: Answers) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(study=folder), answers)) as client:
        yield client


def table_of(answers: Answers, standard: str) -> list[str]:
    """The lines that `fuwuquan coverage --standard` prints."""
    text, result = io.StringIO(), answers.coverage(standard)
    console = Console(file=text, width=200)
    console.print(coverage_tables.overview([result]))
    coverage_tables.print_details(console, result)
    return text.getvalue().splitlines()


def test_table_has_the_land_below_the_people(answers: Answers, api: TestClient) -> None:
    land = api.get("/v1/coverage/park-500").json()["residential_land"]
    assert 0 < land["covered_hectares"] < land["hectares"]
    lines = table_of(answers, "park-500")
    people = next(number for number, line in enumerate(lines) if " park-500 " in line)
    figures = f"{land['covered_hectares']:,.1f} / {land['hectares']:,.1f} 公顷 ha"
    assert re.fullmatch(
        rf"\s+居住用地 residential land\s+{figures}\s+{land['share']:.1%}\s+≥ 90% [✓✗]\s*", lines[people + 1]
    )
    first = land["areas"][0]
    row = next(line for line in lines if line.startswith(f" {first['code']} "))
    assert row.rstrip().endswith(f"{first['covered_hectares']:,.1f} / {first['hectares']:,.1f} ({first['share']:.1%})")
    assert any(SOURCE in line for line in lines)


def test_table_of_a_standard_without_land_has_no_such_line(answers: Answers) -> None:
    text = "\n".join(table_of(answers, "health-15"))
    assert "居住用地" not in text
    assert "ha" not in text.split()


def test_spreadsheets_have_the_land_in_columns(answers: Answers, api: TestClient, tmp_path: Path) -> None:
    content = coverage_tables.as_csv(answers.all_coverage()).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    for standard in api.get("/v1/coverage").json()["standards"]:
        land = standard["residential_land"]
        own = [row for row in rows if row["standard"] == standard["standard"]]
        if land is None:
            assert standard["measure"] != "radius"
            assert {row["land_hectares"] for row in own} == {""}
            continue
        figures = [(row["area_code"], float(row["land_hectares"]), float(row["land_covered_hectares"])) for row in own]
        assert figures == [
            ("", land["hectares"], land["covered_hectares"]),
            *((area["code"], area["hectares"], area["covered_hectares"]) for area in land["areas"]),
        ]
        assert (own[0]["land_source"], own[1]["land_source"]) == (SOURCE, "")
        assert own[0]["land_meets_target"] == {None: "", True: "True", False: "False"}[land["meets_target"]]
    by_size = [row["radius_by_area"] for row in rows if row["standard"] == "park-by-size"]
    assert set(by_size) == {"≤ 500 米 m (≥ 5,000 m²), ≤ 300 米 m (≥ 400 m²)"}
    file = tmp_path / "figures.xlsx"
    file.write_bytes(coverage_tables.as_xlsx(answers.all_coverage()))
    headings = CalamineWorkbook.from_path(file).get_sheet_by_index(0).to_python()[0]
    assert {"居住用地（公顷） land_hectares", "居住用地比例 land_share"} <= set(headings)


def test_api_states_the_radius_of_each_size(api: TestClient) -> None:
    answer = api.get("/v1/coverage/park-by-size").json()
    assert answer["radius_by_area"] == [{"least_m2": 5000, "metres": 500}, {"least_m2": 400, "metres": 300}]
    assert answer["metres"] == 250


def test_scenario_has_the_land_before_and_after(api: TestClient) -> None:
    lon, lat = town.place(12.25, 1.25)
    document = {"changes": [{"action": "add", "category": "park", "lon": lon, "lat": lat}], "standards": ["park-500"]}
    [result] = api.post("/v1/scenarios?gaps=0", json=document).json()["standards"]
    before, after = (result[name]["residential_land"] for name in ("before", "after"))
    assert before["hectares"] == after["hectares"]
    newly = {area["code"]: area["covered_hectares"] for area in after["areas"]}
    gained = sum(newly.values()) - sum(area["covered_hectares"] for area in before["areas"])
    square = before["areas"][1]["hectares"]
    assert gained == pytest.approx(square - before["areas"][1]["covered_hectares"], abs=0.02)  # all of the square
    assert newly["T2"] == pytest.approx(square, abs=0.01)


def test_gap_map_draws_the_land_outside_and_escapes_its_source(api: TestClient) -> None:
    page = api.get("/maps/park-500").text
    land = api.get("/v1/coverage/park-500").json()["residential_land"]
    assert f"居住用地 residential land: {land['share']:.1%} · {land['covered_hectares']:,.1f} /" in page
    assert "半径外的居住用地 residential land outside" in page
    assert SOURCE not in page
    [text] = re.findall(r"(geo_json_\w+)_add\((\{[^\n]*#9970ab[^\n]*\})\);", page)
    [feature] = json.loads(text[1])["features"]
    outside = gpd.GeoSeries([shapely.geometry.shape(feature["geometry"])], crs=4326).to_crs("EPSG:32651").area.sum()
    assert outside / 10_000 == pytest.approx(land["hectares"] - land["covered_hectares"], rel=0.01)
    assert "#9970ab" not in api.get("/maps/health-15").text


def test_limit_of_a_standard_by_size_is_named_on_its_map(api: TestClient) -> None:
    page = api.get("/maps/park-by-size").text
    assert "≤ 500 米 m (≥ 5,000 m²), ≤ 300 米 m (≥ 400 m²) · 面积不详 of unknown size ≤ 250 米 m" in page
