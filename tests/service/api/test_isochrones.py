"""`/v1/isochrones` and `fuwuquan isochrones`."""

import json

import pytest
import shapely

from support import program

PLACE = {"lon": 120.0428, "lat": 28.8919}


def test_contours_have_minutes_area_and_people(client) -> None:
    answer = client.get("/v1/isochrones", params={**PLACE, "minutes": "15,5"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/geo+json"
    body = answer.json()
    assert [feature["properties"]["minutes"] for feature in body["features"]] == [5, 15]
    near, far = (shapely.from_geojson(json.dumps(feature["geometry"])) for feature in body["features"])
    assert near.is_valid and far.is_valid and far.contains(near)
    assert body["features"][0]["properties"]["people"] < body["features"][1]["properties"]["people"]
    assert body["snapped"]["connector_m"] < 100
    assert (body["mode"], body["speed_kph"], body["direction"], body["method"]) == ("walk", 4.0, "from", "network")
    assert body["sample"] is True


def test_isochrones_around_a_facility(client) -> None:
    park = next(
        feature
        for feature in client.get("/v1/collections/facilities/items?category=park&limit=200").json()["features"]
        if feature["geometry"]["type"] == "Polygon"
    )
    body = client.get("/v1/isochrones", params={"facility": park["id"], "direction": "to", "minutes": 10}).json()
    (contour,) = body["features"]
    shape = shapely.from_geojson(json.dumps(contour["geometry"]))
    assert shape.intersects(shapely.from_geojson(json.dumps(park["geometry"])))
    assert body["facility"] == park["id"]
    assert client.get("/v1/isochrones?facility=nobody").status_code == 404


def test_isochrones_in_the_given_coordinates(client) -> None:
    wgs = client.get("/v1/isochrones", params={**PLACE, "minutes": 10}).json()
    moved = {"lon": 120.04746, "lat": 28.88904}
    gcj = client.get("/v1/isochrones", params={**moved, "minutes": 10, "coordinates": "gcj02"}).json()
    first, second = (
        shapely.from_geojson(json.dumps(collection["features"][0]["geometry"])) for collection in (wgs, gcj)
    )
    assert second.centroid.x - first.centroid.x == pytest.approx(0.00466, abs=2e-4)
    assert second.centroid.y - first.centroid.y == pytest.approx(-0.00286, abs=2e-4)


def test_place_far_from_any_street_gives_the_reason(client) -> None:
    body = client.get("/v1/isochrones?lon=121.5&lat=29").json()
    assert body["features"] == []
    assert "no street" in body["reason"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("lon=120", "facility"),
        ("", "facility"),
        ("lon=120&lat=29&facility=a", "facility"),
        ("lon=120&lat=29&minutes=121", "minutes"),
        ("lon=120&lat=29&minutes=0", "minutes"),
        ("lon=120&lat=29&minutes=5,,6", "minutes"),
        ("lon=120&lat=29&minutes=nan", "minutes"),
        ("lon=120&lat=29&minutes=1,2,3,4,5,6,7,8,9,10,11", "minutes"),
        ("lon=120&lat=29&direction=up", "direction"),
        ("lon=120&lat=29&mode=fly", "mode"),
        ("lon=x&lat=29", "lon"),
        ("lon=120&lat=29&max=1", "max"),
    ],
)
def test_invalid_parameters_are_named(client, query: str, name: str) -> None:
    answer = client.get(f"/v1/isochrones?{query}")
    assert answer.status_code == 400
    assert name in [parameter["name"] for parameter in answer.json()["parameters"]]


def test_command_line_gives_the_same_isochrones(client, sample_folder) -> None:
    done = program.call("isochrones", "--lon", 120.0428, "--lat", 28.8919, "--minutes", "10", "--study", sample_folder)
    assert done.returncode == 0
    assert json.loads(done.stdout) == client.get("/v1/isochrones", params={**PLACE, "minutes": 10}).json()
    wrong = program.call("isochrones", "--lon", 120, "--study", sample_folder)
    assert wrong.returncode == 1
    assert b"give both lon and lat" in wrong.stderr
