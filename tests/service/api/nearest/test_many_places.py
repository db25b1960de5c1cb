"""`POST /v1/nearest`: many places in one request."""

import json
import random
import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from geo.geodesy import datums
from support import town
from support.json_types import JsonObject
from support.nearest_api import COORDINATE_SYSTEMS, HERE, JSON, LAT, LON, NEAREST, ask, ask_many, assert_problem


def make_places(count: int, system: str = "wgs84", far: bool = True) -> list[JsonObject]:
    """Places all over the town, some beyond its streets (``far``), some without an id."""
    chance, selected = random.Random(count), []
    for number in range(count):
        x, y = town.place(chance.uniform(0, 15 if far else 8), chance.uniform(0, 8))
        lon, lat = (float(degrees) for degrees in datums.from_wgs84(x, y, system))
        selected.append({"lon": lon, "lat": lat} | ({"id": f"地点 {number}"} if number % 3 else {}))
    return selected


@pytest.mark.parametrize("system", COORDINATE_SYSTEMS)
@pytest.mark.parametrize(
    "query",
    [
        {}, {"limit": 1, "category": "park"}, {"limit": 8, "mode": "drive", "category": "clinic,park"},
        {"subtype": "hospital,pocket"}, {"limit": 30}, {"capacity": 20, "path": "true"}, {"navigation": "true"},
        {"open_at": "2026-11-25T10:00", "times": "true"}, {"capacity": 10**6},
        {"category": "park", "subtype": "public"},
    ],
)  # fmt: skip
def test_each_of_many_places_gets_the_answer_of_a_single_request(client: TestClient, query: JsonObject, system: str):
    places = make_places(12, system)
    together = ask_many(client, places, coordinates=system, **query)
    assert len(together["answers"]) == len(places)
    shared = {name: value for name, value in together.items() if name != "answers"}
    reasons = set()
    for place, answer in zip(places, together["answers"], strict=True):
        alone = ask(client, lon=place["lon"], lat=place["lat"], coordinates=system, **query)
        assert answer.keys() == {"id", "place", "snapped", "reason", "features"}
        assert answer["id"] == place.get("id")
        assert alone == {"type": "FeatureCollection", **shared, **{k: v for k, v in answer.items() if k != "id"}}
        reasons.add(answer["reason"])
    if not query and client.get(NEAREST, params=HERE).json()["method"] == "network":
        assert len(reasons) == 2  # some places are out of reach


@pytest.mark.alone
def test_thousand_places_are_answered_within_two_seconds(client: TestClient):
    places = make_places(1000)
    query = {"category": "clinic", "limit": 8}
    ask_many(client, places[:1], **query)
    begun = time.process_time()
    answers = ask_many(client, places, **query)["answers"]
    assert time.process_time() - begun < 2  # wall time says little on a busy machine
    assert [place["id"] for place in answers] == [place.get("id") for place in places]
    assert [entry["place"] for entry in answers] == [{"lon": entry["lon"], "lat": entry["lat"]} for entry in places]
    for row in (0, 499, 999):
        assert (
            answers[row]["features"] == ask(client, lon=places[row]["lon"], lat=places[row]["lat"], **query)["features"]
        )


def test_invalid_places_and_too_many_places_are_refused(client: TestClient):
    def post(content: Any, **query: Any) -> Any:
        return client.post(NEAREST, json=content, params=query)

    place = {"lon": LON, "lat": LAT}
    assert_problem(post({"places": [place] * 1001}), "places")
    assert_problem(post({"places": []}), "places")
    assert_problem(post({}), "places")
    assert_problem(post({"places": place}), "places")
    assert_problem(post({"places": [place], "more": 1}), "more")
    assert_problem(post({"places": [place, place | {"name": "x"}]}), "places[1].name")
    assert_problem(post({"places": [place, {"lon": LON}]}), "places[1].lat")
    for lon in (180.1, -181, 1e9, "x", "120", None, [120], True):
        assert_problem(post({"places": [place, place | {"lon": lon}]}), "places[1].lon")
    assert_problem(post({"places": [place, 1]}), "places[1]")
    assert_problem(post({"places": [place | {"lat": 90.01}]}), "places[0].lat")
    assert_problem(post({"places": [place | {"lat": 91, "lon": 181}]}), "places[0].lat", "places[0].lon")
    assert_problem(post({"places": [place | {"id": "x" * 201}]}), "places[0].id")
    assert_problem(post({"places": [place | {"id": 1}]}), "places[0].id")
    assert_problem(post({"places": [place] * 1000}, limit=11), "limit")
    assert_problem(post({"places": [place] * 101}, limit=100), "limit")
    assert_problem(post({"places": [place]}, limit=0), "limit")
    assert_problem(post({"places": [place]}, lon=1), "lon")  # the place must stand in the body
    assert_problem(post({"places": [place]}, nonsense=1), "nonsense")
    assert_problem(post({"places": [place]}, category="x", mode="fly"), "category", "mode")
    assert_problem(client.post(NEAREST, content=b"{", headers={"Content-Type": JSON}), "body")
    assert_problem(
        client.post(NEAREST, content=b'{"places":[{"lon":NaN,"lat":1}]}', headers={"Content-Type": JSON}),
        "body",
    )
    for search in ({"capacity": 1}, {"open_at": "now"}, {"path": "true"}, {"times": "true"}, {"limit": 9}):
        assert "100" in assert_problem(post({"places": [place] * 101}, **search), "places")
        assert len(ask_many(client, [place] * 100, category="park", **search)["answers"]) == 100
    assert len(ask_many(client, [place] * 1000, limit=8)["answers"]) == 1000
    assert len(ask_many(client, [place] * 10, limit=100)["answers"]) == 10
    assert_problem(post({"places": [place] * 11}, limit=100), "limit")
    assert_problem(post({"places": [place] * 100}, limit=11, times="true"), "limit")


def test_thousand_places_with_the_longest_ids_are_answered(clients: dict[str, TestClient]):
    places = [{"lon": LON, "lat": LAT, "id": "地" * 200}] * 1000
    content = json.dumps({"places": places})
    answer = clients["network"].post(NEAREST, content=content, headers={"Content-Type": JSON}, params={"limit": 1})
    assert answer.status_code == 200
    assert [feature["id"] for feature in answer.json()["answers"]] == ["地" * 200] * 1000
