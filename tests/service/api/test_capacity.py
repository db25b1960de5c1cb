"""/v1/capacity/{standard} and the collections of places and of facilities by load."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import shapely
from starlette.testclient import TestClient

from geo.errors import FieldError
from support import ogc

STANDARD = "kindergarten-300"
GROUPS = ("served", "full", "capacity_unknown", "out_of_reach")


@pytest.fixture(scope="module")
def answer(client: TestClient) -> dict:
    return ogc.get(client, f"/v1/capacity/{STANDARD}")


def test_groups_add_up_to_the_people_of_the_coverage(client: TestClient, answer: dict):
    coverage = ogc.get(client, f"/v1/coverage/{STANDARD}")
    assert answer["total"] == coverage["total"] == sum(answer[name] for name in GROUPS)
    assert answer["out_of_reach"] == coverage["total"] - coverage["covered"]
    assert [area["total"] for area in answer["areas"]] == [area["total"] for area in coverage["areas"]]
    for area in answer["areas"]:
        assert area["total"] == sum(area[name] for name in GROUPS)
    for name in (*GROUPS, "served_nearest_first"):
        assert answer[name] == pytest.approx(sum(area[name] for area in answer["areas"]))
    assert answer["served_nearest_first"] <= answer["served"]
    assert min(answer[name] for name in ("served", "full", "out_of_reach")) > 0
    assert answer["sample"] is True


def test_answer_states_how_it_was_made(answer: dict):
    assert (answer["weights"], answer["zones"], answer["zone_unit"]) == ([1, 0.68, 0.22], [100, 200, 300], "metres")
    assert (answer["people_per_place"], answer["assume"]) == (1, "none")
    assert answer["people_per_place_source"]
    assert answer["stated"] == len(answer["facilities"]["features"])


def test_facilities_come_with_the_heaviest_load_first(answer: dict):
    facilities = [feature["properties"] for feature in answer["facilities"]["features"]]
    loads = [facility["load"] for facility in facilities]
    assert loads == sorted(loads, reverse=True)
    for facility in facilities:
        assert facility["assigned"] + facility["free"] == pytest.approx(facility["capacity"])
        assert facility["assigned"] <= facility["people_in_reach"] + 1e-6
    assert sum(facility["assigned"] for facility in facilities) == pytest.approx(answer["served"])
    assert sum(facility["capacity"] for facility in facilities) == answer["capacity"]


def test_without_a_ratio_nobody_is_called_served(client: TestClient):
    answer = ogc.get(client, "/v1/capacity/health-20", limit=2)
    assert [answer[name] for name in ("served", "served_nearest_first", "full", "capacity_unknown")] == [None] * 4
    assert answer["accessibility"] > 0
    assert answer["out_of_reach"] == answer["total"] - answer["covered"]
    assert any("people_per_place" in note for note in answer["notes"])
    assert len(answer["facilities"]["features"]) == 2
    assert answer["unstated"] > 200
    assert len(answer["without_stated_capacity"]) == 2
    assert any("village clinic" in note and "241 / 241" in note for note in answer["notes"])


def test_no_median_is_assumed_where_no_subtype_states_any(client: TestClient):
    none, median = (ogc.get(client, "/v1/capacity/health-20", assume=name) for name in ("none", "median"))
    assert (median["assumed"], median["unstated"]) == (0, none["unstated"])
    assert any("nor does any other" in note for note in median["notes"])


def test_weights_of_the_question_replace_those_of_the_standard(client: TestClient, answer: dict):
    plain, halved = (ogc.get(client, f"/v1/capacity/{STANDARD}", weights=text) for text in ("1", "0.5"))
    assert (plain["weights"], plain["zones"]) == ([1], [300])
    assert plain["accessibility"] == pytest.approx(halved["accessibility"])
    assert plain["areas"][0]["accessibility"] != answer["areas"][0]["accessibility"]
    assert plain["served"] == answer["served"]


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/v1/capacity/health-99", 404, "unknown standard"),
        ("/v1/capacity/hall-presence", 404, "limit of time or distance"),
        ("/v1/capacity/hall-new", 404, "limit of time or distance"),
        ("/v1/capacity/health-15?assume=mean", 400, "assume"),
        ("/v1/capacity/health-15?weights=1,0", 400, "weights"),
        ("/v1/capacity/health-15?weights=1,nan", 400, "weights"),
        ("/v1/capacity/health-15?weights=1,,2", 400, "weights"),
        ("/v1/capacity/health-15?weights=" + "1," * 12 + "1", 400, "weights"),
        ("/v1/capacity/health-15?limit=0", 400, "limit"),
        ("/v1/capacity/health-15?minutes=20", 400, "minutes"),
    ],
)
def test_bad_questions_are_refused(client: TestClient, address: str, status: int, words: str):
    assert words in ogc.assert_problem(client.get(address), status)


def test_collections_have_the_same_numbers(client: TestClient, answer: dict):
    places = ogc.features_of(client, f"capacity-{STANDARD}")
    for name in (*GROUPS, "served_nearest_first"):
        assert sum(place["properties"][name] for place in places) == pytest.approx(answer[name])
    loads = ogc.get(client, ogc.items_of(f"loads-{STANDARD}"), limit=3)["features"]
    for feature, item in zip(answer["facilities"]["features"], loads, strict=False):
        assert (item["id"], item["geometry"]) == (feature["id"], feature["geometry"])
        assert item["properties"].items() >= feature["properties"].items()
    places_in_files = ogc.features_in_files("demand")
    assert all(ogc.key("demand", place) in places_in_files for place in places)


def test_collections_can_be_filtered(client: TestClient, answer: dict):
    full = ogc.get(client, ogc.items_of(f"capacity-{STANDARD}"), filter="full > 0", limit=10_000)["features"]
    assert sum(place["properties"]["full"] for place in full) == pytest.approx(answer["full"])
    ids = {collection["id"] for collection in ogc.get(client, "/v1/collections")["collections"]}
    assert "capacity-hall-presence" not in ids
    assert client.get(ogc.items_of("capacity-hall-presence")).status_code == 404


def test_coordinates_of_facilities(client: TestClient):
    wgs84, gcj02 = (
        ogc.shape(ogc.get(client, f"/v1/capacity/{STANDARD}", limit=1, coordinates=name)["facilities"]["features"][0])
        for name in ("wgs84", "gcj02")
    )
    assert 0.004 < gcj02.x - wgs84.x < 0.006
    assert isinstance(wgs84, shapely.Point)


def test_closed_kindergarten_counts_for_nothing(client: TestClient, answer: dict):
    closed = ogc.get(
        client, ogc.items_of("facilities"), filter="category = 'kindergarten' AND closed < DATE('2026-01-01')"
    )
    assert closed["numberMatched"] > 0
    counted = {feature["id"] for feature in answer["facilities"]["features"]}
    assert not counted & {feature["id"] for feature in closed["features"]}


def test_list_of_collections_stands_where_capacity_has_too_many_pairs(
    town_folder: Path, make_client: Callable[[Path], TestClient], monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise FieldError([("standard", "too many pairs")])

    client = make_client(town_folder)
    monkeypatch.setattr(client.app.state.answers, "capacity", refuse)  # type: ignore[attr-defined]
    described = {each["id"]: each["description"] for each in ogc.get(client, "/v1/collections")["collections"]}
    for name in ("capacity-park-500", "loads-park-500"):
        assert described[name] == "too many pairs"
        assert ogc.get(client, ogc.items_of(name))["features"] == []


def test_study_without_facilities_says_so(town_folder: Path, make_client: Callable[[Path], TestClient]):
    (town_folder / "facilities.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    client = make_client(town_folder)
    for standard in ("health-15", "park-500"):
        answer = ogc.get(client, f"/v1/capacity/{standard}")
        assert (answer["known"], answer["accessibility"], answer["served"]) == (False, None, None)
        assert answer["facilities"]["features"] == answer["without_stated_capacity"] == []
        assert any("no facilities are known" in note for note in answer["notes"])
        assert ogc.get(client, ogc.items_of(f"loads-{standard}"))["features"] == []
