"""/v1/value/{standard}, /v1/fragility/{standard} and their collections."""

import pytest
from starlette.testclient import TestClient

from support import ogc


@pytest.mark.parametrize(("name", "column"), [("value", "people"), ("fragility", "people_lost")])
def test_answers_have_the_features_of_the_collections(client: TestClient, name: str, column: str):
    answer = ogc.get(client, f"/v1/{name}/health-15", limit=5)
    items = ogc.get(client, ogc.items_of(f"{name}-health-15"), limit=5)
    assert answer["features"] == items["features"]
    assert answer["numberMatched"] == items["numberMatched"] > 5
    numbers = [feature["properties"][column] for feature in answer["features"]]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[-1] > 0
    filtered = ogc.get(client, ogc.items_of(f"{name}-health-15"), filter=f"{column} >= {numbers[2]}")
    assert 3 <= filtered["numberMatched"] <= 5


@pytest.mark.parametrize("name", ["value", "fragility"])
def test_bounding_box_is_in_the_coordinates_that_are_asked_for(client: TestClient, name: str):
    lon, lat = ogc.get(client, f"/v1/{name}/health-15", limit=1, coordinates="gcj02")["features"][0]["geometry"][
        "coordinates"
    ]
    box = f"{lon - 1e-5},{lat - 1e-5},{lon + 1e-5},{lat + 1e-5}"
    assert (
        ogc.get(client, f"/v1/{name}/health-15", bbox=box, coordinates="gcj02")["features"][0]["properties"]["rank"]
        == 1
    )
    assert ogc.get(client, f"/v1/{name}/hall-new")["features"] == []
    for query, status in (("health-99", 404), ("health-15?bbox=1,2", 400), ("health-15?minutes=1", 400)):
        assert client.get(f"/v1/{name}/{query}").status_code == status
