"""The example of docs/study.md, a category of the study's own, is run: from an extract to its coverage and the API."""

import csv
import io
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from geo.errors import StudyError, TableError
from geo.study import study
from geo.study.categories import BUILT_IN
from service.api.app import create_app
from service.register.database import RegisterError
from service.register.register import Register
from service.settings import Settings
from support import program, town
from support.extracts import ROAD, Extract
from support.program import output_of

PAGE = (Path(__file__).parent.parent / "docs" / "study.md").read_text("utf-8")
EXAMPLE = PAGE.split("\n### Example: pharmacies")[1].split("\n## ")[0]
CATEGORIES, STANDARD = re.findall(r"```toml\n(.*?)```", EXAMPLE, re.DOTALL)
COMMANDS = "".join(re.findall(r"```sh\n(.*?)```", EXAMPLE, re.DOTALL)).splitlines()
LAT = 28.9


def run(command: str, folder: Path, *more: str) -> bytes:
    """Run a command of the example, the files of which lie in ``folder``."""
    name, *words = shlex.split(command)
    assert name == "fuwuquan"
    is_path = re.compile(r"county(\.osm\.pbf)?|[a-z]+\.(csv|toml)")
    return output_of(program.call(*(folder / word if is_path.fullmatch(word) else word for word in words), *more))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A street of 8 km with two pharmacies at its western end, people along it, and the study that the example builds.

    Ten minutes on an e-bike are 2,500 m; 0.01 degrees of longitude are 975.6 m here.
    """
    folder = tmp_path_factory.mktemp("example")
    extract = Extract()
    extract.way([(120.0, LAT), (120.04, LAT), (120.08, LAT)], ROAD)
    extract.node(120.0, LAT, {"amenity": "pharmacy", "name": "一心连锁药店"})
    extract.box(120.0, LAT, 120.0001, LAT + 0.0001, {"shop": "chemist", "name": "西街药房"})
    extract.node(120.08, LAT, {"amenity": "bank"})
    extract.write(folder / "county.osm.pbf")
    people = "".join(
        f"{lon},{LAT},{number}\n" for lon, number in ((120.01, 40), (120.025, 20), (120.03, 30), (120.07, 10))
    )
    (folder / "people.csv").write_text("lon,lat,population\n" + people, "utf-8")
    (folder / "categories.toml").write_text(CATEGORIES, "utf-8")
    (folder / "pharmacies.csv").write_text(
        f"名称,类别,子类,经度,纬度\n东街大药房,大药房,处方药店,120.07,{LAT}\n", "utf-8"
    )
    run(COMMANDS[0], folder)
    with (folder / "county" / "standards.toml").open("a", encoding="utf-8") as standards:
        standards.write(STANDARD)
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(study=folder / "county"))) as client:
        yield client


def test_study_keeps_its_categories(folder: Path) -> None:
    county = study.read(folder / "county")
    assert county.categories.ids == (*BUILT_IN.ids, "pharmacy")
    assert county.facilities[["category", "subtype"]].fillna("").to_numpy().tolist() == [
        ["pharmacy", "chain"],
        ["pharmacy", ""],
    ]
    assert list(county.facilities.geometry.geom_type) == ["Point", "Point"]


def test_coverage_is_that_of_ten_minutes_by_bicycle(folder: Path, client: TestClient) -> None:
    answer = client.get("/v1/coverage/pharmacy-10").json()
    assert (answer["covered"], answer["total"], answer["share"]) == (60, 100, 0.6)  # at 976 and 2,439 m, not at 2,927 m
    assert (answer["name"], answer["known"], answer["meets_target"]) == ("骑行10分钟购药圈", True, True)
    table = run(COMMANDS[1], folder, "--format", "json")
    assert json.loads(table)["standards"][0]["covered"] == 60


def test_nearest_and_openapi_know_the_category(client: TestClient) -> None:
    query = {"lon": 120.01, "lat": LAT, "mode": "cycle"}
    answer = client.get("/v1/nearest", params={**query, "category": "pharmacy", "limit": 1}).json()
    (nearest,) = answer["features"]
    assert nearest["properties"]["label"] == "连锁药店"
    assert nearest["properties"]["metres"] == pytest.approx(975.6, abs=1)
    assert nearest["properties"]["minutes"] == pytest.approx(975.6 / 250, abs=0.01)
    refused = client.get("/v1/nearest", params={**query, "category": "school"})
    assert refused.status_code == 400
    assert "pharmacy" in refused.json()["detail"]
    document = client.get("/openapi.json").json()
    parameters = {each["name"]: each["schema"] for each in document["paths"]["/nearest"]["get"]["parameters"]}
    assert parameters["category"]["items"]["enum"] == [*BUILT_IN.ids, "pharmacy"]
    assert {"dispensing", "chain", "hospital"} <= set(parameters["subtype"]["items"]["enum"])


def test_pages_and_maps_show_the_category(client: TestClient) -> None:
    page = client.get("/").text
    assert 'value="pharmacy"' in page
    assert "药店" in page
    gap_map = client.get("/maps/pharmacy-10").text
    assert "#7b3294" in gap_map
    assert "药店 Pharmacy" in gap_map
    items = client.get("/v1/collections/facilities/items", headers={"Accept": "text/html"}).text
    assert "药店 Pharmacy" in items


def test_list_of_the_office_is_imported_and_exported(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    for command in COMMANDS[2:]:
        output = run(command, tmp_path)
    assert "一心连锁药店" in output.decode()
    run(f"fuwuquan export {tmp_path}/out.csv --study county", tmp_path)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text("utf-8-sig"))))
    assert ("东街大药房", "药店", "处方药店") in {(row["名称"], row["类别"], row["子类"]) for row in rows}
    again = program.call("import", tmp_path / "out.csv", "--study", tmp_path / "county")
    assert b"3 unchanged" in again.stderr
    answer = json.loads(run(COMMANDS[1], tmp_path, "--format", "json"))
    assert answer["standards"][0]["covered"] == 70


def test_two_studies_with_different_categories_in_one_process(client: TestClient, tmp_path: Path) -> None:
    place = {"lon": 120, "lat": LAT, "category": "pharmacy"}
    with TestClient(create_app(Settings(study=town.make(tmp_path / "town")))) as other:
        assert other.get("/v1/nearest", params=place).status_code == 400
        assert client.get("/v1/nearest", params=place).status_code == 200
        assert 'value="pharmacy"' not in other.get("/").text


def test_study_made_again_keeps_its_categories(folder: Path) -> None:
    output_of(
        program.call(
            "build", folder / "county", "--osm", folder / "county.osm.pbf", "--population", folder / "people.csv"
        )
    )
    assert (folder / "county" / "categories.toml").read_text("utf-8") == CATEGORIES
    assert study.read(folder / "county").standard("pharmacy-10").category == "pharmacy"


def test_wrong_file_of_categories_stops_the_build_with_one_line(folder: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "categories.toml"
    wrong.write_text(CATEGORIES.replace('label = "药店"', ""), "utf-8")
    process = program.call("build", tmp_path / "out", "--osm", folder / "county.osm.pbf", "--categories", wrong)
    assert process.returncode != 0
    assert process.stderr.decode().replace("\n", "").strip().endswith(f"{wrong}: pharmacy.label: is missing")
    assert not (tmp_path / "out").exists()
    process = program.call(
        "build", tmp_path / "out", "--osm", folder / "county.osm.pbf", "--categories", tmp_path / "no"
    )
    assert process.returncode != 0
    assert b"cannot be read" in process.stderr


def test_category_of_a_standard_or_of_the_register_must_stay(folder: Path, tmp_path: Path) -> None:
    county = shutil.copytree(folder / "county", tmp_path / "county")
    Register(study.read(county), Settings(study=county).register_url).database.close()
    (county / "categories.toml").unlink()
    with pytest.raises(StudyError, match=r"pharmacy-10: category: 'pharmacy' is not one of"):
        study.read(county)
    standards = (county / "standards.toml").read_text("utf-8")
    (county / "standards.toml").write_text(standards.replace(STANDARD, ""), "utf-8")
    with pytest.raises(TableError, match=r"facilities\.geojson: .*category = 'pharmacy'"):
        study.read(county)
    (county / "facilities.geojson").write_text('{"type": "FeatureCollection", "features": []}', "utf-8")
    with pytest.raises(RegisterError, match=r"2 facilities of the category 'pharmacy'.*categories\.toml"):
        Register(study.read(county), Settings(study=county).register_url)
