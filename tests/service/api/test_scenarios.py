"""POST /v1/scenarios: the changes to the goals, what is refused, and what one request may cost."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from geo.geodesy import datums
from geo.measures.scenario_document import MAX_CHANGES
from service.api.routes.travel import MAX_SCENARIO_BYTES
from support import ogc

PLACE = {"lon": 120.0475, "lat": 28.889}
NEW = {"action": "add", "category": "kindergarten", **PLACE}


def post(client: TestClient, *changes: dict[str, Any], status: int = 200, query: str = "", **members: Any) -> Any:
    response = client.post(f"/v1/scenarios{query}", json={"changes": list(changes), **members})
    assert response.status_code == status, response.text
    return response.json()


def test_goals_of_the_changed_category_before_and_after(client: TestClient):
    answer = post(client, NEW, name="new kindergarten")
    assert [goal["standard"] for goal in answer["standards"]] == [
        "kindergarten-new",
        "kindergarten-town",
        "kindergarten-300",
    ]
    assert (answer["name"], answer["changes"], answer["sample"]) == ("new kindergarten", [NEW], True)
    radius = answer["standards"][2]
    today = ogc.get(client, "/v1/coverage/kindergarten-300")
    assert radius["before"] == {name: today[name] for name in radius["before"]}
    assert radius["after"].keys() == radius["before"].keys()
    assert radius["gained"] == pytest.approx(radius["difference"]["covered"])
    assert radius["gained"] > 0
    assert radius["lost"] == 0
    assert sum(area["gained"] for area in radius["areas"]) == pytest.approx(radius["gained"], abs=0.5)
    assert sum(place["gained"] for place in radius["places"]) == pytest.approx(radius["gained"], abs=0.5)
    assert len(radius["gaps"]["features"]) == 10 < radius["gaps"]["gaps"]


def test_gaps_that_remain_without_changes_are_those_of_today(client: TestClient):
    facility = ogc.get(client, "/v1/nearest", **PLACE, category="clinic", limit=1)["features"][0]["id"]
    change = {"action": "change", "id": facility, "capacity": 3}
    goal = post(client, change, standards=["health-15"], query="?gaps=100")["standards"][0]
    today = ogc.get(client, "/v1/gaps/health-15")
    assert goal["gaps"]["features"] == today["features"][:100]
    assert goal["gaps"]["gaps"] == today["gaps"]
    assert goal["before"] == goal["after"]


def test_no_gaps_are_computed_where_none_are_asked_for(client: TestClient):
    assert [goal["gaps"] for goal in post(client, NEW, query="?gaps=0")["standards"]] == [None] * 3


def test_closing_loses_what_adding_at_the_same_place_gains(client: TestClient):
    def change(*changes: dict[str, Any]) -> tuple[float, float]:
        goal = post(client, *changes, standards=["kindergarten-300"], query="?gaps=0")["standards"][0]
        return goal["gained"], goal["lost"]

    features = ogc.get(client, "/v1/nearest", **PLACE, category="kindergarten", limit=8)["features"]
    feature = next(item for item in features if change({"action": "close", "id": item["id"]})[1] > 0)
    gained, lost = change({"action": "close", "id": feature["id"]})
    assert gained == 0 < lost
    lon, lat = feature["geometry"]["coordinates"]
    again = {**NEW, "subtype": feature["properties"]["subtype"], "lon": lon, "lat": lat}
    assert change({"action": "close", "id": feature["id"]}, again) == (0, 0)
    assert change({"action": "move", "id": feature["id"], "lon": lon, "lat": lat}) == (0, 0)


def test_positions_of_a_chinese_map(client: TestClient):
    lon, lat = datums.position_from_wgs84(PLACE["lon"], PLACE["lat"], "gcj02")
    shifted = post(client, {**NEW, "lon": lon, "lat": lat}, query="?coordinates=gcj02")
    plain = post(client, NEW)
    assert [goal["after"] for goal in shifted["standards"]] == [goal["after"] for goal in plain["standards"]]
    assert shifted["standards"][2]["gaps"]["features"] != plain["standards"][2]["gaps"]["features"]


@pytest.mark.parametrize(
    ("changes", "members", "name", "words"),
    [
        ([{"action": "close", "id": "x"}], {}, "changes[0].id", "there is no facility with the id 'x'"),
        ([{**NEW, "lon": 28.889, "lat": 120.0475}], {}, "changes[0].lon", "longitude and latitude are swapped"),
        ([{**NEW, "lon": 116.4, "lat": 39.9}], {}, "changes[0].lon", "km outside the territory"),
        ([NEW, {**NEW, "id": "scenario-1"}], {}, "changes[1].id", "is changed twice"),
        ([{**NEW, "category": "school"}], {}, "changes[0].category", "school"),
        ([NEW], {"standards": ["x"]}, "standards", "unknown standard 'x'"),
        ([NEW], {"speeds": {"walk_kph": 5}}, "walk_kph", "no such parameter"),
        ([NEW], {"speeds": {"walk": 0}}, "walk", "greater than or equal to 0.1"),
        ([NEW], {"speeds": {"drive": 1.5}}, "drive", "less than or equal to 1"),
        ([NEW], {"speeds": {"walk": 3}, "standards": ["kindergarten-300"]}, "speeds.walk", "none of the scenario's"),
        ([], {}, "changes", "at least 1"),
        ([NEW] * (MAX_CHANGES + 1), {}, "changes", "at most 50"),
        ([{**NEW, "lon": True}], {}, "changes[0].lon", "number"),
        ([{**NEW, "colour": 1}], {}, "changes[0].colour", "no such parameter"),
        ([{**NEW, "action": "open"}], {}, "changes[0].action", "'add'"),
    ],
)
def test_what_cannot_work_is_said(
    client: TestClient, changes: list[dict[str, Any]], members: dict[str, Any], name: str, words: str
):
    problem = post(client, *changes, status=400, **members)
    assert words in problem["detail"]
    assert name in [parameter["name"] for parameter in problem["parameters"]]


def test_place_without_a_street_is_refused(town_client: TestClient):
    items = ogc.get(town_client, ogc.items_of("facilities"))["features"]
    clinic = next(item for item in items if item["properties"]["category"] == "clinic")
    lon, lat = clinic["geometry"]["coordinates"]
    change = {"action": "add", "category": "clinic", "lon": lon, "lat": lat + 0.05}
    problem = post(town_client, change, status=400)
    assert "no street" in problem["detail"]


def test_longer_body_is_refused(client: TestClient):
    post(client, {**NEW, "name": "x" * MAX_SCENARIO_BYTES}, status=413)


@pytest.mark.parametrize("query", ["?gaps=101", "?gaps=-1", "?gaps=x", "?limit=3"])
def test_wrong_parameters_are_refused(client: TestClient, query: str):
    post(client, NEW, status=400, query=query)


def test_most_that_one_request_may_ask(client: TestClient):
    changes = [{**NEW, "lon": PLACE["lon"] + number / 1000} for number in range(MAX_CHANGES)]
    standards = [standard["id"] for standard in ogc.get(client, "/v1/standards")["standards"]]
    answer = post(client, *changes, standards=standards, query="?gaps=100")
    assert [goal["standard"] for goal in answer["standards"]] == standards
    assert all(len((goal["gaps"] or {})["features"]) <= 100 for goal in answer["standards"])


@pytest.mark.alone
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident pages are read from Linux's /proc")
def test_two_hundred_requests_in_a_row_take_alike_and_keep_nothing(client: TestClient):
    def resident_pages() -> int:
        return int(Path("/proc/self/statm").read_text("utf-8").split()[1])

    seconds, pages = [], []
    for number in range(220):
        change = {**NEW, "lon": PLACE["lon"] + number / 10_000}
        start = time.process_time()
        post(client, change, standards=["health-15", "kindergarten-300"], query="?gaps=0")
        seconds.append(time.process_time() - start)
        pages.append(resident_pages())
    seconds, pages = seconds[20:], pages[20:]  # the first requests compute what stands, and load modules
    assert np.percentile(seconds, 99) < 5 * np.median(seconds)
    assert pages[-1] < 1.02 * pages[0]
