"""/v1/nearest: facilities by travel time, for each category and mode and in all coordinate systems."""

from itertools import pairwise

import pytest
from pyproj import Geod
from starlette.testclient import TestClient

from support import town

CATEGORIES = ("park", "clinic", "kindergarten", "cultural_hall")
MODES = {"walk": 4.0, "cycle": 15.0, "drive": None}
COORDINATE_SYSTEMS = ("wgs84", "gcj02", "bd09", "cgcs2000")
GEOD = Geod(ellps="WGS84")
HERE = {"lon": 120.03, "lat": 28.9}


def nearest(client: TestClient, **parameters: object) -> dict:
    answer = client.get("/v1/nearest", params=parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json"
    content = answer.json()
    assert content["type"] == "FeatureCollection"
    return content


def ids(answer: dict) -> list[str]:
    return [feature["id"] for feature in answer["features"]]


def minutes(answer: dict) -> list[float]:
    return [feature["properties"]["minutes"] for feature in answer["features"]]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("category", CATEGORIES)
def test_facilities_of_each_category_and_mode_come_nearest_first(sample_client: TestClient, category: str, mode: str):
    answer = nearest(sample_client, **HERE, category=category, mode=mode, limit=20)
    assert len(answer["features"]) == 20
    assert (answer["mode"], answer["speed_kph"], answer["method"]) == (mode, MODES[mode], "network")
    assert minutes(answer) == sorted(minutes(answer))
    for feature in answer["features"]:
        facility = feature["properties"]
        assert facility["category"] == category
        assert facility["provenance"] == "schematic"
        assert facility["minutes"] == round(facility["minutes"], 3)
        assert facility["metres"] > 0
        if feature["geometry"]["type"] == "Point":
            straight = GEOD.line_length(
                *zip((HERE["lon"], HERE["lat"]), feature["geometry"]["coordinates"], strict=True)
            )
            assert facility["metres"] >= straight * 0.999
    if mode == "walk":  # the whole way has one speed
        for feature in answer["features"]:
            metres = feature["properties"]["minutes"] * 4000 / 60
            assert feature["properties"]["metres"] == pytest.approx(metres, abs=0.1)


def test_without_a_category_all_are_ranked(sample_client: TestClient):
    everything = nearest(sample_client, **HERE, limit=30)
    merged = sorted(
        (time, facility)
        for category in CATEGORIES
        for time, facility in _timed(nearest(sample_client, **HERE, category=category, limit=30))
    )[:30]
    assert minutes(everything) == [time for time, _ in merged]
    assert {"park", "clinic", "kindergarten"} <= {
        feature["properties"]["category"] for feature in everything["features"]
    }


def _timed(answer: dict) -> list[tuple[float, str]]:
    return list(zip(minutes(answer), ids(answer), strict=True))


def test_answer_has_place_mode_speed_and_method(sample_client: TestClient):
    answer = nearest(sample_client, **HERE)
    assert answer["place"] == HERE
    snapped = answer["snapped"]
    between = GEOD.line_length((HERE["lon"], snapped["lon"]), (HERE["lat"], snapped["lat"]))
    assert snapped["connector_m"] == pytest.approx(between, abs=0.2)
    assert (answer["mode"], answer["coordinate_system"], answer["reason"]) == ("walk", "wgs84", None)
    assert answer["sample"] is True
    assert "示例" in answer["notice"]
    assert len(answer["features"]) == 5


def test_smaller_limit_gives_the_beginning_of_the_same_list(sample_client: TestClient):
    long = nearest(sample_client, **HERE, limit=40)
    assert len(long["features"]) == 40
    assert nearest(sample_client, **HERE, limit=7)["features"] == long["features"][:7]


@pytest.mark.parametrize("limit", [101, 10**6, 2**63, 10**30])
def test_limit_above_the_maximum_is_clamped(sample_client: TestClient, limit: int):
    assert len(nearest(sample_client, **HERE, limit=limit)["features"]) == 100


@pytest.mark.parametrize("far", [(0, 0), (-180, -90), (180, 90), (120.03, 60), (121.9, 28.9)])
def test_far_away_place_has_no_facilities_and_a_reason(sample_client: TestClient, far: tuple[float, float]):
    answer = nearest(sample_client, lon=far[0], lat=far[1])
    assert answer["features"] == []
    assert answer["snapped"] is None
    assert "1000 m" in answer["reason"]


def test_walk_along_straight_streets_takes_distance_over_speed(town_client: TestClient):
    start, facility = town.place(3, 1), town.place(1, 1)
    answer = nearest(town_client, lon=start[0], lat=start[1], category="clinic")
    metres = GEOD.line_length(*zip(start, facility, strict=True))
    first = answer["features"][0]
    assert first["id"] == "c1"
    assert first["properties"]["metres"] == pytest.approx(metres, abs=0.2)
    assert first["properties"]["minutes"] == pytest.approx(metres / (4000 / 60), abs=0.002)
    assert answer["snapped"]["connector_m"] == 0


def test_faster_modes_take_less_time(town_client: TestClient):
    start = dict(zip(("lon", "lat"), town.place(7.3, 2), strict=True))
    walk, cycle, drive = (minutes(nearest(town_client, **start, category="clinic", mode=mode))[0] for mode in MODES)
    assert drive < cycle < walk
    assert cycle == pytest.approx(walk * 4 / 15, rel=0.01)


def test_closed_facility_is_left_out(town_client: TestClient):
    lon, lat = town.place(2, 2)  # where the closed hospital stands
    assert sorted(ids(nearest(town_client, lon=lon, lat=lat, category="clinic"))) == ["c1", "c2"]


@pytest.mark.parametrize("system", COORDINATE_SYSTEMS)
def test_same_place_in_another_system_has_the_same_answer(sample_client: TestClient, system: str):
    known = sample_client.get("/v1/collections/facilities/items/yk-clinic-001").json()["geometry"]["coordinates"]
    moved = sample_client.get("/v1/collections/facilities/items/yk-clinic-001", params={"coordinates": system})
    there = moved.json()["geometry"]["coordinates"]
    plain = nearest(sample_client, lon=known[0], lat=known[1], limit=25)
    answer = nearest(sample_client, lon=there[0], lat=there[1], limit=25, coordinates=system)
    assert ids(answer) == ids(plain)
    # Baidu's published inverse has an error of 1e-6 degrees, about 0.1 m.
    assert minutes(answer) == pytest.approx(minutes(plain), abs=0.005)
    assert answer["coordinate_system"] == system
    assert answer["place"] == {"lon": there[0], "lat": there[1]}
    for shifted, straight in zip(answer["features"], plain["features"], strict=True):
        if straight["geometry"]["type"] == "Point":
            assert _shift(straight["geometry"]["coordinates"], shifted["geometry"]["coordinates"]) == SHIFTS[system]
    snapped, plainly = ([answer["snapped"][axis] for axis in ("lon", "lat")] for answer in (answer, plain))
    assert _shift(plainly, snapped) == SHIFTS[system]


# Metres east and north of WGS84 in Yongkang. Baidu adds some 0.0065° and 0.006° to GCJ-02, turned a little.
SHIFTS = {
    "wgs84": (0, 0),
    "cgcs2000": (0, 0),
    "gcj02": (pytest.approx(454, abs=12), pytest.approx(-318, abs=12)),
    "bd09": (pytest.approx(454 + 0.0065 * 97_600, abs=120), pytest.approx(-318 + 0.006 * 110_840, abs=120)),
}


def _shift(before: list[float], after: list[float]) -> tuple[float, float]:
    east = GEOD.line_length((before[0], after[0]), (before[1], before[1]))
    north = GEOD.line_length((before[0], before[0]), (before[1], after[1]))
    return (east if after[0] >= before[0] else -east, north if after[1] >= before[1] else -north)


def test_gcj02_position_read_as_wgs84_gives_another_answer(sample_client: TestClient):
    """Otherwise the test above would pass if ``coordinates`` were ignored."""
    plain = nearest(sample_client, **HERE, limit=25)
    moved = nearest(sample_client, **HERE, limit=25, coordinates="gcj02")
    assert minutes(moved) != pytest.approx(minutes(plain), abs=0.1)


def test_study_without_streets_answers_straight_line(tmp_path, make_client):
    client = make_client(town.make(tmp_path / "town", streets=False))
    start, facility = town.place(3, 1), town.place(1, 1)
    answer = nearest(client, lon=start[0], lat=start[1], category="clinic")
    assert (answer["method"], answer["snapped"], answer["reason"]) == ("straight-line", None, None)
    straight = GEOD.line_length(*zip(start, facility, strict=True))
    assert answer["features"][0]["properties"]["metres"] == pytest.approx(straight * 1.3, abs=0.5)
    assert all(a <= b for a, b in pairwise(minutes(answer)))


def test_category_without_facilities_gives_the_reason(tmp_path, make_client):
    folder = town.make(tmp_path / "town")
    (folder / "facilities.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    client = make_client(folder)
    lon, lat = town.place(1, 1)
    answer = nearest(client, lon=lon, lat=lat, category="park")
    assert answer["features"] == []
    assert "no such facility" in answer["reason"]
    assert all(feature["covered"] == 0 for feature in client.get("/v1/coverage").json()["standards"])
    assert client.get("/").status_code == 200
    assert client.get("/maps/park-500").status_code == 200


@pytest.mark.parametrize("coordinates", COORDINATE_SYSTEMS)
def test_path_is_answered_when_asked_for(sample_client: TestClient, coordinates: str):
    plain = nearest(sample_client, **HERE, category="clinic", limit=3, coordinates=coordinates)
    assert all("path" not in feature["properties"] for feature in plain["features"])
    answer = nearest(sample_client, **HERE, category="clinic", limit=3, coordinates=coordinates, path="true")
    assert ids(answer) == ids(plain)
    for feature in answer["features"]:
        way = feature["properties"]["path"]
        assert way["type"] == "LineString"
        assert way["coordinates"][0] == pytest.approx([HERE["lon"], HERE["lat"]], abs=2e-6)
        assert way["coordinates"][-1] == pytest.approx(feature["geometry"]["coordinates"], abs=1e-7)
        length = GEOD.line_length(*zip(*way["coordinates"], strict=True))
        # GCJ-02 and BD-09 change lengths by a few per mille.
        shifted = coordinates in ("gcj02", "bd09")
        assert length == pytest.approx(feature["properties"]["metres"], rel=0.02 if shifted else 1e-3)


def test_path_is_null_without_streets(make_client, tmp_path):
    client = make_client(town.make(tmp_path / "town", streets=False))
    lon, lat = town.place(1, 1)
    answer = nearest(client, lon=lon, lat=lat, category="clinic", path="true")
    assert answer["features"]
    assert all(feature["properties"]["path"] is None for feature in answer["features"])
