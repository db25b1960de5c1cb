"""/v1/gaps/{standard} and the collections gaps-{standard}: where people live outside a goal."""

import pytest
import shapely
from starlette.testclient import TestClient

from support import ogc

MEMBERS = {
    "rank", "name", "area_code", "town", "people", "residents", "children_3_6", "elders_65", "mean_beyond",
    "worst_beyond", "out_of_reach", "nearest",
}  # fmt: skip


@pytest.mark.parametrize("standard", ["health-15", "health-20", "park-500", "kindergarten-300"])
def test_gaps_add_up_to_the_people_outside(client: TestClient, standard: str):
    answer = ogc.get(client, f"/v1/gaps/{standard}")
    coverage = ogc.get(client, f"/v1/coverage/{standard}")
    gaps = [feature["properties"] for feature in answer["features"]]
    assert (answer["type"], answer["gaps"]) == ("FeatureCollection", len(gaps))
    assert (answer["total"], answer["covered"], answer["unit"]) == (coverage["total"], coverage["covered"], "people")
    assert sum(gap["people"] for gap in gaps) == pytest.approx(coverage["total"] - coverage["covered"], abs=0.5)
    assert [gap["people"] for gap in gaps] == sorted((gap["people"] for gap in gaps), reverse=True)
    assert [gap["rank"] for gap in gaps] == list(range(1, len(gaps) + 1))
    for feature in answer["features"]:
        assert feature["properties"].keys() == MEMBERS
        assert ogc.shape(feature).geom_type in ("Polygon", "MultiPolygon")
    assert (answer["sample"], answer["gap_m"]) == (True, 300)
    assert answer["beyond_unit"] == ("minutes" if standard.startswith("health") else "metres")


def test_nearest_facility_of_a_gap_is_one_of_the_standard(client: TestClient):
    gap = ogc.get(client, "/v1/gaps/health-15", limit=1)["features"][0]["properties"]
    facility = ogc.get(client, f"{ogc.items_of('facilities')}/{gap['nearest']['id']}")
    assert facility["properties"]["subtype"] in ("community_health_centre", "community_health_station")
    assert facility["properties"]["name"] == gap["nearest"]["name"]
    assert gap["nearest"]["minutes"] >= 15


def test_every_village_without_a_hall_is_a_gap(client: TestClient):
    answer = ogc.get(client, "/v1/gaps/hall-presence")
    assert (answer["unit"], len(answer["features"])) == ("villages", answer["total"] - answer["covered"])
    assert all(feature["properties"]["mean_beyond"] is None for feature in answer["features"])


def test_openings_have_no_gaps(client: TestClient):
    answer = ogc.get(client, "/v1/gaps/hall-new")
    assert (answer["features"], answer["gaps"], answer["beyond_unit"]) == ([], 0, None)


def test_limit_keeps_the_worst(client: TestClient):
    everything = ogc.get(client, "/v1/gaps/park-500")
    answer = ogc.get(client, "/v1/gaps/park-500", limit=3)
    assert answer["features"] == everything["features"][:3]
    assert answer["gaps"] == everything["gaps"] > 3


def test_coordinates_of_gaps(client: TestClient):
    wgs84, gcj02 = (
        shapely.centroid(ogc.shape(ogc.get(client, "/v1/gaps/health-20", limit=1, coordinates=name)["features"][0]))
        for name in ("wgs84", "gcj02")
    )
    assert 0.004 < gcj02.x - wgs84.x < 0.006
    assert -0.004 < gcj02.y - wgs84.y < -0.002


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/v1/gaps/health-99", 404),
        ("/v1/gaps/health-15?limit=0", 400),
        ("/v1/gaps/health-15?limit=x", 400),
        ("/v1/gaps/health-15?minutes=20", 400),
    ],
)
def test_bad_questions_are_refused(client: TestClient, address: str, status: int):
    answer = client.get(address)
    assert answer.status_code == status
    assert answer.headers["content-type"] == ogc.PROBLEM


def test_collection_has_the_same_gaps(client: TestClient):
    gaps = ogc.get(client, "/v1/gaps/health-15", limit=5)["features"]
    items = ogc.get(client, ogc.items_of("gaps-health-15"), limit=5)["features"]
    assert [item["id"] for item in items] == ["1", "2", "3", "4", "5"]
    for gap, item in zip(gaps, items, strict=True):
        nearest = gap["properties"].pop("nearest")
        assert item["geometry"] == gap["geometry"]
        assert item["properties"].items() >= gap["properties"].items()
        assert (item["properties"]["nearest_id"], item["properties"]["nearest_value"]) == (
            nearest["id"],
            nearest["minutes"],
        )


def test_collection_can_be_filtered_by_people(client: TestClient):
    answer = ogc.get(client, ogc.items_of("gaps-health-15"), filter="people > 5000 AND town = '东城街道'")
    every_gap = ogc.get(client, "/v1/gaps/health-15")["features"]
    expected = [
        str(gap["properties"]["rank"])
        for gap in every_gap
        if gap["properties"]["people"] > 5000 and gap["properties"]["town"] == "东城街道"
    ]
    assert [item["id"] for item in answer["features"]] == expected != []


def test_there_is_a_collection_of_gaps_for_each_standard_that_can_have_some(client: TestClient):
    ids = {collection["id"] for collection in ogc.get(client, "/v1/collections")["collections"]}
    with_gaps = {entry["id"] for entry in ogc.get(client, "/v1/standards")["standards"] if entry["measure"] != "opened"}
    assert {name.removeprefix("gaps-") for name in ids if name.startswith("gaps-")} == with_gaps
